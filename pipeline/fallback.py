"""Which font of a chain draws which cluster, and the error when none can."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from pipeline.clusters import clusters, invisible, is_emoji
from pipeline.errors import BannerFailed, Fault
from pipeline.fonts import Face, coverage, sized

_QUOTED = 40


def refuse_missing(text: str, chain: Sequence[Face]) -> None:
    """Raise BannerFailed(MISSING_GLYPH) for the first letter of `text` that no font of `chain` can draw."""
    cluster = next(missing(text, chain), None)
    if cluster is not None:
        raise _missing(cluster, text, chain)


def missing(text: str, chain: Sequence[Face]) -> Iterator[str]:
    """The letters (clusters) of `text` that no font of `chain` can draw, each once."""
    for cluster in dict.fromkeys(clusters(text)):
        if not any(_draws(face, cluster) for face in chain):
            yield cluster


def _missing(cluster: str, text: str, chain: Sequence[Face]) -> BannerFailed:
    quoted = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
    names = ", ".join(f"{face.name} {face.weight}" for face in chain)
    return BannerFailed(
        Fault.MISSING_GLYPH, f"{named(cluster)} in {quoted!r} is in no font of the chain {names}"
    )


def named(cluster: str) -> str:
    """A letter for people who may not see it: its code points, then itself."""
    return f"{' '.join(f'U+{ord(letter):04X}' for letter in cluster)} {cluster!r}"


@lru_cache(maxsize=8192)
def _draws(face: Face, cluster: str) -> bool:
    return _covers(coverage(face), cluster) and (not face.bitmap or _whole(face, cluster))


def _whole(face: Face, cluster: str) -> bool:
    """Whether an emoji sequence is one picture: a family that falls apart into its members is no family."""
    visible = [letter for letter in cluster if not invisible(letter)]
    if len(visible) < 2:
        return True
    font = sized(face, face.bitmap)
    return font.getlength(cluster) < 1.5 * font.getlength(visible[0])


def _covers(known: frozenset[int], cluster: str) -> bool:
    return all(invisible(letter) or ord(letter) in known for letter in cluster) or (
        # "e" + COMBINING ACUTE in a font that only has "é": HarfBuzz composes it.
        all(ord(letter) in known for letter in unicodedata.normalize("NFC", cluster))
    )


def faces_for(parts: Sequence[str], chain: Sequence[Face]) -> list[Face]:
    """The face of each cluster: the first of `chain` that covers it, neutral clusters with their neighbours.

    Spaces and punctuation take the font of the letter before them (opening ones: after them), so that a quote
    or dash round Chinese is a Chinese one.
    """
    chosen = [None if _neutral(part) else _first(part, chain) for part in parts]
    before = list(accumulate(chosen, _latest))
    after = list(accumulate(reversed(chosen), _latest))[::-1]
    return [
        face or _borrowed(part, past, coming, chain)
        for part, face, past, coming in zip(parts, chosen, before, after, strict=True)
    ]


def _latest(past: Face | None, face: Face | None) -> Face | None:
    return face or past


def _borrowed(part: str, before: Face | None, after: Face | None, chain: Sequence[Face]) -> Face:
    opening = unicodedata.category(part[0]) in ("Ps", "Pi")
    for face in (after, before) if opening else (before, after):
        if face is not None and not face.bitmap and _draws(face, part):
            return face
    return _first(part, chain)


def _neutral(part: str) -> bool:
    letter = part[0]
    return invisible(letter) or (unicodedata.category(letter)[0] == "P" and letter not in "%‰&#@*")


def _first(part: str, chain: Sequence[Face]) -> Face:
    # A picture from the font of pictures where there is one; a letter never.
    pictured = is_emoji(part)
    for face in sorted(chain, key=lambda face: bool(face.bitmap) != pictured):
        if _draws(face, part):
            return face
    raise _missing(part, part, chain)
