"""Rich text, right-to-left text, emoji and vertical text: one test for each typographic promise."""

import numpy as np
import pytest

from pipeline.block import Line, TextBlock
from pipeline.errors import BannerFailed, Fault
from pipeline.fonts import FontBook
from pipeline.text import Span, TextStyle, draw, fit

BOOK = FontBook.load()
BLACK, RED = (0, 0, 0, 255), (220, 0, 0, 255)
FAMILY = "👨\u200d👩\u200d👧"


def set_in(text: str | list[Span], width: int = 1200, height: int = 400, /, **style: object) -> TextBlock:
    return fit(text, TextStyle(**style), width, height, BOOK)  # type: ignore[arg-type]


def line(text: str | list[Span], **style: object) -> Line:
    return set_in(text, **style).lines[0]


def from_left_to_right(text: str, locale: str) -> list[str]:
    runs = line(text, locale=locale).runs
    return [run.text.strip() for run in sorted(runs, key=lambda run: run.x) if run.text.strip()]


# Spans ---------------------------------------------------------------------------------------------------


def test_spans_stand_beside_each_other_at_their_own_sizes() -> None:
    spans = [Span("NT$", scale=0.5), Span("1280")]

    mixed = line(spans, max_size=100)

    small, large = line("NT$", max_size=50), line("1280", max_size=100)
    assert mixed.width == pytest.approx(small.width + large.width, abs=0.1)
    assert [run.size for run in mixed.runs] == [50, 100]


def test_superior_figures_stand_higher_on_the_same_line() -> None:
    whole, decimals = line([Span("39"), Span("95", scale=0.5, rise=0.36)], max_size=100).runs

    assert (whole.baseline - decimals.baseline, decimals.size) == (36, 50)


def test_each_span_has_its_own_colour() -> None:
    pixels = draw(set_in([Span("Sale"), Span("50%", colour=RED)], max_size=80), BLACK).pixels
    solid = pixels[pixels[..., 3] == 255]

    assert {tuple(pixel) for pixel in solid} >= {BLACK, RED}
    assert pixels[..., 1:3].max() == 0


def test_translucent_text_is_premultiplied() -> None:
    pixels = draw(set_in("Sale", max_size=80), (200, 100, 50, 128)).pixels

    assert tuple(pixels.reshape(-1, 4).max(axis=0)) == (100, 50, 25, 128)


def test_a_struck_price_is_struck_over_its_whole_length_and_nothing_else_is() -> None:
    block = set_in([Span("$80", strike=True, colour=RED), Span(" $40")], max_size=100)

    [stripe] = block.lines[0].stripes
    struck, kept = block.lines[0].runs
    assert stripe.left < struck.x < stripe.right < kept.x + 0.3 * 100
    assert struck.baseline - 73 < stripe.top < stripe.bottom < struck.baseline
    assert stripe.colour == RED


def test_lines_break_across_spans_as_in_one_text() -> None:
    whole = set_in("every coat and knit now", 310, max_size=32, min_size=32)
    spans = [Span("every coat a"), Span("nd knit", weight=700), Span(" now")]

    cut = set_in(spans, 330, max_size=32, min_size=32)

    assert [made.text for made in cut.lines] == [made.text for made in whole.lines]


def test_phrases_and_figures_do_not_break_where_a_span_ends() -> None:
    block = set_in(
        [Span("今日限定"), Span("五", colour=RED), Span("折")], 210, locale="zh_TW", max_size=42, max_lines=2
    )

    assert [made.text for made in block.lines] == ["今日限定", "五折"]


def test_a_mark_that_opens_a_span_stays_with_its_letter() -> None:
    assert "e\u0301" in line([Span("caf"), Span("e"), Span("\u0301 noir", colour=RED)]).runs[0].text


def test_a_missing_letter_of_any_span_is_told_before_anything_is_painted() -> None:
    with pytest.raises(BannerFailed, match=r"U\+0E01") as caught:
        set_in([Span("Sale "), Span("ก", weight=700)])

    assert caught.value.fault is Fault.MISSING_GLYPH


def test_rich_text_that_does_not_fit_ends_in_an_ellipsis_of_the_last_span_shown() -> None:
    spans = [Span("Sale "), Span("on every coat and every knit of the house", colour=RED)]

    block = set_in(spans, 200, 20, min_size=14, max_size=14)

    assert block.overflow
    assert (block.lines[0].text[-1], block.lines[0].runs[-1].colour) == ("…", RED)


def test_white_space_between_spans_is_kept_and_at_the_ends_dropped() -> None:
    assert line([Span("  "), Span(" Sale "), Span("now "), Span(" ")]).text == "Sale now"


