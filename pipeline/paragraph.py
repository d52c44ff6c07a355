"""A paragraph before it is broken into lines: its letters with their fonts and directions, decided once.

Fonts and directions depend on what stands around a letter, so a line or a word is a range of its paragraph
and never a text of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from pipeline.bidi import levels
from pipeline.clusters import clusters
from pipeline.fallback import faces_for
from pipeline.fonts import Face, rtl
from pipeline.spans import Manner


@dataclass(frozen=True, eq=False)
class Paragraph:
    """Clusters (`parts`) with the manner, font and bidi level of each. `language`: a tag of `pipeline.fonts`.

    Two paragraphs are the same only if they are one object: `paragraphs` returns one object for one text.
    """

    language: str
    vertical: bool
    parts: tuple[str, ...]
    manners: tuple[Manner, ...]
    faces: tuple[Face, ...]
    levels: tuple[int, ...]

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def stripped(self, start: int, end: int) -> "Slice":
        """The range without the white space at its ends."""
        while start < end and self.parts[start].isspace():
            start += 1
        while start < end and self.parts[end - 1].isspace():
            end -= 1
        return Slice(self, start, end)

    def with_tail(self, start: int, end: int, tail: str) -> "Slice":
        """The range and then `tail`, in the manner of the letter before it, as a line of its own."""
        kept = zip(self.parts[start:end], self.manners[start:end], strict=True)
        made = _made((*kept, (tail, self.manners[max(0, end - 1)])), self.language, self.vertical)
        return Slice(made, 0, len(made.parts))


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of a paragraph's clusters: what a line is made of."""

    paragraph: Paragraph
    start: int
    end: int

    @property
    def text(self) -> str:
        return "".join(self.paragraph.parts[self.start : self.end])


@lru_cache(maxsize=1024)
def paragraphs(
    stretches: tuple[tuple[str, Manner], ...], language: str, vertical: bool = False
) -> tuple[Paragraph, ...]:
    """The paragraphs of a text (split at "\\n") whose `stretches` are already cleaned.

    Raises BannerFailed(MISSING_GLYPH) for the first letter that its chain cannot draw.
    """
    letters = _letters(stretches)
    rows: list[list[tuple[str, Manner]]] = [[]]
    for part, manner in letters:
        if part == "\n":
            rows.append([])
        else:
            rows[-1].append((part, manner))
    return tuple(_made(tuple(row), language, vertical) for row in rows)


def _letters(stretches: Sequence[tuple[str, Manner]]) -> list[tuple[str, Manner]]:
    """Clusters with their manners. A mark that opens a stretch belongs to the letter before it."""
    starts: list[tuple[int, Manner]] = []
    offset = 0
    for text, manner in stretches:
        starts.append((offset, manner))
        offset += len(text)
    found, offset, at = [], 0, 0
    for part in clusters("".join(text for text, _ in stretches)):
        while at + 1 < len(starts) and starts[at + 1][0] <= offset:
            at += 1
        found.append((part, starts[at][1]))
        offset += len(part)
    return found


@lru_cache(maxsize=1024)
def _made(letters: tuple[tuple[str, Manner], ...], language: str, vertical: bool) -> Paragraph:
    parts = tuple(part for part, _ in letters)
    manners = tuple(manner for _, manner in letters)
    by_letter = levels("".join(parts), int(rtl(language)))
    firsts, offset = [], 0
    for part in parts:
        firsts.append(by_letter[offset])
        offset += len(part)
    return Paragraph(language, vertical, parts, manners, _faces(letters), tuple(firsts))


def _faces(letters: Sequence[tuple[str, Manner]]) -> tuple[Face, ...]:
    found: list[Face] = []
    for chain, group in groupby(letters, key=lambda letter: letter[1].chain):
        found += faces_for([part for part, _ in group], chain)
    return tuple(found)
