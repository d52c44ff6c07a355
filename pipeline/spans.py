"""Rich text: stretches of a text that look different from the rest, and what each is shaped with."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.fonts import Face, FontBook

Rgba = tuple[int, int, int, int]
"""Straight sRGB and alpha, each 0..255."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of rich text; fields left at None are the paragraph's.

    `scale`: letter size as a share of the paragraph's (0.2 to 1: the paragraph's size is that of its largest
    letters); `rise`: how far the baseline is lifted, in em of the paragraph (0.36 with scale 0.5 makes
    superior figures); `letter_spacing` in em; `strike`: a line through it. Raises ValueError for a scale or
    rise out of range.
    """

    text: str
    family: str | None = None
    weight: int | None = None
    scale: float = 1.0
    rise: float = 0.0
    letter_spacing: float | None = None
    colour: Rgba | None = None
    strike: bool = False

    def __post_init__(self) -> None:
        if not (0.2 <= self.scale <= 1 and -0.5 <= self.rise <= 1):
            raise ValueError(
                f"a span's scale is 0.2 to 1 and its rise -0.5 to 1, not {self.scale} and {self.rise}"
            )


@dataclass(frozen=True, slots=True)
class Manner:
    """How a stretch is shaped and painted: a `Span` with the paragraph's values and its fonts looked up.

    `chain`: fonts, best first; `spacing` in em of the stretch; `colour` None: the text's own.
    """

    chain: tuple[Face, ...]
    spacing: float = 0.0
    scale: float = 1.0
    rise: float = 0.0
    colour: Rgba | None = None
    strike: bool = False


def manner(span: Span, family: str, weight: int, spacing: float, locale: str, fonts: FontBook) -> Manner:
    """`span` in a paragraph of `family`, `weight`, `spacing`. Raises InvalidInput for an unknown family."""
    return Manner(
        fonts.faces(span.family or family, span.weight or weight, locale),
        spacing if span.letter_spacing is None else span.letter_spacing,
        span.scale,
        span.rise,
        span.colour,
        span.strike,
    )


def plain(text: "str | Sequence[Span]") -> str:
    """The letters of a text, rich or not."""
    return text if isinstance(text, str) else "".join(span.text for span in text)
