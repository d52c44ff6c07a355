"""How a text is cut into lines for a box: sizes are tried, phrases kept, lines balanced.

Works on widths measured once at one size; `pipeline.text` places the lines and checks them at true size. In
vertical text a line's width is its length downwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.balance import Measured, balanced, fewest_lines
from pipeline.inking import NOTHING, ink
from pipeline.linebreak import Break, atoms, opportunities
from pipeline.paragraph import Paragraph, Slice
from pipeline.shaping import ASCENT, DESCENT, Shaped, gap, shape
from pipeline.writing import CLOSING, OPENING

# Rather a smaller letter than a broken phrase, down to this share of the size that broken ones would allow.
# Just under a half: two lines allow twice the size of one, and no word is to be torn for that.
PHRASE_WORTH = 0.49
# More than any banner can show; what lies behind is cut before anything costs time. Letters are limited too:
# one cluster can carry thousands of combining marks.
MOST_CLUSTERS = 600
MOST_LETTERS = 8 * MOST_CLUSTERS
# Advances scale linearly (unhinted fonts, measured to 0.1 %), so atoms are measured once, at this size.
_MEASURED_AT = 200
_ELLIPSIS = "…"
# A size of 50 takes 55 pixels, not 55.00000000000001.
_ROUNDING = 1e-6
_EMPTY_AFTER = CLOSING | frozenset("、。，．：；！？")
# What an ideograph leaves free beside itself, in em: hanging signs keep as much from the edge.
_BEARING = 0.04
_BEFORE_ELLIPSIS = " 、。，．・：；,.:;،؛"


@dataclass(frozen=True, slots=True)
class Frame:
    """The box and what may vary in it: pixels, except `line_height` in sizes. `width` is along the lines."""

    width: int
    height: int
    min_size: int
    max_size: int
    max_lines: int
    line_height: float

    def limit(self, size: int) -> float:
        """The frame's width in the unit that atoms are measured in."""
        return self.width * _MEASURED_AT / size

    def room(self, size: int) -> int:
        """How many lines of `size` the frame has room for."""
        spare = self.height - (ASCENT + DESCENT) * size + _ROUNDING
        return 0 if spare < 0 else min(self.max_lines, 1 + int(spare / (self.line_height * size)))


class Setting:
    """One text, measured and ready to be broken for any size of letter."""

    def __init__(self, paragraphs: Sequence[Paragraph], frame: Frame) -> None:
        self._frame = frame
        self._paragraphs = paragraphs

    def candidates(self) -> list[tuple[Break, int]]:
        """(worst break allowed, size) to try, best first; empty if nothing fits at the smallest size."""
        sizes = {worst: self._largest(worst) for worst in (Break.PHRASE, Break.SCRIPT, Break.ANYWHERE)}
        most = max(sizes.values())
        fitting = [(worst, size) for worst, size in sizes.items() if size >= self._frame.min_size]
        return sorted(fitting, key=lambda pair: (pair[1] < most * PHRASE_WORTH, pair[0]))

    def lines(self, worst: Break, size: int) -> list[Slice]:
        """The text's lines at `size`, which must not be above the candidate's."""
        limit = self._frame.limit(size)
        found: list[Slice] = []
        for paragraph in self._paragraphs:
            cut = _cut(paragraph, worst)
            measured = _measured(paragraph, worst)
            for first, last in balanced(measured, limit, fewest_lines(measured, limit) or 1):
                found.append(paragraph.stripped(cut[first][0], cut[last - 1][1]))
        return found

    def _largest(self, worst: Break) -> int:
        """The largest size that fits with that tolerance, 0 if none does."""
        low, high = self._frame.min_size - 1, self._frame.max_size
        while low < high:
            middle = (low + high + 1) // 2
            if self._fits(worst, middle):
                low = middle
            else:
                high = middle - 1
        return low if low >= self._frame.min_size else 0

    def _fits(self, worst: Break, size: int) -> bool:
        limit = self._frame.limit(size)
        needed = [fewest_lines(_measured(paragraph, worst), limit) for paragraph in self._paragraphs]
        return None not in needed and sum(filter(None, needed)) <= self._frame.room(size)


@lru_cache(maxsize=1024)
def _cut(paragraph: Paragraph, worst: Break) -> list[tuple[int, int]]:
    whole = paragraph.stripped(0, len(paragraph.parts))
    qualities = opportunities(whole.text, paragraph.language)
    return [(whole.start + a, whole.start + b) for a, b in atoms(qualities, worst)] or [(0, 0)]


