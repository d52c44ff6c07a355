"""The whole flow on one screen: from a photo to a stored cut-out, from a cut-out to a stored banner.

Each step is a named function of one job, `(value, tools) -> value`, and says what is wrong with one photo or
one banner by raising. A step that fails in passing is tried again alone: what went before it is not paid for
twice. `run_photo` and `run_unit` are the one place where that becomes a row; what stops
everything (`JobError`) passes through. The same input gives the same bytes, wherever and how often it runs.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from pipeline import compose, cutout, quality
from pipeline import encode as encoding
from pipeline.errors import (
    BannerFailed,
    Fault,
    JobError,
    ObjectError,
    PhotoRejected,
    Reason,
    Transient,
    WorkerLost,
)
from pipeline.fetch import fetch_photo
from pipeline.ledger import geometry_to_json
from pipeline.likeness import likeness
from pipeline.photo_plan import CUTOUTS
from pipeline.rows import banner_row, photo_row, where
from pipeline.thumbnail import thumbnail
from pipeline.types import Banner, BannerRow, Cutout, Matte, Photo, PhotoRef, PhotoRow, Status, Unit
from pipeline.work import BannerTools, Cut, Drawn, Fetched, Loaded, PhotoTools

THUMBNAIL_SIDE = 480
_T = TypeVar("_T")


# ── photos ──────────────────────────────────────────────────────────────────────────────────────────────────


def fetch(ref: PhotoRef, tools: PhotoTools) -> Fetched:
    """The photo's bytes, at most 40 MB of them, and the hash that names everything made from it."""
    found, data = fetch_photo(tools.photos, ref)
    return Fetched(found, data)


def decode(fetched: Fetched, tools: PhotoTools) -> Photo:
    """Untrusted bytes as upright sRGB pixels; parsed in a process that may die of them."""
    return Photo(fetched.ref, tools.decoder.decode(fetched.data))


def matte(photo: Photo, tools: PhotoTools) -> Matte:
    """Who is the person: alpha and how far to trust it."""
    return cutout.matte(photo, tools.matter)


def cut_out(matte: Matte, tools: PhotoTools) -> Cut:
    """The person alone, in their own colours, with the outline's geometry; refused where nobody is seen."""
    return Cut(matte.photo, cutout.make_cutout(matte))


def put_cutout(cut: Cut, tools: PhotoTools) -> PhotoRow:
    """The cut-out and a thumbnail in the store, under keys that their content names."""
    ref = cut.photo.ref
    data = cutout.pack(cut.cutout)
    tools.output.put_new(_cutout_key(ref, tools), data, cutout.CUTOUT_MEDIA_TYPE)
    return _stored(ref, cut.cutout, _put_thumbnail(cut.photo, tools), tools)


PHOTO_STEPS = (fetch, decode, matte, cut_out, put_cutout)


# ── banners ─────────────────────────────────────────────────────────────────────────────────────────────────


def load(unit: Unit, tools: BannerTools) -> Loaded:
    """The cut-outs that the banner shows."""
    try:
        second = tools.cutouts.take(unit.second.key) if unit.second else None
        return Loaded(unit, tools.cutouts.take(unit.cutout.key), second)
    except (ObjectError, ValueError) as error:
        raise BannerFailed(Fault.SOURCE_GONE, f"its cut-out cannot be used: {error}") from error


def draw(loaded: Loaded, tools: BannerTools) -> Drawn:
    """Place the layers, paint them, set person and shadow between them; measure what the gates ask."""
    unit = loaded.unit
    rendered = compose.render(
        unit.document,
        unit.size,
        loaded.cutout,
        fonts=tools.fonts,
        second=loaded.second,
        folders=tools.folders,
    )
    return Drawn(unit, rendered)


def encode(drawn: Drawn, tools: BannerTools) -> Banner:
    """A JPEG under the size's weight limit if any is light enough, with what the gates say of both."""
    limits = tools.limits[drawn.unit.size]
    encoded = encoding.encode(drawn.rendered.pixels, limits)
    gates = drawn.rendered.gates | quality.measure_file(len(encoded.data), limits.max_bytes)
    held = tuple(str(fault) for fault in quality.held(gates))
    return Banner(drawn.unit, encoded.data, encoded.media_type, gates, held, likeness(drawn.rendered))


def put_banner(banner: Banner, tools: BannerTools) -> BannerRow:
    """The banner in the store, then its row: never a row without its object."""
    tools.output.put_new(banner.unit.key, banner.data, banner.media_type)
    status = Status.HELD if banner.held else Status.STORED
    gates = ", ".join(f"{name} {value:.3g}" for name, value in sorted(banner.gates.items()))
    return banner_row(
        banner.unit,
        tools.run,
        status,
        reason=",".join(banner.held),
        detail=gates if banner.held else "",
        size=len(banner.data),
        likeness=banner.likeness,
    )