@pytest.mark.parametrize("wrong", [{"scale": 0.1}, {"scale": 1.5}, {"rise": 2}, {"rise": -1}])
def test_a_span_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="scale is 0.2 to 1"):
        Span("Sale", **wrong)  # type: ignore[arg-type]


# Right to left -------------------------------------------------------------------------------------------


def test_arabic_lines_start_at_the_right() -> None:
    assert set_in("خصم اليوم", 800, locale="ar", max_size=40).box.right == 800


def test_arabic_letters_are_joined() -> None:
    joined = line("خصم", locale="ar", max_size=100)

    assert joined.width < sum(line(letter, locale="ar", max_size=100).width for letter in "خصم")


@pytest.mark.parametrize(
    ("text", "locale", "expected"),
    [
        ("خصم ZARA اليوم", "ar", ["اليوم", "ZARA", "خصم"]),
        ("Sale خصم اليوم now", "en", ["Sale", "خصم اليوم", "now"]),
        ("خصم 50 ريال", "ar", ["ريال", "50", "خصم"]),
        ("ZARA 2026 خصم", "ar", ["خصم", "ZARA 2026"]),
        ("خصم اليوم!", "ar", ["خصم اليوم!"]),
    ],
)
def test_mixed_runs_stand_in_their_order(text: str, locale: str, expected: list[str]) -> None:
    assert from_left_to_right(text, locale) == expected


def test_the_full_stop_of_an_arabic_sentence_stands_at_its_left() -> None:
    with_stop = draw(set_in("خصم ZARA.", 800, locale="ar", max_size=80), BLACK).pixels[..., 3]
    # ZARA ends the sentence, so the stop is the leftmost sign, low and small.
    first_sign = with_stop[:, :10]

    assert first_sign[:30].max() == 0
    assert first_sign.max() > 0


def test_arabic_lines_follow_one_another_from_the_right_words_in_order() -> None:
    block = set_in("خصم خمسين بالمئة على كل المعاطف", 230, locale="ar", max_size=40, min_size=40)

    assert " ".join(made.text for made in block.lines) == "خصم خمسين بالمئة على كل المعاطف"
    assert block.box.right == 230


def test_letter_spacing_never_tears_joined_letters_apart() -> None:
    plain, spaced = (line("خصم", locale="ar", max_size=80, letter_spacing=s) for s in (0.0, 0.3))

    assert spaced.width == plain.width


def test_spaced_arabic_figures_keep_their_order() -> None:
    runs = line("٥٠ خصم", locale="ar", letter_spacing=0.2).runs

    assert [run.text for run in sorted(runs, key=lambda run: run.x)][-2:] == ["٥", "٠"]


# Emoji ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("emoji", ["🔥", "❤\ufe0f", "👍🏽", FAMILY, "❤\ufe0f\u200d🔥", "🇹🇼"])
def test_an_emoji_is_one_picture_of_one_width(emoji: str) -> None:
    [run] = line(emoji, max_size=100).runs

    assert (run.text, run.face.name) == (emoji, "Noto Color Emoji")
    assert line(emoji, max_size=100).width == pytest.approx(line("🔥", max_size=100).width)


def test_emoji_keep_their_colours_and_letters_the_texts() -> None:
    pixels = draw(set_in("Sale 🔥", max_size=80), (0, 0, 255, 255)).pixels
    letters, picture = pixels[:, :150], pixels[:, -90:]

    assert letters[..., 0].max() == 0
    assert picture[..., 0].max() > 200


def test_a_sequence_that_would_fall_apart_is_a_missing_letter() -> None:
    with pytest.raises(BannerFailed, match=r"U\+1F468 U\+200D U\+1F469 U\+200D U\+1F466"):
        set_in("👨\u200d👩\u200d👦")


def test_a_heart_is_a_letter_unless_a_picture_is_asked_for() -> None:
    assert line("♥", locale="ja").runs[0].face.name != "Noto Color Emoji"


def test_no_line_ends_inside_a_sequence() -> None:
    block = set_in(FAMILY * 4, 130, locale="ja", max_size=50, min_size=50)

    assert {made.text for made in block.lines} == {FAMILY * 2}


def test_emoji_lie_inside_the_ink_box() -> None:
    block = set_in("🔥", max_size=60)

    pixels = draw(block, BLACK).pixels[..., 3]
    assert (pixels.max(axis=0) > 0).all()
    assert (pixels.max(axis=1) > 0).all()


# Vertical ------------------------------------------------------------------------------------------------


