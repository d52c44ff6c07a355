"""A/B variants: several ways to show one segment, each to its share of the products.

A product is given one variant by a hash of campaign, segment and product, never by what else there is: it
keeps it every night, and the figures that the shop collects for it stay those of one variant. Where the
shares are changed, only the products between an old and a new boundary change theirs.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.fields import Designs, Named
from pipeline.types import Segment, Variant
from pipeline.yamlfile import Slug, StrictModel, YamlFile

FEWEST, MOST = 2, 8
WHOLE = 100.0
_ROUNDING = 1e-6
"""Three times 33.3 and a 0.1 make no exact 100."""


class VariantDocument(StrictModel):
    """A variant as segments.yaml has it."""

    name: Slug
    share: Annotated[float, Field(gt=0, lt=WHOLE)]
    copy_: Annotated[Named, Field(alias="copy", default_factory=dict)]
    designs: Designs | None = None
    brand: Slug | None = None


def check_number(variants: list[VariantDocument]) -> list[VariantDocument]:
    """As many as can be compared; raises ValueError."""
    if not FEWEST <= len(variants) <= MOST:
        raise ValueError(f"must be {FEWEST} to {MOST} variants, not {len(variants)}")
    return variants


Variants = Annotated[list[VariantDocument], AfterValidator(check_number)]


def read_variants(
    file: YamlFile, index: int, written: Sequence[VariantDocument], segment: Segment
) -> tuple[Variant, ...]:
    """The variants `written` for the segment at `index` of `file`, each with what it takes from `segment`.

    Raises `InvalidInput` with line and field, such as `segments[2].variants[1].name`.
    """
    first: dict[str, int] = {}
    for at, each in enumerate(written):
        if each.name in first:
            line = file.line((index, "variants", first[each.name]))
            raise file.error(
                f"the variant of line {line} is called {each.name} too", (index, "variants", at, "name")
            )
        first[each.name] = at
    total = math.fsum(each.share for each in written)
    if written and abs(total - WHOLE) > _ROUNDING:
        problem = f"the shares make {total:g}, not {WHOLE:g}"
        raise file.error(problem, (index, "variants"), "a share is in percent of the segment's products")
    return tuple(
        Variant(
            name=each.name,
            share=each.share,
            copy={**segment.copy, **each.copy_},
            designs=tuple(each.designs or segment.designs),
            brand=each.brand or segment.brand,
        )
        for each in written
    )


def shown_to(campaign: str, segment: Segment, product: str) -> Segment:
    """`segment` as the product with this id has it: in its variant, if there are any."""
    if not segment.variants:
        return segment
    place = WHOLE * _place(campaign, segment.name, product)
    ends = accumulate(each.share for each in segment.variants)
    found = (each for each, end in zip(segment.variants, ends, strict=True) if place < end)
    # The last end may be a rounding error below 100.
    return in_variant(segment, next(found, segment.variants[-1]))


def shown_as(segment: Segment, variant: str) -> Segment | None:
    """`segment` in its variant of this name, itself for "", None where it has no such variant."""
    if not variant:
        return segment
    return next((in_variant(segment, each) for each in segment.variants if each.name == variant), None)


def in_variant(segment: Segment, variant: Variant) -> Segment:
    """`segment` with what is `variant`'s."""
    return replace(
        segment, copy=variant.copy, designs=variant.designs, brand=variant.brand, variant=variant.name
    )


def _place(campaign: str, segment: str, product: str) -> float:
    """A number in [0, 1) that only these three names decide, evenly spread over products."""
    # As JSON, because no two lists of names are written the same; an id may hold any separator.
    digest = hashlib.sha256(json.dumps([campaign, segment, product]).encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53  # as many bits as a float holds exactly
