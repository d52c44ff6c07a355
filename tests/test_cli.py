"""The command line: what it prints, how it ends, and what it does not do."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Shop, figure
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.network import Network
from pipeline.errors import Transient
from pipeline.manifest import list_runs
from pipeline.standin import StandIn
from pipeline.store import DirStore
from shm.engine import Engine

PRETENDED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
import jobs.commands_run
from jobs.cli import app
from jobs.network import Network
from pipeline.standin import StandIn
from shm.engine import Engine
network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), StandIn)
jobs.commands_run.choose_network = lambda *_, **__: network
sys.argv[0] = "banners"
try:
    app()
finally:
    print("imported:", *sorted({"torch", "ray", "boto3"} & set(sys.modules)))
"""
"""The command with a stand-in for the network, which needs no weights; says what it imported."""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), StandIn)
    monkeypatch.setattr("jobs.commands_run.choose_network", lambda *_, **__: network)
    monkeypatch.setattr("jobs.commands_matte.Matter.load", lambda *_, **__: StandIn())


def banners(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def pretended(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PRETENDED, *map(str, words)]
    # PRETENDED takes SIGINT back: whatever a shell starts in the background inherits it ignored.
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_says_what_it_made_and_ends_with_the_proof_sheet(shop: Shop) -> None:
    result = banners("run", shop.campaign, "--runner", "local")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "photos: 4 in all, 3 stored, 1 rejected" in lines
    assert "banners: 12 in all, 8 stored, 4 rejected" in lines
    why = "no_subject: the largest subject covers 0.0% of the photo"
    assert f"rejected photo empty.png: Nobody in the picture ({why})" in lines
    assert lines[-1] == f"proof sheet: {shop.output}/reports/test/report.html"


def test_a_quiet_run_prints_five_lines_at_most(shop: Shop) -> None:
    result = banners("run", shop.campaign, "--runner", "local", "-q")

    assert len(result.stdout.splitlines()) <= 5


def test_a_run_with_bad_photos_names_them_and_ends_with_3(shop: Shop) -> None:
    shop.add("notes.jpg", b"a text")

    result = banners("run", shop.campaign, "--runner", "local")

    assert result.exit_code == 3
    why = "unsupported_format: this is no picture"
    assert f"rejected photo notes.jpg: Not a JPEG, PNG or WebP picture ({why})\n" in result.stdout


@pytest.mark.ray
def test_a_second_run_starts_neither_ray_nor_torch_and_writes_nothing(shop: Shop) -> None:
    first, _ = (process := pretended("run", shop.campaign)).communicate(timeout=300)
    assert process.returncode == 0
    assert "imported: ray" in first
    before = shop.files()

    second, errors = (process := pretended("run", shop.campaign)).communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")
    assert "nothing to do" in second
    assert second.splitlines()[-1] == "imported:"
    assert shop.files() == before


@pytest.mark.parametrize(
    ("sign", "runner"),
    [
        (signal.SIGINT, "local"),
        (signal.SIGTERM, "local"),
        pytest.param(signal.SIGTERM, "ray", marks=pytest.mark.ray),
    ],
)
def test_a_stopped_run_says_so_and_leaves_a_manifest(shop: Shop, sign: signal.Signals, runner: str) -> None:
    for number in range(60):
        shop.add(f"more-{number}.png", figure((number, 90, 200)))
    process = pretended("run", shop.campaign, "--runner", runner)
    wait_for(shop.output / "cutouts")

    process.send_signal(sign)
    printed, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, "")
    assert "stopped: what is stored is in the manifest" in printed
    assert shop.files("ledger")


def test_refused_photos_get_another_chance_when_asked(shop: Shop) -> None:
    shop.add("notes.jpg", b"a text")
    banners("run", shop.campaign, "--runner", "local")

    result = banners("run", shop.campaign, "--runner", "local", "--retry", "unsupported_format")

    assert "cut-outs: 1 to make" in result.stdout


def test_a_dry_run_makes_nothing(shop: Shop) -> None:
    result = banners("run", shop.campaign, "--dry-run")

    assert result.exit_code == 0
    assert "12 planned, 12 to make" in result.stdout
    assert not shop.output.exists()


def test_a_night_outside_the_campaigns_days_has_nothing_to_do(shop: Shop) -> None:
    shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\nvalid_to: 2026-11-30")

    result = banners("run", shop.campaign, "--date", "2026-12-01")

    assert result.exit_code == 0
    assert result.stdout.startswith("nothing to do: test is not valid on 2026-12-01")


