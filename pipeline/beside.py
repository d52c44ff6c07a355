"""Two runs of a campaign side by side: which banners changed, came, left, or stayed as they were.

A banner is followed by its place (segment, product, design, size), for its key changes whenever it is drawn
otherwise. Of several banners at one place those with the same key belong together, the others in order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.manifest import RunId, latest_run, read_banners
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, Status


class Change(StrEnum):
    """What became of a banner since the earlier run, in the order in which people want to see it."""

    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Beside:
    """The earlier run and its rows."""

    run: RunId
    rows: Sequence[BannerRow]


@dataclass(frozen=True, slots=True)
class Followed:
    """One banner and its earlier self; `before` None for a new one. `words` say what is different."""

    change: Change
    before: BannerRow | None
    words: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`by_key` what became of each banner of the run; `gone` the earlier run's banners that it has not."""

    by_key: Mapping[str, Followed]
    gone: tuple[BannerRow, ...]


def run_before(store: ObjectStore, run: RunId) -> Beside | None:
    """The campaign's last finished run that began before `run`; None for the first."""
    earlier = latest_run(store, run.campaign, before=run)
    return Beside(earlier, read_banners(store, earlier)) if earlier else None


def compare(rows: Iterable[BannerRow], before: Iterable[BannerRow]) -> Comparison:
    """Follow every banner of two runs."""
    earlier, later = _by_place(before), _by_place(rows)
    by_key: dict[str, Followed] = {}
    gone: list[BannerRow] = []
    for place in earlier.keys() | later.keys():
        left = _follow(later.get(place, []), earlier.get(place, []), by_key)
        gone += left
    return Comparison(by_key, tuple(sorted(gone, key=lambda row: row.key)))


def _follow(
    rows: Sequence[BannerRow], before: Sequence[BannerRow], by_key: dict[str, Followed]
) -> list[BannerRow]:
    """Pair the banners of one place; the earlier ones that nothing follows are returned."""
    old = {row.key: row for row in before}
    same = [row for row in rows if row.key in old]
    for row in same:
        by_key[row.key] = _pair(row, old.pop(row.key))
    rest = [row for row in rows if row.key not in by_key]
    left = list(old.values())
    for index, row in enumerate(rest):
        by_key[row.key] = _pair(row, left[index] if index < len(left) else None)
    return left[len(rest) :]


def _pair(row: BannerRow, before: BannerRow | None) -> Followed:
    if before is None:
        return Followed(Change.NEW, None, "")
    if (row.key, row.status, row.reason) == (before.key, before.status, before.reason):
        return Followed(Change.SAME, before, "")
    return Followed(Change.CHANGED, before, _difference(row, before))


_ENDED = {Status.STORED: "stored", Status.HELD: "held back", Status.FAILED: "not made"}


def _difference(row: BannerRow, before: BannerRow) -> str:
    """What is different, as far as rows tell."""
    told = []
    if row.status is not before.status:
        was, now = (_ENDED.get(each.status, "without a photo") for each in (before, row))
        told.append(f"was {was}, now {now}")
    if row.variant != before.variant:
        told.append(f"variant {row.variant or 'none'} instead of {before.variant or 'none'}")
    if row.photo_contents != before.photo_contents:
        told.append("another photo")
    elif row.cutout_key != before.cutout_key:
        told.append("cut out anew")
    elif row.recipe != before.recipe:
        told.append("words, price, design or fonts")
    return "; ".join(told) or "held for another reason"


def _by_place(rows: Iterable[BannerRow]) -> dict[tuple[str, ...], list[BannerRow]]:
    places: dict[tuple[str, ...], list[BannerRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.key):
        places[row.segment, row.product, row.design, row.size].append(row)
    return places
