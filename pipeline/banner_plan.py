"""Which banners have to be made tonight: those that the campaign asks for and that are not there yet.

The last of two steps, so that a wrong rule or design stops a run before any photo is touched: `want` needs
only what the user wrote, `plan_banners` also what became of the photos.
"""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from pipeline.duplicates import unmarked
from pipeline.errors import Fault
from pipeline.ledger import cutout_ref
from pipeline.recipe import may_show_second
from pipeline.rows import unmade_row
from pipeline.segments import choose_photo
from pipeline.template import DocumentError
from pipeline.types import BannerRow, CutoutRef, PhotoRow, Size, Status, Unit
from pipeline.units import Press, Source, Units, banner_key, make_unit
from pipeline.wanted import Wanted, render

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
    shelf, made = _Shelf(photos, waiting), _Made(past, stored)
    wanted = list(wanted)
    sources = [shelf.source(each) for each in wanted]
    due = [at for at, source in enumerate(sources) if made.lacks_document(source)]
    for at, each in zip(due, render([wanted[at] for at in due]), strict=True):
        wanted[at], sources[at] = each, shelf.source(each)
    rows: list[BannerRow] = []
    todo: list[tuple[Source, Size]] = []
    for each, source in zip(wanted, sources, strict=True):
        if isinstance(source, _Lacking):
            rows += [_unmade(each, size, source, press) for size in each.segment.sizes]
            continue
        known = made.by_brief(source)
        document = "" if len(known) == len(each.segment.sizes) else str(source.wanted.document)
        for size in each.segment.sizes:
            row = known.get(size) or made.by_key(make_unit(source, document, size, press).key)
            if row is None:
                todo.append((source, size))
            else:
                run, variant = press.run, each.segment.variant
                rows.append(replace(row, run=run.run, date=run.date, brief=each.brief, variant=variant))
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


class _Made:
    """Rows of earlier runs that still hold: their banner is there, or could never be made."""

    def __init__(self, past: Mapping[str, BannerRow], stored: Container[str]) -> None:
        self._past, self._stored = past, stored
        self._by_brief = {
            (row.brief, row.size, row.cutout_key, row.second_cutout_key or None): row.key
            for row in past.values()
            if row.brief and row.cutout_key
        }

    def lacks_document(self, source: "Source | _Lacking") -> bool:
        """Whether `source` was not rendered, as there are banners by its brief, and has to be all the same:
        for another cut-out, another size, or a banner that is gone.
        """
        if isinstance(source, _Lacking) or source.wanted.document is not None:
            return False
        return len(self.by_brief(source)) < len(source.wanted.segment.sizes)

    def by_brief(self, source: Source) -> dict[Size, BannerRow]:
        """The banners that were made of the same cut-outs by the same brief."""
        want, second = source.wanted, source.second
        if second is not None and not may_show_second(want.request.design):
            second = None
        # One that is only hoped for has no key yet, and is not nobody.
        made_of = source.cutout.key, second.key if second else None
        found = {}
        for size in want.segment.sizes if want.brief else ():
            key = self._by_brief.get((want.brief, str(size), *made_of), "")
            if (row := self.by_key(key)) is not None:
                found[size] = row
        return found

    def by_key(self, key: str) -> BannerRow | None:
        """The banner with this key."""
        row = self._past.get(key)
        if row is None or (row.status is Status.FAILED and row.reason in _PASSING):
            return None
        if row.status is Status.FAILED:
            return row
        if row.key not in self._stored:
            return None
        row = unmarked(row)  # tonight's rows decide anew which of two alike is held
        return replace(row, detail=KEPT) if row.status is Status.STORED else row


def _whose(want: Wanted) -> str:
    """Tells `X` in `new-card` from `X-new` in `card`, which no recipe does where nothing is drawn."""
    return hashlib.sha256(f"{want.product.id}\0{want.design}".encode()).hexdigest()[:10]


def _unmade(want: Wanted, size: Size, lacking: _Lacking, press: Press) -> BannerRow:
    """Its row. A document that cannot be rendered has no brief: an error is told every night."""
    return unmade_row(
        press.run,
        want.segment,
        want.product.id,
        want.design,
        size,
        lacking.status,
        key=banner_key(want, size, press, f"unmade-{_whose(want)}"),
        reason=str(lacking.reason),
        detail=lacking.detail,
        photo_key=lacking.photo_key,
        photo_content=lacking.photo_content,
        brief="" if isinstance(want.document, DocumentError) else want.brief,
    )
