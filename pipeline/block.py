"""Lines placed in an area: rows from the top, or columns from the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, floor

from pipeline.inking import NOTHING, ink, moved, union
from pipeline.paragraph import Slice
from pipeline.setting import edges
from pipeline.shaping import ASCENT, DESCENT, Run, Shaped, Stripe, shape
from pipeline.types import Box


@dataclass(frozen=True, slots=True)
class Line:
    """One set line: `x` and `width` of its advance box and its `baseline`, in pixels of the block.

    For a vertical line `x` is its axis, `baseline` where it begins, `width` its length downwards.
    """

    text: str
    runs: tuple[Run, ...]
    x: int
    baseline: int
    width: float
    stripes: tuple[Stripe, ...] = ()


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A text that has been fitted. Pixels, origin at the top left of the area given to `fit`.

    `box` is the layout box (nominal line boxes, stable for stacking), `ink` the tight box of
    what is painted. Rows are aligned horizontally in the area and start at its top, columns are aligned
    vertically and start at its right. `overflow`: it does not fit, and policy is "hold"; `shortened`: it ends
    in an ellipsis that its author did not write.
    """

    lines: tuple[Line, ...]
    size: int
    box: Box
    ink: Box
    overflow: bool = False
    shortened: bool = False


def rows(lines: Sequence[Slice], size: int, width: int, leading: float, share: float) -> TextBlock:
    """`lines` from the top of an area `width` pixels wide; `share` of the spare width is at their left."""
    shaped = [shape(line, size) for line in lines]
    first = max([round(ASCENT * size), *(-ink(line).top for line in shaped[:1])])
    placed: list[Line] = []
    box = inked = NOTHING
    for place, (line, made) in enumerate(zip(lines, shaped, strict=True)):
        baseline = first + round(place * leading * size)
        left, right = edges(line, made, size)
        # Strokes may reach over the advance (a swash, an accent): they must not reach out of the area.
        touched = ink(made)
        left, right = min(left, touched.left), max(right, touched.right)
        # Whole pixels: the same word looks the same wherever it stands.
        x = max(0, int((width - (right - left)) * share)) - floor(left)
        placed.append(_line(made, x, baseline))
        inked = union(inked, moved(touched, x, baseline))
        bottom = max(baseline + round(DESCENT * size), inked.bottom)
        box = union(box, Box(x + floor(left), 0, x + ceil(right), bottom))
    return TextBlock(tuple(placed), size, box, inked)


def columns(
    lines: Sequence[Slice], size: int, width: int, height: int, leading: float, share: float
) -> TextBlock:
    """`lines` from the right of an area; `share` of the spare height stands above them."""
    half = (ASCENT + DESCENT) / 2 * size
    placed: list[Line] = []
    box = inked = NOTHING
    for place, line in enumerate(lines):
        made = shape(line, size)
        axis = floor(width - half - place * leading * size)
        touched = ink(made)
        top, bottom = min(0, touched.top), max(made.width, touched.bottom)
        y = max(0, int((height - (bottom - top)) * share)) - top
        placed.append(_line(made, axis, y))
        inked = union(inked, moved(touched, axis, y))
        box = union(box, Box(floor(axis - half), y + top, ceil(axis + half), y + ceil(bottom)))
    return TextBlock(tuple(placed), size, reduce(union, (box, inked)), inked)


def _line(made: Shaped, x: int, y: int) -> Line:
    runs = tuple(run.moved(x, y) for run in made.runs)
    return Line(made.text, runs, x, y, made.width, tuple(stripe.moved(x, y) for stripe in made.stripes))