@pytest.mark.parametrize(
    "words",
    [
        ("--date", "yesterday"),
        ("--limit", "0"),
        ("--runner", "spark"),
        ("--device", "tpu"),
        ("--fast",),
        ("--retry", "bad luck"),
    ],
)
def test_a_wrong_command_line_ends_with_2(shop: Shop, words: tuple[str, ...]) -> None:
    assert banners("run", shop.campaign, *words).exit_code == 2


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "segments.yaml",
            "  rule: stock > 0",
            "  colour: red\n  rule: stock > 0",
            r"segments.yaml:4: .*colour",
        ),
        (
            "segments.yaml",
            "stock > 0",
            "id IN (FROM read_csv('/etc/passwd'))",
            r"segments.yaml:4: segments\[0\].rule",
        ),
        ("campaign.yaml", "photos: photos", "photos: nowhere", r"campaign.yaml:2: photos.*nowhere"),
        (
            "campaign.yaml",
            "designs: [",
            "designs: [no-such-card, ",
            r"campaign.yaml: designs: .*no-such-card",
        ),
        ("campaign.yaml", "timezone: UTC", "templates: mine", r"campaign.yaml:8: templates"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_on_stderr(
    shop: Shop, command: str, file: str, old: str, new: str, said: str
) -> None:
    shop.edit(file, old, new)

    result = banners(command, shop.campaign)

    assert result.exit_code == 1
    assert re.fullmatch(rf"banners: .*{said}.*\n", result.stderr)


def test_a_design_that_names_a_missing_font_is_one_line_on_stderr(shop: Shop) -> None:
    design = Path(__file__).parent.parent / "templates" / "catalogue-card" / "template.yaml"
    mine = shop.folder / "mine" / "my-card"
    mine.mkdir(parents=True)
    text = design.read_text(encoding="utf-8")
    (mine / "template.yaml").write_text(
        re.sub(r"family: \w+", "family: comic", text, count=1), encoding="utf-8"
    )
    shop.edit("campaign.yaml", "designs: [catalogue-card]", "designs: [my-card]\ntemplates: mine")

    result = banners("run", shop.campaign)

    assert result.exit_code == 1
    assert re.fullmatch(r"banners: .*my-card/template.yaml:\d+: fonts\..*comic.*\n", result.stderr)


def test_an_unwritable_output_is_one_line_on_stderr(shop: Shop) -> None:
    shop.edit("campaign.yaml", "output: out", "output: /proc/banners")

    result = banners("run", shop.campaign, "--runner", "local")

    assert result.exit_code == 1
    assert re.fullmatch(r"banners: /proc/banners.*\n", result.stderr)


def test_a_ledger_that_cannot_be_read_is_one_line_on_stderr(shop: Shop) -> None:
    (shop.output / "ledger").mkdir(parents=True)
    (shop.output / "ledger" / "1.parquet").symlink_to("/etc/passwd")

    result = banners("run", shop.campaign, "--runner", "local")

    assert result.exit_code == 1
    assert re.fullmatch(r"banners: ledger/1.parquet: this is a link that leads out .*\n", result.stderr)


def test_a_store_that_fails_for_the_moment_is_one_line_that_says_run_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Transient("s3://shop/out: SlowDown")

    monkeypatch.setattr("pipeline.manifest.write_photos", fail)

    result = banners("run", shop.campaign, "--runner", "local")

    assert result.exit_code == 1
    assert result.stderr == "banners: s3://shop/out: SlowDown; run again, it may work then\n"


def test_missing_weights_are_one_line_on_stderr(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    result = banners("run", shop.campaign, "--weights", shop.folder / "none.safetensors")

    assert result.exit_code == 1
    assert re.fullmatch(r"banners: .*none.safetensors.*\n", result.stderr)


# ── check, report, preview ────────────────────────────────────────────────────────────────────────────────


def test_check_says_what_there_is(shop: Shop) -> None:
    result = banners("check", shop.campaign)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["test: 4 products, 2 segments, 12 banners", "nothing is wrong"]


def test_check_names_values_that_are_missing(shop: Shop) -> None:
    shop.edit("catalogue.csv", "B-2,Green coat", "B-2,")

    result = banners("check", shop.campaign)

    assert result.exit_code == 1
    assert f"wrong: {shop.folder}/catalogue.csv:3: name: A value that the design needs" in result.stdout
    assert result.stderr == f"banners: {shop.campaign}: 1 thing is wrong, see above\n"


def test_check_lays_out_every_text_without_torch_or_ray(shop: Shop) -> None:
    shop.edit("segments.yaml", "headline: 半額", "headline: 半額𓂀")

    printed, errors = (process := pretended("check", shop.campaign)).communicate(timeout=120)

    assert (process.returncode, "1 thing is wrong" in errors) == (1, True)
    assert f"wrong: {shop.folder}/segments.yaml:12: segments[1].copy.headline: A character" in printed
    assert printed.splitlines()[-1] == "imported:"


def test_check_says_what_it_did_not_lay_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.rehearsal.MOST_PRODUCTS", 1)

    assert "note: 4 of 12 banners were laid out" in banners("check", shop.campaign).stdout


def test_report_builds_the_last_runs_sheet_again(shop: Shop) -> None:
    shop.run()
    sheet = shop.output / "reports" / "test" / "report.html"
    sheet.unlink()

    result = banners("report", shop.campaign)

    assert result.exit_code == 0
    assert sheet.is_file()


def test_report_shows_any_run_beside_any_other_and_leaves_the_newest_sheet_alone(shop: Shop) -> None:
    shop.run()
    shop.edit("catalogue.csv", "100,50,5", "100,60,5")
    shop.run()
    first, second = list_runs(DirStore(shop.output), "test")
    newest = shop.output / "reports" / "test" / "report.html"
    before = newest.read_bytes()

    result = banners("report", shop.campaign, "--run", first.run, "--beside", second.run)

    sheet = Path(result.stdout.removeprefix("proof sheet: ").strip())
    assert f"run <code>{second.run}</code>" in sheet.read_text("utf-8")
    assert first.run in str(sheet)
    assert f"run <code>{first.run}</code>".encode() in before
    assert newest.read_bytes() == before


def test_report_of_an_unknown_run_names_those_that_there_are(finished_shop: Shop) -> None:
    result = banners("report", finished_shop.campaign, "--run", "r9")

    assert (result.exit_code, result.stderr.startswith("banners: there is no run r9 of test")) == (1, True)


def test_report_without_a_run_says_what_to_do(shop: Shop) -> None:
    shop.output.mkdir()

    result = banners("report", shop.campaign)

    assert (result.exit_code, "no finished run yet" in result.stderr) == (1, True)


@pytest.mark.parametrize("locale", ["en", "zh_TW", "ja"])
@pytest.mark.parametrize("design", ["sale-poster", "catalogue-card"])
def test_preview_draws_a_design(tmp_path: Path, design: str, locale: str) -> None:
    drawn = tmp_path / "drawn.png"

    result = banners("preview", design, "--size", "300x250", "--locale", locale, "--debug-boxes", "-o", drawn)

    assert result.exit_code == 0
    assert cv2.imread(str(drawn)).shape == (250, 300, 3)


def test_preview_takes_words_from_a_campaign(shop: Shop, tmp_path: Path) -> None:
    sample, real = tmp_path / "sample.png", tmp_path / "real.png"

    banners("preview", "catalogue-card", "-o", sample)
    result = banners(
        "preview", "catalogue-card", "--campaign", shop.campaign, "--segment", "japanese", "-o", real
    )

    assert result.exit_code == 0
    assert sample.read_bytes() != real.read_bytes()


def test_preview_of_an_unknown_design_suggests_a_known_one(tmp_path: Path) -> None:
    result = banners("preview", "sale-postr", "-o", tmp_path / "x.png")

    assert (result.exit_code, "sale-poster" in result.stderr) == (1, True)


# ── matte ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_matte_writes_a_cut_out_of_the_same_stem_and_size(shop: Shop, tmp_path: Path) -> None:
    result = banners("matte", shop.photos / "a.png", "-o", tmp_path / "cut")

    picture = cv2.imread(str(tmp_path / "cut" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert result.exit_code == 0
    assert (picture.shape, picture.dtype) == ((480, 360, 4), np.uint8)
    assert (picture[0, 0, 3], picture[470, 180, 3]) == (0, 255)


def test_matte_writes_grey_alpha_alone(shop: Shop, tmp_path: Path) -> None:
    banners("matte", shop.photos, "--alpha-only", "-o", tmp_path)

    picture = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert (picture.shape, picture.dtype) == ((480, 360), np.uint8)
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_matte_leaves_bad_files_out_says_so_and_ends_with_3(shop: Shop, tmp_path: Path) -> None:
    shop.add("notes.jpg", b"a text")

    result = banners("matte", shop.photos, "-o", tmp_path / "cut")

    assert result.exit_code == 3
    assert f"left out {shop.photos}/notes.jpg: Not a JPEG, PNG or WebP picture" in result.stdout
    assert "4 of 5 photos cut out" in result.stdout


def test_two_photos_of_one_stem_never_overwrite_each_other(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.jpg").write_bytes(figure((1, 2, 3)))

    result = banners("matte", shop.photos / "a.png", other / "a.jpg", "-o", tmp_path / "cut")

    assert result.exit_code == 3
    assert f"left out {other}/a.jpg: {shop.photos}/a.png is a.png already; rename one" in result.stdout


def test_matte_says_where_nobody_is(shop: Shop, tmp_path: Path) -> None:
    result = banners("matte", shop.photos / "empty.png", "-o", tmp_path)

    assert f"note: {shop.photos}/empty.png: nobody in the picture" in result.stdout


def test_matte_of_nothing_is_an_error(tmp_path: Path) -> None:
    result = banners("matte", tmp_path / "nowhere", "-o", tmp_path)

    assert (result.exit_code, "nowhere" in result.stderr) == (1, True)


def wait_for(folder: Path) -> None:
    end = time.monotonic() + 60
    # Some of them may still be on their way to the driver; six are more than two workers hold.
    while time.monotonic() < end and len(list(folder.rglob("*.cutout"))) < 6:
        time.sleep(0.05)
