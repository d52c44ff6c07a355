"""What `jobs/deploy` holds, checked as far as can be without the platforms that it is for."""

import fnmatch
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml
from conftest import BUCKET, Shop
from typer.testing import CliRunner

from jobs.cli import app
from jobs.ending import SECRET
from pipeline.store import S3Store

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "jobs" / "deploy"
FIELDS = yaml.safe_load((ROOT / "tests" / "kuberay.yaml").read_text())
TYPES = {"str": str, "int": int, "bool": bool}


def manifest(name: str) -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / name).read_text())


def check(value: Any, schema: Any, place: str) -> Iterator[str]:
    """What in `value` is not as `schema` says."""
    if schema == "pod":
        yield from check_pod(value, place)
    elif schema == "strings":
        yield from (f"{place}.{k}: {v!r} is no string" for k, v in value.items() if not isinstance(v, str))
    elif isinstance(schema, str):
        if type(value) is not TYPES[schema]:
            yield f"{place}: {value!r} is no {schema}"
    elif isinstance(schema, list) and isinstance(schema[0], str):
        if value not in schema:
            yield f"{place}: {value!r} is none of {schema}"
    elif isinstance(schema, list):
        for number, each in enumerate(value):
            yield from check(each, schema[0], f"{place}[{number}]")
    else:
        yield from (f"{place}: no field {name}" for name in value if name not in schema)
        for name in value.keys() & schema.keys():
            yield from check(value[name], schema[name], f"{place}.{name}")


def check_pod(template: dict[str, Any], place: str) -> Iterator[str]:
    for container in template["spec"]["containers"]:
        where = f"{place}.{container['name']}"
        if container["image"] != "IMAGE":
            yield f"{where}: an image of its own"
        resources = container["resources"]
        if resources["requests"]["memory"] != resources["limits"]["memory"]:
            yield f"{where}: Ray counts on the memory that it asked for"


# ── Kubernetes ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "kind"), [("raycluster.yaml", "RayCluster"), ("rayjob.yaml", "RayJob")])
def test_a_manifest_has_only_fields_that_kuberay_has(name: str, kind: str) -> None:
    found = manifest(name)

    assert (found["apiVersion"], found["kind"]) == ("ray.io/v1", kind)
    assert list(check(found["spec"], FIELDS[kind], "spec")) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"rayVersion": 2.6}, "spec.rayVersion: 2.6 is no str"),
        ({"headGroupSpec": {"rayStartParams": {"num-cpus": 0}}}, "num-cpus: 0 is no string"),
        ({"workers": []}, "spec: no field workers"),
        ({"autoscalerOptions": {"upscalingMode": "Fast"}}, "'Fast' is none of"),
    ],
)
def test_the_check_finds_what_kuberay_would_refuse(spec: dict[str, Any], problem: str) -> None:
    assert [line for line in check(spec, FIELDS["RayCluster"], "spec") if problem in line]


def test_the_cluster_has_groups_with_and_without_gpus_that_grow_and_go() -> None:
    spec = manifest("raycluster.yaml")["spec"]

    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert spec["enableInTreeAutoscaling"] is True
    assert {group["minReplicas"] for group in groups.values()} == {0}
    limits = {
        name: group["template"]["spec"]["containers"][0]["resources"]["limits"]
        for name, group in groups.items()
    }
    assert "nvidia.com/gpu" in limits["gpu"]
    assert "nvidia.com/gpu" not in limits["cpu"]


def test_the_head_has_the_webhooks_secret_where_there_is_one() -> None:
    [head] = manifest("raycluster.yaml")["spec"]["headGroupSpec"]["template"]["spec"]["containers"]

    [secret] = [each for each in head["env"] if each["name"] == SECRET]
    assert secret["valueFrom"]["secretKeyRef"]["optional"] is True


