"""Who watches a run: a person (`jobs.console`), Prometheus (`jobs.metrics`), a file of JSON lines
(`jobs.jsonlines`).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from jobs.jsonlines import JsonLines
from jobs.metrics import Measured, RayRecorder
from pipeline.errors import BannersError, JobError
from pipeline.manifest import RunId
from pipeline.order import Progress
from pipeline.trace import Event
from pipeline.types import BannerRow, PhotoRow


class Watcher(Protocol):
    """Sees more than a person wants to: every row with its steps, and everything that was tried again."""

    def begin(self, stage: str, total: int) -> None:
        """`total` rows of "cut-outs" or "banners" are to come."""

    def see(self, event: Event) -> None:
        """A row has come, or something is tried again."""

    def end(self) -> None:
        """The stage is over."""


class Observers:
    """The night's `Progress`, and its workers' `tell` is `see`: the person is told of rows as the night has
    them, the watchers by those who made them.
    """

    def __init__(self, person: Progress, watchers: Sequence[Watcher]) -> None:
        self._person, self._watchers = person, tuple(watchers)

    def begin(self, stage: str, total: int) -> None:
        """Told on to all."""
        self._person.begin(stage, total)
        for each in self._watchers:
            each.begin(stage, total)

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """Told on to the person."""
        self._person.advance(row)

    def see(self, event: Event) -> None:
        """Told on to the watchers."""
        for each in self._watchers:
            each.see(event)

    def end(self) -> None:
        """Told on to all."""
        self._person.end()
        for each in self._watchers:
            each.end()


@contextmanager
def observing(person: Progress, run: RunId, log: Path | None) -> Iterator[Observers]:
    """`person`, metrics, and JSON lines added to the file `log` if there is one. Raises `JobError` for a file
    that cannot be written.
    """
    measured = Measured(run.campaign, RayRecorder(), time.time)
    if log is None:
        yield Observers(person, [measured])
        return
    try:
        out = log.open("a", encoding="utf-8")
    except OSError as error:
        raise JobError(f"{log}: cannot be written: {error.strerror}") from error
    with out:
        lines = JsonLines(run, out)
        try:
            yield Observers(person, [measured, lines])
        except BannersError as error:
            lines.failed(str(error))
            raise
