"""Customer segments: who sees which products, in which language, with which words.

`load_segments` reads and checks the file. Which products a segment's rule selects is `pipeline.rules`'
business; `select` asks it for every segment. A segment that selects nothing is no error: it has an empty
entry.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated

from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import AfterValidator, Field, PlainValidator

from pipeline.catalogue import is_link_column
from pipeline.rules import Grammar, RuleError
from pipeline.selection import run_rules
from pipeline.types import Product, Segment, Size
from pipeline.yamlfile import Day, Filled, Slug, StrictModel, YamlFile, did_you_mean, read_yaml

TIME_LIMIT_SECONDS = 10.0
SMALLEST_SIDE, LARGEST_SIDE = 20, 4096


@dataclass(frozen=True, slots=True)
class SegmentDefaults:
    """What the campaign says for segments that do not say otherwise."""

    designs: tuple[str, ...]
    sizes: tuple[Size, ...]
    photo: str
    brand: str


def load_segments(path: Path, defaults: SegmentDefaults, products: Sequence[Product]) -> tuple[Segment, ...]:
    """The segments of a YAML list, in the file's order, their rules and columns checked against `products`.

    Raises `InvalidInput` with line and field, such as `segments[2].rule`.
    """
    file = read_yaml(path, top="segments")
    if not isinstance(file.data, list) or not file.data:
        raise file.error("must be a list with at least one segment, each beginning with - name: …", ())
    segments = tuple(_segment(file, index, defaults) for index in range(len(file.data)))
    _check_names(file, segments)
    _check_columns(file, segments, products)
    _check_rules(file, segments, products)
    return segments


def select(
    segments: Sequence[Segment],
    products: Sequence[Product],
    *,
    file: Path,
    time_limit: float = TIME_LIMIT_SECONDS,
) -> dict[str, tuple[Product, ...]]:
    """The products of every segment by the segment's name, ordered by its `order_by`, then by id.

    `time_limit` in seconds for each segment. Raises `InvalidInput` naming `file`, the line and
    `segments[i].rule` where a rule fails on a value, takes too much memory or takes too long.
    """
    chosen: dict[str, tuple[Product, ...]] = {}
    try:
        for selected in run_rules(products, segments, time_limit=time_limit):
            chosen[segments[len(chosen)].name] = selected
    except RuleError as error:
        # Segments carry only the line where they begin, so the file is asked for the field's own.
        where = (len(chosen), error.field)
        raise read_yaml(file, top="segments").error(error.problem, where, error.hint) from error
    return chosen


def choose_photo(product: Product, segment: Segment, present: Container[str] | None = None) -> str | None:
    """The key of the photo that shows `product` to `segment`, or None if it has none.

    `segment.photo` is `first`, `last`, or a pattern such as `*front*` that is matched, with case, against the
    key and against its file name: the first match wins, and the first photo where nothing matches. With
    `present`, photos that are not in it do not count.
    """
    photos = [key for key in product.photos if present is None or key in present]
    if not photos:
        return None
    if segment.photo == "first":
        return photos[0]
    if segment.photo == "last":
        return photos[-1]
    return next((key for key in photos if _matches(key, segment.photo)), photos[0])


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


SizeText = Annotated[Size, PlainValidator(parse_size)]
Sizes = Annotated[list[SizeText], AfterValidator(check_unique)]
Designs = Annotated[list[Slug], AfterValidator(check_unique)]
PhotoRule = Annotated[str, AfterValidator(check_photo_rule)]


def _check_locale(text: str) -> str:
    try:
        Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{text} is no known locale; write one such as zh_TW, en or ja") from None
    return text.replace("-", "_")


def _check_currency(text: str) -> str:
    if not is_currency(text):
        raise ValueError(f"{text} is no currency code; write one such as TWD, USD or JPY")
    return text


def _check_value_names(values: Mapping[str, str]) -> Mapping[str, str]:
    for name in values:
        if not (name.isidentifier() and name.isascii()):
            raise ValueError(f"the name {name!r} cannot be used in templates; use letters, digits and _")
    return values


_Named = Annotated[dict[str, Filled], AfterValidator(_check_value_names)]


class _SegmentDocument(StrictModel):
    name: Slug
    locale: Annotated[str, AfterValidator(_check_locale)]
    currency: Annotated[str, AfterValidator(_check_currency)]
    rule: Filled
    order_by: Filled | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    copy_: Annotated[_Named, Field(alias="copy")]  # pydantic's own models have a method `copy`
    columns: _Named = Field(default_factory=dict)
    designs: Designs | None = None
    sizes: Sizes | None = None
    photo: PhotoRule | None = None
    brand: Slug | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None


def _segment(file: YamlFile, index: int, defaults: SegmentDefaults) -> Segment:
    read = file.validated(_SegmentDocument, (index,))
    if read.valid_from and read.valid_to and read.valid_to < read.valid_from:
        raise file.error(f"{read.valid_to} is before valid_from", (index, "valid_to"))
    return Segment(
        name=read.name,
        locale=read.locale,
        currency=read.currency,
        rule=read.rule,
        order_by=read.order_by,
        limit=read.limit,
        copy=dict(read.copy_),
        columns=dict(read.columns),
        designs=tuple(read.designs or defaults.designs),
        sizes=tuple(read.sizes or defaults.sizes),
        photo=read.photo or defaults.photo,
        brand=read.brand or defaults.brand,
        line=file.line((index,)),
        valid_from=read.valid_from,
        valid_to=read.valid_to,
    )


def _check_names(file: YamlFile, segments: Sequence[Segment]) -> None:
    first: dict[str, int] = {}
    for index, segment in enumerate(segments):
        if segment.name in first:
            other = segments[first[segment.name]].line
            raise file.error(f"the segment of line {other} is called {segment.name} too", (index, "name"))
        first[segment.name] = index


def _check_columns(file: YamlFile, segments: Sequence[Segment], products: Sequence[Product]) -> None:
    known = list(products[0].fields)
    for index, segment in enumerate(segments):
        for name, column in segment.columns.items():
            if column not in known:
                raise file.error(
                    f"the catalogue has no column {column}",
                    (index, "columns", name),
                    did_you_mean(column, known, "columns"),
                )
            if name == "link" and not is_link_column(column):
                raise file.error(
                    f"the column {column} may hold anything, and a link has to be a web address",
                    (index, "columns", name),
                    "call the column link or link_…: such columns are checked",
                )


def _check_rules(file: YamlFile, segments: Sequence[Segment], products: Sequence[Product]) -> None:
    with Grammar(list(products[0].fields)) as grammar:
        for index, segment in enumerate(segments):
            try:
                grammar.check(segment)
            except RuleError as error:
                raise file.error(error.problem, (index, error.field), error.hint) from error


def _matches(key: str, pattern: str) -> bool:
    return fnmatchcase(key, pattern) or fnmatchcase(PurePosixPath(key).name, pattern)
