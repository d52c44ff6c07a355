"""What a worker notes of the photo or banner at hand beside its row: how long each step took, what was tried
again.

It comes with the row and is told to whoever watches the run; the manifest keeps the row alone. A worker that
dies takes its notes with it; what the work of a lost worker costs is told by who hands it out.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeAlias, TypeVar

from pipeline.types import BannerRow, PhotoRow

_Item = TypeVar("_Item")
_Row = TypeVar("_Row", PhotoRow, BannerRow)


class Again(StrEnum):
    """Why something was tried again."""

    UNAVAILABLE = "unavailable"
    """The store failed in passing; that step alone is done again."""
    KILLED_WORKER = "killed_worker"
    TIMED_OUT = "timed_out"
    GPU_LOST = "gpu_lost"
    """The actor that holds a GPU died over it, or over a neighbour."""
    NO_GPU_READY = "no_gpu_ready"
    NOT_STARTED = "not_started"
    """A worker died before it got any work."""


@dataclass(frozen=True, slots=True)
class Retry:
    """`step` is the step that is done again, or the stage where all of them are. `photo` and `banner` are
    keys, "" where it is about none.
    """

    step: str
    why: Again
    detail: str
    photo: str = ""
    banner: str = ""


@dataclass(frozen=True, slots=True)
class Traced(Generic[_Row]):
    """A row; `seconds` by step, in their order; `retries` that its worker made."""

    row: _Row
    seconds: Mapping[str, float]
    retries: tuple[Retry, ...]

    @property
    def last(self) -> str:
        """The step that it came to, at which it ended if it was refused; "" where nobody knows."""
        return list(self.seconds)[-1] if self.seconds else ""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the workers are: `at_work` photos or banners are begun and not ended, `at_gpus` of them wait
    for a GPU. `gpu_idle` is the share of the stage's time so far in which the GPUs had nothing to do, in
    [0, 1]; None where there are none.
    """

    at_work: int
    at_gpus: int
    gpu_idle: float | None


Event: TypeAlias = Traced[PhotoRow] | Traced[BannerRow] | Retry | Load
Tell: TypeAlias = Callable[[Event], None]


def tell_nobody(event: Event) -> None:
    """Nobody watches."""


class Trace:
    """One worker's notes, on the item at hand."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._again: list[tuple[str, str]] = []

    def clear(self) -> None:
        """For the next item."""
        self._seconds, self._again = {}, []

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[Exception], None]]:
        """Notes how long it takes, whichever way it ends; call what it gives before trying again."""
        started = time.perf_counter()
        try:
            yield self.retried(name)
        finally:
            self._seconds[name] = time.perf_counter() - started

    def retried(self, name: str) -> Callable[[Exception], None]:
        """Notes that `name` is tried again because of an error."""
        return lambda error: self._again.append((name, str(error)))

    def of(self, row: _Row) -> Traced[_Row]:
        """The row with everything noted."""
        photo, banner = _keys(row)
        again = (Retry(name, Again.UNAVAILABLE, detail, photo, banner) for name, detail in self._again)
        return Traced(row, self._seconds, tuple(again))


def traced(run: Callable[[_Item, Any], _Row], item: _Item, tools: Any) -> Traced[_Row]:
    """`run(item, tools)` with what `tools.trace` noted meanwhile."""
    trace: Trace = tools.trace
    trace.clear()
    return trace.of(run(item, tools))


def _keys(row: PhotoRow | BannerRow) -> tuple[str, str]:
    return (row.key, "") if isinstance(row, PhotoRow) else (row.photo_key, row.key)
