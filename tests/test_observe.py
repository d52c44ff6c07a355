"""What machines see of a run: JSON lines, metrics, the dashboard made of them, and the message at its end."""

import io
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import DAY, Shop, figure, now
from typer.testing import CliRunner

from jobs.cli import app
from jobs.network import Network
from jobs.observe import METRICS, JsonLines, Measured, Metric, Several
from pipeline.errors import JobError
from pipeline.night import run_night
from pipeline.runner import LocalWorkers
from pipeline.standin import StandIn
from shm.engine import Engine

DASHBOARD = Path(__file__).parent.parent / "jobs" / "deploy" / "grafana.json"


class Recorded:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.values: list[tuple[str, float, dict[str, str]]] = []

    def record(self, metric: Metric, value: float, tags: dict[str, str]) -> None:
        assert set(tags) == {"campaign", *metric.tags}
        self.values.append((metric.name, value, tags))

    def total(self, name: str, **tags: str) -> float:
        return sum(
            value for each, value, tagged in self.values if each == name and tagged.items() >= tags.items()
        )


def watched(shop: Shop, *those: Any) -> None:
    """A night that they all see."""
    run_night(shop.order(), LocalWorkers(), Several(those), now)


def test_every_photo_and_banner_is_a_json_line_with_its_night_and_step(shop: Shop) -> None:
    out = io.StringIO()

    watched(shop, JsonLines("test", DAY, out))

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    photos = [line for line in lines if line["event"] == "photo"]
    banners = [line for line in lines if line["event"] == "banner"]
    assert {(line["campaign"], line["date"]) for line in lines} == {("test", "2026-11-22")}
    assert {line["photo"]: line["status"] for line in photos} == {
        "a.png": "stored", "b.png": "stored", "c.png": "stored", "empty.png": "rejected",
    }  # fmt: skip
    assert [line["reason"] for line in photos if line["photo"] == "empty.png"] == ["no_subject"]
    assert {line["step"] for line in photos} == {"cut-outs"}
    assert len(banners) == 8
    assert {len(line["run"]) for line in banners} == {21}
    assert [line["event"] for line in lines if line["event"] in ("begin", "end")] == ["begin", "end"] * 2


def test_a_name_from_another_script_stays_readable_in_the_log(shop: Shop) -> None:
    shop.add("半額.png", figure((9, 90, 9)))
    out = io.StringIO()

    watched(shop, JsonLines("test", DAY, out))

    assert '"photo": "半額.png"' in out.getvalue()


