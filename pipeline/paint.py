"""Placed items become patches of pixels, painted once and cached by what they show."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.design import BRAND_ASSETS, TEMPLATES
from pipeline.errors import JobError
from pipeline.items import Area, Item, Picture, Ramp, Rgba, Shape, Text
from pipeline.outline import Mask, bounds, fill_mask, outline, stroke_mask
from pipeline.patch import (
    Painted,
    Patch,
    clipped,
    faded,
    flat,
    over,
    premultiplied,
    shadow_patch,
    stacked,
    turned,
)
from pipeline.text import draw
from pipeline.types import Size

RAMP_STEPS = 1024


_patches: Painted[Patch] = Painted()


def paint(item: Item, size: Size, design: str, folders: Sequence[Path]) -> Patch:
    """The patch of a shape, picture or text, clipped to the banner. Cached; treat it as read-only."""
    return _patches.get((item, size, design), lambda: _painted(item, size, design, folders), _weight)


def _weight(patch: Patch) -> int:
    return patch.pixels.nbytes


def _painted(item: Item, size: Size, design: str, folders: Sequence[Path]) -> Patch:
    if isinstance(item, Shape):
        return faded(_shape(item, size), item.opacity)
    if isinstance(item, Text):
        return faded(clipped(turned(_text(item), item.turn), size), item.opacity)
    if isinstance(item, Picture):
        return faded(clipped(turned(_picture(item, size, design, folders), item.turn), size), item.opacity)
    raise TypeError(f"{type(item).__name__} is no painted item")


def _shape(shape: Shape, size: Size) -> Patch:
    line = shape.stroke.width if shape.stroke else 0
    polygons = outline(shape)
    if not polygons:
        return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
    ends = np.concatenate(polygons)
    (x0, y0), (x1, y1) = ends.min(axis=0), ends.max(axis=0)
    clip = Area(x0, y0, x1 - x0, y1 - y0)
    if shape.kind == "rays" and shape.turn is None:
        clip = shape.area
    left, top, right, bottom = bounds(clip, line / 2 + 1, size.width, size.height)
    if right <= left or bottom <= top:
        return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
    window = (left, top, right - left, bottom - top)
    mask = fill_mask(polygons, *window)
    layer = np.zeros((bottom - top, right - left, 4), np.uint8)
    if shape.fill is not None:
        layer = _filled(mask, shape.fill, shape.area, left, top)
    if shape.stroke is not None:
        layer = over(
            layer, flat(stroke_mask(polygons, line, *window, dash=shape.stroke.dash), shape.stroke.color)
        )
    patch = Patch(layer, left, top)
    if shape.shadow is None:
        return patch
    return stacked(shadow_patch(mask, left, top, shape.shadow, size), patch, size)


def _filled(mask: Mask, fill: Rgba | Ramp, area: Area, left: int, top: int) -> NDArray[np.uint8]:
    if not isinstance(fill, Ramp):
        return flat(mask, fill)
    colours = ramp_colours(fill)
    h, w = mask.shape
    x = (np.arange(w, dtype=np.float32) + left + 0.5 - area.x) / max(area.width, 1e-6)
    y = (np.arange(h, dtype=np.float32) + top + 0.5 - area.y) / max(area.height, 1e-6)
    at = _ramp_position(fill, x, y, area)
    straight = colours[np.clip(at * (RAMP_STEPS - 1), 0, RAMP_STEPS - 1).astype(np.int32)]
    alpha = cv2.multiply(np.ascontiguousarray(straight[..., 3]), mask, scale=1 / 255)
    return premultiplied(straight[..., :3], alpha)


def ramp_colours(ramp: Ramp) -> NDArray[np.uint8]:
    """The gradient as a table: uint8 (RAMP_STEPS, 4), straight sRGB and alpha."""
    stops = np.array(ramp.colours, dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, RAMP_STEPS)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(4)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


def _ramp_position(
    ramp: Ramp, x: NDArray[np.float32], y: NDArray[np.float32], area: Area
) -> NDArray[np.float32]:
    """Where each pixel lies along the gradient, 0..1; float32 (h, w). Two ramps and one sum, no meshgrid."""
    if ramp.kind == "radial":
        dx = (x - ramp.center[0]) * area.width
        dy = (y - ramp.center[1]) * area.height
        reach = max(area.width, area.height) * 0.75
        return np.asarray(np.sqrt(dy[:, None] ** 2 + dx[None, :] ** 2) / reach, dtype=np.float32)
    angle = math.radians(ramp.angle)
    cos, sin = math.cos(angle), math.sin(angle)
    low, high = min(0.0, cos) + min(0.0, sin), max(0.0, cos) + max(0.0, sin)
    along = (y * sin)[:, None] + (x * cos)[None, :]
    return np.asarray((along - low) / (high - low), dtype=np.float32)


def _text(item: Text) -> Patch:
    drawn = draw(item.block, item.color)
    left, top = int(item.x), int(item.y)
    inked = Patch(drawn.pixels, left + drawn.left, top + drawn.top)
    if item.strike is None or inked.empty:
        return inked
    return _struck(item, inked)


def _struck(item: Text, inked: Patch) -> Patch:
    """`inked` with a line through every line of the text, a little longer than the text."""
    assert item.strike is not None
    thick = max(1, round(item.strike.width))
    reach = max(1, round(item.block.size * 0.06))
    h, w = inked.pixels.shape[:2]
    pixels = cv2.copyMakeBorder(inked.pixels, 0, 0, reach, reach, cv2.BORDER_CONSTANT, value=0)
    coverage = np.zeros((h, w + 2 * reach), np.uint8)
    for line in item.block.lines:
        # 0.36 em above the baseline runs through the middle of lining figures.
        y = round(item.y + line.baseline - 0.36 * item.block.size - thick / 2) - inked.top
        x = round(item.x + line.x) - inked.left
        coverage[max(0, y) : max(0, y + thick), max(0, x) : x + round(line.width) + 2 * reach] = 255
    return Patch(over(pixels, flat(coverage, item.strike.color)), inked.left - reach, inked.top)


def _picture(item: Picture, size: Size, design: str, folders: Sequence[Path]) -> Patch:
    source = _load(design, item.asset, folders)
    a = item.area
    left, top = round(a.x), round(a.y)
    width, height = max(1, round(a.right) - left), max(1, round(a.bottom) - top)
    pixels = _tiled(source, width, height) if item.fit == "tile" else _scaled(source, item, width, height)
    cut_to = item.mask
    if cut_to is None and item.radius > 0:
        cut_to = Shape("", a, "rect", item.radius, 3, 0, (), None, None, None, 1, None)
    if cut_to is not None:
        mask = fill_mask(outline(cut_to), left, top, width, height)
        pixels = cv2.multiply(pixels, cv2.merge([mask] * 4), scale=1 / 255)
    return Patch(np.asarray(pixels, dtype=np.uint8), left, top)


def _tiled(source: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A texture at its own size, again and again."""
    h, w = source.shape[:2]
    return np.ascontiguousarray(np.tile(source, (-(-height // h), -(-width // w), 1))[:height, :width])


def _scaled(source: NDArray[np.uint8], item: Picture, width: int, height: int) -> NDArray[np.uint8]:
    """The picture at the size that covers, or fits into, `width` x `height`."""
    h, w = source.shape[:2]
    ratios = (width / w, height / h)
    scale = max(ratios) if item.fit == "cover" else min(ratios)
    x, y = (
        (side - inner * scale) * share
        for side, inner, share in zip((width, height), (w, h), item.place, strict=True)
    )
    matrix = np.array([[scale, 0, x], [0, scale, y]], dtype=np.float64)
    if scale < 1:
        tiny = (max(1, round(w * scale)), max(1, round(h * scale)))
        source = np.asarray(cv2.resize(source, tiny, interpolation=cv2.INTER_AREA), np.uint8)
        matrix[0, 0], matrix[1, 1] = 1, 1
    return np.asarray(cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def _load(design: str, asset: str, folders: Sequence[Path]) -> NDArray[np.uint8]:
    """An asset of the design, or a logo beside the brand kits, as premultiplied uint8 (h, w, 4)."""
    for folder in (TEMPLATES, *folders):
        path = folder / asset if asset.startswith(BRAND_ASSETS) else folder / design / asset
        if path.is_file():
            with Image.open(path) as image:
                rgba = np.array(image.convert("RGBA"))
            return premultiplied(rgba[..., :3], np.ascontiguousarray(rgba[..., 3]))
    raise JobError(f"the asset {asset} of design {design} is in none of the template folders")
