"""How each photo and each planned banner ended, as rows for the ledger and the manifest."""

import traceback
from pathlib import PurePath

from pipeline.manifest import RunId
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Segment, Size, Status, Unit


def photo_row(
    ref: PhotoRef, recipe: str, status: Status, *, reason: str = "", detail: str = "", thumbnail_key: str = ""
) -> PhotoRow:
    """A row about `ref` without a cut-out."""
    return PhotoRow(
        key=ref.key,
        etag=ref.etag,
        size=ref.size,
        content=ref.content or "",
        recipe=recipe,
        status=status,
        reason=reason,
        detail=detail,
        cutout_key="",
        thumbnail_key=thumbnail_key,
        confidence=0.0,
        geometry="",
        seconds=0.0,
    )


def banner_row(
    unit: Unit,
    run: RunId,
    status: Status,
    *,
    reason: str = "",
    detail: str = "",
    size: int = 0,
    likeness: str = "",
) -> BannerRow:
    """A row about `unit`; `size` is the stored banner's in bytes. Of two cut-outs the less sure counts."""
    second = unit.second
    return BannerRow(
        campaign=unit.campaign,
        run=run.run,
        date=run.date,
        segment=unit.segment,
        product=unit.product,
        design=unit.design,
        size=str(unit.size),
        locale=unit.locale,
        status=status,
        reason=reason,
        detail=detail,
        key=unit.key,
        recipe=unit.recipe,
        bytes=size,
        photo_key=unit.cutout.photo.key,
        photo_content=unit.cutout.photo.content or "",
        cutout_key=unit.cutout.key,
        confidence=min(unit.cutout.confidence, second.confidence if second else 1.0),
        seconds=0.0,
        variant=unit.variant,
        likeness=likeness,
        second_photo_key=second.photo.key if second else "",
        second_photo_content=(second.photo.content or "") if second else "",
        second_cutout_key=second.key if second else "",
        brief=unit.brief,
    )


def unmade_row(
    run: RunId,
    segment: Segment,
    product: str,
    design: str,
    size: Size,
    status: Status,
    *,
    key: str,
    reason: str,
    detail: str,
    photo_key: str = "",
    photo_content: str = "",
    brief: str = "",
) -> BannerRow:
    """A row about a banner that cannot even be planned; `key` only sets it apart, nothing is stored there."""
    return BannerRow(
        campaign=run.campaign,
        run=run.run,
        date=run.date,
        segment=segment.name,
        product=product,
        design=design,
        size=str(size),
        locale=segment.locale,
        status=status,
        reason=reason,
        detail=detail,
        key=key,
        recipe="",
        bytes=0,
        photo_key=photo_key,
        photo_content=photo_content,
        cutout_key="",
        confidence=0.0,
        seconds=0.0,
        variant=segment.variant,
        brief=brief,
    )


def where(error: Exception) -> str:
    """What broke, and at which line of which file, in one line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({PurePath(last.filename).name}, line {last.lineno})"
