"""What a person sees of a run: a bar on a terminal, plain lines in a log, and what it all came to."""

import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from pipeline.order import Outcome, Progress
from pipeline.report import Notice
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import banner_words, photo_words, reasons_of

MOST_LINES = 20
"""Of one kind; the proof sheet has them all."""
MOST_NAMES = 3
"""Of banners that share a reason."""
_EVERY_SECONDS = 15.0


class Silent:
    """No progress."""

    def begin(self, stage: str, total: int) -> None:
        """Nothing."""

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Lines:
    """Progress for logs: a line at a stage's begin and end, and now and then between."""

    def begin(self, stage: str, total: int) -> None:
        """Say what is to come."""
        self._stage, self._total, self._done = stage, total, 0
        self._started = self._said = time.monotonic()
        print(f"{stage}: {total} to make", flush=True)

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """Say how far it is, but not too often."""
        self._done += 1
        if self._done == 1:
            self._first = time.monotonic()  # before it, workers were starting
        elif time.monotonic() - self._said > _EVERY_SECONDS:
            self._said = time.monotonic()
            left = (self._said - self._first) / (self._done - 1) * (self._total - self._done)
            print(f"{self._stage}: {self._done} of {self._total}, about {left:.0f} s left", flush=True)

    def end(self) -> None:
        """Say how long it took."""
        seconds = time.monotonic() - self._started
        print(f"{self._stage}: {self._done} of {self._total} in {seconds:.1f} s", flush=True)


class Bar:
    """Progress for a terminal."""

    def begin(self, stage: str, total: int) -> None:
        """Draw the bar."""
        from rich import progress  # 60 ms that a log need not pay for

        columns: list[Any] = [progress.TextColumn("{task.description:>9}"), progress.BarColumn()]
        columns += [
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        ]
        self._bar = progress.Progress(*columns)
        self._bar.start()
        self._task = self._bar.add_task(stage, total=total)

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """Move it."""
        self._bar.advance(self._task)

    def end(self) -> None:
        """Leave it standing."""
        self._bar.stop()


def progress_for(*, quiet: bool) -> Progress:
    """A bar where a person looks, lines where a file is written, nothing if asked for quiet."""
    if quiet:
        return Silent()
    return Bar() if sys.stdout.isatty() else Lines()


def tell(outcome: Outcome, banners_in: str, *, quiet: bool) -> None:
    """What the night made, where, what was held back or refused and why; last of all the proof sheet."""
    if not quiet:
        tell_notices(outcome.notices)
        _tell_photos(outcome.photos)
        _tell_banners(outcome.banners)
    if not outcome.made:
        print("nothing to do: every banner that can be made is there already")
    print(f"photos: {_counts(outcome.photos)}")
    print(f"banners: {_counts(outcome.banners)}")
    if outcome.left:
        print(f"left for the next run: {outcome.left}")
    print(f"banners are in: {banners_in}")
    print(f"proof sheet: {outcome.sheet}")


def tell_notices(notices: Iterable[Notice]) -> None:
    """What no row can show, in a line each."""
    for notice in notices:
        shown = ", ".join(notice.items[:MOST_LINES])
        more = f", and {len(notice.items) - MOST_LINES} more" if len(notice.items) > MOST_LINES else ""
        print(f"note: {notice.title}: {shown}{more}")


def _tell_photos(rows: Iterable[PhotoRow]) -> None:
    bad = [row for row in rows if row.status is not Status.STORED]
    _tell(
        f"{row.status} photo {row.key}: {photo_words(row.reason)} ({row.reason}: {row.detail})" for row in bad
    )


def _tell_banners(rows: Sequence[BannerRow]) -> None:
    """A line for each reason: how many banners, which ones, and the first one's detail."""
    groups: dict[tuple[Status, str], list[BannerRow]] = {}
    for row in rows:
        if row.status is not Status.STORED:
            groups.setdefault((row.status, row.reason), []).append(row)
    for (status, reason), same in groups.items():
        words = "; ".join(banner_words(each) for each in reasons_of(reason))
        named = ", ".join(f"{row.segment} {row.product} {row.design} {row.size}" for row in same[:MOST_NAMES])
        more = f" and {len(same) - MOST_NAMES} more" if len(same) > MOST_NAMES else ""
        detail = f" ({same[0].detail})" if same[0].detail and status is not Status.HELD else ""
        print(f"{status} {len(same)} banners: {words} ({reason}): {named}{more}{detail}")


def _tell(lines: Iterable[str]) -> None:
    told = list(lines)
    for line in told[:MOST_LINES]:
        print(line)
    if len(told) > MOST_LINES:
        print(f"… and {len(told) - MOST_LINES} more like these, all of them on the proof sheet")


def _counts(rows: Collection[PhotoRow] | Collection[BannerRow]) -> str:
    counts = Counter(str(row.status) for row in rows)
    by_status = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    return f"{len(rows)} in all, {by_status}" if len(rows) else "none"