def down(text: str, height: int = 400, width: int = 400, **style: object) -> TextBlock:
    return set_in(text, width, height, vertical=True, **({"locale": "ja", "max_size": 40} | style))


def test_vertical_letters_stand_upright_one_em_apart() -> None:
    runs = down("本日限り").lines[0].runs

    assert [run.baseline - runs[0].baseline for run in runs] == [0, 40, 80, 120]
    assert not any(run.turned for run in runs)


def test_columns_follow_one_another_from_the_right() -> None:
    block = down("本日限り、\n全品五割引", width=200)

    first, second = block.lines
    assert first.x - second.x == 50
    assert block.box.right == 200


def test_vertical_text_takes_the_largest_size_that_fits_the_height() -> None:
    assert down("本日限定", 200, max_size=300, max_lines=1).size == 50


def test_latin_words_lie_on_their_side_in_vertical_text() -> None:
    block = down("秋のSALE開催", 600)
    [word] = [run for run in block.lines[0].runs if run.text == "SALE"]
    pixels = draw(block, BLACK).pixels[..., 3]

    assert word.turned
    assert block.ink.width <= 40
    assert pixels[90:150].max() > 200


def test_figures_of_two_digits_share_a_cell_and_longer_ones_lie() -> None:
    runs = {run.text: run for run in down("第48回2026年", 600).lines[0].runs}

    assert not runs["48"].turned
    assert runs["48"].size < 40
    assert runs["2026"].turned


def test_kinsoku_holds_in_columns() -> None:
    block = down("本日限り。全品", 160, max_size=40, min_size=40, max_lines=5)

    assert not any(made.text.startswith("。") for made in block.lines)


@pytest.mark.parametrize("locale", ["ja", "zh_CN"])
def test_full_stops_stand_at_the_upper_right_in_columns(locale: str) -> None:
    block = down("字。", 600, locale=locale, max_size=100)
    pixels = draw(block, BLACK).pixels[..., 3]
    stop = pixels[100 - block.ink.top :]

    assert stop[40:].max(initial=0) == 0
    assert stop[:40, block.ink.width // 2 :].max() > 200


def extent(coverage: np.ndarray, axis: int) -> int:
    """How many pixels the ink reaches from its first to its last, downwards (0) or across (1)."""
    touched = np.flatnonzero(coverage.max(axis=1 - axis) > 64)
    return int(touched[-1] - touched[0])


@pytest.mark.parametrize("sign", ["ー", "…", "—"])
def test_signs_that_run_along_the_line_run_down_in_columns(sign: str) -> None:
    wide = draw(set_in(f"字{sign}", locale="ja", max_size=100), BLACK).pixels[:, 100:, 3]
    high = draw(down(f"字{sign}", 600, max_size=100), BLACK).pixels[100:, :, 3]

    assert extent(wide, 1) > extent(wide, 0)
    assert extent(high, 0) > extent(high, 1)


def test_vertical_pixels_are_exactly_the_ink_box() -> None:
    block = down("「秋のSALE」12月ー🔥", 600)
    rows, columns = np.nonzero(draw(block, BLACK).pixels[..., 3])

    assert (rows.min(), columns.min()) == (0, 0)
    assert (rows.max() + 1, columns.max() + 1) == (block.ink.height, block.ink.width)


def test_vertical_text_that_is_too_long_is_held_and_shortened() -> None:
    block = down("本日限り全品五割引" * 5, 100, 60, min_size=20)

    assert (block.overflow, block.lines[-1].text[-1]) == (True, "…")


@pytest.mark.parametrize("align", ["start", "center", "end"])
@pytest.mark.parametrize(("width", "height"), [(200, 300), (60, 120), (20, 60), (1, 1)])
def test_no_column_leaves_the_area(width: int, height: int, align: str) -> None:
    block = down("「秋の新作」SALE 50%OFF", height, width, align=align, max_size=60, min_size=8)

    for box in (block.box, block.ink):
        assert 0 <= box.left <= box.right <= width
        assert 0 <= box.top <= box.bottom <= height


# Punctuation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "locale", "em"),
    [
        ("」「", "ja", 1.5),
        ("。」", "ja", 1.5),
        ("「『", "ja", 1.5),
        ("。」", "zh_TW", 2),
        ("」字「", "ja", 3),
    ],
)
def test_neighbouring_full_width_signs_share_their_empty_halves(text: str, locale: str, em: float) -> None:
    assert line(f"字{text}字", locale=locale, max_size=100).width == pytest.approx(100 * (em + 2), abs=2)
