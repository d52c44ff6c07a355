"""Where lines may end: kinsoku, phrases, figures with their units, even lines."""

import pytest

from pipeline.balance import Measured, balanced, fewest_lines
from pipeline.clusters import clusters
from pipeline.linebreak import NOT_AT_END, NOT_AT_START, Break, atoms, opportunities


def pieces(text: str, language: str, worst: Break) -> list[tuple[str, Break]]:
    """The atoms of a text, each with the quality of a line end before it."""
    qualities = opportunities(text, language)
    letters = clusters(text)
    return [("".join(letters[a:b]), qualities[a]) for a, b in atoms(qualities, worst)]


def cut(text: str, language: str, worst: Break = Break.PHRASE) -> str:
    return "|".join(piece for piece, _ in pieces(text, language, worst))


def measured(text: str, language: str, worst: Break = Break.PHRASE) -> Measured:
    """Atoms with one unit for each letter; trailing space hangs."""
    found = pieces(text, language, worst)
    return Measured(
        tuple(piece for piece, _ in found),
        tuple(quality for _, quality in found),
        tuple(float(len(piece)) for piece, _ in found),
        tuple(float(len(piece.rstrip())) for piece, _ in found),
    )


def even(paragraph: Measured, limit: float, lines: int) -> list[str]:
    return ["".join(paragraph.pieces[a:b]) for a, b in balanced(paragraph, limit, lines)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("今日限定五折", "zh-Hant", "今日|限定|五折"),
        ("全場最低價", "zh-Hant", "全場|最低價"),
        ("秋冬新品上市", "zh-Hant", "秋冬|新品|上市"),
        ("會員專屬優惠八折起", "zh-Hant", "會員|專屬|優惠|八折起"),
        ("全场最低价", "zh-Hans", "全场|最低价"),
        ("この秋いちばん着たいコート", "ja", "この|秋いちばん着たい|コート"),
        ("送料無料でお届けします", "ja", "送料無料で|お届けします"),
        ("本日限り、全品五割引です。", "ja", "本日限り、|全品|五割引です。"),
        ("買一送一，「會員專屬」週日止", "zh-Hant", "買一|送一，|「會員|專屬」|週日止"),
        ("Free shipping today", "en", "Free |shipping |today"),
        ("白色V領短袖上衣", "zh-Hant", "白色V領短袖|上衣"),
        ("A字裙與純棉T恤", "zh-Hant", "A字裙|與|純棉T恤"),
    ],
)
def test_lines_end_between_phrases(text: str, language: str, expected: str) -> None:
    assert cut(text, language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("会員様限定セール開催中", "ja", "会員様限定|セール|開催中"),
        ("free-shipping", "en", "free-|shipping"),
        ("全館滿NT$1,280", "zh-Hant", "全館滿|NT$1,280"),
    ],
)
def test_change_of_script_is_the_second_choice(text: str, language: str, expected: str) -> None:
    assert cut(text, language, Break.SCRIPT) == expected


@pytest.mark.parametrize(
    "figure",
    [
        "NT$1,280",
        "NT$ 1,280元起",
        "¥12,800",
        "€ 1.280,50",
        "1 280,50\u00a0€".replace(" ", "\u202f"),
        "1,280 TWD",
        "50%",
        "50 %",
        "30% OFF",
        "第2件5折",
        "11月30日",
        "2026/11/22",
        "10:00~22:00",
        "80 cm",
        "-20℃",
        "五折",
        "第二件",
        "十二月",
        "２０％",
        "3,000円",
    ],
)
@pytest.mark.parametrize("language", ["zh-Hant", "ja", "en"])
def test_figures_stay_with_unit_and_currency(figure: str, language: str) -> None:
    assert cut(figure, language, Break.ANYWHERE) == figure


@pytest.mark.parametrize("letter", sorted(NOT_AT_START))
def test_no_line_starts_with_a_closing_sign(letter: str) -> None:
    assert cut(f"字{letter}", "ja", Break.ANYWHERE) == f"字{letter}"


@pytest.mark.parametrize("letter", sorted(NOT_AT_END))
def test_no_line_ends_with_an_opening_sign(letter: str) -> None:
    assert cut(f"{letter}字", "ja", Break.ANYWHERE) == f"{letter}字"


@pytest.mark.parametrize(
    "text", ["……", "——", "字\u00a0字", "字\u2060字", "e\u0301", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇹🇼"]
)
def test_no_line_ends_inside_a_pair_a_glue_or_a_cluster(text: str) -> None:
    assert cut(text, "zh-Hant", Break.ANYWHERE) == text


def test_zero_width_space_offers_a_break() -> None:
    assert cut("最低\u200b價格", "zh-Hant", Break.PHRASE) == "最低\u200b|價格"


def test_latin_word_is_never_broken() -> None:
    assert cut("Donaudampfschiff", "en", Break.ANYWHERE) == "Donaudampfschiff"


@pytest.mark.parametrize(("limit", "lines"), [(6, 1), (5, 2), (4, 2), (3, 3), (2, 3), (1, None)])
def test_fewest_lines(limit: float, lines: int | None) -> None:
    assert fewest_lines(measured("今日限定五折", "zh-Hant"), limit) == lines


@pytest.mark.parametrize(
    ("text", "language", "limit", "lines", "expected"),
    [
        # greedy would give "every coat and knit |now"
        ("every coat and knit now", "en", 20, 2, ["every coat ", "and knit now"]),
        # the pause is the better turn, though the halves are less even
        ("本日限り、全品五割引です。", "ja", 8, 2, ["本日限り、", "全品五割引です。"]),
        # an article does not end a line
        ("Shop the coats", "en", 10, 2, ["Shop ", "the coats"]),
        # no single character on the last line
        ("秋冬新品上市了", "zh-Hant", 6, 2, ["秋冬新品", "上市了"]),
    ],
)  # fmt: skip
def test_lines_are_balanced(text: str, language: str, limit: float, lines: int, expected: list[str]) -> None:
    assert even(measured(text, language), limit, lines) == expected


def test_a_lone_last_character_is_avoided_where_phrases_allow_it() -> None:
    paragraph = measured("天地玄黃宇", "zh-Hant", Break.ANYWHERE)

    assert even(paragraph, 4, 2)[-1] != "宇"
