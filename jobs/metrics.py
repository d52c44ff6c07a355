"""Prometheus metrics of a run, through Ray.

They are those of `METRICS`; Ray puts `ray_` before their names where Prometheus scrapes them. They are told
by the driver, as rows come in: a worker that dies takes no count with it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from pipeline.trace import Event, Load, Retry, Traced
from pipeline.types import BannerRow, PhotoRow


class Kind(StrEnum):
    """Of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` without Ray's prefix; `tags` beside the campaign."""

    name: str
    kind: Kind
    words: str
    tags: tuple[str, ...] = ()


PHOTOS = Metric("banners_photos", Kind.COUNTER, "Photos that were cut out or refused.", ("status", "reason"))
BANNERS = Metric("banners_banners", Kind.COUNTER, "Banners, by how they ended.", ("status", "reason"))
WAITING = Metric("banners_waiting", Kind.GAUGE, "Photos or banners still to be made.", ("stage",))
SECONDS = Metric("banners_seconds", Kind.HISTOGRAM, "Seconds that one photo or banner took.", ("stage",))
STARTED = Metric("banners_stage_started", Kind.GAUGE, "When a stage began, in unix seconds.", ("stage",))
STEP_SECONDS = Metric("banners_step_seconds", Kind.HISTOGRAM, "Seconds that one step took.", ("step",))
QUEUE = Metric(
    "banners_queue", Kind.GAUGE, "Photos or banners that nobody works on at the moment.", ("queue",)
)
RETRIES = Metric("banners_retries", Kind.COUNTER, "What was tried again.", ("step", "reason"))
GPU_IDLE = Metric(
    "banners_gpu_idle", Kind.GAUGE, "Share of the cut-outs' time that the GPUs waited for work."
)
METRICS = (PHOTOS, BANNERS, WAITING, SECONDS, STARTED, STEP_SECONDS, QUEUE, RETRIES, GPU_IDLE)
_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300]
"""Seconds: steps take some hundredths, banners tenths, photos on a processor some, large ones minutes."""
_QUEUES = {"cut-outs": "decoding", "banners": "composition"}
"""What waits for a worker, by stage. Between them lies `matting`: decoded photos that wait for a GPU."""


class Recorder(Protocol):
    """Where numbers go; Ray's metrics, or a test's list."""

    def record(self, metric: Metric, value: float, tags: dict[str, str]) -> None:
        """Count `value` up, set it, or observe it, as the metric's kind is."""


class RayRecorder:
    """Ray's own metrics, made when the cluster is joined; what is recorded before is nobody's."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def record(self, metric: Metric, value: float, tags: dict[str, str]) -> None:
        """Hands it to the node's agent, which Prometheus scrapes."""
        ray: Any = sys.modules.get("ray")  # a night in one process does not import it for this
        if ray is None or not ray.is_initialized():
            return
        made = self._made.get(metric.name) or self._make(metric)
        tell = {Kind.COUNTER: "inc", Kind.GAUGE: "set", Kind.HISTOGRAM: "observe"}[metric.kind]
        getattr(made, tell)(value, tags=tags)

    def _make(self, metric: Metric) -> Any:
        from ray.util import metrics

        made: Any
        keys = ("campaign", *metric.tags)
        if metric.kind == Kind.HISTOGRAM:
            made = metrics.Histogram(metric.name, metric.words, boundaries=_BUCKETS, tag_keys=keys)
        elif metric.kind == Kind.GAUGE:
            made = metrics.Gauge(metric.name, metric.words, tag_keys=keys)
        else:
            made = metrics.Counter(metric.name, metric.words, tag_keys=keys)
        self._made[metric.name] = made
        return made


class Measured:
    """A run as numbers. `now` in unix seconds."""

    def __init__(self, campaign: str, recorder: Recorder, now: Callable[[], float]) -> None:
        self._campaign, self._recorder, self._now = campaign, recorder, now
        self._stage, self._left = "", 0

    def begin(self, stage: str, total: int) -> None:
        """So many to come."""
        self._stage, self._left, self._began = stage, total, self._now()

    def see(self, event: Event) -> None:
        """Counted, or set."""
        if isinstance(event, Load):
            self._load(event)
        elif isinstance(event, Retry):
            self._tell(RETRIES, 1, step=event.step, reason=str(event.why))
        else:
            self._row(event)

    def end(self) -> None:
        """Nothing waits any more."""
        self._tell(WAITING, 0, stage=self._stage)
        self._tell(QUEUE, 0, queue=_QUEUES[self._stage])

    def _row(self, traced: Traced[PhotoRow] | Traced[BannerRow]) -> None:
        row = traced.row
        self._left -= 1
        metric = PHOTOS if isinstance(row, PhotoRow) else BANNERS
        self._tell(metric, 1, status=str(row.status), reason=row.reason)
        self._tell(SECONDS, row.seconds, stage=self._stage)
        self._tell_stage()
        for step, seconds in traced.seconds.items():
            self._tell(STEP_SECONDS, seconds, step=step)
        for retry in traced.retries:
            self.see(retry)

    def _tell_stage(self) -> None:
        self._tell(WAITING, self._left, stage=self._stage)
        self._tell(STARTED, self._began, stage=self._stage)

    def _load(self, load: Load) -> None:
        # Ray forgets a gauge that nobody set for twenty seconds: a night that hangs would vanish from sight.
        self._tell_stage()
        self._tell(QUEUE, max(0, self._left - load.at_work), queue=_QUEUES[self._stage])
        if load.gpu_idle is not None:
            self._tell(QUEUE, load.at_gpus, queue="matting")
            self._tell(GPU_IDLE, load.gpu_idle)

    def _tell(self, metric: Metric, value: float, **tags: str) -> None:
        self._recorder.record(metric, value, {"campaign": self._campaign, **tags})
