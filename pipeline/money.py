"""Prices, percentages, numbers, dates and quotations as a locale writes them, in its own figures.

Pure functions; Babel does the work, except that it writes every number in the figures 0 to 9.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent, get_currency_symbol, get_decimal_symbol

from pipeline.fonts import language

_SYMBOLS = {"TWD": "NT$", "JPY": "¥", "CNY": "¥", "HKD": "HK$"}
"""Symbols that shops write, whatever the locale: CLDR gives a bare $ for TWD and a full-width yen sign."""

_WHOLE = frozenset({"TWD", "JPY", "KRW", "VND", "IDR"})
"""Currencies whose prices have no decimals in shops, though CLDR gives some of them two."""

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_DIRECTION_MARKS = "\u200e\u200f\u061c"
_FIGURES = {
    "arab": str.maketrans("0123456789%", "٠١٢٣٤٥٦٧٨٩٪"),
    "arabext": str.maketrans("0123456789%", "۰۱۲۳۴۵۶۷۸۹٪"),
}
"""CLDR's numbering systems of the fonts' scripts that differ from 0 to 9: Egypt and Saudi Arabia; Iran."""

_DISCOUNT = {"zh": "折", "ko": "할인", "ar": "خصم"}
_QUOTES = {
    "zh-Hant": ("「", "」"),
    "ja": ("「", "」"),
    "de": ("„", "“"),
    "fr": ("«", "»"),
    "ar": ("«", "»"),
}
"""CLDR delimiters; elsewhere, the mainland of China and Korea included, “ and ”."""


@dataclass(frozen=True, slots=True)
class Price:
    """A price in its parts: 1,280 and 50 of $1,280.50. `decimals` is empty for whole prices, `gap` the space
    between symbol and figures."""

    symbol: str
    whole: str
    decimals: str
    symbol_first: bool
    gap: str


@lru_cache(maxsize=256)
def parse_locale(name: str) -> Locale:
    """`zh-TW` or `zh_TW` as a Babel locale. Raises ValueError."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        raise ValueError(f"'{name}' is no locale") from None


def to_number(value: object) -> Decimal:
    """`value` as an exact number. Raises ValueError for anything that is none, NaN and infinity included."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"'{value}' is no number") from None
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError(f"'{value}' is no number")
    return number


def currency_symbol(currency: str, locale: str) -> str:
    """How shops write `currency` beside a price: NT$, ¥, $, US$."""
    return _SYMBOLS.get(currency) or str(get_currency_symbol(currency, parse_locale(locale)))


def amount(value: object, currency: str, locale: str) -> str:
    """A price without its currency: 1,280 or 39.50; whole prices have no decimals."""
    number = to_number(value)
    whole = currency in _WHOLE or number == number.to_integral_value()
    pattern = "#,##0" if whole else "#,##0.00"
    return figures(_decimal(number, parse_locale(locale), pattern), locale)


def price(value: object, currency: str, locale: str) -> Price:
    """The parts of a price, for designs that set them in sizes of their own."""
    decimal_point = get_decimal_symbol(parse_locale(locale), numbering_system="default")
    whole, point, decimals = amount(value, currency, locale).partition(decimal_point)
    symbol, first, gap = _beside(currency, locale)
    return Price(symbol, whole, decimals if point else "", first, gap)


def money(value: object, currency: str, locale: str) -> str:
    """A price: NT$1,280, ¥12,800, $39.50, 39,50 €."""
    figure = amount(value, currency, locale)
    symbol, first, gap = _beside(currency, locale)
    return f"{symbol}{gap}{figure}" if first else f"{figure}{gap}{symbol}"


@cache
def _beside(currency: str, locale: str) -> tuple[str, bool, str]:
    """What stands beside a price's figure: the symbol, whether it comes first, and the gap between."""
    symbol = currency_symbol(currency, locale)
    formats = parse_locale(locale).currency_formats
    pattern = formats["standard"].pattern.partition(";")[0].strip(_DIRECTION_MARKS)
    first = pattern.startswith("¤")
    # "AED 100" and "€ 100" (Austria), but "$100" and "NT$100".
    apart = not first or pattern[1:].startswith(_NO_BREAK_SPACE) or symbol[-1].isalpha()
    return symbol, first, _NO_BREAK_SPACE if apart else ""


def percent(value: object, locale: str) -> str:
    """50 as 50%, 50 % or ٥٠٪."""
    share = to_number(value) / 100
    with _too_long(share):
        return figures(str(format_percent(share, locale=parse_locale(locale))), locale)


def number(value: object, locale: str) -> str:
    """12800 as 12,800, 12.800 or ١٢٬٨٠٠."""
    return figures(_decimal(to_number(value), parse_locale(locale)), locale)


def figures(text: str, locale: str) -> str:
    """`text` with its figures and per cent signs as the locale draws them: 50% as ٥٠٪ in Egypt."""
    return text.translate(_FIGURES.get(parse_locale(locale).default_numbering_system, {}))


def quoted(value: object, locale: str) -> str:
    """`value` between the quotation marks of the locale: 「新品」, „neu“, “new”."""
    tag = language(locale)
    opening, closing = _QUOTES.get(tag, ("“", "”"))
    return f"{opening}{value}{closing}"


def day(value: object, locale: str, style: str = "medium") -> str:
    """An ISO date as the locale writes it; `style` is short, medium, long or full."""
    when = value if isinstance(value, date) else date.fromisoformat(str(value))
    return figures(str(format_date(when, format=style, locale=parse_locale(locale))), locale)


def discount_of(list_price: object, price: object) -> int | None:
    """The whole percent by which `price` undercuts `list_price`; None where there is no discount."""
    try:
        before, now = to_number(list_price), to_number(price)
    except ValueError:
        return None
    if before <= 0 or not 0 < now < before:
        return None
    return int((1 - now / before) * 100 + Decimal("0.5")) or None


def discount_figure(off: object, locale: str) -> str:
    """The figure of a discount badge: 50% off is 5 (折) in Chinese, 50% elsewhere."""
    value = int(to_number(off))
    if parse_locale(locale).language != "zh":
        return percent(value, locale)
    left = 100 - value
    return str(left // 10) if left % 10 == 0 else str(left)


def discount_word(off: object, locale: str) -> str:
    """The word beside `discount_figure`: 折 in Chinese, 할인 in Korean, خصم in Arabic, OFF elsewhere."""
    to_number(off)
    return _DISCOUNT.get(parse_locale(locale).language, "OFF")


def _decimal(number: Decimal, at: Locale, pattern: str | None = None) -> str:
    with _too_long(number):
        return str(format_decimal(number, pattern, at, numbering_system="default"))


@contextmanager
def _too_long(number: Decimal) -> Iterator[None]:
    """Babel rounds within the 28 figures of Python's decimal context; what has more is no sum of money."""
    try:
        yield
    except InvalidOperation:
        raise ValueError(f"{number} has too many figures to be written") from None
