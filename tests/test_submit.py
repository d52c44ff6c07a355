"""`banners submit`: one job for each campaign and date, on a pretended head and on a real one."""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
import yaml
from conftest import Shop
from ray.exceptions import RpcError
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.head import Job, RayHead, State
from jobs.package import CAMPAIGN, MAX_CODE_BYTES, Package, pack, size_of
from jobs.registry import read_current
from jobs.submit import AWAY_SECONDS, POLL_SECONDS, Already, attempts_of, cancel, exit_code, follow, submit
from pipeline.campaign import load_campaign
from pipeline.errors import JobError
from pipeline.manifest import RunId, latest_run, read_summary
from pipeline.store import open_store

ADDRESS = "http://head:8265"
NAME = "banners-test-2026-11-22"
PACKAGE = Package(Path("code"), Path("templates"))
PEOPLE = sorted((Path(__file__).parents[1] / "examples" / "demo" / "photos").glob("*-*man-*.jpg"))
"""Photos on which the shipped network finds somebody: a night that can be cancelled in its middle."""


@dataclass
class PretendedHead:
    """`jobs.head.Head` in memory; jobs end as `ends` says when somebody follows them."""

    known: list[Job] = field(default_factory=list)
    ends: tuple[State, int | None] = (State.SUCCEEDED, 0)
    entrypoints: list[str] = field(default_factory=list)
    quicker: bool = False

    def jobs(self) -> list[Job]:
        return list(self.known)

    def submit(self, job: str, entrypoint: str, package: Package) -> bool:
        if self.quicker:
            self.known.append(Job(job, State.PENDING, None, ""))
            return False
        self.entrypoints.append(entrypoint)
        self.known.append(Job(job, State.RUNNING, None, ""))
        return True

    def stop(self, job: str) -> None:
        self.end(job, State.STOPPED, None)

    def tail(self, job: str) -> Iterator[str]:
        yield "photos: 4 in all\n"
        self.end(job, *self.ends)

    def end(self, job: str, state: State, code: int | None) -> None:
        self.known = [Job(job, state, code, "as Ray says") if each.id == job else each for each in self.known]


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> PretendedHead:
    pretended = PretendedHead()
    monkeypatch.setattr("jobs.commands_submit.RayHead", lambda address: pretended)
    return pretended


def banners(shop: Shop, *more: object, address: str = ADDRESS) -> Result:
    words = ("submit", shop.campaign, "--address", address, "--date", "2026-11-22", *more)
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


# ── what travels ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_package_holds_code_designs_and_the_campaign_but_no_weights(shop: Shop, tmp_path: Path) -> None:
    package = pack(load_campaign(shop.campaign), tmp_path / "package")

    files = {str(file.relative_to(package.code)) for file in package.code.rglob("*") if file.is_file()}
    assert {"jobs/__main__.py", "pipeline/report.html", "shm/model.py", CAMPAIGN} <= files
    assert not [name for name in files if name.endswith((".safetensors", ".pyc"))]
    assert {name.split("/")[0] for name in files} == {"jobs", "pipeline", "shm", "campaign"}
    assert (package.templates / "fonts" / "fonts.yaml").is_file()
    assert size_of(package.code) < MAX_CODE_BYTES


def test_a_packed_campaign_means_the_same_from_anywhere(shop: Shop, tmp_path: Path) -> None:
    plan = load_campaign(shop.campaign)

    package = pack(plan, tmp_path / "package")

    packed = load_campaign(package.code / CAMPAIGN)
    assert (packed.photos, packed.output) == (str(shop.photos), str(shop.output))
    assert packed.products == plan.products
    assert packed.segments == plan.segments
    assert yaml.safe_load((package.code / CAMPAIGN).read_text())["catalogue"] == "catalogue.csv"


