"""Text set into a box: the largest size that fits, phrases kept whole, lines balanced; then its pixels.

`fit` decides everything and paints nothing, so that a layout can be computed first; `draw` paints. The same
text, style, box and fonts give the same bytes on every call and in every process.

A rich text is a sequence of spans instead of a string:

    block = fit([Span("NT$", scale=0.5), Span("1,280")], TextStyle(locale="zh_TW"), 400, 120, fonts)
    inked = draw(block, (20, 20, 20, 255))
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Line, TextBlock, columns, rows
from pipeline.clusters import clean, clusters
from pipeline.fallback import refuse_missing
from pipeline.fonts import FontBook, language, rtl
from pipeline.inking import NOTHING, Strokes, coloured
from pipeline.paragraph import Paragraph, Slice, paragraphs
from pipeline.setting import MOST_CLUSTERS, MOST_LETTERS, Frame, Setting, shortened
from pipeline.spans import Manner, Rgba, Span, manner

__all__ = ["Inked", "Line", "Span", "TextBlock", "TextStyle", "draw", "fit"]

_SHARE = {"start": 0.0, "center": 0.5, "end": 1.0}


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a text wants to be set. Sizes in pixels per em, `letter_spacing` in em, `line_height` in sizes.

    `align`: where lines begin; "start" is the right in languages that are written from right to left, the top
    in vertical text. `locale` decides forms of letters, line breaks and the direction of the paragraph.
    `vertical`: lines run down, columns from right to left. `overflow`: what is said of a text that does not
    fit at `min_size`: "hold" reports it, "ellipsis" accepts the shortened text. Raises ValueError for sizes
    or spacings that make no sense.
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
    vertical: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.min_size <= self.max_size <= 2000:
            raise ValueError(
                f"sizes must be 1 <= min <= max <= 2000, not {self.min_size} and {self.max_size}"
            )
        if not (0.5 <= self.line_height <= 4 and -0.2 <= self.letter_spacing <= 2 and self.max_lines >= 1):
            raise ValueError("line_height is 0.5 to 4, letter_spacing -0.2 to 2 em, max_lines 1 or more")


@dataclass(frozen=True, slots=True)
class Inked:
    """Painted text. `pixels` premultiplied sRGB, uint8 (h, w, 4), with its top left at (`left`, `top`)."""

    pixels: NDArray[np.uint8]
    left: int
    top: int


def fit(text: str | Sequence[Span], style: TextStyle, width: int, height: int, fonts: FontBook) -> TextBlock:
    """Set `text` into `width` x `height` pixels at the largest size that `style` allows.

    Phrases stay whole unless that costs more than 40 % of the size. Box and ink always lie inside the area:
    a text that is too long is no error, it comes back shortened at `min_size`. Raises
    BannerFailed(MISSING_GLYPH) for a letter that the chain cannot draw, before anything is painted, and
    InvalidInput for an unknown family.
    """
    spans = (Span(text),) if isinstance(text, str) else tuple(text)
    return _fit(_trimmed(spans), style, width, height, fonts)


def draw(block: TextBlock, colour: Rgba) -> Inked:
    """Paint `block`: its ink box, 0 x 0 pixels if nothing is to be seen.

    `colour` (straight sRGB and alpha, each 0..255) is that of all spans without a colour of their own; the
    opacity of emoji, which have their own colours, too.
    """
    if block.ink == NOTHING:
        return Inked(np.zeros((0, 0, 4), np.uint8), 0, 0)
    strokes = Strokes(
        tuple(run for line in block.lines for run in line.runs),
        tuple(stripe for line in block.lines for stripe in line.stripes),
    )
    return Inked(coloured(strokes, block.ink, colour), block.ink.left, block.ink.top)


def _trimmed(spans: Sequence[Span]) -> tuple[Span, ...]:
    """`spans` cleaned, without empty ones and without white space at the ends of the whole."""
    texts = [clean(span.text) for span in spans]
    for order, strip in ((range(len(texts)), str.lstrip), (range(len(texts) - 1, -1, -1), str.rstrip)):
        for place in order:
            texts[place] = strip(texts[place])
            if texts[place]:
                break
    return tuple(replace(span, text=text) for span, text in zip(spans, texts, strict=True) if text)


@lru_cache(maxsize=1024)
def _fit(spans: tuple[Span, ...], style: TextStyle, width: int, height: int, fonts: FontBook) -> TextBlock:
    stretches = tuple((span.text, _manner(span, style, fonts)) for span in spans)
    for text, look in stretches:
        refuse_missing(text, look.chain)
    # The family is looked up even for an empty text: its name has to be right.
    fonts.faces(style.family, style.weight, style.locale)
    if not stretches:
        return TextBlock((), style.max_size, NOTHING, NOTHING)
    kept = _shown(stretches)
    parts = paragraphs(kept, language(style.locale), style.vertical)
    frame = _frame(style, width, height)
    if kept == stretches:
        setting = Setting(parts, frame)
        for worst, largest in setting.candidates():
            for size in range(largest, style.min_size - 1, -1):
                block = _block(setting.lines(worst, size), size, style, width, height)
                if _inside(block, width, height):
                    return block
    return _overflowing(parts, style, frame, width, height)


def _manner(span: Span, style: TextStyle, fonts: FontBook) -> Manner:
    return manner(span, style.family, style.weight, style.letter_spacing, style.locale, fonts)


def _frame(style: TextStyle, width: int, height: int) -> Frame:
    along, across = (height, width) if style.vertical else (width, height)
    return Frame(along, across, style.min_size, style.max_size, style.max_lines, style.line_height)


def _shown(stretches: tuple[tuple[str, Manner], ...]) -> tuple[tuple[str, Manner], ...]:
    """`stretches` cut to what a banner can possibly show; the same object's equal if that is all of it."""
    ends = accumulate(len(text) for text, _ in stretches)
    kept = [
        (text[: max(0, MOST_LETTERS - end + len(text))], look)
        for (text, look), end in zip(stretches, ends, strict=True)
    ]
    left = MOST_CLUSTERS
    for place, (text, look) in enumerate(kept):
        parts = clusters(text)
        kept[place] = ("".join(parts[: max(0, left)]), look)
        left -= len(parts)
    return tuple(stretch for stretch in kept if stretch[0])


def _overflowing(
    parts: Sequence[Paragraph], style: TextStyle, frame: Frame, width: int, height: int
) -> TextBlock:
    lines = shortened(parts, frame)
    block = _block(lines, style.min_size, style, width, height)
    if not lines or not _inside(block, width, height):
        return TextBlock((), style.min_size, NOTHING, NOTHING, overflow=True)
    return replace(block, overflow=style.overflow == "hold", shortened=True)


def _block(lines: Sequence[Slice], size: int, style: TextStyle, width: int, height: int) -> TextBlock:
    share = _SHARE[style.align]
    if style.vertical:
        return columns(lines, size, width, height, style.line_height, share)
    if rtl(language(style.locale)):
        share = 1 - share
    return rows(lines, size, width, style.line_height, share)


def _inside(block: TextBlock, width: int, height: int) -> bool:
    return all(
        box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height
        for box in (block.box, block.ink)
    )
