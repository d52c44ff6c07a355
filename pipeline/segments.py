"""Customer segments: who sees which products, in which language, with which words.

`load_segments` reads and checks the file. Which products a segment's rule selects is `pipeline.rules`'
business; `select` asks it for every segment. A segment that selects nothing is no error: it has an empty
entry.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from pipeline.catalogue import is_link_column
from pipeline.fields import CurrencyCode, Designs, LocaleName, Named, PhotoRule, Sizes
from pipeline.rules import Grammar, RuleError
from pipeline.selection import Search
from pipeline.types import Product, Segment, Size
from pipeline.variants import Variants, read_variants
from pipeline.yamlfile import Day, Filled, Slug, StrictModel, YamlFile, did_you_mean, read_yaml

TIME_LIMIT_SECONDS = 10.0


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
    search: Search, *, file: Path, time_limit: float = TIME_LIMIT_SECONDS
) -> dict[str, tuple[Product, ...]]:
    """The products of every segment of `search` by the segment's name, ordered by its `order_by`, then by id.

    `time_limit` in seconds for each segment. Raises `InvalidInput` naming `file`, the line and
    `segments[i].rule` where a rule fails on a value, takes too much memory or takes too long.
    """
    chosen: dict[str, tuple[Product, ...]] = {}
    try:
        for selected in search.run(time_limit=time_limit):
            chosen[search.segments[len(chosen)].name] = selected
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


class _SegmentDocument(StrictModel):
    name: Slug
    locale: LocaleName
    currency: CurrencyCode
    rule: Filled
    order_by: Filled | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    copy_: Annotated[Named, Field(alias="copy")]  # pydantic's own models have a method `copy`
    columns: Named = Field(default_factory=dict)
    designs: Designs | None = None
    sizes: Sizes | None = None
    photo: PhotoRule | None = None
    brand: Slug | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    variants: Variants = Field(default_factory=list)


def _segment(file: YamlFile, index: int, defaults: SegmentDefaults) -> Segment:
    read = file.validated(_SegmentDocument, (index,))
    if read.valid_from and read.valid_to and read.valid_to < read.valid_from:
        raise file.error(f"{read.valid_to} is before valid_from", (index, "valid_to"))
    segment = Segment(
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
    return replace(segment, variants=read_variants(file, index, read.variants, segment))


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
