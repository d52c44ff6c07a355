"""When a reason for refusing photos has risen so much that somebody should look, and who is told."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BACKDROP, Shop, figure, now, png
from typer.testing import CliRunner

from jobs.cli import app
from jobs.network import Network
from pipeline import manifest
from pipeline.alarm import FEWEST, NIGHTS, Alarm, Looked, look_back, risen
from pipeline.dirstore import DirStore
from pipeline.manifest import RunId
from pipeline.past import nights_before
from pipeline.rows import photo_row
from pipeline.standin import StandIn
from pipeline.store import open_store
from pipeline.types import PhotoRef, Status
from shm.engine import Engine

USUAL = [Looked(100, {"damaged": 2, "no_subject": 10})] * NIGHTS


@pytest.mark.parametrize(
    ("tonight", "reasons"),
    [
        (Looked(100, {"damaged": 9}), []),
        (Looked(100, {"damaged": 10}), ["damaged"]),
        (Looked(1000, {"damaged": 99}), []),
        (Looked(1000, {"damaged": 100}), ["damaged"]),
        (Looked(5, {"damaged": FEWEST}), ["damaged"]),
        (Looked(4, {"damaged": FEWEST - 1}), []),
        (Looked(1000, {"too_small": FEWEST}), ["too_small"]),
        (Looked(100, {"no_subject": 49}), []),
        (Looked(100, {"no_subject": 50}), ["no_subject"]),
        (Looked(100, {"damaged": 30, "no_subject": 60}), ["no_subject", "damaged"]),
        (Looked(100, {}), []),
        (Looked(), []),
    ],
)
def test_a_reason_has_risen_from_five_times_its_share_on(tonight: Looked, reasons: list[str]) -> None:
    assert [alarm.reason for alarm in risen(tonight, USUAL)] == reasons


def test_a_night_with_few_photos_weighs_little() -> None:
    before = [Looked(1000, {"damaged": 2}), Looked(1, {"damaged": 1})]

    assert [alarm.usual for alarm in risen(Looked(100, {"damaged": 5}), before)] == [round(3 / 1001, 6)]


@pytest.mark.parametrize("before", [[], [Looked()], [Looked()] * NIGHTS])
def test_without_earlier_photos_there_is_no_alarm(before: list[Looked]) -> None:
    assert risen(Looked(100, {"damaged": 100}), before) == ()


@pytest.mark.parametrize(
    ("usual", "words"),
    [
        (0.02, "damaged: 12 of 100 photos, 12.0%; before 2.00%"),
        (0.0, "damaged: 12 of 100 photos, 12.0%; before none"),
    ],
)
def test_an_alarm_says_how_many_and_how_many_were_usual(usual: float, words: str) -> None:
    assert str(Alarm("damaged", 12, 100, usual, NIGHTS)) == words


def test_failures_count_with_their_reason_and_cut_outs_with_none() -> None:
    ref = PhotoRef("a.png", "", 1)
    rows = [
        photo_row(ref, "r", Status.STORED),
        photo_row(ref, "r", Status.REJECTED, reason="damaged"),
        photo_row(ref, "r", Status.FAILED, reason="unavailable"),
    ]

    assert look_back(rows) == Looked(3, {"damaged": 1, "unavailable": 1})


# ── the nights before ─────────────────────────────────────────────────────────────────────────────────────


def finished(store: DirStore, run: RunId, looked: Looked) -> None:
    """A run that found that."""
    summary = manifest.summarise(
        run, [], [], planned=0, timings={}, weights="w", versions={}, started=now(), finished=now(),
        exit_code=0, looked=looked,
    )  # fmt: skip
    manifest.finish(store, run, summary)


def run_of(day: int, number: int = 0) -> RunId:
    return RunId("test", date(2026, 11, day), f"202611{day:02}T010000Z-{number:04}")


def test_only_the_last_seven_nights_count(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    for day in range(1, 11):
        finished(store, run_of(day), Looked(day, {"damaged": 1}))

    nights = nights_before(store, run_of(11))

    assert [night.photos for night in nights] == [4, 5, 6, 7, 8, 9, 10]


def test_the_runs_of_one_night_count_together_and_tonights_not_at_all(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    for run in (run_of(1, 1), run_of(1, 2), run_of(2, 1)):
        finished(store, run, Looked(10, {"damaged": 1}))

    assert nights_before(store, run_of(2, 2)) == [Looked(20, {"damaged": 2})]


def test_a_run_that_did_not_finish_is_no_night(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    manifest.write_photos(store, run_of(1), [photo_row(PhotoRef("a", "", 1), "r", Status.STORED)])

    assert nights_before(store, run_of(2)) == []


@pytest.mark.parametrize("text", ["", "[]", '{"date": 1}'])
def test_a_summary_that_cannot_be_read_counts_for_nothing(tmp_path: Path, text: str) -> None:
    store = DirStore(tmp_path)
    finished(store, run_of(1), Looked(10, {"damaged": 1}))
    finished(store, run_of(2), Looked(20, {"damaged": 2}))
    (tmp_path / run_of(2).prefix / "_SUCCESS").write_text(text)

    assert nights_before(store, run_of(3)) == [Looked(10, {"damaged": 1})]


def test_a_summary_of_an_earlier_version_says_nothing_of_what_was_looked_at(tmp_path: Path) -> None:
    store, run = DirStore(tmp_path), run_of(1)
    finished(store, run, Looked(10, {"damaged": 1}))
    file = tmp_path / run.prefix / "_SUCCESS"
    older = {name: value for name, value in json.loads(file.read_text()).items() if name not in NEW}
    file.write_text(json.dumps(older))

    assert nights_before(store, run_of(2)) == [Looked()]


NEW = ("looked", "alarms")


# ── a night that has risen ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have been sent."""
    network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), StandIn)
    monkeypatch.setattr("jobs.commands_run.choose_network", lambda *_, **__: network)
    monkeypatch.setenv("BANNERS_WEBHOOK_SECRET", "secret")
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("jobs.ending.send", lambda url, message, secret, *, delivery: sent.append(message))
    return sent


