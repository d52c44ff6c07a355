"""Prices, numbers and quotations by locale, whole and in parts."""

from collections.abc import Callable
from functools import partial

import pytest

from pipeline.money import Price, amount, day, discount_word, money, number, percent, price, quoted

NO_BREAK = "\u00a0"


@pytest.mark.parametrize(
    ("value", "currency", "locale", "expected"),
    [
        (1280, "TWD", "zh-TW", "NT$1,280"),
        ("199.5", "CNY", "zh-CN", "¥199.50"),
        (12800, "JPY", "ja", "¥12,800"),
        (128000, "KRW", "ko", "₩128,000"),
        ("39.95", "USD", "en-US", "$39.95"),
        (40, "USD", "en-US", "$40"),
        (1280, "AED", "en", f"AED{NO_BREAK}1,280"),
        ("1280.5", "EUR", "de", f"1.280,50{NO_BREAK}€"),
        ("1280.5", "EUR", "de-AT", f"€{NO_BREAK}1.280,50"),
        (1280, "AED", "ar-AE", f"1,280{NO_BREAK}د.إ.\u200f"),
        ("1280.5", "EGP", "ar-EG", f"١٬٢٨٠٫٥٠{NO_BREAK}ج.م.\u200f"),
    ],
)
def test_a_price_is_written_as_its_locale_does(
    value: object, currency: str, locale: str, expected: str
) -> None:
    assert money(value, currency, locale) == expected


@pytest.mark.parametrize(
    ("value", "currency", "locale", "expected"),
    [
        ("39.95", "USD", "en", Price("$", "39", "95", True, "")),
        ("1280.5", "EUR", "de", Price("€", "1.280", "50", False, NO_BREAK)),
        (1280, "TWD", "zh-TW", Price("NT$", "1,280", "", True, "")),
        ("1280.5", "EGP", "ar-EG", Price("ج.م.\u200f", "١٬٢٨٠", "٥٠", False, NO_BREAK)),
    ],
)
def test_a_price_comes_apart_for_setting(value: object, currency: str, locale: str, expected: Price) -> None:
    assert price(value, currency, locale) == expected


@pytest.mark.parametrize(
    ("locale", "number_", "share", "date"),
    [
        ("zh-TW", "12,800", "50%", "2026年11月22日"),
        ("ko", "12,800", "50%", "2026. 11. 22."),
        ("de", "12.800", f"50{NO_BREAK}%", "22.11.2026"),
        ("ar-EG", "١٢٬٨٠٠", "٥٠٪", "٢٢\u200f/١١\u200f/٢٠٢٦"),
        ("ar-AE", "12,800", "50%", "22\u200f/11\u200f/2026"),
    ],
)
def test_numbers_shares_and_dates_follow_the_locale(locale: str, number_: str, share: str, date: str) -> None:
    assert (number(12800, locale), percent(50, locale), day("2026-11-22", locale)) == (number_, share, date)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("zh-TW", "「新」"),
        ("ja", "「新」"),
        ("zh-CN", "“新”"),
        ("ko", "“新”"),
        ("en", "“新”"),
        ("de", "„新“"),
        ("ar", "«新»"),
    ],
)
def test_quotation_marks_follow_the_locale(locale: str, expected: str) -> None:
    assert quoted("新", locale) == expected


@pytest.mark.parametrize(("locale", "word"), [("zh-CN", "折"), ("ko", "할인"), ("ar", "خصم"), ("de", "OFF")])
def test_the_word_of_a_discount_follows_the_locale(locale: str, word: str) -> None:
    assert discount_word(50, locale) == word


@pytest.mark.parametrize("wrong", ["free", "nan", None, True])
def test_a_price_that_is_no_number_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="is no number"):
        money(wrong, "USD", "en")


@pytest.mark.parametrize("write", [partial(amount, currency="USD"), number, percent])
def test_a_number_with_more_figures_than_can_be_written_is_refused(write: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="too many figures"):
        write("1e30", locale="en")
