"""How a text is cut into lines for a box: sizes are tried, phrases kept, lines balanced. Strings in and out.

Works on widths measured once at one size; `pipeline.text` places the lines and checks them at true size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.balance import Measured, balanced, fewest_lines
from pipeline.clusters import clusters
from pipeline.linebreak import Break, atoms
from pipeline.shaping import Typography, edges, gap, shape

# The em box of the CJK faces is 0.88 above the baseline; Latin descenders reach 0.22 below it (measured on
# the shipped fonts). Nominal, so that lines do not jump when one of them has no descender.
ASCENT = 0.88
DESCENT = 0.22
# Rather a smaller letter than a broken phrase, down to this share of the size that broken ones would allow.
PHRASE_WORTH = 0.6
# More than any banner can show; what lies behind is cut before anything costs time. Letters are limited too:
# one cluster can carry thousands of combining marks.
MOST_CLUSTERS = 600
MOST_LETTERS = 8 * MOST_CLUSTERS
# Advances scale linearly (unhinted fonts, measured to 0.1 %), so atoms are measured once, at this size.
_MEASURED_AT = 200
_ELLIPSIS = "…"
# A size of 50 takes 55 pixels, not 55.00000000000001.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Frame:
    """The box and what may vary in it: pixels, except `line_height` in sizes."""

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

    def __init__(self, text: str, frame: Frame, typography: Typography) -> None:
        self._text, self._frame, self._typography = text, frame, typography
        self._paragraphs: Mapping[Break, tuple[Measured, ...]] = {
            worst: tuple(self._measured(part.strip(), worst) for part in text.split("\n"))
            for worst in (Break.PHRASE, Break.SCRIPT, Break.ANYWHERE)
        }

    def candidates(self) -> list[tuple[Break, int]]:
        """(worst break allowed, size) to try, best first; empty if nothing fits at the smallest size."""
        sizes = {worst: self._largest(worst) for worst in self._paragraphs}
        most = max(sizes.values())
        fitting = [(worst, size) for worst, size in sizes.items() if size >= self._frame.min_size]
        return sorted(fitting, key=lambda pair: (pair[1] < most * PHRASE_WORTH, pair[0]))

    def lines(self, worst: Break, size: int) -> list[str]:
        """The text's lines at `size`, which must not be above the candidate's."""
        limit = self._frame.limit(size)
        return [
            line.strip()
            for paragraph in self._paragraphs[worst]
            for line in balanced(paragraph, limit, fewest_lines(paragraph, limit) or 1)
        ]

    def _measured(self, text: str, worst: Break) -> Measured:
        cut = atoms(text, self._typography.language, worst) or [(Break.NEVER, "")]
        pieces = tuple(piece for _, piece in cut)
        spacing = self._typography.spacing
        after = [
            (spacing + gap(piece[-1:], coming[:1])) * _MEASURED_AT
            for piece, coming in zip(pieces, (*pieces[1:], ""), strict=True)
        ]
        return Measured(
            pieces,
            tuple(quality for quality, _ in cut),
            tuple(
                shape(piece, self._typography, _MEASURED_AT).width + more
                for piece, more in zip(pieces, after, strict=True)
            ),
            tuple(_inked(piece, self._typography) for piece in pieces),
        )

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
        needed = [fewest_lines(paragraph, limit) for paragraph in self._paragraphs[worst]]
        return None not in needed and sum(filter(None, needed)) <= self._frame.room(size)


def shortened(text: str, frame: Frame, typography: Typography) -> list[str]:
    """As many lines at the smallest size as the frame has room for, the last one ending in "…".

    Filled one after the other, breaking wherever kinsoku allows. Empty if there is no room for one line.
    """
    room = frame.room(frame.min_size)
    # Two pixels less: ink is rounded outwards when the lines are placed.
    limit = (frame.width - 2) * _MEASURED_AT / frame.min_size
    if room == 0 or limit <= 0:
        return []
    rest = "".join(clusters(text[:MOST_LETTERS])[:MOST_CLUSTERS])
    lines: list[str] = []
    while rest and len(lines) < room - 1:
        paragraph, _, later = rest.partition("\n")
        line = _first_line(paragraph, limit, typography)
        left_over = paragraph[len(line) :].lstrip()
        lines.append(line.rstrip())
        rest = f"{left_over}\n{later}" if left_over else later
    last = _longest_start(rest.partition("\n")[0], limit, _ELLIPSIS, typography)
    return [*lines, last.rstrip(" 、。，．・：；,.:;") + _ELLIPSIS]


def _first_line(paragraph: str, limit: float, typography: Typography) -> str:
    line = ""
    for _, piece in atoms(paragraph, typography.language, Break.ANYWHERE):
        if line and _inked(line + piece, typography) > limit:
            return line
        line += piece
    return line if _inked(line, typography) <= limit else _longest_start(line, limit, "", typography)


def _longest_start(text: str, limit: float, tail: str, typography: Typography) -> str:
    """The first clusters of `text`, at least one, that fit into `limit` together with `tail`."""
    start = ""
    for part in clusters(text):
        if start and _inked(start + part + tail, typography) > limit:
            break
        start += part
    return start


def _inked(text: str, typography: Typography) -> float:
    """The width that `text` needs at a line's end, at _MEASURED_AT."""
    shaped = shape(text.rstrip(), typography, _MEASURED_AT)
    return edges(shaped, typography, _MEASURED_AT)[1]
