"""What machines see of a run: JSON lines, metrics, the dashboard made of them, and the message at its end."""

import io
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from conftest import Shop, figure, make_shop, now
from typer.testing import CliRunner

from jobs.cli import app
from jobs.console import Silent
from jobs.jsonlines import JsonLines
from jobs.metrics import METRICS, Measured, Metric
from jobs.network import Network
from jobs.observe import Observers, Watcher, observing
from pipeline.errors import JobError, StoreError, Transient
from pipeline.manifest import RunId, Summary, latest_run, read_summary
from pipeline.night import run_night
from pipeline.runner import LocalWorkers
from pipeline.standin import StandIn
from pipeline.store import open_store
from pipeline.trace import Load
from pipeline.types import Pixels
from shm.engine import Engine
from shm.matter import Prediction

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


class Unsteady(StandIn):
    """A network whose first answer fails in passing."""

    failed = False

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        if not self.failed:
            self.failed = True
            raise Transient("busy")
        return super().predict(photos)


@dataclass(frozen=True)
class Night:
    """A night that was watched: what was written, what was recorded."""

    shop: Shop
    text: str
    recorded: Recorded

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One night for all tests here: six photos, two of them refused, one tried twice."""
    shop = make_shop(tmp_path_factory.mktemp("watched") / "shop")
    shop.load_matter = Unsteady
    shop.add("半額.png", figure((9, 90, 9)))
    shop.add("cut.jpg", b"\xff\xd8\xff\xe0 no more")
    out, recorded, order = io.StringIO(), Recorded(), shop.order()
    watchers: list[Watcher] = [JsonLines(order.run, out), Measured("test", recorded, lambda: 1000.0)]
    observers = Observers(Silent(), watchers)
    run_night(order, LocalWorkers(tell=observers.see), observers, now)
    return Night(shop, out.getvalue(), recorded)


def test_every_line_names_campaign_date_and_the_run_of_the_manifest(night: Night) -> None:
    run = latest_run(open_store(night.shop.output), "test")

    assert run is not None
    assert {line["run"] for line in night.lines} == {run.run}
    assert {(line["campaign"], line["date"]) for line in night.lines} == {("test", "2026-11-22")}


def test_every_photo_is_a_line_with_the_step_at_which_it_ended(night: Night) -> None:
    assert {line["photo"]: (line["status"], line["reason"], line["step"]) for line in night.of("photo")} == {
        "a.png": ("stored", "", "put_cutout"),
        "b.png": ("stored", "", "put_cutout"),
        "c.png": ("stored", "", "put_cutout"),
        "半額.png": ("stored", "", "put_cutout"),
        "cut.jpg": ("rejected", "damaged", "decode"),
        "empty.png": ("rejected", "no_subject", "cut_out"),
    }


def test_every_banner_is_a_line_with_its_photo_and_the_time_of_each_step(night: Night) -> None:
    banners = night.of("banner")

    assert len({line["banner"] for line in banners}) == len(banners) == 8
    assert {line["photo"] for line in banners} == {"a.png", "b.png"}
    assert {tuple(line["steps"]) for line in banners} == {("load", "draw", "encode", "put_banner")}


def test_the_steps_of_a_photo_add_up_to_its_time(night: Night) -> None:
    photos = night.of("photo")

    assert [set(line["steps"]) >= {"fetch", "decode"} for line in photos] == [True] * 6
    assert [0 < sum(line["steps"].values()) <= line["seconds"] + 0.001 for line in photos] == [True] * 6


def test_what_is_tried_again_is_a_line_with_photo_and_step_before_that_of_the_photo(night: Night) -> None:
    [retry] = night.of("retry")

    assert (retry["photo"], retry["step"], retry["reason"]) == ("a.png", "matte", "unavailable")
    assert retry["detail"] == "busy"
    assert night.lines[night.lines.index(retry) + 1]["photo"] == "a.png"


def test_stages_have_a_begin_and_an_end(night: Night) -> None:
    ends = [(line["event"], line["stage"]) for line in night.of("begin") + night.of("end")]

    stages = ("cut-outs", "banners")
    assert ends == [("begin", each) for each in stages] + [("end", each) for each in stages]


def test_a_name_from_another_script_stays_readable_in_the_log(night: Night) -> None:
    assert '"photo": "半額.png"' in night.text


def test_what_ends_a_night_before_its_time_is_its_last_line(tmp_path: Path) -> None:
    run, log = RunId("test", date(2026, 11, 22), "20261122T013000Z-0001"), tmp_path / "nights.jsonl"

    with pytest.raises(StoreError), observing(Silent(), run, log):
        raise StoreError("s3://shop: no such bucket")

    [line] = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["run"], line["event"], line["problem"]) == (run.run, "failed", "s3://shop: no such bucket")


def test_metrics_count_what_became_of_photos_and_banners(night: Night) -> None:
    recorded = night.recorded

    assert recorded.total("banners_photos", status="stored") == 4
    assert recorded.total("banners_photos", status="rejected", reason="no_subject") == 1
    assert recorded.total("banners_banners", status="stored") == 8
    waiting = [value for name, value, tags in recorded.values if name == "banners_waiting"]
    assert waiting == [5, 4, 3, 2, 1, 0, 0, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert recorded.total("banners_retries", step="matte", reason="unavailable") == 1


@pytest.mark.parametrize(
    ("stage", "load", "queues"),
    [
        ("cut-outs", Load(3, 2, 0.25), {"decoding": 7, "matting": 2}),
        ("cut-outs", Load(3, 0, None), {"decoding": 7}),
        ("banners", Load(10, 0, None), {"composition": 0}),
        ("banners", Load(11, 0, None), {"composition": 0}),
    ],
)
def test_a_queue_is_what_nobody_works_on(stage: str, load: Load, queues: dict[str, int]) -> None:
    recorded = Recorded()
    measured = Measured("test", recorded, lambda: 1000.0)
    measured.begin(stage, 10)

    measured.see(load)

    assert {tags["queue"]: v for name, v, tags in recorded.values if name == "banners_queue"} == queues
    assert recorded.total("banners_gpu_idle") == (load.gpu_idle or 0)


def test_a_stage_in_which_nothing_ends_is_told_again_and_again() -> None:
    recorded = Recorded()
    measured = Measured("test", recorded, lambda: 1000.0)
    measured.begin("banners", 10)

    measured.see(Load(2, 0, None))

    told = [(name, value) for name, value, _ in recorded.values]
    assert told == [("banners_waiting", 10), ("banners_stage_started", 1000.0), ("banners_queue", 8)]


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


def test_a_campaign_that_cannot_be_read_is_told_by_its_file(shop: Shop, sent: list[dict[str, Any]]) -> None:
    shop.edit("campaign.yaml", "name: test", "nam: test")

    assert run(shop).exit_code == 1
    [message] = sent
    assert (message["campaign"], message["exit_code"], message["run"]) == (str(shop.campaign), 1, "")
    assert "campaign.yaml" in message["problem"]


def test_a_network_that_cannot_be_had_is_told(
    shop: Shop, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise JobError("there is no GPU here")

    monkeypatch.setattr("jobs.commands_run.choose_network", refuse)

    assert run(shop).exit_code == 1
    assert [(message["campaign"], message["problem"]) for message in sent] == [
        ("test", "there is no GPU here")
    ]


def test_a_night_outside_the_campaigns_dates_is_told_as_well(shop: Shop, sent: list[dict[str, Any]]) -> None:
    shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\nvalid_to: 2026-11-01")

    assert run(shop, "--date", "2026-11-22").exit_code == 0
    assert [(message["date"], message["exit_code"]) for message in sent] == [("2026-11-22", 0)]


def test_a_dry_run_is_no_night_to_tell_of(shop: Shop, sent: list[dict[str, Any]]) -> None:
    assert run(shop, "--dry-run").exit_code == 0
    assert sent == []


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


SAMPLE = re.compile(r"^(ray_banners_[a-z_]+)\{([^}]*)\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Scraped:
    """A night on a real Ray, and the samples that Prometheus would have got of it: (name, labels, value)."""

    samples: list[tuple[str, str, float]]
    summary: Summary

    def values(self, name: str, *labels: str) -> list[float]:
        found = (
            value for each, tags, value in self.samples if each == name and all(s in tags for s in labels)
        )
        return sorted(found)


class Scraper(Thread):
    """Asks every second, as Prometheus would, and keeps the last value of each sample."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._where, self._over = f"http://127.0.0.1:{port}/metrics", Event()
        self._found: dict[tuple[str, str], float] = {}

    def run(self) -> None:
        while not self._over.wait(1):
            with urllib.request.urlopen(self._where) as answer:
                text = answer.read().decode()
            self._found |= {(name, labels): float(value) for name, labels, value in SAMPLE.findall(text)}

    def samples(self, banners: float) -> list[tuple[str, str, float]]:
        """What was found once so many banners were counted, or in a minute: Ray tells every ten seconds."""
        end = time.monotonic() + 60
        while self._count("ray_banners_banners_total") < banners and time.monotonic() < end:
            time.sleep(1)
        self._over.set()
        self.join()
        return [(name, labels, value) for (name, labels), value in self._found.items()]

    def _count(self, name: str) -> float:
        return sum(value for (each, _), value in self._found.copy().items() if each == name)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """With a GPU that is only pretended, and a network that fails once in passing."""
    import ray

    from jobs.nightly import RayWorkers

    shop = make_shop(tmp_path_factory.mktemp("scraped") / "shop")
    shop.load_matter = Unsteady
    order = shop.order()
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 2**20,
    )
    # The workers cannot import this file, so what it defines travels with the work.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    scraper = Scraper(ray.nodes()[0]["MetricsExportPort"])
    scraper.start()
    try:
        with observing(Silent(), order.run, None) as observers:
            run_night(order, RayWorkers(on_gpus=True, tell=observers.see), observers, now)
        summary = read_summary(open_store(shop.output), order.run)
        assert summary is not None
        yield Scraped(scraper.samples(banners=8), summary)
    finally:
        ray.shutdown()


