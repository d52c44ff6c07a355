"""Which line ends to take: of all layouts with the fewest lines the least ragged one."""

from dataclasses import dataclass
from itertools import pairwise

from pipeline.linebreak import Break

# Short words that look lost at the end of a line.
_LEANS_FORWARD = frozenset(
    "a an the of to in on at by for & and or mit und der die das le la les de du".split()
)
# Weighed against squared slack: 0.1 is a pair of lines of 5 and 8 characters, 0.5 one of 4 and 12.
_COST = {Break.SPACE: 0.05, Break.PHRASE: 0.1, Break.SCRIPT: 0.2, Break.ANYWHERE: 0.5}
_ORPHAN = 0.5
_LEANING = 0.3
_SHORT_WORD = 3
_PAUSES = frozenset("、。，；：！？…」』）】,;:!?.–—")


@dataclass(frozen=True, slots=True)
class Measured:
    """The atoms of one paragraph: `pieces`, the `breaks` before them, and their widths in any one unit.

    `widths` are advances up to the next atom; `inked` leaves out trailing space and the empty part of a
    full-width stop, which may hang over a line's end.
    """

    pieces: tuple[str, ...]
    breaks: tuple[Break, ...]
    widths: tuple[float, ...]
    inked: tuple[float, ...]

    def line_width(self, start: int, end: int) -> float:
        return sum(self.widths[start : end - 1]) + self.inked[end - 1]


def fewest_lines(measured: Measured, limit: float) -> int | None:
    """How many lines no wider than `limit` the paragraph needs, or None if one atom alone is wider."""
    lines, used = 1, 0.0
    for width, ink in zip(measured.widths, measured.inked, strict=True):
        if ink > limit:
            return None
        if used + ink > limit:
            lines, used = lines + 1, 0.0
        used += width
    return lines


def balanced(measured: Measured, limit: float, lines: int) -> list[tuple[int, int]]:
    """The paragraph as `lines` lines (ranges of pieces) no wider than `limit`, even and with good line ends.

    The sum of squared relative slack and of what each line end costs is minimised, by dynamic programming.
    `limit` must allow that many lines (`fewest_lines`).
    """
    count = len(measured.pieces)
    # At least a trifle: an empty paragraph is a line, too.
    target = max(measured.line_width(0, count) / lines, 1e-9)
    best = [[float("inf")] * (count + 1) for _ in range(lines + 1)]
    came_from = [[0] * (count + 1) for _ in range(lines + 1)]
    best[0][0] = 0.0
    for line in range(1, lines + 1):
        for end in range(line, count + 1):
            used = measured.inked[end - 1]
            for start in range(end - 1, line - 2, -1):
                if used > limit:
                    break
                cost = best[line - 1][start] + (used / target - 1) ** 2 + _end_cost(measured, start, end)
                if cost < best[line][end]:
                    best[line][end], came_from[line][end] = cost, start
                used += measured.widths[start - 1] if start else 0.0
    cuts = [count]
    for line in range(lines, 0, -1):
        cuts.append(came_from[line][cuts[-1]])
    return [(start, end) for end, start in pairwise(cuts)][::-1]


def _end_cost(measured: Measured, start: int, end: int) -> float:
    """What it costs to end a line of the atoms `start` to `end` there, beside its length."""
    if end == len(measured.pieces):
        return _ORPHAN if _is_orphan("".join(measured.pieces[start:end])) else 0.0
    last = measured.pieces[end - 1].strip()
    if last[-1:] in _PAUSES:
        return 0.0
    return _COST[measured.breaks[end]] + (_LEANING if last.lower() in _LEANS_FORWARD else 0.0)


def _is_orphan(line: str) -> bool:
    """A last line of one character, or of one short Latin word."""
    letters = [letter for letter in line if letter.isalnum()]
    return len(letters) <= 1 or (
        len(letters) <= _SHORT_WORD and line.strip().isascii() and " " not in line.strip()
    )
