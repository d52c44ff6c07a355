"""One line of text as positioned runs: which font draws what, in which order, how wide it is.

A run is a stretch of one font, one manner and one direction. Runs are shaped in logical order and set in the
order of UAX #9; in vertical text they follow one another downwards, ideographs upright, Latin on its side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from pipeline.bidi import visual_order
from pipeline.fonts import Face, sized
from pipeline.paragraph import Paragraph, Slice
from pipeline.spans import Manner, Rgba
from pipeline.writing import AUTOSPACE, Stance, is_cursive, stance, trims

# The em box of the CJK faces is 0.88 above the baseline; Latin descenders reach 0.22 below it (measured on
# the shipped fonts). Nominal, so that lines do not jump when one of them has no descender.
ASCENT = 0.88
DESCENT = 0.22
# How far the middle of an ideograph, the axis of vertical lines, lies above the baseline; that of figures.
MIDDLE = 0.38
FIGURE_MIDDLE = 0.36
# A struck price: how thick the line is and how far it reaches over the figures, in em.
STRIKE, STRIKE_REACH = 0.06, 0.06


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one font. `x` (pixels, may be fractional) and `baseline` place its origin; `size` in pixels.

    `features` are OpenType switches in HarfBuzz spelling; `language` a BCP 47 tag for the shaper. `colour`
    None: the text's own. `turned`: drawn on its side, tops to the right; its origin is then at (baseline, x).
    """

    text: str
    face: Face
    size: float
    x: float
    baseline: int
    direction: Literal["ltr", "rtl"]
    language: str
    features: tuple[str, ...] = ()
    colour: Rgba | None = None
    turned: bool = False

    def moved(self, x: int, y: int) -> "Run":
        if self.turned:
            return replace(self, x=self.x + y, baseline=self.baseline + x)
        return replace(self, x=self.x + x, baseline=self.baseline + y)


@dataclass(frozen=True, slots=True)
class Stripe:
    """A line through struck text, in pixels: a rectangle in `colour`."""

    left: int
    top: int
    right: int
    bottom: int
    colour: Rgba | None

    def moved(self, x: int, y: int) -> "Stripe":
        return Stripe(self.left + x, self.top + y, self.right + x, self.bottom + y, self.colour)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A line with its origin at (0, 0); `width` is its advance, downwards for vertical text."""

    text: str
    runs: tuple[Run, ...]
    stripes: tuple[Stripe, ...]
    width: float


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Neighbouring clusters that one run can draw."""

    parts: tuple[str, ...]
    manner: Manner
    face: Face
    level: int
    stance: Stance
    trimmed: bool


@lru_cache(maxsize=8192)
def shape(line: Slice, size: float) -> Shaped:
    """`line` laid out from (0, 0) at `size` pixels per em of its paragraph."""
    stretches = list(_stretches(line))
    ordered = [stretches[place] for place in visual_order([stretch.level for stretch in stretches])]
    runs: list[Run] = []
    stripes: list[Stripe] = []
    at, trailing, before = 0.0, 0.0, None
    for stretch in ordered:
        at += _between(before, stretch) * size
        made, length, trailing = _set(stretch, line.paragraph, at, size)
        runs += made
        if stretch.manner.strike:
            stripes.append(_stripe(stretch.manner, at, at + length - trailing, size, line.paragraph.vertical))
        at += length
        before = stretch
    return Shaped(line.text, tuple(runs), tuple(stripes), max(0.0, at - trailing))


def _stretches(line: Slice) -> Iterator[_Stretch]:
    paragraph = line.paragraph
    start = line.start
    keys = [_key(paragraph, place, line) for place in range(line.start, line.end)]
    for end in range(line.start + 1, line.end + 1):
        if end == line.end or keys[end - line.start] != keys[start - line.start]:
            yield _Stretch(paragraph.parts[start:end], *keys[start - line.start])
            start = end


def _key(paragraph: Paragraph, place: int, line: Slice) -> tuple[Manner, Face, int, Stance, bool]:
    part = paragraph.parts[place]
    before = paragraph.parts[place - 1] if place > line.start else ""
    after = paragraph.parts[place + 1] if place + 1 < line.end else ""
    return (
        paragraph.manners[place],
        paragraph.faces[place],
        paragraph.levels[place],
        stance(paragraph.parts, place) if paragraph.vertical else "turned",
        not paragraph.vertical and trims(before, part, after, paragraph.language),
    )


