"""What has to be made tonight: photos whose outcome is unknown, banners that are not there yet.

Every photo of the bucket is planned for matting, named by a product or not: a damaged file is reported on
the night it arrives, not on the night a campaign first needs it, and the cut-outs are ready when one does.
Banners are planned in two steps, so that a wrong rule or design stops a run before any photo is touched:
`want` needs only what the user wrote, `plan_banners` also what became of the photos. Planning reads listings
and tables, never a picture; on an unchanged bucket it finds nothing to do.
"""

import hashlib
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from pipeline.catalogue import key_part
from pipeline.digests import KeySet
from pipeline.duplicates import unmarked
from pipeline.encode import EncodeLimits
from pipeline.errors import Fault, Reason
from pipeline.fonts import FontBook
from pipeline.keys import is_safe_key
from pipeline.known import KnownPhotos
from pipeline.ledger import Ledger, cutout_ref
from pipeline.manifest import RunId
from pipeline.recipe import banner_recipe, font_uses, shows_second
from pipeline.rows import photo_row, unmade_row
from pipeline.segments import choose_photo
from pipeline.store import ObjectStore
from pipeline.template import DocumentError
from pipeline.types import (
    BannerRow,
    CutoutRef,
    Listed,
    PhotoRef,
    PhotoRow,
    Size,
    Status,
    Unit,
)
from pipeline.wanted import Wanted

