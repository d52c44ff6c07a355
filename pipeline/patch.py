"""Patches: small premultiplied pictures with their place in the banner, and what is done with them.

Colours are sRGB and blended as they are, like browsers and design programs do.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.items import Rgba, SoftShadow, Turn
from pipeline.outline import Mask
from pipeline.types import Pixels, Size

T = TypeVar("T")

CACHE_BYTES = 96 * 2**20
"""Patches or backgrounds kept per process: the four demo sizes of two designs take 30 MB."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Painted pixels: uint8 (h, w, 4), sRGB premultiplied by alpha; its top left corner in the banner."""

    pixels: NDArray[np.uint8]
    left: int
    top: int

    @property
    def empty(self) -> bool:
        return self.pixels.size == 0

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the banner that the patch covers."""
        h, w = self.pixels.shape[:2]
        return slice(self.top, self.top + h), slice(self.left, self.left + w)


class Painted(Generic[T]):
    """Painted values by what they show, the least recently used dropped beyond `max_bytes`."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._max_bytes, self._bytes = max_bytes, 0

    def get(self, key: Hashable, paint: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """The value of `key`, painted by `paint` if it is not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        value = paint()
        size = weigh(value)
        self._kept[key] = (value, size)
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value


def blend(canvas: Pixels, patch: Patch) -> None:
    """Lay `patch` over `canvas` (uint8 (H, W, 3) sRGB) in place."""
    if patch.empty:
        return
    under = canvas[patch.window]
    alpha = cv2.extractChannel(patch.pixels, 3)
    # OpenCV's colour conversions move channels 5 times faster than numpy's strided copies.
    colour = cv2.cvtColor(patch.pixels, cv2.COLOR_BGRA2BGR)
    if alpha.min() == 255:
        under[:] = colour
        return
    left = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGR)
    under[:] = cv2.add(cv2.multiply(under, left, scale=1 / 255), colour)


def premultiplied(rgb: Pixels, alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (h, w, 4) premultiplied from straight `rgb` and `alpha`; opaque pixels keep their colour."""
    coloured = cv2.multiply(rgb, cv2.merge([alpha] * 3), scale=1 / 255)
    return np.asarray(cv2.merge([*cv2.split(coloured), alpha]), dtype=np.uint8)


def capped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Premultiplied uint8 (h, w, 4) without what cubic weights overshoot: a colour above its alpha glows."""
    alpha = cv2.extractChannel(pixels, 3)
    return np.asarray(cv2.min(pixels, cv2.merge([alpha] * 4)), np.uint8)


def flat(coverage: Mask, color: Rgba) -> NDArray[np.uint8]:
    """uint8 (h, w, 4) premultiplied: one colour where `coverage` is."""
    steps = np.arange(256, dtype=np.float32)
    alpha = steps * color[3] / 255
    table = np.stack([*(alpha * channel / 255 for channel in color[:3]), alpha], axis=1)
    looked_up = cv2.LUT(cv2.merge([coverage] * 4), np.rint(table).astype(np.uint8)[None])
    return np.asarray(looked_up, dtype=np.uint8)


def over(under: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`above` over `under`, both premultiplied uint8 (h, w, 4)."""
    left = cv2.merge([255 - above[..., 3]] * 4)
    return np.asarray(cv2.add(above, cv2.multiply(under, left, scale=1 / 255)), dtype=np.uint8)


def stacked(under: Patch, above: Patch, size: Size) -> Patch:
    whole = np.zeros((size.height, size.width, 4), np.uint8)
    whole[under.window] = under.pixels
    whole[above.window] = over(np.ascontiguousarray(whole[above.window]), above.pixels)
    left, top = min(under.left, above.left), min(under.top, above.top)
    right = max(p.left + p.pixels.shape[1] for p in (under, above))
    bottom = max(p.top + p.pixels.shape[0] for p in (under, above))
    return Patch(np.ascontiguousarray(whole[top:bottom, left:right]), left, top)


def clipped(patch: Patch, size: Size) -> Patch:
    """The part of `patch` inside the banner."""
    h, w = patch.pixels.shape[:2]
    x0, y0 = max(0, -patch.left), max(0, -patch.top)
    x1, y1 = min(w, size.width - patch.left), min(h, size.height - patch.top)
    if x1 <= x0 or y1 <= y0:
        return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
    return Patch(np.ascontiguousarray(patch.pixels[y0:y1, x0:x1]), patch.left + x0, patch.top + y0)


def turned(patch: Patch, turn: Turn | None) -> Patch:
    """`patch` turned about a point of the banner."""
    if turn is None or patch.empty:
        return patch
    h, w = patch.pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((turn[1] - patch.left, turn[2] - patch.top), -turn[0], 1)
    corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]]) @ matrix.T
    low, high = np.floor(corners.min(axis=0)).astype(int) - 1, np.ceil(corners.max(axis=0)).astype(int) + 1
    matrix[:, 2] -= low
    span = (int(high[0] - low[0]), int(high[1] - low[1]))
    pixels = cv2.warpAffine(patch.pixels, matrix, span, flags=cv2.INTER_CUBIC)
    return Patch(capped(pixels), patch.left + int(low[0]), patch.top + int(low[1]))


def faded(patch: Patch, opacity: float) -> Patch:
    if opacity == 1:
        return patch
    return Patch(cv2.convertScaleAbs(patch.pixels, alpha=opacity), patch.left, patch.top)


def shadow_patch(coverage: Mask, left: int, top: int, shadow: SoftShadow, size: Size) -> Patch:
    """The soft shadow of a mask that lies at (left, top), clipped to the banner.

    Blurred at a quarter of the size: a blur has no detail to lose, and it is 16 times fewer pixels.
    """
    spread = math.ceil(2 * shadow.blur) + 4
    h, w = coverage.shape
    padded = cv2.copyMakeBorder(coverage, spread, spread, spread, spread, cv2.BORDER_CONSTANT, value=0)
    shrink = 4 if shadow.blur >= 6 else 1
    small = padded
    if shrink > 1:
        tiny = (max(1, padded.shape[1] // shrink), max(1, padded.shape[0] // shrink))
        small = cv2.resize(padded, tiny, interpolation=cv2.INTER_AREA)
    if shadow.blur > 0:
        small = cv2.GaussianBlur(small, (0, 0), shadow.blur / shrink)
    soft = cv2.resize(small, (w + 2 * spread, h + 2 * spread), interpolation=cv2.INTER_LINEAR)
    patch = Patch(flat(soft, shadow.color), left - spread + round(shadow.dx), top - spread + round(shadow.dy))
    return clipped(patch, size)
