"""In which order letters stand in a line: the Unicode Bidirectional Algorithm, UAX #9 revision 46.

Explicit embeddings, overrides and isolates (rules X1 to X8) have no part in it: `pipeline.clusters.clean`
drops them, so that a product's name can never turn the copy round it backwards. What is left, W1 to W7, N0
to N2, I1, I2, L1 and L2, is here whole; mirrored brackets (L4) are the shaper's business.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache

_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
"""N1: figures count as right-to-left beside neutrals."""

_NEUTRAL = frozenset({"B", "S", "WS", "ON", "BN"})
_MARK_CLASSES = {"\u200e": "L", "\u200f": "R", "\u061c": "AL"}
_MOST_BRACKETS = 63
"""BD16: deeper nesting than this ends the search for pairs."""


def levels(text: str, base: int) -> tuple[int, ...]:
    """The embedding level of each code point of a paragraph; even is left-to-right, odd right-to-left.

    `text` is one paragraph without explicit formatting characters, `base` 0 or 1.
    """
    classes = [_class(letter) for letter in text]
    if base == 0 and not any(kind in ("R", "AL", "AN") for kind in classes):
        return (0,) * len(text)
    side = "R" if base else "L"
    kinds = _weak(classes, side)
    _brackets(text, classes, kinds, side)
    _neutrals(kinds, side)
    found = [_implicit(kind, base) for kind in kinds]
    return trailing_reset(classes, found, base)


def trailing_reset(classes: Sequence[str], found: Sequence[int], base: int) -> tuple[int, ...]:
    """L1: separators, and white space before them or at the end, take the paragraph's level."""
    reset, trailing = list(found), True
    for place in range(len(reset) - 1, -1, -1):
        if classes[place] in ("B", "S"):
            trailing = True
        elif classes[place] not in ("WS", "BN"):
            trailing = False
        if trailing:
            reset[place] = base
    return tuple(reset)


def visual_order(found: Sequence[int]) -> list[int]:
    """L2: the places of a line's parts, whose levels are `found`, from left to right."""
    order = list(range(len(found)))
    odd = [level for level in found if level % 2]
    for level in range(max(found, default=0), min(odd, default=1) - 1, -1):
        start = 0
        while start < len(order):
            if found[order[start]] < level:
                start += 1
                continue
            end = start
            while end < len(order) and found[order[end]] >= level:
                end += 1
            order[start:end] = order[start:end][::-1]
            start = end
    return order


def _class(letter: str) -> str:
    return _MARK_CLASSES.get(letter) or unicodedata.bidirectional(letter) or "L"


def _weak(classes: Sequence[str], side: str) -> list[str]:
    """W1 to W7. BN is passed over, as section 5.2 of UAX #9 asks of those who keep it."""
    kinds = list(classes)
    places = [place for place, kind in enumerate(kinds) if kind != "BN"]
    before, strong = side, side
    for place in places:
        if kinds[place] == "NSM":  # W1
            kinds[place] = before
        before = kinds[place]
    for place in places:
        if kinds[place] in ("L", "R", "AL"):
            strong = kinds[place]
        elif kinds[place] == "EN" and strong == "AL":  # W2
            kinds[place] = "AN"
    for place in places:
        if kinds[place] == "AL":  # W3
            kinds[place] = "R"
    _number_separators(kinds, places)
    _number_terminators(kinds, places)
    strong = side
    for place in places:
        if kinds[place] in ("ES", "ET", "CS"):  # W6
            kinds[place] = "ON"
        if kinds[place] in ("L", "R"):
            strong = kinds[place]
        elif kinds[place] == "EN" and strong == "L":  # W7
            kinds[place] = "L"
    return kinds


def _number_separators(kinds: list[str], places: Sequence[int]) -> None:
    """W4: one separator between two numbers of a kind is part of the number."""
    for before, place, after in zip(places, places[1:], places[2:], strict=False):
        same = kinds[before] == kinds[after]
        if same and (
            (kinds[place] in ("ES", "CS") and kinds[after] == "EN")
            or (kinds[place] == "CS" and kinds[after] == "AN")
        ):
            kinds[place] = kinds[after]


def _number_terminators(kinds: list[str], places: Sequence[int]) -> None:
    """W5: currency and per cent signs beside a European number are part of it."""
    for order in (places, places[::-1]):
        beside = False
        for place in order:
            beside = kinds[place] == "EN" or (beside and kinds[place] == "ET")
            if beside:
                kinds[place] = "EN"


def _brackets(text: str, classes: Sequence[str], kinds: list[str], side: str) -> None:
    """N0: a pair of brackets takes the paragraph's side if that is found inside, else its context's."""
    for opening, closing in _pairs(text, kinds):
        inside = {_STRONG.get(kind) for kind in kinds[opening + 1 : closing]} - {None}
        if side in inside:
            taken = side
        elif inside:
            past = (_STRONG[kind] for kind in reversed(kinds[:opening]) if kind in _STRONG)
            taken = next(past, side)
        else:
            continue
        for place in (opening, closing):
            kinds[place] = taken
            # Marks on a bracket, which W1 made neutral with it, follow it.
            after = place + 1
            while after < len(kinds) and classes[after] in ("NSM", "BN"):
                kinds[after] = taken if classes[after] == "NSM" else kinds[after]
                after += 1


def _pairs(text: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """BD16: places of opening and closing brackets that belong together, in the order of the opening ones."""
    waiting: list[tuple[str, int]] = []
    found = []
    for place, letter in enumerate(text):
        if kinds[place] != "ON":
            continue
        letter = unicodedata.normalize("NFC", letter)
        if closing := _closing(letter):
            if len(waiting) == _MOST_BRACKETS:
                return []
            waiting.append((closing, place))
        elif any(letter == wanted for wanted, _ in waiting):
            while waiting[-1][0] != letter:
                waiting.pop()
            found.append((waiting.pop()[1], place))
    return sorted(found)


@cache
def _closing(letter: str) -> str | None:
    """The bracket that closes `letter`; None if that opens none (BidiBrackets.txt, read off the names)."""
    if unicodedata.category(letter) != "Ps" or not unicodedata.mirrored(letter):
        return None
    name = unicodedata.name(letter, "")
    try:
        other = unicodedata.lookup(name.replace("LEFT", "RIGHT"))
    except KeyError:
        return None
    return unicodedata.normalize("NFC", other) if other != letter else None


def _neutrals(kinds: list[str], side: str) -> None:
    """N1 and N2: neutrals between two sides that agree take that side, others the paragraph's."""
    place = 0
    while place < len(kinds):
        if kinds[place] not in _NEUTRAL:
            place += 1
            continue
        end = place
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        before = _STRONG[kinds[place - 1]] if place else side
        after = _STRONG[kinds[end]] if end < len(kinds) else side
        kinds[place:end] = [before if before == after else side] * (end - place)
        place = end


def _implicit(kind: str, base: int) -> int:
    """I1 and I2."""
    if base:
        return 1 if kind == "R" else 2
    return {"L": 0, "R": 1}.get(kind, 2)
