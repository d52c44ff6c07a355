"""Prices, percentages, numbers and dates as a locale writes them. Pure functions; Babel does the work."""

from datetime import date
from decimal import Decimal, InvalidOperation

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent, get_currency_symbol

_SYMBOLS = {"TWD": "NT$", "JPY": "¥", "CNY": "¥", "HKD": "HK$"}
"""Symbols that shops write, whatever the locale: CLDR gives a bare $ for TWD and a full-width yen sign."""

_WHOLE = frozenset({"TWD", "JPY", "KRW", "VND", "IDR"})
"""Currencies whose prices have no decimals in shops, though CLDR gives some of them two."""


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
    return str(format_decimal(number, format=pattern, locale=parse_locale(locale)))


def money(value: object, currency: str, locale: str) -> str:
    """A price: NT$1,280, ¥12,800, $39.50, 39,50 €."""
    symbol, figure = currency_symbol(currency, locale), amount(value, currency, locale)
    pattern = parse_locale(locale).currency_formats["standard"].pattern
    return f"{symbol}{figure}" if pattern.startswith("¤") else f"{figure}\N{NO-BREAK SPACE}{symbol}"


def percent(value: object, locale: str) -> str:
    """50 as 50% or 50 %."""
    return str(format_percent(to_number(value) / 100, locale=parse_locale(locale)))


def number(value: object, locale: str) -> str:
    """12800 as 12,800."""
    return str(format_decimal(to_number(value), locale=parse_locale(locale)))


def day(value: object, locale: str, style: str = "medium") -> str:
    """An ISO date as the locale writes it; `style` is short, medium, long or full."""
    when = value if isinstance(value, date) else date.fromisoformat(str(value))
    return str(format_date(when, format=style, locale=parse_locale(locale)))


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
    """The word beside `discount_figure`: 折 in Chinese, OFF elsewhere."""
    to_number(off)
    return "折" if parse_locale(locale).language == "zh" else "OFF"
