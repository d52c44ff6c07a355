"""Which banners have to be made tonight: those that the campaign asks for and that are not there yet.

The last of two steps, so that a wrong rule or design stops a run before any photo is touched: `want` needs
only what the user wrote, `plan_banners` also what became of the photos.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from pipeline.duplicates import unmarked
from pipeline.errors import Fault
from pipeline.ledger import cutout_ref
from pipeline.rows import unmade_row
from pipeline.segments import choose_photo
from pipeline.template import DocumentError
from pipeline.types import BannerRow, CutoutRef, PhotoRow, Size, Status, Unit
from pipeline.units import Press, Source, Units, banner_key, make_unit
from pipeline.wanted import Wanted

KEPT = "kept"
"""`detail` of the row of a banner that an earlier run had stored already."""

_PASSING = {
    Fault.KILLED_WORKER,
    Fault.SOURCE_GONE,
    Fault.TIMED_OUT,
    Fault.UNAVAILABLE,
    Fault.CRASHED,
    Fault.TOO_HEAVY,
}
"""Faults that another night may not have; too heavy banners failed once, and are held by now. Any other
failure of the same recipe would only repeat itself."""


@dataclass(frozen=True, slots=True)
class BannerPlan:
    """`rows` of banners that need no work or cannot be made; `todo` units, those of one cut-out together."""

    rows: tuple[BannerRow, ...]
    todo: Sequence[Unit]


def plan_banners(
    wanted: Iterable[Wanted],
    photos: Mapping[str, PhotoRow],
    press: Press,
    *,
    stored: Container[str],
    past: Mapping[str, BannerRow],
    waiting: Container[str] = (),
) -> BannerPlan:
    """One row or one unit for each banner that the campaign asks for.

    `photos` rows of all photos of the bucket by their key; `stored` keys of the banners in the output
    store; `past` rows of earlier runs by their banner's key. A stored banner without a row was interrupted
    before its row was written, so nobody knows what its gates said: it is made again, to the same bytes.
    `waiting` keys of photos that are there and will be cut out another night.
    """
    shelf = _Shelf(photos, waiting)
    rows: list[BannerRow] = []
    todo: list[tuple[Source, Size]] = []
    for each in wanted:
        source = shelf.source(each)
        if isinstance(source, _Lacking):
            rows += [_unmade(each, size, source, press) for size in each.segment.sizes]
            continue
        document = str(each.document)
        for size in each.segment.sizes:
            row = _past_row(past.get(make_unit(source, document, size, press).key), stored)
            if row is None:
                todo.append((source, size))
            else:
                kept = replace(row, run=press.run.run, date=press.run.date)
                rows.append(replace(kept, variant=each.segment.variant))
    todo.sort(key=lambda task: (task[0].cutout.key, task[0].second.key if task[0].second else ""))
    return BannerPlan(tuple(rows), Units(todo, press))


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Why it cannot be made."""

    status: Status
    reason: str
    detail: str
    photo_key: str = ""
    photo_content: str = ""


class _Shelf:
    """The photos that there are, as banners ask for them; one reference to a cut-out serves all of them."""

    def __init__(self, photos: Mapping[str, PhotoRow], waiting: Container[str]) -> None:
        self._photos, self._waiting = photos, waiting
        self._usable = {key for key, row in photos.items() if row.status is Status.STORED}
        self._cutout = cache(lambda key: cutout_ref(photos[key]))

    def source(self, want: Wanted) -> Source | _Lacking:
        """What the banners of `want` are made from, or why they cannot be."""
        if isinstance(want.document, DocumentError):
            return _Lacking(Status.FAILED, want.document.fault, want.document.detail)
        key = choose_photo(want.product, want.segment, self._usable)
        if key is not None:
            return Source(want, self._cutout(key), self._second(want, key))
        for key in want.product.photos:
            if key in self._waiting:
                told = f"{key}: --max-new-mattes put it off"
                return _Lacking(Status.REJECTED, Fault.PHOTO_WAITS, told, key)
        key = choose_photo(want.product, want.segment, self._photos)
        if key is None:
            named = ", ".join(want.product.photos)
            told = f"not in the bucket: {named}" if named else "the catalogue names no photo"
            return _Lacking(Status.REJECTED, Fault.NO_PHOTO, told)
        photo = self._photos[key]
        if photo.status is Status.FAILED:
            return _Lacking(Status.FAILED, photo.reason, f"{key}: {photo.detail}", key, photo.content)
        told = f"{photo.reason}: {key}: {photo.detail}"
        return _Lacking(Status.REJECTED, Fault.PHOTO_REJECTED, told, key, photo.content)

    def _second(self, want: Wanted, first: str) -> CutoutRef | None:
        """The product's next photo by the segment's own rule; a copy of the first under another name is
        none.
        """
        shown = self._photos[first].content
        named = (key for key in want.product.photos if key in self._usable)
        others = {key for key in named if self._photos[key].content != shown}
        key = choose_photo(want.product, want.segment, others)
        return None if key is None else self._cutout(key)


def _past_row(row: BannerRow | None, stored: Container[str]) -> BannerRow | None:
    """The row of an earlier run if it still holds: the banner is there, or could never be made."""
    if row is None or (row.status is Status.FAILED and row.reason in _PASSING):
        return None
    if row.status is Status.FAILED:
        return row
    if row.key not in stored:
        return None
    row = unmarked(row)  # tonight's rows decide anew which of two alike is held
    return replace(row, detail=KEPT) if row.status is Status.STORED else row


def _unmade(want: Wanted, size: Size, lacking: _Lacking, press: Press) -> BannerRow:
    return unmade_row(
        press.run,
        want.segment,
        want.product.id,
        want.design,
        size,
        lacking.status,
        key=banner_key(want, size, press, "unmade"),
        reason=str(lacking.reason),
        detail=lacking.detail,
        photo_key=lacking.photo_key,
        photo_content=lacking.photo_content,
    )