def test_what_is_no_code_is_not_shipped(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.package.MAX_CODE_BYTES", 1000)

    with pytest.raises(JobError, match=r"more than 1,000: the largest file is .*belongs into the bucket"):
        pack(load_campaign(shop.campaign), tmp_path / "package")


# ── one job for each campaign and date ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.SUCCEEDED])
def test_a_second_submission_is_refused_with_how_the_first_stands(state: State) -> None:
    head = PretendedHead([Job(NAME, state, None, "")])

    with pytest.raises(
        Already, match=f"{state}; follow it: ray job logs --address {ADDRESS} --follow {NAME}"
    ):
        submit(head, NAME, "work", PACKAGE, address=ADDRESS)

    assert head.entrypoints == []


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED])
def test_what_broke_off_is_continued_under_a_new_id(state: State) -> None:
    head = PretendedHead([Job(NAME, state, 1, "")])

    assert submit(head, NAME, "work", PACKAGE, address=ADDRESS) == f"{NAME}-2"

    head.end(f"{NAME}-2", state, 1)
    assert submit(head, NAME, "work", PACKAGE, address=ADDRESS) == f"{NAME}-3"


def test_of_two_who_submit_at_the_same_time_one_is_refused() -> None:
    head = PretendedHead(quicker=True)

    with pytest.raises(Already, match="PENDING"):
        submit(head, NAME, "work", PACKAGE, address=ADDRESS)


def test_other_campaigns_and_dates_are_other_jobs() -> None:
    others = [
        Job(f"{NAME}3", State.RUNNING, None, ""),
        Job("banners-test-2026-11-21", State.RUNNING, None, ""),
    ]

    assert attempts_of(others, NAME) == []


def test_cancelling_waits_until_it_is_over() -> None:
    head = PretendedHead([Job(NAME, State.RUNNING, None, "")])

    assert cancel(head, NAME, seconds=1).state is State.STOPPED


@pytest.mark.parametrize("known", [[], [Job(NAME, State.SUCCEEDED, 0, "")]])
def test_cancelling_what_does_not_run_is_said(known: list[Job]) -> None:
    with pytest.raises(JobError, match="no such job is running"):
        cancel(PretendedHead(known), NAME, seconds=1)


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        (State.SUCCEEDED, 0, 0),
        (State.FAILED, 1, 1),
        (State.FAILED, 3, 3),
        (State.FAILED, 130, 130),
        (State.FAILED, None, 5),
        (State.FAILED, -9, 5),
        (State.STOPPED, None, 5),
        (State.STOPPED, 130, 5),
    ],
)
def test_following_ends_as_the_job_does(state: State, code: int | None, expected: int) -> None:
    head = PretendedHead([Job(NAME, State.RUNNING, None, "")], ends=(state, code))

    assert exit_code(follow(head, NAME, lambda chunk: None)) == expected


def test_a_lost_connection_does_not_end_the_job() -> None:
    class Losing(PretendedHead):
        def tail(self, job: str) -> Iterator[str]:
            yield "photos: "
            self.end(job, State.FAILED, 3)
            raise JobError("the connection broke")

    printed: list[str] = []
    head = Losing([Job(NAME, State.RUNNING, None, "")])

    assert follow(head, NAME, printed.append).exit_code == 3
    assert "the connection broke" in printed[-1]


@dataclass
class Away(PretendedHead):
    """A head that loses the log and then does not answer for some seconds of a pretended clock."""

    for_seconds: float = 0.0
    now: float = 0.0

    def tail(self, job: str) -> Iterator[str]:
        yield "photos: "
        raise JobError("the connection broke")

    def jobs(self) -> list[Job]:
        if self.now < self.for_seconds:
            raise JobError("nobody is there")
        return super().jobs()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def follow(self) -> Job:
        return follow(self, NAME, lambda chunk: None, sleep=self.sleep, clock=lambda: self.now)


def test_a_head_that_is_away_for_a_moment_is_asked_again() -> None:
    head = Away([Job(NAME, State.FAILED, 3, "")], for_seconds=AWAY_SECONDS - POLL_SECONDS)

    assert exit_code(head.follow()) == 3


def test_a_head_that_stays_away_is_given_up() -> None:
    head = Away([Job(NAME, State.SUCCEEDED, 0, "")], for_seconds=AWAY_SECONDS + POLL_SECONDS)

    with pytest.raises(JobError, match=f"{NAME}: nobody has answered for 10 minutes: nobody is there"):
        head.follow()