def night(shop: Shop, day: int) -> Any:
    words = ("run", shop.campaign, "--runner", "local", "--webhook", "https://example.com", "--date")
    return CliRunner().invoke(app, [*map(str, words), f"2026-11-{day}"])


def test_an_alarm_is_in_summary_sheet_message_and_output(shop: Shop, messages: list[dict[str, Any]]) -> None:
    for number in range(9):
        shop.add(f"{number}.png", figure((9, 20 * number, 9)))
    night(shop, 22)
    for number in range(FEWEST):
        shop.add(f"flat-{number}.png", png(np.full((480, 360, 3), BACKDROP[0] - number, np.uint8)))

    result = night(shop, 23)

    output = open_store(shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    summary = manifest.read_summary(output, run)
    alarm = Alarm("no_subject", FEWEST, FEWEST, round(1 / 13, 6), 1)
    assert result.exit_code == 0, "nobody in the picture is no fault"
    assert summary is not None
    assert (summary.looked, summary.alarms) == (Looked(FEWEST, {"no_subject": FEWEST}), (alarm,))
    assert [message["alarms"] for message in messages] == [[], [asdict(alarm)]]
    line = f"Refused 5 times as often as in the nights before: {alarm}"
    assert f"note: {line}" in result.output
    assert "Refused 5 times as often" in (shop.output / "reports" / "test" / "report.html").read_text()


def test_a_night_in_which_a_fault_has_risen_ends_with_a_failing_exit_code(
    shop: Shop, messages: list[dict[str, Any]]
) -> None:
    shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\nmax_rejected_share: 0.9")
    night(shop, 22)
    for number in range(FEWEST):
        shop.add(f"broken-{number}.jpg", b"no picture %d" % number)

    risen, again = night(shop, 23), night(shop, 24)

    assert risen.exit_code == 3, risen.output
    assert [alarm["reason"] for alarm in messages[1]["alarms"]] == ["unsupported_format"]
    assert messages[1]["exit_code"] == 3
    assert again.exit_code == 0, again.output
