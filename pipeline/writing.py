"""What kinds of letters there are, as far as their setting goes: joined, upright, half empty."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

Stance = Literal["upright", "combined", "turned"]

# CSS Text 4, `text-autospace`: an eighth of an em between ideographs and Latin letters or figures.
AUTOSPACE = 0.125
OPENING = frozenset("（〔［｛〈《「『【〖｟")
CLOSING = frozenset("）〕］｝〉》」』】〗｠")
# Full stops and commas stand at the left of their cell in Japan and on the mainland, in its middle in Taiwan.
_STOPS = frozenset("、。，．")
_MIDDLE_DOTS = frozenset("・：；")
# Joined in writing: spacing would tear Arabic, Syriac, Mandaic, N'Ko and Mongolian words apart.
_CURSIVE = (("\u0600", "\u08ff"), ("\u1800", "\u18af"), ("\ufb50", "\ufdff"), ("\ufe70", "\ufeff"))
_COMBINED = 2


def is_cursive(text: str) -> bool:
    """Whether the letters of `text`, a run of one script, are joined in writing."""
    letters = filter(str.isalpha, text)
    return any(low <= letter <= high for letter in letters for low, high in _CURSIVE)


def stance(parts: Sequence[str], place: int) -> Stance:
    """How a cluster stands in a vertical line (UAX #50, read off East_Asian_Width): `upright`, `turned`, or,
    for a number of at most two figures, `combined` in one cell (JLREQ 3.2.5)."""
    part = parts[place]
    if unicodedata.east_asian_width(part[0]) in ("W", "F"):
        return "upright"
    if not _figure(part):
        return "turned"
    first, last = place, place
    while first > 0 and _figure(parts[first - 1]):
        first -= 1
    while last + 1 < len(parts) and _figure(parts[last + 1]):
        last += 1
    beside = (*parts[max(0, first - 1) : first], *parts[last + 1 : last + 2])
    alone = not any(letter.isascii() and not letter.isspace() for letter in beside)
    return "combined" if last - first < _COMBINED and alone else "turned"


def _figure(part: str) -> bool:
    return part.isascii() and part.isdigit()


def trims(before: str, sign: str, after: str, language: str) -> bool:
    """Whether full-width `sign` loses its empty half beside its neighbours (CSS Text 4, `text-spacing-trim`).

    Of 」「 the first is trimmed, of （「 the second, of 」）。 all but the last.
    """
    closing = _closes(sign, language)
    if closing and (after in OPENING or _closes(after, language) or after in _MIDDLE_DOTS):
        return True
    return sign in OPENING and before in OPENING


def _closes(sign: str, language: str) -> bool:
    return sign in CLOSING or (sign in _STOPS and language in ("ja", "zh-Hans"))