def test_metrics_count_what_became_of_photos_and_banners(shop: Shop) -> None:
    recorded = Recorded()

    watched(shop, Measured("test", recorded, lambda: 1000.0))

    assert recorded.total("banners_photos", status="stored") == 3
    assert recorded.total("banners_photos", status="rejected", reason="no_subject") == 1
    assert recorded.total("banners_banners", status="stored") == 8
    waiting = [value for name, value, tags in recorded.values if name == "banners_waiting"]
    assert waiting == [3, 2, 1, 0, 0, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert {name for name, _, _ in recorded.values} == {metric.name for metric in METRICS}


def names_in(expression: str) -> set[str]:
    """The metrics that a panel's expression asks for, without Ray's prefix and Prometheus's endings."""
    found = re.findall(r"ray_(banners_[a-z_]+)", expression)
    return {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in found}


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_name_on_the_dashboard_is_a_metric_and_every_metric_is_on_it() -> None:
    asked = {name for expression in expressions() for name in names_in(expression)}

    assert asked == {metric.name for metric in METRICS}


def test_the_dashboard_asks_only_for_tags_that_there_are() -> None:
    known = {"campaign", "le"} | {tag for metric in METRICS for tag in metric.tags}

    tags = {tag for each in expressions() for tag in re.findall(r"(\w+)=~?\"", each)}
    tags |= {
        t.strip()
        for each in expressions()
        for by in re.findall(r"by \(([^)]*)\)", each)
        for t in by.split(",")
    }
    assert tags <= known


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), StandIn)
    monkeypatch.setattr("jobs.commands_run.choose_network", lambda *_, **__: network)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that would have gone out."""
    monkeypatch.setenv("BANNERS_WEBHOOK_SECRET", "secret")
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "jobs.ending.send", lambda url, message, secret, *, delivery: messages.append({**message, "to": url})
    )
    return messages


def run(shop: Shop, *more: object) -> Any:
    words = ["run", shop.campaign, "--runner", "local", "--webhook", "https://example.com/hook", *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_message_says_what_the_night_came_to(shop: Shop, sent: list[dict[str, Any]]) -> None:
    result = run(shop, "--date", "2026-11-22")

    [message] = sent
    assert result.exit_code == message["exit_code"] == 0, result.output
    assert (message["campaign"], message["date"], message["problem"]) == ("test", "2026-11-22", "")
    assert message["photos"] == {"stored": 3, "rejected": 1}
    assert message["refused"] == {"no_subject": 1}
    assert message["banners"] == {"stored": 8, "rejected": 4}
    assert message["live"] == 8
    assert message["proof_sheet"].endswith("report.html")


def test_a_night_with_bad_photos_is_told_with_its_exit_code(shop: Shop, sent: list[dict[str, Any]]) -> None:
    shop.add("cut.jpg", b"\xff\xd8\xff\xe0 no more")

    assert run(shop).exit_code == 3
    assert [message["exit_code"] for message in sent] == [3]


def test_a_night_that_could_not_run_is_told_with_the_reason(shop: Shop, sent: list[dict[str, Any]]) -> None:
    for photo in shop.photos.iterdir():
        photo.unlink()

    assert run(shop).exit_code == 1
    assert [message["problem"] for message in sent] == [f"{shop.photos}: there are no photos here"]


def test_a_message_that_nobody_takes_does_not_change_how_the_night_ends(
    shop: Shop, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise JobError("https://example.com/hook: the message was not taken: answer 503")

    monkeypatch.setattr("jobs.ending.send", fail)

    result = run(shop)

    assert result.exit_code == 0
    assert "the message was not taken" in result.output


@pytest.mark.parametrize(("url", "secret"), [("example.com", "s"), ("https://example.com", "")])
def test_a_message_that_cannot_be_sent_is_said_before_the_night(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, url: str, secret: str
) -> None:
    monkeypatch.setenv("BANNERS_WEBHOOK_SECRET", secret)

    assert run(shop, "--webhook", url).exit_code == 2
    assert not shop.output.exists()


def test_the_log_is_added_to_and_not_written_over(shop: Shop, sent: list[dict[str, Any]]) -> None:
    log = shop.folder / "nights.jsonl"
    log.write_text('{"event": "before"}\n')

    run(shop, "--log", log)

    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[0] == "before"
    assert events.count("photo") == 4


def test_a_log_that_cannot_be_written_stops_the_night_before_it_begins(
    shop: Shop, sent: list[dict[str, Any]]
) -> None:
    result = run(shop, "--log", shop.folder)

    assert result.exit_code == 1
    assert f"{shop.folder}: cannot be written" in result.output


# ── a real scrape ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_every_name_on_the_dashboard_is_in_a_scrape_of_a_real_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import ray

    from jobs.nightly import RayWorkers
    from jobs.observe import observing

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 2**20,
    )
    try:
        with observing(Several(()), "test", DAY, None) as progress:
            run_night(shop.order(), RayWorkers(), progress, now)
        port = ray.nodes()[0]["MetricsExportPort"]
        asked = {
            name for expression in expressions() for name in re.findall(r"ray_banners_[a-z_]+", expression)
        }
        scraped: set[str] = set()
        for _ in range(60):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                scraped = set(re.findall(r"^(ray_banners_[a-z_]+)", answer.read().decode(), re.MULTILINE))
            if asked <= scraped:
                break
            time.sleep(1)
        assert asked - scraped == set()
    finally:
        ray.shutdown()