def asked() -> set[str]:
    """The names, as Prometheus has them, that the dashboard asks for."""
    return {name for expression in expressions() for name in re.findall(r"ray_banners_[a-z_]+", expression)}


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_every_name_on_the_dashboard_is_in_a_scrape_of_a_real_run(scraped: Scraped) -> None:
    assert asked() - {name for name, _, _ in scraped.samples} == set()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_scrape_counts_what_was_tried_again_by_step_and_reason(scraped: Scraped) -> None:
    labels = ('step="matte"', 'reason="unavailable"', 'campaign="test"')

    assert scraped.values("ray_banners_retries_total", *labels) == [1.0]
    assert scraped.values("ray_banners_retries_total") == [1.0]


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_scrape_after_the_night_has_empty_queues(scraped: Scraped) -> None:
    queues = ("decoding", "matting", "composition")

    found = {queue: scraped.values("ray_banners_queue", f'queue="{queue}"') for queue in queues}
    assert found == {"decoding": [0.0], "matting": [0.0], "composition": [0.0]}


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_scrape_has_the_gpus_idle_share_as_the_summary_has_it(scraped: Scraped) -> None:
    [share] = scraped.values("ray_banners_gpu_idle")

    assert scraped.summary.gpu_idle == pytest.approx(share, abs=0.01)
    assert 0 < share < 1


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_scrape_counts_each_step_once_for_each_item(scraped: Scraped) -> None:
    steps = {"fetch": 4.0, "matte": 4.0, "put_cutout": 3.0, "draw": 8.0, "put_banner": 8.0}

    found = {step: scraped.values("ray_banners_step_seconds_count", f'step="{step}"') for step in steps}
    assert found == {step: [count] for step, count in steps.items()}
