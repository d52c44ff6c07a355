"""Rows written down in parts as they come in: whatever stops a run, little of it is unaccounted for."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.order import Progress
from pipeline.types import BannerRow, PhotoRow

PART_ROWS = 256
PART_SECONDS = 20.0
"""How many rows, or how much time, may be missing from the manifest if the driver is killed outright."""
_Row = TypeVar("_Row", PhotoRow, BannerRow)


def gather(rows: Iterator[_Row], note: Callable[[Sequence[_Row]], None], progress: Progress) -> list[_Row]:
    """All rows, written down in parts by `note`, also when something interrupts."""
    done: list[_Row] = []
    noted, since = 0, time.monotonic()
    try:
        for row in rows:
            done.append(row)
            progress.advance(row)
            if len(done) - noted >= PART_ROWS or time.monotonic() - since > PART_SECONDS:
                note(done[noted:])
                noted, since = len(done), time.monotonic()
    finally:
        if noted < len(done):
            note(done[noted:])
    return done
