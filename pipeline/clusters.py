"""Text as people see it: what is stripped before drawing, and the grapheme clusters that must stay whole.

A cluster is a letter with its combining marks, an emoji with its variation selector, skin tone and joined
parts, a flag. It is a practical subset of UAX #29, enough to never cut or restyle the inside of a letter.
"""

import re
import unicodedata

JOINER = "\u200d"
TEXT_SELECTOR, PICTURE_SELECTOR = "\ufe0e", "\ufe0f"
# The characters whose Emoji_Presentation is Yes (UTS #51, emoji-data.txt 15.0); above the BMP by block.
_PICTURES = re.compile(
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]"
)
# Breaks a line without being seen; used by copywriters to say where a slogan may turn.
BREAK_HERE = "\u200b"
WORD_JOINER = "\u2060"
# Invisible letters with a direction: they say on which side the full stop after a Latin brand name stands.
_DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")


def clean(text: str) -> str:
    """`text` without what cannot be drawn: controls, byte order marks, soft hyphens and bidi overrides.

    Line ends become "\\n" and tabs spaces. Overrides are dropped because catalogue data must not be able to
    turn the copy around it backwards; joiners, direction marks and ZERO WIDTH SPACE mean something and stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(
        " " if letter == "\t" else letter
        for letter in text
        if letter in ("\n", "\t", BREAK_HERE, WORD_JOINER, JOINER, "\u200c")
        or letter in _DIRECTION_MARKS
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
        or letter in _DIRECTION_MARKS
        or _is_variation(letter)
        or _is_tag(letter)
    )


def is_emoji(cluster: str) -> bool:
    """Whether `cluster` asks for a coloured picture: by nature, by a selector, or as a joined sequence."""
    if TEXT_SELECTOR in cluster:
        return False
    return (
        _PICTURES.match(cluster) is not None
        or PICTURE_SELECTOR in cluster
        or (JOINER in cluster and any(unicodedata.category(letter) == "So" for letter in cluster))
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