@lru_cache(maxsize=1024)
def _measured(paragraph: Paragraph, worst: Break) -> Measured:
    cut = _cut(paragraph, worst)
    whole = paragraph.stripped(0, len(paragraph.parts))
    qualities = opportunities(whole.text, paragraph.language) or (Break.NEVER,)
    slices = [Slice(paragraph, start, end) for start, end in cut]
    return Measured(
        tuple(piece.text for piece in slices),
        tuple(qualities[piece.start - whole.start] for piece in slices),
        tuple(shape(piece, _MEASURED_AT).width + _after(piece) for piece in slices),
        tuple(_inked(paragraph, piece.start, piece.end) for piece in slices),
    )


def _after(piece: Slice) -> float:
    """What lies between an atom and the next on the same line: letter spacing, autospace."""
    paragraph, end = piece.paragraph, piece.end
    if end == 0 or end >= len(paragraph.parts):
        return 0.0
    manner = paragraph.manners[end - 1]
    between = 0.0 if paragraph.levels[end] % 2 else gap(paragraph.parts[end - 1], paragraph.parts[end])
    return (manner.spacing * manner.scale + between) * _MEASURED_AT


def _inked(paragraph: Paragraph, start: int, end: int) -> float:
    """The width that a range needs at a line's end, at _MEASURED_AT."""
    line = paragraph.stripped(start, end)
    return edges(line, shape(line, _MEASURED_AT), _MEASURED_AT)[1]


def edges(line: Slice, shaped: Shaped, size: float) -> tuple[float, float]:
    """Where a line begins and ends for the eye: the empty half of a bracket or full stop hangs outside.

    Vertical lines and those of right-to-left text keep their whole width.
    """
    left, right = 0.0, shaped.width
    if line.paragraph.vertical or any(line.paragraph.levels[line.start : line.end]):
        return left, right
    text = line.text
    if text[:1] in OPENING:
        first = shape(Slice(line.paragraph, line.start, line.start + 1), size)
        left = max(0.0, ink(first).left - _BEARING * size)
    if text[-1:] in _EMPTY_AFTER:
        last = shape(Slice(line.paragraph, line.end - 1, line.end), size)
        right -= max(0.0, last.width - ink(last).right - _BEARING * size) if ink(last) != NOTHING else 0.0
    return left, right


def shortened(paragraphs: Sequence[Paragraph], frame: Frame) -> list[Slice]:
    """As many lines at the smallest size as the frame has room for, the last one ending in "…".

    Filled one after the other, breaking wherever kinsoku allows. Empty if there is no room for one line.
    """
    room = frame.room(frame.min_size)
    # Two pixels less: ink is rounded outwards when the lines are placed.
    limit = (frame.width - 2) * _MEASURED_AT / frame.min_size
    if room == 0 or limit <= 0:
        return []
    lines: list[Slice] = []
    place, start = 0, 0
    while len(lines) < room - 1 and place < len(paragraphs):
        paragraph = paragraphs[place]
        end = _first_line(paragraph, start, limit)
        lines.append(paragraph.stripped(start, end))
        start = _after_space(paragraph, end)
        if start >= len(paragraph.parts):
            place, start = place + 1, 0
    # Everything cannot have been placed, or the text would have fitted; a rounding may disagree.
    last = paragraphs[min(place, len(paragraphs) - 1)]
    return [*lines, _ending(last, start, limit)]


def _ending(paragraph: Paragraph, start: int, limit: float) -> Slice:
    """As much of a paragraph from `start` as fits together with an ellipsis, and the ellipsis."""
    end = start + 1
    while end < len(paragraph.parts) and _shown(paragraph, start, end + 1) <= limit:
        end += 1
    return _with_ellipsis(paragraph, start, end)


def _shown(paragraph: Paragraph, start: int, end: int) -> float:
    return shape(_with_ellipsis(paragraph, start, end), _MEASURED_AT).width


def _with_ellipsis(paragraph: Paragraph, start: int, end: int) -> Slice:
    while end > start and paragraph.parts[end - 1] in _BEFORE_ELLIPSIS:
        end -= 1
    return paragraph.with_tail(start, end, _ELLIPSIS)


def _first_line(paragraph: Paragraph, start: int, limit: float) -> int:
    """Where the line that begins at `start` ends: at least one cluster further, if there is one."""
    end = start
    for first, last in _cut(paragraph, Break.ANYWHERE):
        if first < start:
            continue
        if end > start and _inked(paragraph, start, last) > limit:
            return end
        end = last
        if _inked(paragraph, start, end) > limit:
            return _longest(paragraph, start, end, limit)
    return max(end, start)


def _longest(paragraph: Paragraph, start: int, most: int, limit: float) -> int:
    end = start + 1
    while end < most and _inked(paragraph, start, end + 1) <= limit:
        end += 1
    return end


def _after_space(paragraph: Paragraph, place: int) -> int:
    while place < len(paragraph.parts) and paragraph.parts[place].isspace():
        place += 1
    return place
