"""Runs become pixels: where their ink lies, its coverage, and its colours.

One line of text takes one pass; pictures (colour emoji) are scaled down from their one size.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from pipeline.fonts import sized
from pipeline.shaping import Run, Shaped, Stripe
from pipeline.spans import Rgba
from pipeline.types import Box

NOTHING = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Strokes:
    """What is to be inked: runs of letters and the stripes through struck ones."""

    runs: tuple[Run, ...]
    stripes: tuple[Stripe, ...] = ()


@lru_cache(maxsize=4096)
def ink(shaped: Shaped) -> Box:
    """The tight box round the pixels that `shaped` touches, NOTHING for spaces."""
    strokes = Strokes(shaped.runs, shaped.stripes)
    boxes = [*map(_reach, shaped.runs), *(Box(s.left, s.top, s.right, s.bottom) for s in shaped.stripes)]
    rough: Box = reduce(union, boxes, NOTHING)
    if rough == NOTHING:
        return NOTHING
    touched = coverage(strokes, rough) > 0
    columns, rows = np.flatnonzero(touched.any(axis=0)), np.flatnonzero(touched.any(axis=1))
    if not columns.size:
        return NOTHING
    tight = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return moved(tight, rough.left, rough.top)


def coverage(strokes: Strokes, area: Box) -> NDArray[np.uint8]:
    """Antialiased coverage of `strokes` inside `area`: uint8 (area.height, area.width), 0 is no ink."""
    covered = _letters([run for run in strokes.runs if not run.face.bitmap], strokes.stripes, area)
    for picture, left, top in _pictures(strokes.runs):
        layer = Image.new("L", (area.width, area.height))
        layer.paste(picture.getchannel("A"), (left - area.left, top - area.top))
        covered = ImageChops.lighter(covered, layer)
    return np.asarray(covered)


def coloured(strokes: Strokes, area: Box, colour: Rgba) -> NDArray[np.uint8]:
    """`strokes` inside `area` in their own colours, others in `colour`: premultiplied uint8 (h, w, 4)."""
    letters = [run for run in strokes.runs if not run.face.bitmap]
    layers = []
    colours = [run.colour for run in letters] + [stripe.colour for stripe in strokes.stripes]
    for own in dict.fromkeys(colours):
        runs = [run for run in letters if run.colour == own]
        stripes = [stripe for stripe in strokes.stripes if stripe.colour == own]
        layers.append(_tinted(np.asarray(_letters(runs, stripes, area)), own or colour))
    for picture, left, top in _pictures(strokes.runs):
        layer = Image.new("RGBA", (area.width, area.height))
        layer.paste(picture, (left - area.left, top - area.top))
        # A translucent text has translucent pictures.
        layers.append(_premultiplied(np.asarray(layer), colour[3]))
    return reduce(_over, layers) if layers else np.zeros((area.height, area.width, 4), np.uint8)


def _letters(runs: Sequence[Run], stripes: Sequence[Stripe], area: Box) -> Image.Image:
    picture = Image.new("L", (area.width, area.height), 0)
    pen = ImageDraw.Draw(picture)
    for run in runs:
        if run.turned:
            picture = ImageChops.lighter(picture, _turned(run, area))
            pen = ImageDraw.Draw(picture)
        else:
            _write(pen, run, run.x - area.left, run.baseline - area.top)
    for stripe in stripes:
        left, top = stripe.left - area.left, stripe.top - area.top
        pen.rectangle((left, top, stripe.right - area.left - 1, stripe.bottom - area.top - 1), fill=255)
    return picture


def _turned(run: Run, area: Box) -> Image.Image:
    """A run on its side: written on an area that lies on its side too, then turned a quarter clockwise."""
    lying = Image.new("L", (area.height, area.width), 0)
    _write(ImageDraw.Draw(lying), run, run.x - area.top, area.right - run.baseline)
    return lying.transpose(Image.Transpose.ROTATE_270)


def _write(pen: ImageDraw.ImageDraw, run: Run, x: float, y: float) -> None:
    pen.text(
        (x, y),
        run.text,
        fill=255,
        font=sized(run.face, run.size),
        anchor="ls",
        direction=run.direction,
        features=list(run.features),
        language=run.language,
    )


def _pictures(runs: Sequence[Run]) -> Iterator[tuple[Image.Image, int, int]]:
    """The colour pictures of `runs`, straight RGBA, each with its left and top pixel."""
    for run in runs:
        if run.face.bitmap:
            picture, left, top = _picture(run)
            yield picture, left, top


def _picture(run: Run) -> tuple[Image.Image, int, int]:
    font = sized(run.face, run.face.bitmap)
    left, top, right, bottom = font.getbbox(run.text, anchor="ls", language=run.language)
    width, height = max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))
    whole = Image.new("RGBA", (width, height))
    ImageDraw.Draw(whole).text(
        (-left, -top), run.text, font=font, anchor="ls", embedded_color=True, language=run.language
    )
    scale = run.size / run.face.bitmap
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Premultiplied while it is scaled, or the black behind the edges would darken them.
    small = whole.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    if run.turned:
        right_edge = run.baseline - round(top * scale)
        return small.transpose(Image.Transpose.ROTATE_270), right_edge - size[1], round(run.x + left * scale)
    return small, round(run.x + left * scale), run.baseline + round(top * scale)


def _reach(run: Run) -> Box:
    """A box that `run` surely stays in: its advance and its outlines, and a pixel for the antialiasing."""
    if run.face.bitmap:
        picture, x, y = _picture(run)
        return Box(x, y, x + picture.width, y + picture.height)
    font = sized(run.face, run.size)
    left, top, right, bottom = font.getbbox(
        run.text, direction=run.direction, features=list(run.features), language=run.language, anchor="ls"
    )
    if right <= left or bottom <= top:
        return NOTHING
    first, last = math.floor(run.x + left) - 1, math.ceil(run.x + right) + 1
    upper, lower = math.floor(top) - 1, math.ceil(bottom) + 1
    if run.turned:
        return Box(run.baseline - lower, first, run.baseline - upper, last)
    return Box(first, run.baseline + upper, last, run.baseline + lower)


def _tinted(mask: NDArray[np.uint8], colour: Rgba) -> NDArray[np.uint8]:
    """Premultiplied (h, w, 4) of one `colour` under a coverage mask."""
    values = np.array([*colour[:3], 255], np.uint32) * colour[3]
    # A table of 256 colours: multiplying every pixel costs four times as much.
    table = (np.arange(256, dtype=np.uint32)[:, None] * values + 255 * 127) // (255 * 255)
    return np.asarray(table.astype(np.uint8)[mask])


def _premultiplied(straight: NDArray[np.uint8], opacity: int) -> NDArray[np.uint8]:
    alpha = straight[..., 3:].astype(np.uint32) * opacity
    values = np.concatenate([straight[..., :3], np.full_like(straight[..., 3:], 255)], axis=-1)
    return np.asarray((values * alpha + 255 * 127) // (255 * 255), dtype=np.uint8)


def _over(under: NDArray[np.uint8], upper: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Porter-Duff over of premultiplied pixels."""
    share = 255 - upper[..., 3:].astype(np.uint16)
    return np.asarray(upper + ((under * share + 127) // 255), dtype=np.uint8)


def union(first: Box, second: Box) -> Box:
    """The smallest box round both; NOTHING counts for nothing."""
    if NOTHING in (first, second):
        return second if first == NOTHING else first
    return Box(
        min(first.left, second.left),
        min(first.top, second.top),
        max(first.right, second.right),
        max(first.bottom, second.bottom),
    )


def moved(box: Box, x: int, y: int) -> Box:
    """`box` shifted; NOTHING stays nothing."""
    return box if box == NOTHING else Box(box.left + x, box.top + y, box.right + x, box.bottom + y)