def test_the_images_ray_is_the_manifests_ray() -> None:
    import ray

    versions = set(re.findall(r'rayVersion: "([\d.]+)"', (DEPLOY / "raycluster.yaml").read_text()))
    versions |= set(re.findall(r'rayVersion: "([\d.]+)"', (DEPLOY / "rayjob.yaml").read_text()))
    assert versions == {ray.__version__}


def test_a_nightly_submission_is_not_repeated_where_that_changes_nothing() -> None:
    spec = manifest("nightly.yaml")["spec"]
    job = spec["jobTemplate"]["spec"]

    [rule] = job["podFailurePolicy"]["rules"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [2, 3, 4]
    # Kubernetes refuses a failure policy with any other restart policy.
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert rule["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────


def commands() -> dict[str, list[str]]:
    """Every command line of ours in the deployment files, without the program."""
    cron = next(line for line in (DEPLOY / "crontab").read_text().splitlines() if line.startswith("30 1"))
    service = re.search(r"^ExecStart=(.*)$", (DEPLOY / "banners@.service").read_text(), re.MULTILINE)
    assert service is not None
    [container] = manifest("nightly.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return {
        "nightly.yaml": container["command"][1:],
        "rayjob.yaml": shlex.split(manifest("rayjob.yaml")["spec"]["entrypoint"])[1:],
        "crontab": shlex.split(cron.split("banners run", 1)[1].join(["run", ""])),
        "banners@.service": shlex.split(service[1])[1:],
    }


@pytest.mark.parametrize("file", ["nightly.yaml", "rayjob.yaml", "crontab", "banners@.service"])
def test_a_command_line_is_one_that_the_program_understands(file: str) -> None:
    name, *words = commands()[file]
    program = typer.main.get_command(app)
    assert isinstance(program, click.Group) or hasattr(program, "commands")

    command = program.commands[name]  # type: ignore[attr-defined]

    assert command.make_context(name, list(words), resilient_parsing=False).params["campaign"]


def test_a_line_of_the_crontab_is_five_fields_and_a_command() -> None:
    lines = [line for line in (DEPLOY / "crontab").read_text().splitlines() if line and line[0] not in "#"]

    jobs = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    assert [line.split()[:5] for line in jobs] == [["30", "1", "*", "*", "*"]]
    assert "%" not in "".join(jobs)  # cron takes it for a line end


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", ["banners@.service", "banners@.timer"])
def test_systemd_accepts_a_unit(unit: str, tmp_path: Path) -> None:
    for file in DEPLOY.glob("banners@.*"):
        name = file.name.replace("@.", "@spring.")
        # The program is not installed here; whether its place exists is not what is asked.
        text = file.read_text().replace("/opt/banners/bin/banners", "/bin/true")
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.replace("@.", "@spring."))],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if "banners@" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_image_does_not_run_as_root_and_pins_what_it_starts_from() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    words = [line.split() for line in lines if line and line[0] not in "# "]

    assert [word[1] for word in words if word[0] == "FROM"] == ["docker.io/library/python:3.11-slim-bookworm"]
    assert [word[1] for word in words if word[0] == "USER"] == ["ray"]
    copied = [word[1:-1] for word in words if word[0] == "COPY"]
    assert all((ROOT / name).exists() for names in copied for name in names)


# ── rights ────────────────────────────────────────────────────────────────────────────────────────────────

ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
}
NAMES = {"PHOTO-BUCKET": BUCKET, "PHOTO-PREFIX": "photos", "OUTPUT-BUCKET": BUCKET, "OUTPUT-PREFIX": "out"}
NAMES |= {"TRAINING-BUCKET": BUCKET, "TRAINING-PREFIX": "new"}

Call = tuple[str, str, str]
"""Action, resource, and the prefix of a listing."""


