"""The steps on Ray: the same functions, kits and bytes as in one process.

Photos go to actors of one thread each, as many as the cluster has processors. Keys and small rows travel,
not pixels. With GPUs, the actors that touch untrusted bytes stay on processors, where they may die, and the
network sits in an actor on each GPU that sees checked arrays only (`jobs.gpu`): that hand-over is the one
place where pixels travel. Banners go to two actors on each processor, those of one cut-out together, so that
it is loaded once.
"""

import logging
import math
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Any, TypeVar

# Ray reads these when it is imported: no message about accelerators that nobody asked for, no usage reports.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.autoscaler.sdk import request_resources
from ray.exceptions import GetTimeoutError, RayError

from jobs.gpu import AT_THE_DOOR, STATE, GpuMatter, GpuWatch, RemoteMatter, call
from jobs.pool import START_SECONDS, Pool, Worker
from pipeline.errors import Fault, JobError, Reason
from pipeline.rows import banner_row, photo_row
from pipeline.runner import never
from pipeline.steps import run_photo, run_unit
from pipeline.trace import Again, Load, Retry, Tell, Traced, tell_nobody, traced
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Status, Unit
from pipeline.work import BannerKit, PhotoKit, PhotoTools

BANNERS_PER_GROUP = 16
BANNER_WORKERS = 2
"""On each processor: one draws while the other waits for the bucket, which takes as long. A photo's time is
the network's, whose worker is too large to be there twice.
"""
PHOTO_SECONDS = 300.0
"""Far beyond the slowest photo of 50 megapixels with the large preset on one processor."""
GPU_SECONDS = 60.0
"""What a photo may take on a GPU, which warms up with the first one."""
BANNER_SECONDS = 30.0
MOST_ASKED = 1000
"""Processors that an autoscaler is asked for at most; how many machines it may bring is the cluster's."""
_OBJECT_STORE_BYTES = 256 * 2**20
_Row = TypeVar("_Row", PhotoRow, BannerRow)


