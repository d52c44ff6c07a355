"""Banners to be made, as they are handed out: each comes into being when somebody asks for it.

A unit carries its whole document. A night of a million banners that held them all would need gigabytes in the
one process that only hands them on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from pipeline.campaign import Campaign
from pipeline.catalogue import key_part
from pipeline.encode import EncodeLimits, limits_for
from pipeline.fonts import FontBook
from pipeline.manifest import RunId
from pipeline.recipe import RENDER_VERSION, banner_recipe, font_uses, shows_second
from pipeline.types import CutoutRef, Size, Unit
from pipeline.wanted import Wanted, template_folders


@dataclass(frozen=True, slots=True)
class Press:
    """What decides a banner's bytes beside its document and cut-out."""

    run: RunId
    limits: Mapping[Size, EncodeLimits]
    fonts: FontBook

    @classmethod
    def of(cls, run: RunId, campaign: Campaign) -> "Press":
        """As the campaign says. Raises `InvalidInput` for its own fonts."""
        files = campaign.files
        sizes = {size for segment in campaign.segments for size in segment.sizes}
        limits = {
            size: limits_for(
                size,
                max_bytes=files.max_bytes.get(size),
                quality=files.quality,
                format=files.formats.get(size, files.format),
            )
            for size in sizes
        }
        return cls(run, limits, FontBook.load(template_folders(campaign)))

    @property
    def digest(self) -> str:
        """sha256 (hex) of what may decide the bytes of any banner of this press."""
        encoders = sorted(f"{size} {limits.describe()}" for size, limits in self.limits.items())
        parts = (RENDER_VERSION, self.fonts.sha256, *encoders)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """What the banners of one document are made from; `second` is for those that show two people."""

    wanted: Wanted
    cutout: CutoutRef
    second: CutoutRef | None


class Units(Sequence[Unit]):
    """`tasks` as units, the same ones whenever they are asked for."""

    def __init__(self, tasks: Sequence[tuple[Source, Size]], press: Press) -> None:
        self._tasks, self._press = tasks, press

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, at: int) -> Unit: ...
    @overload
    def __getitem__(self, at: slice) -> "Units": ...
    def __getitem__(self, at: int | slice) -> "Unit | Units":
        if isinstance(at, slice):
            return Units(self._tasks[at], self._press)
        source, size = self._tasks[at]
        return make_unit(source, str(source.wanted.document), size, self._press)


def make_unit(source: Source, document: str, size: Size, press: Press) -> Unit:
    """The banner of `source` in one size; `document` is what its `wanted` has, unpacked."""
    want = source.wanted
    second = source.second if shows_second(document, size) else None
    recipe = banner_recipe(
        document,
        size,
        cutout_key=source.cutout.key,
        fonts=_fonts_digest(document, size, want.segment.locale, press.fonts),
        encoder=press.limits[size].describe(),
        second_key=second.key if second else None,
    )
    return Unit(
        key=banner_key(want, size, press, recipe[:20]),
        recipe=recipe,
        campaign=press.run.campaign,
        segment=want.segment.name,
        product=want.product.id,
        design=want.design,
        size=size,
        locale=want.segment.locale,
        cutout=source.cutout,
        document=document,
        variant=want.segment.variant,
        second=second,
        brief=want.brief,
    )


def banner_key(want: Wanted, size: Size, press: Press, name: str) -> str:
    """A banner's place in the output store; `name` tells it from others of its product, design and size."""
    product, suffix = key_part(want.product.id), press.limits[size].suffix
    folder = f"{banners_prefix(press.run.campaign)}{want.segment.name}/{size}"
    return f"{folder}/{product}-{want.design}-{name}.{suffix}"


def banners_prefix(campaign: str) -> str:
    """Where a campaign's banners lie in the output store."""
    return f"banners/{campaign}/"


def _fonts_digest(document: str, size: Size, locale: str, fonts: FontBook) -> str:
    """sha256 (hex) of the font files that the texts of a document at one size may be drawn with."""
    digests = (fonts.digest(family, weight, locale) for family, weight in font_uses(document, size))
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