BANNER_STEPS = (load, draw, encode, put_banner)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def run_photo(ref: PhotoRef, tools: PhotoTools) -> PhotoRow:
    """What became of one photo.

    Raises only `JobError`, when nothing can be made of any photo, and `WorkerLost`.
    """
    started = time.perf_counter()
    try:
        row = _photo(ref, tools)
    except Transient as error:
        row = photo_row(ref, tools.recipe, Status.FAILED, reason=Reason.UNAVAILABLE, detail=str(error))
    except (JobError, WorkerLost):
        raise
    except Exception as error:
        # A mistake of ours that one photo brings to light must not cost the night: the row says where it is.
        row = photo_row(ref, tools.recipe, Status.FAILED, reason=Reason.CRASHED, detail=where(error))
    return replace(row, seconds=time.perf_counter() - started)


def run_unit(unit: Unit, tools: BannerTools) -> BannerRow:
    """What became of one planned banner. Raises only `JobError`."""
    started = time.perf_counter()
    try:
        row = _banner(unit, tools)
    except Transient as error:
        row = banner_row(unit, tools.run, Status.FAILED, reason=Fault.UNAVAILABLE, detail=str(error))
    except JobError:
        raise
    except Exception as error:  # as in `run_photo`
        row = banner_row(unit, tools.run, Status.FAILED, reason=Fault.CRASHED, detail=where(error))
    return replace(row, seconds=time.perf_counter() - started)


def _do(name: str, work: Callable[[], _T], tools: PhotoTools | BannerTools) -> _T:
    """One step, within the worker's patience, noted in its trace."""
    with tools.trace.step(name) as note:
        return tools.patience.run(work, note)


def _photo(ref: PhotoRef, tools: PhotoTools) -> PhotoRow:
    values: list[Any] = [ref]
    try:
        for step in PHOTO_STEPS:
            values.append(_do(step.__name__, partial(step, values[-1], tools), tools))
            if step is fetch and (row := _do("look_up", partial(_made_before, values[-1], tools), tools)):
                return row
    except PhotoRejected as refusal:
        refuse = partial(_refused, values, refusal, tools)
        return tools.patience.run(refuse, tools.trace.retried("refuse"))
    return cast(PhotoRow, values[-1])


def _made_before(fetched: Fetched, tools: PhotoTools) -> PhotoRow | None:
    """The row of a photo whose bytes were cut out already: it was copied, renamed or uploaded again."""
    key, thumbnail = _cutout_key(fetched.ref, tools), _thumbnail_key(fetched.ref)
    if not (tools.output.exists(key) and tools.output.exists(thumbnail)):
        return None
    try:
        person = cutout.unpack(tools.output.get(key))
    except ValueError:
        tools.output.delete(key)  # damaged by nobody knows what: make room for a good one
        return None
    return _stored(fetched.ref, person, thumbnail, tools)


def _stored(ref: PhotoRef, person: Cutout, thumbnail: str, tools: PhotoTools) -> PhotoRow:
    row = photo_row(ref, tools.recipe, Status.STORED, thumbnail_key=thumbnail)
    return replace(
        row,
        cutout_key=_cutout_key(ref, tools),
        confidence=person.confidence,
        geometry=geometry_to_json(person.geometry),
    )


def _cutout_key(ref: PhotoRef, tools: PhotoTools) -> str:
    return f"{CUTOUTS}{tools.recipe[:12]}/{ref.content}.cutout"


def _thumbnail_key(ref: PhotoRef) -> str:
    return f"thumbnails/{ref.content}.jpg"


def _refused(values: list[Any], refusal: PhotoRejected, tools: PhotoTools) -> PhotoRow:
    """The row of a photo that got as far as `values`; with a thumbnail if it could be decoded at all."""
    photos = [value for value in values if isinstance(value, Photo)]
    seen = [value.ref for value in values if isinstance(value, Fetched)]
    ref = (seen or values)[0]
    thumbnail = _put_thumbnail(photos[0], tools) if photos else ""
    return photo_row(
        ref,
        tools.recipe,
        Status.REJECTED,
        reason=refusal.reason,
        detail=refusal.detail,
        thumbnail_key=thumbnail,
    )


def _banner(unit: Unit, tools: BannerTools) -> BannerRow:
    value: Any = unit
    try:
        for step in BANNER_STEPS:
            value = _do(step.__name__, partial(step, value, tools), tools)
    except BannerFailed as failure:
        return banner_row(unit, tools.run, Status.FAILED, reason=failure.fault, detail=failure.detail)
    return cast(BannerRow, value)


def _put_thumbnail(photo: Photo, tools: PhotoTools) -> str:
    key = _thumbnail_key(photo.ref)
    tools.output.put_new(key, thumbnail(photo.pixels, THUMBNAIL_SIDE), "image/jpeg")
    return key
