"""Letters stand in the order of UAX #9: levels and order of whole lines, each rule with an example."""

import unicodedata
from pathlib import Path

import pytest

from pipeline.bidi import levels, visual_order

CONFORMANCE = Path("/usr/share/unicode/BidiCharacterTest.txt")
EXPLICIT = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def seen(text: str, base: int) -> str:
    """The letters of a line from left to right; brackets as in the text, not mirrored."""
    return "".join(text[place] for place in visual_order(levels(text, base)))


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("Sale אבג now", 0, "Sale גבא now"),
        ("אבג ZARA דהו", 1, "והד ZARA גבא"),
        ("אבג 50% דהו", 1, "והד 50% גבא"),
        ("אבג 50%", 0, "50% גבא"),
        ("خصم 50%", 1, "%50 مصخ"),
        ("אבג 1,280.50 דהו", 1, "והד 1,280.50 גבא"),
        ("אבג 10-20", 1, "10-20 גבא"),
        ("خصم 10-20", 1, "20-10 مصخ"),
        ("א(ב)ג", 1, "ג)ב(א"),
        ("אב (ZARA) גד", 1, "דג )ZARA( בא"),
        ("ZARA (אב) x", 0, "ZARA (בא) x"),
        ("אבג!", 1, "!גבא"),
        ("אבג!", 0, "גבא!"),
        ("אבג!\u200f", 0, "\u200f!גבא"),
        ("א\u05b8ב", 0, "ב\u05b8א"),
        ("$50 אבג", 1, "גבא $50"),
        ("السعر ١٬٢٨٠", 1, "١٬٢٨٠ رعسلا"),
    ],
)
def test_letters_stand_in_the_order_of_the_algorithm(text: str, base: int, expected: str) -> None:
    assert seen(text, base) == expected


@pytest.mark.parametrize("text", ["", "Sale 50% (today)", "今日限定五折", "(((((((("])
def test_text_without_right_to_left_letters_keeps_its_order(text: str) -> None:
    assert seen(text, 0) == text


def test_white_space_at_the_end_takes_the_paragraphs_direction() -> None:
    assert levels("אב  ", 0) == (1, 1, 0, 0)


def test_deep_brackets_end_the_search_for_pairs() -> None:
    assert len(levels("א" + "(" * 100 + "a" + ")" * 100, 1)) == 202


def conformance_lines() -> list[str]:
    lines = CONFORMANCE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="needs the Debian package unicode-data")
def test_unicodes_own_cases_come_out_right() -> None:
    wrong = []
    for line in conformance_lines():
        codes, _, base, wanted, _ = line.split(";")
        text = "".join(chr(int(code, 16)) for code in codes.split())
        if EXPLICIT & {unicodedata.bidirectional(letter) for letter in text}:
            continue
        pairs = zip(wanted.split(), levels(text, int(base)), strict=True)
        if any(level not in ("x", str(got)) for level, got in pairs):
            wrong.append(line)

    assert wrong == []
