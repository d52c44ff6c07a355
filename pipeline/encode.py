"""Pixels become a JPEG under a weight limit, without metadata: nothing but the picture is written.

Baseline 4:4:4 where the limit affords it (red type on colour smears at 4:2:0), else 4:2:0; then the
quality goes down to the floor, and not below it: what is too heavy even there comes out as heavy as it is,
for a gate to hold.
"""

from dataclasses import dataclass

import numpy as np
import simplejpeg

from pipeline.formats import DISPLAY
from pipeline.types import Pixels, Size

DISPLAY_BYTES = 150_000
"""Google Ads and IAB: an uploaded image ad weighs at most 150 KB."""

DISPLAY_SIZES = frozenset((*DISPLAY, Size(250, 250), Size(200, 200)))

MEDIA_TYPE = "image/jpeg"
QUALITY, FLOOR = 90, 60


@dataclass(frozen=True, slots=True)
class EncodeLimits:
    """`quality` is tried first, `floor` last; `max_bytes` None is no weight limit."""

    max_bytes: int | None = None
    quality: int = QUALITY
    floor: int = FLOOR

    def describe(self) -> str:
        """What goes into a banner's recipe: the same words, the same bytes."""
        return f"jpeg q{self.quality}-{self.floor} <={self.max_bytes}"


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded banner; `quality` and `chroma` ("444" or "420") as they came out."""

    data: bytes
    media_type: str
    quality: int
    chroma: str


def limits_for(size: Size, *, max_bytes: int | None = None, quality: int | None = None) -> EncodeLimits:
    """The limits of `size`: `max_bytes` if given, else what display networks take at that size."""
    if max_bytes is None and size in DISPLAY_SIZES:
        max_bytes = DISPLAY_BYTES
    quality = QUALITY if quality is None else quality
    return EncodeLimits(max_bytes, quality, min(FLOOR, quality))


def encode(pixels: Pixels, limits: EncodeLimits) -> Encoded:
    """`pixels` uint8 (H, W, 3) sRGB as JPEG; the lightest there is where no quality is light enough."""
    rgb = np.ascontiguousarray(pixels)
    for chroma, low in (("444", max(limits.floor, limits.quality - 8)), ("420", limits.floor)):
        found = _best(rgb, chroma, low, limits)
        if found is not None:
            return found
    return Encoded(_jpeg(rgb, limits.floor, "420"), MEDIA_TYPE, limits.floor, "420")


def _best(rgb: Pixels, chroma: str, low: int, limits: EncodeLimits) -> Encoded | None:
    """The highest quality from `limits.quality` down to `low` that is light enough; None if none is."""
    data = _jpeg(rgb, limits.quality, chroma)
    if limits.max_bytes is None or len(data) <= limits.max_bytes:
        return Encoded(data, MEDIA_TYPE, limits.quality, chroma)
    best: Encoded | None = None
    high = limits.quality - 1
    while low <= high:
        quality = (low + high) // 2
        data = _jpeg(rgb, quality, chroma)
        if len(data) <= limits.max_bytes:
            best, low = Encoded(data, MEDIA_TYPE, quality, chroma), quality + 1
        else:
            high = quality - 1
    return best


def _jpeg(rgb: Pixels, quality: int, chroma: str) -> bytes:
    return bytes(simplejpeg.encode_jpeg(rgb, quality=quality, colorspace="RGB", colorsubsampling=chroma))
