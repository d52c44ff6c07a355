"""The steps on Ray: the same functions, kits and bytes as in one process.

Photos go to actors of one thread each, as many as the cluster has processors. Keys and small rows travel,
not pixels. With GPUs, the actors that touch untrusted bytes stay on processors, where they may die, and the
network sits in an actor on each GPU that sees checked arrays only: that hand-over is the one place where
pixels travel. Banners go to processors, those of one cut-out together, so that it is loaded once.
"""

import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

# Ray reads these when it is imported: no message about accelerators that nobody asked for, no usage reports.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from jobs.pool import Pool, Worker
from pipeline.cutout import Predictor
from pipeline.errors import Fault, JobError, Reason, Transient
from pipeline.rows import banner_row, photo_row
from pipeline.steps import run_photo, run_unit
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Pixels, Status, Unit
from pipeline.work import BannerKit, PhotoKit, PhotoTools
from shm.matter import Prediction

BANNERS_PER_GROUP = 16
PHOTO_SECONDS = 300.0
"""Far beyond the slowest photo of 50 megapixels with the large preset on one processor."""
BANNER_SECONDS = 30.0
_OBJECT_STORE_BYTES = 256 * 2**20
_GPU_RESTARTS = 3


class RayWorkers:
    """`pipeline.runner.Workers` on a Ray cluster, which starts, or is joined, when there is work.

    A local cluster unless `address` is given. `processors` of a local cluster, all of the machine's where
    None; `gpus` that the network runs on, 0 for none.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        processors: int | None = None,
        gpus: int = 0,
        photo_seconds: float = PHOTO_SECONDS,
        banner_seconds: float = BANNER_SECONDS,
    ) -> None:
        self._address, self._processors, self._gpus = address, processors, gpus
        self._photo_seconds, self._banner_seconds = photo_seconds, banner_seconds
        self._folder = ""
        self._connected = False

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        """Cut out every photo of `refs`. One photo a call: the time it takes dwarfs what a call costs."""
        self._connect()
        matters = [self._matter(kit) for _ in range(self._gpus)]
        kits: list[Any] = [_RemoteKit(kit, matter) for matter in matters] or [kit]

        def give_up(ref: PhotoRef, timed_out: bool) -> PhotoRow:
            reason = Reason.TIMED_OUT if timed_out else Reason.KILLED_WORKER
            detail = "its worker was lost each time, the last time with nothing beside it"
            return photo_row(ref, kit.recipe, Status.REJECTED, reason=reason, detail=detail)

        pool = self._pool(run_photo, kits, self._photo_seconds, give_up)
        try:
            yield from pool.run((ref,) for ref in refs)
        finally:
            pool.close()
            for matter in matters:
                ray.kill(matter)

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        """Make every banner of `units`, which come grouped by cut-out."""
        self._connect()

        def give_up(unit: Unit, timed_out: bool) -> BannerRow:
            fault = Fault.TIMED_OUT if timed_out else Fault.KILLED_WORKER
            detail = "its worker was lost each time, the last time with nothing beside it"
            return banner_row(unit, kit.run, Status.FAILED, reason=fault, detail=detail)

        pool = self._pool(run_unit, [kit], self._banner_seconds, give_up)
        try:
            yield from pool.run(_groups(units))
        finally:
            pool.close()

    def close(self) -> None:
        """Leave the cluster; a local one is stopped and its logs are removed."""
        if self._connected:
            ray.shutdown()
            self._connected = False
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        # The raylet's paragraph on each dead worker has no switch; the pool says in one line what it means.
        ray._private.worker.print_to_stdstream = _say_nothing
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        self._connected = True
        with _own_signals():
            self._init(quiet)

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
            object_store_memory=None if self._gpus else _OBJECT_STORE_BYTES,
            _temp_dir=self._folder,
            **quiet,
        )

    def _pool(self, step: Any, kits: Sequence[Any], item_seconds: float, give_up: Any) -> Pool[Any, Any]:
        actor: Any = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        size = max(1, int(resources.get("CPU", 1)))
        return Pool(lambda: actor.remote(step), kits, size=size, item_seconds=item_seconds, give_up=give_up)

    def _matter(self, kit: PhotoKit) -> Any:
        actor: Any = ray.remote(num_gpus=1, num_cpus=0, max_restarts=_GPU_RESTARTS)(GpuMatter)
        matter = actor.remote(kit.load_matter)
        _get(matter.load.remote())
        return matter


class GpuMatter:
    """The actor that holds a GPU. Loads again by itself after a restart."""

    def __init__(self, load: Callable[[], Predictor]) -> None:
        self._load = load
        self._matter: Predictor | None = None

    def load(self) -> None:
        """Load the network now, so that what is wrong with it is told before the first photo."""
        self._matter = self._matter or self._load()

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `shm.matter.Matter.predict`."""
        self.load()
        assert self._matter is not None
        return self._matter.predict(photos)


class RemoteMatter:
    """`Predictor` for a worker without a GPU: hands checked arrays to the actor that has one."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `shm.matter.Matter.predict`. Raises `Transient` while the actor is restarting."""
        try:
            predictions: list[Prediction] = _get(self._actor.predict.remote(photos))
        except ActorDiedError as error:
            raise JobError(f"the worker on the GPU died {_GPU_RESTARTS + 1} times: {error}") from error
        except RayError as error:
            raise Transient(f"the worker on the GPU was lost: {type(error).__name__}") from error
        return predictions


@dataclass(frozen=True, slots=True)
class _RemoteKit:
    kit: PhotoKit
    actor: Any

    def open(self) -> PhotoTools:
        return self.kit.open(RemoteMatter(self.actor))


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray answers SIGTERM with a crash report and an abort; whoever handled it before does so again."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _say_nothing(*_: Any, **__: Any) -> None:
    """Takes the place of Ray's printing to the console."""


def _get(reference: Any) -> Any:
    """`ray.get` that raises what the actor raised, not Ray's account of it."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None


def _groups(units: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Units of one cut-out, at most `BANNERS_PER_GROUP` together."""
    for _, same in groupby(units, key=lambda unit: unit.cutout.key):
        group = tuple(same)
        yield from (group[at : at + BANNERS_PER_GROUP] for at in range(0, len(group), BANNERS_PER_GROUP))