class RayWorkers:
    """`pipeline.runner.Workers` on a Ray cluster, which starts, or is joined, when there is work.

    A local cluster unless `address` is given. `processors` of a local cluster, all of the machine's where
    None. `on_gpus`: the network runs on the cluster's GPUs, all of them. Once `stop` says so, nothing new
    is begun. `tell` hears of every row before whoever asked for it, of what is tried again, and every
    second how busy the workers are.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        processors: int | None = None,
        on_gpus: bool = False,
        photo_seconds: float = PHOTO_SECONDS,
        gpu_seconds: float = GPU_SECONDS,
        banner_seconds: float = BANNER_SECONDS,
        stop: Callable[[], bool] = never,
        tell: Tell = tell_nobody,
    ) -> None:
        self._address, self._processors, self._on_gpus = address, processors, on_gpus
        self._photo_seconds, self._banner_seconds = photo_seconds, banner_seconds
        self._gpu_seconds, self._stop, self._tell = gpu_seconds, stop, tell
        self._folder = ""
        self._connected = self._asked = False
        self._gpu_idle: float | None = None

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        """Cut out every photo of `refs`. One photo a call: the time it takes dwarfs what a call costs."""
        self._connect()
        self._ask(refs, 1)
        matters = self._matters(kit) if self._on_gpus else []
        kits: list[Any] = [self._remote(kit, matters, own) for own in range(len(matters))] or [kit]

        def give_up(ref: PhotoRef, timed_out: bool) -> Traced[PhotoRow]:
            reason = Reason.TIMED_OUT if timed_out else Reason.KILLED_WORKER
            detail = "its worker was lost each time, the last time with nothing beside it"
            return Traced(photo_row(ref, kit.recipe, Status.REJECTED, reason=reason, detail=detail), {}, ())

        def note(ref: PhotoRef | None, why: Again, detail: str) -> None:
            self._tell(Retry("cut-outs", why, detail, ref.key if ref else ""))

        gpus = GpuWatch(matters)

        def report(at_work: int) -> None:
            gpus.look()
            self._tell(Load(at_work, gpus.waiting, gpus.idle))

        pool = self._pool(partial(traced, run_photo), kits, 1, self._photo_seconds, give_up, note, report)
        try:
            yield from self._told(pool.run((ref,) for ref in refs))
            gpus.wait()
            report(0)
            self._gpu_idle = gpus.idle
        finally:
            pool.close()
            for matter in matters:
                ray.kill(matter)

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        """Make every banner of `units`, which come grouped by cut-out."""
        self._connect()
        self._ask(_groups(units), BANNER_WORKERS)

        def give_up(unit: Unit, timed_out: bool) -> Traced[BannerRow]:
            fault = Fault.TIMED_OUT if timed_out else Fault.KILLED_WORKER
            detail = "its worker was lost each time, the last time with nothing beside it"
            return Traced(banner_row(unit, kit.run, Status.FAILED, reason=fault, detail=detail), {}, ())

        def note(unit: Unit | None, why: Again, detail: str) -> None:
            photo, banner = (unit.cutout.photo.key, unit.key) if unit else ("", "")
            self._tell(Retry("banners", why, detail, photo, banner))

        def report(at_work: int) -> None:
            self._tell(Load(at_work, 0, None))

        pool = self._pool(
            partial(traced, run_unit), [kit], BANNER_WORKERS, self._banner_seconds, give_up, note, report
        )
        try:
            yield from self._told(pool.run(_groups(units)))
        finally:
            pool.close()

    def _told(self, done: Iterable[Traced[_Row]]) -> Iterator[_Row]:
        for each in done:
            self._tell(each)
            yield each.row

    def gpu_idle(self) -> float | None:
        """The share of the last `photos` in which the GPUs had nothing to do; None where there were none."""
        return self._gpu_idle

    def close(self) -> None:
        """Leave the cluster; a local one is stopped and its logs are removed."""
        if self._asked:
            # A cluster that is gone has no machines to give back.
            with suppress(Exception):
                request_resources(num_cpus=0)
            self._asked = False
        if self._connected:
            ray.shutdown()
            self._connected = False
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def _ask(self, work: Iterable[object], per_processor: int) -> None:
        """Tell a cluster's autoscaler how many workers there is `work` for. It counts what waits for a place,
        and a pool lets one worker wait at most: without a word one machine would be all that comes.
        """
        if self._address:
            self._asked = True
            workers = sum(1 for _ in islice(work, MOST_ASKED * per_processor))
            request_resources(num_cpus=math.ceil(workers / per_processor))

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        # The raylet's paragraph on each dead worker has no switch; the pool says in one line what it means.
        ray._private.worker.print_to_stdstream = _say_nothing
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        self._connected = True
        with _own_signals():
            try:
                self._init(quiet)
            except Exception as error:
                # A bare Exception where a machine is too busy, ConnectionError for a wrong address.
                told = str(error).partition("\n")[0]
                where = self._address or "on this machine"
                raise JobError(f"Ray cannot be used {where}: {told} (--runner local needs none)") from error

    def _init(self, quiet: dict[str, Any]) -> None:
        if self._address:
            ray.init(address=self._address, **quiet)
            return
        # Another cluster on this machine must not be joined by accident, nor its folder shared.
        self._folder = tempfile.mkdtemp(prefix="banners-")
        ray.init(
            address="local",
            num_cpus=self._processors,
            include_dashboard=False,
            # Without a GPU only rows travel; with one photos do, and Ray takes its usual share of memory.
            object_store_memory=None if self._on_gpus else _OBJECT_STORE_BYTES,
            _temp_dir=self._folder,
            **quiet,
        )

    def _pool(
        self,
        step: Any,
        kits: Sequence[Any],
        per_processor: int,
        item_seconds: float,
        give_up: Any,
        note: Any,
        report: Any,
    ) -> Pool[Any, Any]:
        actor: Any = ray.remote(num_cpus=1 / per_processor, max_restarts=0, max_task_retries=0)(Worker)
        return Pool(
            lambda: actor.remote(step),
            kits,
            size=lambda: _there_are("CPU") * per_processor,
            item_seconds=item_seconds,
            give_up=give_up,
            stop=self._stop,
            note=note,
            report=report,
        )

    def _matters(self, kit: PhotoKit) -> list[Any]:
        """An actor on each GPU; the first one is ready. Raises `JobError` where the cluster has none."""
        remote: Any = ray.remote  # whose types do not know groups of threads
        holds_gpu = remote(
            num_gpus=1,
            num_cpus=0,
            max_restarts=-1,
            max_concurrency=AT_THE_DOOR,
            concurrency_groups={STATE: 1},
        )
        actor = holds_gpu(GpuMatter)
        count = max(1, _there_are("GPU"))
        matters = [actor.remote(kit.load_matter, self._gpu_seconds) for _ in range(count)]
        try:
            call(matters[0].load.remote(), START_SECONDS)
        except GetTimeoutError as error:
            raise JobError(
                f"no worker with a GPU has started for {START_SECONDS / 60:.0f} minutes; the cluster has "
                f"{_there_are('GPU')} GPUs (use --device cpu, or add a machine that has one)"
            ) from error
        except RayError as error:
            raise JobError(f"the worker on the GPU cannot be started: {error}") from error
        return matters

    def _remote(self, kit: PhotoKit, matters: Sequence[Any], own: int) -> "_RemoteKit":
        return _RemoteKit(kit, (*matters[own:], *matters[:own]), self._photo_seconds / 3)


@dataclass(frozen=True, slots=True)
class _RemoteKit:
    kit: PhotoKit
    matters: tuple[Any, ...]
    patience: float

    def open(self) -> PhotoTools:
        return self.kit.open(RemoteMatter(self.matters, self.patience))


def _there_are(resource: str) -> int:
    """How many "CPU" or "GPU" the cluster's living machines have in all."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get(resource, 0))


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray answers SIGTERM with a crash report and an abort; whoever handled it before does so again."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _say_nothing(*_: Any, **__: Any) -> None:
    """Takes the place of Ray's printing to the console."""


def _groups(units: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Units of one cut-out, at most `BANNERS_PER_GROUP` together."""
    for _, same in groupby(units, key=lambda unit: unit.cutout.key):
        group = tuple(same)
        yield from (group[at : at + BANNERS_PER_GROUP] for at in range(0, len(group), BANNERS_PER_GROUP))
