"""Runs and parts are named after the time, and sort by it. Each machine names them by a clock of its own.

One whose clock was ahead would have the last word until that time has come. So whatever is written is named
later than all that is there, and where that is far ahead of the clock, people are told.
"""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

STAMP_DIGITS = 20
MUCH = timedelta(minutes=5)
"""Machines that set their clocks by the network differ by less than a second."""

_STAMP = re.compile(rf"(?:^|/)(\d{{{STAMP_DIGITS}}})-[^/]*$", re.ASCII)
_RUN_TIME = "%Y%m%dT%H%M%SZ"


def newest_stamp(keys: Iterable[str]) -> int:
    """When the newest of these parts was written, in ns since 1970; 0 if there is none."""
    return max((int(found[1]) for key in keys if (found := _STAMP.search(key))), default=0)


def stamp_after(newest: int) -> str:
    """The present time as a part's stamp, but later than `newest`."""
    return f"{max(time.time_ns(), newest + 1):0{STAMP_DIGITS}}"


def name_after(newest: str, name: str) -> str:
    """The run's `name`, but of a time later than that of the run `newest`, if it would sort before it."""
    at = run_time(newest)
    if name > newest or at is None:
        return name
    return f"{at + timedelta(seconds=1):{_RUN_TIME}}-{name.rpartition('-')[2]}"


def much_ahead(now: datetime, run: str, stamp: int) -> tuple[str, ...]:
    """What is named for a time far after `now`: the run of this name, a part of this stamp in ns."""
    at, this = run_time(run), now.timestamp()
    ahead = {
        f"the run {run}": at.timestamp() - this if at else 0.0,
        "the newest part of the ledger": stamp / 1e9 - this,
    }
    return tuple(
        f"{what} by {timedelta(seconds=round(by))}" for what, by in ahead.items() if by > MUCH.total_seconds()
    )


def run_time(name: str) -> datetime | None:
    """When a run of this name began by its own clock; None for names that no run gives itself."""
    try:
        return datetime.strptime(name.partition("-")[0], _RUN_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
