"""Who does the work: one process here, Ray in `jobs.nightly`. Both run the same steps on the same kits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from pipeline.steps import run_photo, run_unit
from pipeline.trace import Tell, tell_nobody, traced
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Unit
from pipeline.work import BannerKit, PhotoKit


class Workers(Protocol):
    """Rows come in any order, exactly one for each item.

    Raises `JobError`, and `KeyboardInterrupt` after the last row where somebody stopped it.
    """

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        """Cut out every photo of `refs`."""

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        """Make every banner of `units`, which come grouped by cut-out."""

    def gpu_idle(self) -> float | None:
        """The share of the last `photos` in which the GPUs had nothing to do; None where there were none."""

    def close(self) -> None:
        """Let go of processes and machines. Safe to call twice."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


class LocalWorkers:
    """One after the other in this process. Once `stop` says so, nothing new is begun. `tell` hears of every
    row before whoever asked for it.
    """

    def __init__(self, stop: Callable[[], bool] = never, tell: Tell = tell_nobody) -> None:
        self._stop, self._tell = stop, tell

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        """Cut out every photo of `refs`, in their order."""
        tools = kit.open()
        for ref in refs:
            self._go_on()
            photo = traced(run_photo, ref, tools)
            self._tell(photo)
            yield photo.row

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        """Make every banner of `units`, in their order."""
        tools = kit.open()
        for unit in units:
            self._go_on()
            banner = traced(run_unit, unit, tools)
            self._tell(banner)
            yield banner.row

    def gpu_idle(self) -> None:
        """Nobody measures it here: the network waits while everything else works."""

    def close(self) -> None:
        """Nothing is held."""

    def _go_on(self) -> None:
        if self._stop():
            raise KeyboardInterrupt


class Deferred:
    """Workers that come into being when there is work, so that a night without any does not pay for them."""

    def __init__(self, make: Callable[[], Workers]) -> None:
        self._make = make
        self._workers: Workers | None = None

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        """Cut out every photo of `refs`."""
        return self._get().photos(kit, refs)

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        """Make every banner of `units`."""
        return self._get().banners(kit, units)

    def gpu_idle(self) -> float | None:
        """As they say; None where they were never needed."""
        return self._workers.gpu_idle() if self._workers is not None else None

    def close(self) -> None:
        """Close them, if there are any."""
        if self._workers is not None:
            self._workers.close()

    def _get(self) -> Workers:
        self._workers = self._workers or self._make()
        return self._workers
