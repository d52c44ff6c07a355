"""Fitting and painting text: one test for each typographic promise."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline.errors import BannerFailed, Fault, InvalidInput
from pipeline.fonts import FontBook
from pipeline.text import TextBlock, TextStyle, draw, fit
from pipeline.types import Box
from pipeline.writing import AUTOSPACE

BOOK = FontBook.load()
BLACK = (0, 0, 0, 255)
SLOGANS = [
    ("zh_TW", "今日限定五折"),
    ("zh_TW", "全場最低價，滿NT$1,280免運費"),
    ("ja", "この秋いちばん着たいコート、全品30%OFF"),
    ("ja", "「本日限り」全品五割引です。"),
    ("en", "Today only: 50% off every coat & knit"),
    ("en", "jÅ\nÂgj fjord"),
]
AREAS = [(970, 250), (728, 90), (300, 250), (160, 600), (120, 60), (61, 37), (1, 1), (0, 50)]


def texts(block: TextBlock) -> list[str]:
    return [line.text for line in block.lines]


def set_in(text: str, width: int, height: int = 400, /, **style: object) -> TextBlock:
    return fit(text, TextStyle(**style), width, height, BOOK)  # type: ignore[arg-type]


def coverage(block: TextBlock) -> np.ndarray:
    return draw(block, BLACK).pixels[..., 3]


def test_text_takes_the_largest_size_that_fits() -> None:
    block = set_in("今日限定五折", 600, locale="zh_TW", max_size=400, max_lines=1)

    assert block.size == 100
    assert not block.overflow


def test_height_limits_the_size() -> None:
    assert set_in("Sale", 2000, 55, max_size=400).size == 50


def test_text_never_exceeds_its_largest_size() -> None:
    assert set_in("Sale", 2000, 2000, max_size=37).size == 37


@pytest.mark.parametrize(("width", "height"), AREAS)
@pytest.mark.parametrize(("locale", "text"), SLOGANS)
@pytest.mark.parametrize("align", ["start", "center", "end"])
@pytest.mark.parametrize("spacing", [0.0, 0.15])
@pytest.mark.parametrize("family", ["sans", "serif"])
def test_nothing_leaves_the_area(
    family: str, spacing: float, align: str, locale: str, text: str, width: int, height: int
) -> None:
    block = set_in(
        text,
        width,
        height,
        family=family,
        weight=700,
        align=align,
        locale=locale,
        letter_spacing=spacing,
        max_size=300,
    )

    assert all(
        0 <= box.left <= box.right <= width and 0 <= box.top <= box.bottom <= height
        for box in (block.box, block.ink)
    )


@pytest.mark.parametrize(("locale", "text"), SLOGANS)
def test_mask_is_exactly_the_ink_box(locale: str, text: str) -> None:
    block = set_in(text, 400, locale=locale, max_size=60, align="end")

    drawn = draw(block, BLACK)

    rows, columns = np.nonzero(drawn.pixels[..., 3])
    assert (drawn.left, drawn.top) == (block.ink.left, block.ink.top)
    assert drawn.pixels.shape == (block.ink.height, block.ink.width, 4)
    assert (rows.min(), columns.min()) == (0, 0)
    assert (rows.max() + 1, columns.max() + 1) == drawn.pixels.shape[:2]


@pytest.mark.parametrize(
    ("text", "locale", "width", "expected"),
    [
        ("今日限定五折", "zh_TW", 200, ["今日限定", "五折"]),
        ("全場最低價", "zh_TW", 160, ["全場", "最低價"]),
        ("この秋いちばん着たいコート", "ja", 420, ["この秋いちばん着たい", "コート"]),
    ],
)
def test_lines_end_between_phrases(text: str, locale: str, width: int, expected: list[str]) -> None:
    assert texts(set_in(text, width, locale=locale, max_size=42, min_size=38, max_lines=2)) == expected


def test_letters_shrink_rather_than_a_phrase_breaks() -> None:
    block = set_in("最低價", 130, locale="zh_TW", max_size=60, max_lines=2)

    assert (texts(block), block.size) == (["最低價"], 43)


def test_a_phrase_breaks_rather_than_letters_become_tiny() -> None:
    block = set_in("会員様限定開催中", 120, locale="ja", max_size=40, min_size=6)

    assert (texts(block), block.size) == (["会員様", "限定開", "催中"], 40)


def test_a_change_of_script_is_the_better_break_inside_a_phrase() -> None:
    block = set_in("会員様限定セール開催中", 120, locale="ja", max_size=40, min_size=6, max_lines=4)

    assert (texts(block), block.size) == (["会員様限定", "セール", "開催中"], 24)


def test_lines_are_balanced() -> None:
    assert texts(set_in("every coat and knit now", 310, max_size=32, min_size=32)) == [
        "every coat",
        "and knit now",
    ]


def test_line_ends_in_the_text_are_kept() -> None:
    assert texts(set_in("Today\n\n50% off", 800)) == ["Today", "", "50% off"]


def test_line_distance_follows_the_line_height() -> None:
    lines = set_in("A\nB\nC", 800, max_size=40, line_height=1.5).lines

    assert [line.baseline for line in lines] == [35, 95, 155]


def test_a_line_with_descenders_does_not_move_the_baseline() -> None:
    assert set_in("Aa", 800).lines[0].baseline == set_in("gj", 800).lines[0].baseline


@pytest.mark.parametrize(
    ("align", "left", "right"), [("start", 0, 300), ("center", 150, 150), ("end", 300, 0)]
)
def test_alignment(align: str, left: int, right: int) -> None:
    block = set_in("八折" * 5, 700, locale="zh_TW", max_size=40, align=align)

    assert (block.box.left, 700 - block.box.right) == (left, right)


def test_full_stop_hangs_out_of_centred_text() -> None:
    block = set_in("五割引です。", 800, locale="ja", max_size=100, align="center")

    assert abs(block.ink.left - (800 - block.ink.right)) < 8


def test_letter_spacing_lies_between_letters_only() -> None:
    plain = set_in("今日限定", 800, locale="zh_TW", max_size=50)
    spaced = set_in("今日限定", 800, locale="zh_TW", max_size=50, letter_spacing=0.2)

    assert spaced.lines[0].width == pytest.approx(plain.lines[0].width + 3 * 0.2 * 50)


def test_figures_beside_chinese_keep_a_little_distance() -> None:
    mixed = set_in("限5折", 800, locale="zh_TW", max_size=80).lines[0]
    parts = [set_in(part, 800, locale="zh_TW", max_size=80).lines[0] for part in ("限", "5", "折")]

    assert mixed.width == pytest.approx(sum(line.width for line in parts) + 2 * AUTOSPACE * 80)


@pytest.mark.parametrize(
    ("locale", "fonts"),
    [
        ("zh_TW", ["Noto Sans CJK", "Inter Display", "Noto Sans CJK"]),
        ("ja", ["Noto Sans CJK", "Inter Display", "Noto Sans CJK"]),
    ],
)
def test_each_script_is_set_in_the_font_of_its_language(locale: str, fonts: list[str]) -> None:
    runs = set_in("今日「Sale 50%」特", 800, locale=locale).lines[0].runs

    assert [run.face.name for run in runs][: len(fonts)] == fonts


@pytest.mark.parametrize("letter", ["骨", "，"])
@pytest.mark.parametrize(("one", "other"), [("zh_TW", "ja"), ("zh_TW", "zh_CN")])
def test_language_decides_the_form_of_a_letter(letter: str, one: str, other: str) -> None:
    first, second = (set_in(letter, 200, locale=locale, max_size=100) for locale in (one, other))

    assert first.ink != second.ink or not np.array_equal(coverage(first), coverage(second))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sale — now", ["Sale — now"]),
        ("“Sale”今日", ["“Sale”", "今日"]),
        ("今日……特價", ["今日……特價"]),
        ("今日 特價", ["今日 特價"]),
        ("限cafe\u0301定", ["限", "cafe\u0301", "定"]),
    ],
)
def test_spaces_and_punctuation_take_their_neighbours_font(text: str, expected: list[str]) -> None:
    assert [run.text for run in set_in(text, 800, locale="zh_TW").lines[0].runs] == expected


def test_a_letter_outside_the_first_fonts_falls_back_to_the_next() -> None:
    runs = set_in("Sale 한 春", 400, locale="ja", family="serif").lines[0].runs

    assert [run.face.name for run in runs] == ["Noto Serif Display", "Noto Sans CJK", "Noto Serif CJK"]


@pytest.mark.parametrize(
    ("text", "told"), [("好ก价", r"U\+0E01 'ก' in '好ก价'"), ("Sale 🦄", r"U\+1F984 '🦄'")]
)
def test_missing_glyph_is_named_before_anything_is_painted(text: str, told: str) -> None:
    chain = "no font of the chain Inter Display 400, Noto Sans CJK 400"
    with pytest.raises(BannerFailed, match=f"{told}.*{chain}") as caught:
        set_in(text, 800, locale="zh_TW")

    assert caught.value.fault is Fault.MISSING_GLYPH


def test_unknown_family_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there is no font family 'Comic Sans'"):
        set_in("Sale", 100, family="Comic Sans")


def test_text_that_does_not_fit_is_held_and_shown_shortened() -> None:
    block = set_in("A long story about coats and knits " * 4, 200, 40, min_size=14)

    assert (block.overflow, block.shortened, block.size) == (True, True, 14)
    assert block.lines[-1].text.endswith("…")


def test_policy_ellipsis_accepts_a_shortened_text() -> None:
    block = set_in("全場最低價，" * 20, 200, 40, locale="zh_TW", min_size=14, overflow="ellipsis")

    assert (block.overflow, block.shortened) == (False, True)
    assert block.lines[-1].text.endswith("…")


def test_too_wide_a_word_is_not_broken_but_held() -> None:
    block = set_in("Donaudampfschifffahrtsgesellschaft", 100, min_size=20)

    assert block.overflow
    assert len(block.lines) > 0


def test_area_without_room_for_a_line_is_overflow() -> None:
    assert set_in("Sale", 100, 5) == TextBlock((), 12, Box(0, 0, 0, 0), Box(0, 0, 0, 0), overflow=True)


@pytest.mark.parametrize(
    "text",
    ["超長文字測試" * 1700, "x" * 10_000, "long words " * 1000, "a\n" * 5000, "e" + "\u0301" * 9999],
    ids=["chinese", "one word", "words", "lines", "marks"],
)
def test_endless_text_comes_back_as_overflow(text: str) -> None:
    block = set_in(text, 300, 100, locale="zh_TW", max_lines=5)

    assert block.overflow


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b", "\x00"])
def test_empty_text_is_an_empty_block_and_an_empty_mask(text: str) -> None:
    block = set_in(text, 300)

    assert (block.overflow, coverage(block).size) == (False, 0)


def test_same_text_gives_the_same_pixels_in_another_process() -> None:
    program = (
        "import hashlib; from pipeline.fonts import FontBook; from pipeline.text import *;"
        "style = TextStyle(locale='zh_TW', letter_spacing=0.05);"
        "block = fit('全場最低價 50% off', style, 300, 90, FontBook.load());"
        "print(hashlib.sha256(draw(block, (0, 0, 0, 255)).pixels.tobytes()).hexdigest())"
    )

    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = draw(set_in("全場最低價 50% off", 300, 90, locale="zh_TW", letter_spacing=0.05), BLACK).pixels

    assert there.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_size": 0},
        {"min_size": 50, "max_size": 40},
        {"max_size": 5000},
        {"max_lines": 0},
        {"line_height": 0.1},
    ],
)
def test_senseless_style_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be|is 0.5"):
        TextStyle(**wrong)  # type: ignore[arg-type]