def test_a_head_that_comes_back_empty_has_lost_the_job() -> None:
    head = Away(for_seconds=POLL_SECONDS)

    ended = head.follow()

    assert ended == Job(NAME, State.FAILED, None, "the head does not know it any more")
    assert exit_code(ended) == 5


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the shipped weights, whose 15 MB every test would copy."""
    import models

    shipped = models.weights(tmp_path / "shipped.safetensors", "sees")
    monkeypatch.setattr("jobs.registry.default_weights", lambda: shipped)


@pytest.mark.usefixtures("small_weights")
def test_submitting_puts_weights_in_the_bucket_and_says_what_was_sent(
    shop: Shop, head: PretendedHead
) -> None:
    result = banners(shop, "--max-new-mattes", 100, "--device", "cpu")

    current = read_current(open_store(shop.output))
    assert result.exit_code == 0, result.output
    assert current is not None
    assert f"weights stay in the bucket ({current.model})" in result.output
    assert "sending: code " in result.output
    assert f"note: {shop.photos} is a folder" in result.output
    assert f"submitted: {NAME}; follow it: ray job logs" in result.output
    assert head.entrypoints == [
        f"python -m jobs run {CAMPAIGN} --address auto --date 2026-11-22 --device cpu --max-new-mattes 100"
    ]


@pytest.mark.usefixtures("small_weights")
def test_what_a_night_is_told_travels_in_the_words_of_its_job(shop: Shop, head: PretendedHead) -> None:
    words = "--retry timed_out --retry damaged --limit 9 --webhook https://example.com/hook?a=1&b=2 --strict"

    result = banners(shop, *words.split())

    assert result.exit_code == 0, result.output
    [entrypoint] = head.entrypoints
    assert entrypoint.startswith(f"python -m jobs run {CAMPAIGN} ")
    assert shlex.split(entrypoint)[-9:] == words.split()
    assert "'https://example.com/hook?a=1&b=2' --strict --cancel" in result.output


@pytest.mark.parametrize(
    ("option", "value"), [("--webhook", "example.com"), ("--retry", "bad luck"), ("--limit", "0")]
)
def test_what_a_night_would_not_take_is_refused_before_it_is_sent(
    shop: Shop, head: PretendedHead, option: str, value: str
) -> None:
    result = banners(shop, option, value)

    assert result.exit_code == 2
    assert option in result.output
    assert head.known == []


@pytest.mark.usefixtures("small_weights")
def test_the_command_that_stops_a_job_names_its_night_and_so_holds_after_midnight(
    shop: Shop, head: PretendedHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["submit", str(shop.campaign), "--address", ADDRESS]
    monkeypatch.setattr("pipeline.campaign.Campaign.today", lambda self, now: date(2026, 11, 22))
    submitted = CliRunner().invoke(app, words, catch_exceptions=False)
    monkeypatch.setattr("pipeline.campaign.Campaign.today", lambda self, now: date(2026, 11, 23))

    [line] = [line for line in submitted.output.splitlines() if line.startswith("to stop it: banners ")]
    cancelled = CliRunner().invoke(app, shlex.split(line)[4:], catch_exceptions=False)

    assert cancelled.exit_code == 0, cancelled.output
    assert head.known == [Job(NAME, State.STOPPED, None, "as Ray says")]


@pytest.mark.usefixtures("small_weights")
@pytest.mark.parametrize(
    ("ends", "more", "code"),
    [
        ((State.SUCCEEDED, 0), (), 0),
        ((State.SUCCEEDED, 0), ("--follow",), 0),
        ((State.FAILED, 1), ("--follow",), 1),
        ((State.FAILED, 3), ("--follow",), 3),
        ((State.STOPPED, None), ("--follow",), 5),
    ],
)
def test_the_exit_codes_of_submitting(
    shop: Shop, head: PretendedHead, ends: tuple[State, int | None], more: tuple[str, ...], code: int
) -> None:
    head.ends = ends

    assert banners(shop, *more).exit_code == code


@pytest.mark.usefixtures("small_weights")
def test_submitted_twice_cancelled_and_submitted_again(shop: Shop, head: PretendedHead) -> None:
    codes = [banners(shop, *more).exit_code for more in ((), (), ("--cancel",), ("--cancel",), (), ())]

    assert codes == [0, 4, 0, 1, 0, 4]
    assert [job.id for job in head.known] == [NAME, f"{NAME}-2"]


@pytest.mark.usefixtures("small_weights")
def test_ctrl_c_while_following_leaves_the_job_alone(
    shop: Shop, head: PretendedHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Job:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.submit.follow", interrupt)

    result = banners(shop, "--follow")

    assert result.exit_code == 130
    assert f"{NAME} goes on; to stop it: banners submit {shop.campaign} --address" in result.output
    assert head.known[0].state is State.RUNNING


def test_a_head_that_is_not_there_is_said_in_one_line(shop: Shop) -> None:
    result = banners(shop, address="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert "http://127.0.0.1:9" in result.output
    assert "is the head running?" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("address", ["127.0.0.1:9", "head", "auto", "ray://head:10001"])
def test_an_address_that_is_no_dashboards_is_said_with_how_to_write_it(shop: Shop, address: str) -> None:
    result = banners(shop, address=address)

    assert result.exit_code == 1
    assert f"{address}: this is no dashboard's address; write it as http://HEAD:8265" in result.output


def test_what_ray_itself_raises_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, address: str) -> None:
        raise RpcError("Timed out while waiting for GCS\nand more")

    monkeypatch.setattr("ray.job_submission.JobSubmissionClient.__init__", fail)

    with pytest.raises(JobError, match=r"^http://head:8265: Timed out while waiting for GCS; is this .*\?$"):
        RayHead(ADDRESS)


# ── a real head ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def real_head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a head of its own, started as a user starts one. Stopped by its process: `ray stop`
    would stop every head of this machine."""
    port, folder = _free_port(), tmp_path_factory.mktemp("r", numbered=True)
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"),
        *(f"--port={_free_port()}", f"--dashboard-port={port}", "--dashboard-host=127.0.0.1"),
        # Every port that Ray would take by a fixed number: another cluster may run on this machine.
        *(f"--dashboard-agent-listen-port={_free_port()}", f"--ray-client-server-port={_free_port()}"),
        *("--num-cpus=2", "--object-store-memory=100000000", "--disable-usage-stats"),
    ]
    settings = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # `python` is this one
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "disabled",  # Ray asks for a token where its user has one at home
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray's client warns through aiohttp
def test_a_real_head_runs_the_night_and_ends_with_its_result(shop: Shop, real_head: str) -> None:
    first = banners(shop, "--follow", "--device", "cpu", address=real_head)
    second = banners(shop, address=real_head)

    output = open_store(shop.output)
    summary = read_summary(output, _last_run(shop, "test"))
    assert summary is not None
    assert (first.exit_code, sum(summary.photos.values())) == (summary.exit_code, 4), first.output
    assert "proof sheet:" in first.output
    assert second.exit_code == (4 if summary.exit_code == 0 else 0)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_night_cancelled_on_a_real_head_is_continued_by_the_next_submission(
    shop: Shop, real_head: str
) -> None:
    shop.edit("campaign.yaml", "name: test", "name: cancelled")
    for photo in PEOPLE:
        shop.add(photo.name, photo.read_bytes())
    submitted = banners(shop, "--device", "cpu", address=real_head)
    _until(lambda: _cut_out(shop))

    cancelled = banners(shop, "--cancel", address=real_head)
    kept = _cut_out(shop)
    again = banners(shop, "--follow", "--device", "cpu", address=real_head)

    whole = _cut_out(shop)
    assert (submitted.exit_code, cancelled.exit_code) == (0, 0), cancelled.output
    assert "cancelled-2026-11-22-2" in again.output
    assert 0 < len(kept) < len(whole)
    assert len(whole) >= len(PEOPLE)
    assert kept.items() <= whole.items()
    summary = read_summary(open_store(shop.output), _last_run(shop, "cancelled"))
    assert summary is not None
    assert again.exit_code == summary.exit_code


def _cut_out(shop: Shop) -> dict[str, int]:
    """The stored cut-outs, and when each was written (ns)."""
    files = [file for file in (shop.output / "cutouts").rglob("*") if file.is_file()]
    return {file.name: file.stat().st_mtime_ns for file in files}


def _last_run(shop: Shop, campaign: str) -> RunId:
    run = latest_run(open_store(shop.output), campaign)
    assert run is not None
    return run


def _until(there: Callable[[], object]) -> None:
    """Returns once `there` gives something."""
    for _ in range(3000):
        if there():
            return
        time.sleep(0.1)
    raise TimeoutError


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(address: str) -> None:
    """Until the dashboard takes jobs."""
    for _ in range(120):
        try:
            RayHead(address).jobs()
            return
        except JobError:
            time.sleep(2)
    raise TimeoutError(address)
