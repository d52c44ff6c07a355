"""What earlier runs of a campaign wrote down of its banners."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from pipeline import manifest
from pipeline.alarm import NIGHTS, NOTHING, Looked
from pipeline.errors import StoreError
from pipeline.manifest import RunId
from pipeline.store import ObjectStore
from pipeline.types import BannerRow


@dataclass(frozen=True, slots=True)
class Past:
    """Banner rows of earlier runs by key; `finished` is the run if they are all of one finished run; `last`
    the run that sorts last, finished or not.
    """

    rows: Mapping[str, BannerRow]
    finished: RunId | None
    last: RunId | None = None

    @property
    def briefs(self) -> set[str]:
        """What the banners were made by; rows of earlier versions do not say so."""
        return {row.brief for row in self.rows.values()} - {""}


def read_past(store: ObjectStore, campaign: str) -> Past:
    """What the last finished run wrote down, and all unfinished ones since."""
    runs = manifest.list_runs(store, campaign)
    done = manifest.latest_run(store, campaign)
    since = runs[runs.index(done) :] if done is not None else runs
    rows = {row.key: row for run in since for row in manifest.read_banners(store, run)}
    return Past(rows, finished=done if len(since) == 1 else None, last=runs[-1] if runs else None)


def essence(rows: Iterable[BannerRow]) -> set[tuple[str, str, str, str]]:
    """What two runs have to agree in to say the same: keys, their variants, and how each ended."""
    return {(row.key, row.variant, str(row.status), row.reason) for row in rows}


def nights_before(store: ObjectStore, run: RunId) -> list[Looked]:
    """What the last `NIGHTS` nights before that of `run` found in the photos that they looked at.

    A night is a date: its finished runs count together. Another run of the same date is no night before. A
    summary that cannot be read counts for nothing: this is a statistic, for which no night may end.
    """
    earlier = [each for each in manifest.list_runs(store, run.campaign) if each.date != run.date]
    dates = list(dict.fromkeys(each.date for each in reversed(earlier)))[:NIGHTS]
    nights: dict[date, Looked] = {}
    for each in earlier:
        looked = _looked(store, each) if each.date in dates else None
        if looked is not None:
            nights[each.date] = nights.get(each.date, NOTHING) + looked
    return list(nights.values())


def _looked(store: ObjectStore, run: RunId) -> Looked | None:
    with suppress(StoreError):
        summary = manifest.read_summary(store, run)
        return summary.looked if summary else None
    return None