CUTOUTS = "cutouts/"
"""Where cut-outs lie in the output store."""
_PAGE = 4096
"""Objects of a listing that are looked up together."""
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
class PhotoPlan:
    """`known` rows of photos that need no work; `todo` photos to be cut out, in the bucket's order; `waiting`
    photos that are to be cut out another night.
    """

    known: Collection[PhotoRow]
    todo: tuple[PhotoRef, ...]
    waiting: tuple[PhotoRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Press:
    """What decides a banner's bytes beside its document and cut-out."""

    run: RunId
    limits: Mapping[Size, EncodeLimits]
    fonts: FontBook


@dataclass(frozen=True, slots=True)
class BannerPlan:
    """`rows` of banners that need no work or cannot be made; `todo` units, those of one cut-out together."""

    rows: tuple[BannerRow, ...]
    todo: tuple[Unit, ...]


# ── photos ────────────────────────────────────────────────────────────────────────────────────────────────


def plan_photos(
    photos: ObjectStore,
    output: ObjectStore,
    ledger: Ledger,
    recipe: str,
    *,
    earlier: Sequence[str] = (),
    most_new: int | None = None,
) -> PhotoPlan:
    """Join the bucket's listing with the ledger. A cut-out that has disappeared is made again.

    With `most_new` at most so many photos are to be cut out, those first that have no cut-out at all. The
    others wait for another night, or keep what one of the `earlier` recipes made of them, the last first.
    """
    cutouts = KeySet(listed.key for listed in output.list(CUTOUTS))
    known, todo, older = KnownPhotos(ledger), list[PhotoRef](), list[tuple[int, Listed]]()
    for page in _pages(photos.list()):
        for listed in page:
            if not is_safe_key(listed.key):
                known.add(_unsafe(listed, recipe))
        safe = [listed for listed in page if is_safe_key(listed.key)]
        rows = ledger.find_usable(safe, recipe, cutouts)
        known.keep(rows, safe)
        new = [listed for listed, row in zip(safe, rows, strict=True) if row < 0]
        old = ledger.find_first_usable(new, earlier if most_new is not None else (), cutouts)
        older += [(int(row), listed) for row, listed in zip(old, new, strict=True) if row >= 0]
        todo += _refs([listed for listed, row in zip(new, old, strict=True) if row < 0], ledger)
    if most_new is None:
        return PhotoPlan(known, tuple(todo))
    again = max(0, most_new - len(todo))
    for row, listed in older[again:]:
        known.keep(np.array([row]), [listed])
    todo[most_new:], waiting = [], todo[most_new:]
    return PhotoPlan(known, (*todo, *_refs([listed for _, listed in older[:again]], ledger)), tuple(waiting))


def is_folder(listed: Listed) -> bool:
    """Whether this is only the mark of a folder: S3's web console makes such empty objects."""
    return listed.size == 0 and listed.key.endswith("/")


def _pages(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    """A listing in handy pieces, without the marks of folders."""
    objects = (listed for listed in listing if not is_folder(listed))
    while page := list(islice(objects, _PAGE)):
        yield page


def _refs(page: Sequence[Listed], ledger: Ledger) -> list[PhotoRef]:
    contents = ledger.contents(page)
    return [PhotoRef(each.key, each.etag, each.size, c) for each, c in zip(page, contents, strict=True)]


def _unsafe(listed: Listed, recipe: str) -> PhotoRow:
    ref = PhotoRef(listed.key, listed.etag, listed.size)
    problem = "this name could lead out of the bucket, or cannot be written down"
    return photo_row(ref, recipe, Status.REJECTED, reason=Reason.UNSAFE_KEY, detail=problem)


# ── banners ────────────────────────────────────────────────────────────────────────────────────────────────


def banners_prefix(campaign: str) -> str:
    """Where a campaign's banners lie in the output store."""
    return f"banners/{campaign}/"


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
    usable = {key for key, row in photos.items() if row.status is Status.STORED}
    rows, todo = [], []
    for each in wanted:
        source = _source(each, photos, usable, waiting)
        for size in each.segment.sizes:
            if isinstance(source, _Lacking):
                rows.append(_unmade(each, size, source, press))
                continue
            unit = _unit(each, size, source, press)
            row = _past_row(past.get(unit.key), stored)
            if row is None:
                todo.append(unit)
            else:
                kept = replace(row, run=press.run.run, date=press.run.date)
                rows.append(replace(kept, variant=each.segment.variant))
    todo.sort(key=lambda unit: (unit.cutout.key, unit.second.key if unit.second else "", unit.key))
    return BannerPlan(tuple(rows), tuple(todo))


@dataclass(frozen=True, slots=True)
class _Source:
    """What a banner is made from; `second` is for those that show two people."""

    document: str
    cutout: CutoutRef
    second: CutoutRef | None


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Why it cannot be made."""

    status: Status
    reason: str
    detail: str
    photo_key: str = ""
    photo_content: str = ""


def _source(
    want: Wanted, photos: Mapping[str, PhotoRow], usable: Container[str], waiting: Container[str]
) -> _Source | _Lacking:
    if isinstance(want.document, DocumentError):
        return _Lacking(Status.FAILED, want.document.fault, want.document.detail)
    key = choose_photo(want.product, want.segment, usable)
    if key is not None:
        return _Source(want.document, cutout_ref(photos[key]), _second(want, key, photos, usable))
    for key in want.product.photos:
        if key in waiting:
            return _Lacking(Status.REJECTED, Fault.PHOTO_WAITS, f"{key}: --max-new-mattes put it off", key)
    key = choose_photo(want.product, want.segment, photos)
    if key is None:
        named = ", ".join(want.product.photos)
        detail = f"not in the bucket: {named}" if named else "the catalogue names no photo"
        return _Lacking(Status.REJECTED, Fault.NO_PHOTO, detail)
    photo = photos[key]
    detail = f"{key}: {photo.detail}"
    if photo.status is Status.FAILED:
        return _Lacking(Status.FAILED, photo.reason, detail, key, photo.content)
    return _Lacking(Status.REJECTED, Fault.PHOTO_REJECTED, f"{photo.reason}: {detail}", key, photo.content)


def _second(
    want: Wanted, first: str, photos: Mapping[str, PhotoRow], usable: Container[str]
) -> CutoutRef | None:
    """The product's next photo by the segment's own rule; a copy of the first under another name is none."""
    shown = photos[first].content
    others = {key for key in want.product.photos if key in usable and photos[key].content != shown}
    key = choose_photo(want.product, want.segment, others)
    return None if key is None else cutout_ref(photos[key])


def _unit(want: Wanted, size: Size, source: _Source, press: Press) -> Unit:
    second = source.second if shows_second(source.document, size) else None
    recipe = banner_recipe(
        source.document,
        size,
        cutout_key=source.cutout.key,
        fonts=_fonts_digest(source.document, size, want.segment.locale, press.fonts),
        encoder=press.limits[size].describe(),
        second_key=second.key if second else None,
    )
    return Unit(
        key=_banner_key(want, size, press, recipe[:20]),
        recipe=recipe,
        campaign=press.run.campaign,
        segment=want.segment.name,
        product=want.product.id,
        design=want.design,
        size=size,
        locale=want.segment.locale,
        cutout=source.cutout,
        document=source.document,
        variant=want.segment.variant,
        second=second,
    )


def _fonts_digest(document: str, size: Size, locale: str, fonts: FontBook) -> str:
    """sha256 (hex) of the font files that the texts of a document at one size may be drawn with."""
    digests = (fonts.digest(family, weight, locale) for family, weight in font_uses(document, size))
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _banner_key(want: Wanted, size: Size, press: Press, name: str) -> str:
    product, suffix = key_part(want.product.id), press.limits[size].suffix
    folder = f"{banners_prefix(press.run.campaign)}{want.segment.name}/{size}"
    return f"{folder}/{product}-{want.design}-{name}.{suffix}"


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
        key=_banner_key(want, size, press, "unmade"),
        reason=str(lacking.reason),
        detail=lacking.detail,
        photo_key=lacking.photo_key,
        photo_content=lacking.photo_content,
    )
