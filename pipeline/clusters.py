"""Text as people see it: what is stripped before drawing, and the grapheme clusters that must stay whole.

A cluster is a letter with its combining marks, an emoji with its variation selector, skin tone and joined
parts, a flag. It is a practical subset of UAX #29, enough to never cut or restyle the inside of a letter.
"""

import unicodedata

JOINER = "\u200d"
# Breaks a line without being seen; used by copywriters to say where a slogan may turn.
BREAK_HERE = "\u200b"
WORD_JOINER = "\u2060"


def clean(text: str) -> str:
    """`text` without what cannot be drawn: controls, byte order marks, soft hyphens and bidi overrides.

    Line ends become "\\n" and tabs spaces. Overrides are dropped because catalogue data must not be able to
    turn the copy around it backwards; the joiners and ZERO WIDTH SPACE stay, they mean something.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(
        " " if letter == "\t" else letter
        for letter in text
        if letter in ("\n", "\t", BREAK_HERE, WORD_JOINER, JOINER, "\u200c")
        or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
        or _is_tag(letter)
    )


def clusters(text: str) -> list[str]:
    """`text` cut into grapheme clusters; joined again they are `text`."""
    found: list[str] = []
    for letter in text:
        if found and _continues(found[-1], letter):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def invisible(letter: str) -> bool:
    """Whether `letter` needs no glyph of its own: spaces, joiners, variation selectors."""
    return (
        letter.isspace()
        or letter in (BREAK_HERE, WORD_JOINER, JOINER, "\u200c")
        or _is_variation(letter)
        or _is_tag(letter)
    )


def _continues(cluster: str, letter: str) -> bool:
    if letter in (JOINER, "\u200c") or _is_variation(letter) or _is_tag(letter) or _is_skin_tone(letter):
        return cluster != "\n"
    if unicodedata.category(letter) in ("Mn", "Mc", "Me") or letter in ("\uff9e", "\uff9f"):
        return not cluster.isspace()
    if cluster.endswith(JOINER):
        return unicodedata.category(letter) == "So"
    return _is_flag_half(letter) and _is_flag_half(cluster)


def _is_variation(letter: str) -> bool:
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"


def _is_tag(letter: str) -> bool:
    return "\U000e0020" <= letter <= "\U000e007f"


def _is_skin_tone(letter: str) -> bool:
    return "\U0001f3fb" <= letter <= "\U0001f3ff"


def _is_flag_half(cluster: str) -> bool:
    return len(cluster) == 1 and "\U0001f1e6" <= cluster <= "\U0001f1ff"
