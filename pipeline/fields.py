"""What single fields of campaign and segments may hold, each checked with words for people."""

from collections.abc import Mapping
from typing import Annotated

from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import AfterValidator, PlainValidator

from pipeline.types import Size
from pipeline.yamlfile import Filled, Slug

SMALLEST_SIDE, LARGEST_SIDE = 20, 4096


def parse_size(text: object) -> Size:
    """`"300x250"` as a `Size`; raises ValueError."""
    width, _, height = text.partition("x") if isinstance(text, str) else ("", "", "")
    # isdecimal alone also accepts digits of other scripts.
    if not (width + height).isascii() or not width.isdecimal() or not height.isdecimal():
        raise ValueError(f"must be a size such as 300x250, not {text}")
    size = Size(int(width[:6]), int(height[:6]))
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (size.width, size.height)):
        raise ValueError(f"both sides must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, not {text}")
    return size


def check_photo_rule(text: str) -> str:
    """`first`, `last` or a pattern with a wildcard; raises ValueError."""
    if text not in ("first", "last") and not set(text) & set("*?["):
        raise ValueError(f'must be first, last or a pattern such as "*front*", not {text}')
    return text


def check_unique(items: list[object]) -> list[object]:
    """A list that is not empty and names nothing twice; raises ValueError."""
    if not items:
        raise ValueError("must not be empty")
    for index, item in enumerate(items):
        if item in items[:index]:
            raise ValueError(f"{item} is given twice")
    return items


def check_locale(text: str) -> str:
    """A locale that Babel knows, written with _; raises ValueError."""
    try:
        Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{text} is no known locale; write one such as zh_TW, en or ja") from None
    return text.replace("-", "_")


def check_currency(text: str) -> str:
    """An ISO 4217 code; raises ValueError."""
    if not is_currency(text):
        raise ValueError(f"{text} is no currency code; write one such as TWD, USD or JPY")
    return text


def check_value_names(values: Mapping[str, str]) -> Mapping[str, str]:
    """A mapping by names that templates can say; raises ValueError."""
    for name in values:
        if not (name.isidentifier() and name.isascii()):
            raise ValueError(f"the name {name!r} cannot be used in templates; use letters, digits and _")
    return values


SizeText = Annotated[Size, PlainValidator(parse_size)]
Sizes = Annotated[list[SizeText], AfterValidator(check_unique)]
Designs = Annotated[list[Slug], AfterValidator(check_unique)]
PhotoRule = Annotated[str, AfterValidator(check_photo_rule)]
LocaleName = Annotated[str, AfterValidator(check_locale)]
CurrencyCode = Annotated[str, AfterValidator(check_currency)]
Named = Annotated[dict[str, Filled], AfterValidator(check_value_names)]
"""Texts or columns by the names that templates know them by."""