def statements(*names: str) -> list[dict[str, Any]]:
    text = [(DEPLOY / name).read_text() for name in names]
    for placeholder, name in NAMES.items():
        text = [each.replace(placeholder, name) for each in text]
    return [statement for each in text for statement in json.loads(each)["Statement"]]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allows(statement: dict[str, Any], call: Call) -> bool:
    """As IAM decides, for what our policies use: `*` in resources, StringLike on the prefix of a listing, and
    Null on its absence.
    """
    action, resource, prefix = call
    condition = statement.get("Condition", {})
    prefixes = condition.get("StringLike", {}).get("s3:prefix", ["*"])
    if "Null" in condition and prefix:
        return False
    return (
        action in listed(statement["Action"])
        and any(fnmatch.fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        and any(fnmatch.fnmatchcase(prefix, each) for each in prefixes)
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    """Every call that any store makes from here on."""
    made: set[Call] = set()
    client = S3Store._client

    def recording(store: S3Store) -> Any:
        found = client(store)
        if not getattr(found, "recorded", False):
            found.recorded = True
            found.meta.events.register("before-parameter-build.s3.*", record)
        return found

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        resource = f"{bucket}/{params['Key']}" if "Key" in params else bucket
        made.add((ACTIONS[model.name], resource, params.get("Prefix", "")))

    monkeypatch.setattr(S3Store, "_client", recording)
    return made


@pytest.fixture
def shop_in_s3(shop: Shop, s3: Any) -> Shop:
    for photo in shop.photos.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"photos/{photo.name}", Body=photo.read_bytes())
    shop.edit("campaign.yaml", "photos: photos", f"photos: s3://{BUCKET}/photos")
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")
    return shop


def nights(shop: Shop, s3: Any) -> None:
    """Two nights; before the second photos are withdrawn, one is copied, and its cut-out is damaged."""
    shop.run()
    copied = s3.get_object(Bucket=BUCKET, Key="photos/a.png")["Body"].read()
    name = hashlib.sha256(copied).hexdigest()
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix="out/cutouts/")["Contents"]
    [cutout] = [each["Key"] for each in found if name in each["Key"]]
    s3.delete_object(Bucket=BUCKET, Key="photos/b.png")
    s3.delete_object(Bucket=BUCKET, Key="photos/c.png")
    s3.put_object(Bucket=BUCKET, Key=cutout, Body=b"damaged")
    s3.put_object(Bucket=BUCKET, Key="photos/again.png", Body=copied)
    shop.run()


@pytest.mark.s3
def test_a_nights_policy_allows_what_it_calls_and_nothing_else(
    shop_in_s3: Shop, s3: Any, calls: set[Call]
) -> None:
    nights(shop_in_s3, s3)

    rights = statements("iam-night.json")
    refused = {call for call in calls if not any(allows(statement, call) for statement in rights)}
    assert len(calls) > 50
    assert refused == set()
    unused = {
        (statement["Sid"], action)
        for statement in statements("iam-night.json")
        for action in listed(statement["Action"])
        if not any(call[0] == action and allows(statement, call) for call in calls)
    }
    assert unused == set()


@pytest.mark.s3
def test_pruning_needs_the_rights_of_a_night_and_those_of_its_own(
    shop_in_s3: Shop, s3: Any, calls: set[Call]
) -> None:
    nights(shop_in_s3, s3)
    calls.clear()

    done = CliRunner().invoke(app, ["prune", str(shop_in_s3.campaign), "--yes"])

    both, night = statements("iam-night.json", "iam-prune.json"), statements("iam-night.json")
    assert done.exit_code == 0, done.output
    assert [call for call in calls if not any(allows(each, call) for each in both)] == []
    assert [call for call in calls if not any(allows(each, call) for each in night)] != []


@pytest.mark.parametrize("name", ["iam-night.json", "iam-prune.json", "iam-train.json"])
def test_a_policy_grants_nothing_that_nobody_asked_for(name: str) -> None:
    for statement in json.loads((DEPLOY / name).read_text())["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert all(re.fullmatch(r"s3:[A-Za-z]+", action) for action in listed(statement["Action"]))
        assert all(
            each.startswith("arn:aws:s3:::") and each[13] != "*" for each in listed(statement["Resource"])
        )
