"""One line of text as positioned runs: which font draws which cluster, how wide it is, where its ink lies.

A run is a stretch of one font in one direction. Only left-to-right text is laid out; `Run.direction` is where
the right-to-left scripts will come in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.clusters import clusters
from pipeline.fallback import faces_for
from pipeline.fonts import Face, sized
from pipeline.types import Box

NOTHING = Box(0, 0, 0, 0)
# CSS Text 4, `text-autospace`: an eighth of an em between ideographs and Latin letters or figures.
AUTOSPACE = 0.125
_EMPTY_BEFORE = frozenset("（〔［｛〈《「『【")
_EMPTY_AFTER = frozenset("、。，．：；！？）〕］｝〉》」』】")
# What an ideograph leaves free beside itself, in em: hanging signs keep as much from the edge.
_BEARING = 0.04


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one font. `x` (pixels, may be fractional) and `baseline` place its origin; `size` in pixels.

    `features` are OpenType switches in HarfBuzz spelling; `language` a BCP 47 tag for the shaper.
    """

    text: str
    face: Face
    size: int
    x: float
    baseline: int
    direction: Literal["ltr", "rtl"]
    language: str
    features: tuple[str, ...] = ()

    def moved(self, x: float, baseline: int) -> "Run":
        return replace(self, x=self.x + x, baseline=self.baseline + baseline)


@dataclass(frozen=True, slots=True)
class Typography:
    """How a whole text is shaped: fallback chain, letter spacing in em, language tag."""

    chain: tuple[Face, ...]
    spacing: float
    language: str


@dataclass(frozen=True, slots=True)
class Shaped:
    """A line with its origin at (0, 0); `width` is its advance. What it covers: `edges` and `ink`."""

    text: str
    runs: tuple[Run, ...]
    width: float


@lru_cache(maxsize=8192)
def shape(text: str, typography: Typography, size: int) -> Shaped:
    """`text` (one line, no "\n") laid out from (0, 0) at `size` pixels per em.

    Raises BannerFailed(MISSING_GLYPH) for a letter outside the chain.
    """
    parts = clusters(text)
    runs: list[Run] = []
    x, before = 0.0, ""
    for stretch, face in _stretches(parts, faces_for(parts, typography.chain)):
        x += gap(before, stretch[0]) * size
        origin = Run("", face, size, x, 0, "ltr", typography.language)
        placed = (
            _spaced(stretch, origin, typography.spacing * size)
            if typography.spacing
            else [replace(origin, text="".join(stretch))]
        )
        runs += placed
        x += _advance("".join(stretch), placed[0]) + typography.spacing * size * len(stretch)
        before = stretch[-1]
    return Shaped(text, tuple(runs), max(0.0, x - typography.spacing * size))


def gap(before: str, after: str) -> float:
    """The space, in em, that is set between two neighbouring clusters of different writing."""
    return AUTOSPACE if {_side(before[:1]), _side(after[:1])} == {"cjk", "latin"} else 0.0


def _side(letter: str) -> str:
    """Which side of an autospace a letter stands on; empty for spaces and punctuation."""
    if "\u3041" <= letter <= "\u30ff" and letter not in "・ー" or "\u3400" <= letter <= "\u9fff":
        return "cjk"
    return "latin" if letter and letter < "\u0250" and (letter.isalnum() or letter in "$€£¥%") else ""


def _stretches(parts: Sequence[str], faces: Sequence[Face]) -> list[tuple[list[str], Face]]:
    found: list[tuple[list[str], Face]] = []
    for part, face in zip(parts, faces, strict=True):
        if found and found[-1][1] == face:
            found[-1][0].append(part)
        else:
            found.append(([part], face))
    return found


def _spaced(stretch: Sequence[str], run: Run, spacing: float) -> list[Run]:
    """One run for each cluster; kerning is kept, ligatures are not, as CSS letter-spacing does."""
    single = replace(run, features=("-liga", "-clig"))
    runs, before = [], ""
    for place, part in enumerate(stretch):
        before += part
        x = run.x + _advance(before, single) - _advance(part, single) + place * spacing
        runs.append(replace(single, text=part, x=x))
    return runs


def _advance(text: str, run: Run) -> float:
    font = sized(run.face.path, run.size)
    return font.getlength(text, direction=run.direction, features=list(run.features), language=run.language)


def edges(shaped: Shaped, typography: Typography, size: int) -> tuple[float, float]:
    """Where a line begins and ends for the eye: the empty half of a bracket or full stop hangs outside."""
    left, right = 0.0, shaped.width
    if shaped.text[:1] in _EMPTY_BEFORE:
        left = max(0.0, ink(shape(shaped.text[0], typography, size)).left - _BEARING * size)
    if shaped.text[-1:] in _EMPTY_AFTER:
        last = shape(shaped.text[-1], typography, size)
        right -= max(0.0, last.width - ink(last).right - _BEARING * size)
    return left, right


@lru_cache(maxsize=4096)
def ink(shaped: Shaped) -> Box:
    """The tight box round the pixels that `shaped` touches, NOTHING for spaces."""
    rough = reduce(union, map(_reach, shaped.runs), NOTHING)
    if rough == NOTHING:
        return NOTHING
    touched = paint(shaped.runs, rough) > 0
    columns, rows = np.flatnonzero(touched.any(axis=0)), np.flatnonzero(touched.any(axis=1))
    if columns.size == 0:
        return NOTHING
    tight = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return moved(tight, rough.left, rough.top)


def _reach(run: Run) -> Box:
    """A box that `run` surely stays in: its advance and its outlines, and a pixel for the antialiasing."""
    font = sized(run.face.path, run.size)
    left, top, right, bottom = font.getbbox(
        run.text, direction=run.direction, features=list(run.features), language=run.language, anchor="ls"
    )
    if right <= left or bottom <= top:
        return NOTHING
    return Box(math.floor(run.x + left) - 1, int(top) - 1, math.ceil(run.x + right) + 1, int(bottom) + 1)


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


def paint(runs: Sequence[Run], area: Box) -> NDArray[np.uint8]:
    """Antialiased coverage of `runs` inside `area`: uint8 (area.height, area.width), 0 is no ink."""
    picture = Image.new("L", (area.width, area.height), 0)
    pen = ImageDraw.Draw(picture)
    for run in runs:
        pen.text(
            (run.x - area.left, run.baseline - area.top),
            run.text,
            fill=255,
            font=sized(run.face.path, run.size),
            anchor="ls",
            direction=run.direction,
            features=list(run.features),
            language=run.language,
        )
    return np.asarray(picture)
