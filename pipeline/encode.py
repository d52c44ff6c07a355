"""Pixels become a file under a weight limit, without metadata: nothing but the picture is written.

Full colour resolution is given up before much quality is, and quality goes down to the floor and not below
it: what is too heavy even there comes out as light as may be, for a gate to hold.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.codecs import CODECS, Format, Way
from pipeline.formats import DISPLAY
from pipeline.types import Pixels, Size

DISPLAY_BYTES = 150_000
"""Google Ads and IAB: an uploaded image ad weighs at most 150 KB."""

DISPLAY_SIZES = frozenset((*DISPLAY, Size(250, 250), Size(200, 200)))


@dataclass(frozen=True, slots=True)
class EncodeLimits:
    """`quality` is tried first, `floor` last; `max_bytes` None is no weight limit."""

    max_bytes: int | None = None
    quality: int = CODECS[Format.JPEG].quality
    floor: int = CODECS[Format.JPEG].floor
    format: Format = Format.JPEG

    def describe(self) -> str:
        """What goes into a banner's recipe: the same words, the same bytes."""
        codec = CODECS[self.format]
        qualities = f" q{self.quality}-{self.floor}" if codec.lossy else ""
        return f"{codec.words}{qualities} <={self.max_bytes}"

    @property
    def suffix(self) -> str:
        """What the names of such files end in, without the dot."""
        return CODECS[self.format].suffix


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded banner; `quality` and `chroma` ("444" or "420") as they came out."""

    data: bytes
    media_type: str
    quality: int
    chroma: str


def limits_for(
    size: Size, *, max_bytes: int | None = None, quality: int | None = None, format: Format = Format.JPEG
) -> EncodeLimits:
    """The limits of `size`: `max_bytes` if given, else what display networks take at that size."""
    if max_bytes is None and size in DISPLAY_SIZES:
        max_bytes = DISPLAY_BYTES
    codec = CODECS[format]
    quality = codec.quality if quality is None or not codec.lossy else quality
    return EncodeLimits(max_bytes, quality, min(codec.floor, quality), format)


def encode(pixels: Pixels, limits: EncodeLimits) -> Encoded:
    """`pixels` uint8 (H, W, 3) sRGB as a file; the lightest there is where none is light enough."""
    rgb = np.ascontiguousarray(pixels)
    codec = CODECS[limits.format]
    for way in codec.ways:
        tried = _best(rgb, way, codec.media_type, limits)
        if limits.max_bytes is None or len(tried.data) <= limits.max_bytes:
            break
    return tried


def _best(rgb: Pixels, way: Way, media_type: str, limits: EncodeLimits) -> Encoded:
    """The highest quality of `way` that is light enough; its lowest if none is."""
    high, low = way.span(limits.quality, limits.floor)
    best = Encoded(way.write(rgb, high), media_type, high, way.chroma)
    if limits.max_bytes is None or len(best.data) <= limits.max_bytes:
        return best
    high -= 1
    while low <= high:
        quality = (low + high) // 2
        made = Encoded(way.write(rgb, quality), media_type, quality, way.chroma)
        if len(made.data) <= limits.max_bytes:
            best, low = made, quality + 1
        else:
            high = quality - 1
            best = min(best, made, key=lambda each: len(each.data))
    return best