def _between(before: _Stretch | None, after: _Stretch) -> float:
    """The space, in em, between two neighbours; right-to-left scripts get none."""
    if before is None or before.level % 2 or after.level % 2:
        return 0.0
    return gap(before.parts[-1], after.parts[0]) * min(before.manner.scale, after.manner.scale)


def gap(before: str, after: str) -> float:
    """The space, in em, that is set between two neighbouring clusters of different writing."""
    return AUTOSPACE if {side(before[:1]), side(after[:1])} == {"cjk", "latin"} else 0.0


def side(letter: str) -> str:
    """Which side of an autospace a letter stands on; empty for spaces and punctuation."""
    if "\u3041" <= letter <= "\u30ff" and letter not in "・ー" or "\u3400" <= letter <= "\u9fff":
        return "cjk"
    return "latin" if letter and letter < "\u0250" and (letter.isalnum() or letter in "$€£¥%") else ""


def _set(stretch: _Stretch, paragraph: Paragraph, at: float, size: float) -> tuple[list[Run], float, float]:
    """The runs of a stretch that begins at `at`, its advance, and how much of that is space after it."""
    manner = stretch.manner
    own = size * manner.scale
    run = Run(
        "".join(stretch.parts),
        stretch.face,
        own,
        at,
        -round(manner.rise * size),
        "rtl" if stretch.level % 2 else "ltr",
        paragraph.language,
        ("halt",) if stretch.trimmed else (),
        manner.colour,
    )
    if stretch.stance != "turned":
        cells = [run.text] if stretch.stance == "combined" else stretch.parts
        return _upright(cells, run, manner.spacing * own)
    if paragraph.vertical:
        run = replace(run, turned=True, baseline=-round(MIDDLE * own) + round(manner.rise * size))
    # CSS Text 4, 8.2: no space between letters that are joined in writing.
    spacing = 0.0 if is_cursive(run.text) else manner.spacing * own
    runs = _spaced(stretch.parts, run, spacing) if spacing else [run]
    return runs, advance(run.text, runs[0]) + spacing * len(stretch.parts), spacing


def _spaced(parts: Sequence[str], run: Run, spacing: float) -> list[Run]:
    """One run for each cluster; kerning is kept, ligatures are not, as CSS letter-spacing does."""
    single = replace(run, features=(*run.features, "-liga", "-clig"))
    whole = advance("".join(parts), single)
    runs, before = [], ""
    for place, part in enumerate(parts):
        before += part
        x, gaps = advance(before, single) - advance(part, single), place
        if run.direction == "rtl":
            x, gaps = whole - advance(before, single), len(parts) - 1 - place
        runs.append(replace(single, text=part, x=run.x + x + gaps * spacing))
    return runs


def _upright(cells: Sequence[str], run: Run, spacing: float) -> tuple[list[Run], float, float]:
    """One cell of an em below the other, each with one cluster, or with the figures of a short number."""
    runs, top = [], run.x
    for cell in cells:
        single = replace(run, text=cell, features=(*run.features, "vert"))
        width = advance(cell, single)
        if width > run.size:
            single = replace(single, size=run.size * run.size / width)
            width = run.size
        middle = FIGURE_MIDDLE * single.size if cell.isascii() else MIDDLE * run.size
        baseline = round(top + run.size / 2 + middle)
        # A raised stretch of a column stands further to the right.
        runs.append(replace(single, x=-width / 2 - run.baseline, baseline=baseline))
        top += run.size + spacing
    return runs, top - run.x, spacing


def advance(text: str, run: Run) -> float:
    """The advance of `text` set like `run`, in pixels."""
    font = sized(run.face, run.face.bitmap or run.size)
    scale = run.size / run.face.bitmap if run.face.bitmap else 1.0
    length = font.getlength(text, direction=run.direction, features=list(run.features), language=run.language)
    return length * scale


def _stripe(manner: Manner, start: float, end: float, size: float, vertical: bool) -> Stripe:
    own = size * manner.scale
    thick, reach = max(1, round(STRIKE * own)), max(1, round(STRIKE_REACH * own))
    first, last = round(start) - reach, round(end) + reach
    if vertical:
        left = round(manner.rise * size - thick / 2)
        return Stripe(left, first, left + thick, last, manner.colour)
    top = -round(manner.rise * size + FIGURE_MIDDLE * own + thick / 2)
    return Stripe(first, top, last, top + thick, manner.colour)
