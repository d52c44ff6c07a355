"""Text set into a box: the largest size that fits, phrases kept whole, lines balanced; then its mask.

`fit` decides everything and paints nothing, so that a layout can be computed first; `draw` paints. The same
text, style, box and fonts give the same bytes on every call and in every process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.clusters import clean, clusters
from pipeline.fallback import refuse_missing
from pipeline.fonts import FontBook, language
from pipeline.setting import ASCENT, DESCENT, MOST_CLUSTERS, MOST_LETTERS, Frame, Setting, shortened
from pipeline.shaping import NOTHING, Run, Typography, edges, ink, moved, paint, shape, union
from pipeline.types import Box

_SHARE = {"start": 0.0, "center": 0.5, "end": 1.0}


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a text wants to be set. Sizes in pixels per em, `letter_spacing` in em, `line_height` in sizes.

    `overflow`: what is said of a text that does not fit at `min_size`: "hold" reports it, "ellipsis" accepts
    the shortened text. Raises ValueError for sizes or spacings that make no sense.
    """

    family: str = "sans"
    weight: int = 400
    max_size: int = 48
    min_size: int = 12
    line_height: float = 1.25
    letter_spacing: float = 0.0
    align: Literal["start", "center", "end"] = "start"
    max_lines: int = 3
    locale: str = "en"
    overflow: Literal["hold", "ellipsis"] = "hold"

    def __post_init__(self) -> None:
        if not 1 <= self.min_size <= self.max_size <= 2000:
            raise ValueError(
                f"sizes must be 1 <= min <= max <= 2000, not {self.min_size} and {self.max_size}"
            )
        if not (0.5 <= self.line_height <= 4 and -0.2 <= self.letter_spacing <= 2 and self.max_lines >= 1):
            raise ValueError("line_height is 0.5 to 4, letter_spacing -0.2 to 2 em, max_lines 1 or more")


@dataclass(frozen=True, slots=True)
class Line:
    """One set line: `x` and `width` of its advance box and its `baseline`, in pixels of the block."""

    text: str
    runs: tuple[Run, ...]
    x: int
    baseline: int
    width: float


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A text that has been fitted. Pixels, origin at the top left of the area given to `fit`.

    `box` is the layout box (nominal line boxes, stable for stacking), `ink` the tight box of
    what is painted. Lines are aligned horizontally in the area and start at its top. `overflow`: it does not
    fit, and policy is "hold"; `shortened`: it ends in an ellipsis that its author did not write.
    """

    lines: tuple[Line, ...]
    size: int
    box: Box
    ink: Box
    overflow: bool = False
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Mask:
    """Painted text. `coverage` uint8 (h, w), 0 to 255; its top left pixel lies at (`left`, `top`)."""

    coverage: NDArray[np.uint8]
    left: int
    top: int


def fit(text: str, style: TextStyle, width: int, height: int, fonts: FontBook) -> TextBlock:
    """Set `text` into `width` x `height` pixels at the largest size that `style` allows.

    Phrases stay whole unless that costs more than 40 % of the size. Box and ink always lie inside the area:
    a text that is too long is no error, it comes back shortened at `min_size`. Raises
    BannerFailed(MISSING_GLYPH) for a letter that the chain cannot draw, InvalidInput for an unknown family.
    """
    return _fit(clean(text).strip(), style, width, height, fonts)


@lru_cache(maxsize=1024)
def _fit(text: str, style: TextStyle, width: int, height: int, fonts: FontBook) -> TextBlock:
    chain = fonts.faces(style.family, style.weight, style.locale)
    typography = Typography(chain, style.letter_spacing, language(style.locale))
    refuse_missing(text, chain)
    if not text:
        return TextBlock((), style.max_size, NOTHING, NOTHING)
    frame = Frame(width, height, style.min_size, style.max_size, style.max_lines, style.line_height)
    if len(text) <= MOST_LETTERS and len(clusters(text)) <= MOST_CLUSTERS:
        setting = Setting(text, frame, typography)
        for worst, largest in setting.candidates():
            for size in range(largest, style.min_size - 1, -1):
                block = _block(setting.lines(worst, size), size, style, width, typography)
                if _inside(block, width, height):
                    return block
    return _overflowing(shortened(text, frame, typography), style, frame, typography)


def draw(block: TextBlock) -> Mask:
    """Paint `block`: its ink box as a coverage mask, 0 x 0 pixels if nothing is to be seen."""
    if block.ink == NOTHING:
        return Mask(np.zeros((0, 0), np.uint8), 0, 0)
    runs = [run for line in block.lines for run in line.runs]
    return Mask(paint(runs, block.ink), block.ink.left, block.ink.top)


def _overflowing(lines: list[str], style: TextStyle, frame: Frame, typography: Typography) -> TextBlock:
    block = _block(lines, style.min_size, style, frame.width, typography)
    if not lines or not _inside(block, frame.width, frame.height):
        return TextBlock((), style.min_size, NOTHING, NOTHING, overflow=True)
    return replace(block, overflow=style.overflow == "hold", shortened=True)


def _block(
    lines: Sequence[str], size: int, style: TextStyle, width: int, typography: Typography
) -> TextBlock:
    """Place `lines` from the top of an area `width` pixels wide, aligned in it."""
    shaped = [shape(line, typography, size) for line in lines]
    first = max([round(ASCENT * size), *(-ink(line).top for line in shaped[:1])])
    placed: list[Line] = []
    box = inked = NOTHING
    for place, line in enumerate(shaped):
        baseline = first + round(place * style.line_height * size)
        left, right = edges(line, typography, size)
        # Strokes may reach over the advance (a swash, an accent): they must not reach out of the area.
        touched = ink(line)
        left, right = min(left, touched.left), max(right, touched.right)
        spare = width - (right - left)
        # Whole pixels: the same word looks the same wherever it stands.
        x = max(0, int(spare * _SHARE[style.align])) - floor(left)
        runs = tuple(run.moved(x, baseline) for run in line.runs)
        placed.append(Line(line.text, runs, x, baseline, line.width))
        inked = union(inked, moved(touched, x, baseline))
        bottom = max(baseline + round(DESCENT * size), inked.bottom)
        box = union(box, Box(x + floor(left), 0, x + ceil(right), bottom))
    return TextBlock(tuple(placed), size, box, inked)


def _inside(block: TextBlock, width: int, height: int) -> bool:
    return all(
        box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height
        for box in (block.box, block.ink)
    )
