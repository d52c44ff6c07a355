"""Two banners of one segment that a customer would take for one: one stays, the other is held.

A product that the catalogue lists twice makes them, and side by side on a page they look like a mistake. Rows
alone decide, and all rows of a night together: the same rows are held in whatever order they come, and
whoever made them on which night. So what an earlier night held is let go first (`unmarked`): the other one
may have left the catalogue.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from pipeline.errors import Fault
from pipeline.likeness import WORDS, means
from pipeline.lookalikes import LookAlikes
from pipeline.types import BannerRow, Status
from pipeline.words import reasons_of

_TWIN = "looks like "


def hold_duplicates(rows: Iterable[BannerRow]) -> list[BannerRow]:
    """`rows` (unmarked), with those held that look like another of their segment, size and design.

    Of several, the one stays that passed its other gates, then the one with the smallest product id. Rows of
    versions that noted no likeness are left alone.
    """
    rows = list(rows)
    groups = defaultdict[tuple[str, ...], list[BannerRow]](list)
    for row in rows:
        if row.likeness and row.status in (Status.STORED, Status.HELD):
            groups[row.segment, row.size, row.design, row.likeness[:WORDS]].append(row)
    held = [row for group in groups.values() if len(group) > 1 for row in _later_ones(group)]
    by_key = {row.key: row for row in held}
    return [by_key.get(row.key, row) for row in rows]


def unmarked(row: BannerRow) -> BannerRow:
    """`row` as it was before `hold_duplicates`."""
    reasons = reasons_of(row.reason)
    if Fault.NEAR_DUPLICATE not in reasons:
        return row
    others = ",".join(reason for reason in reasons if reason != Fault.NEAR_DUPLICATE)
    detail = row.detail.partition(_TWIN)[0].removesuffix(", ")
    return replace(row, status=Status.HELD if others else Status.STORED, reason=others, detail=detail)


def _later_ones(group: Sequence[BannerRow]) -> list[BannerRow]:
    """Those of a group with the same words that look like one before them, held."""
    ordered = sorted(group, key=lambda row: (row.status is not Status.STORED, row.product, row.key))
    seen, held = LookAlikes(np.stack([means(row.likeness) for row in ordered])), []
    for at, row in enumerate(ordered):
        twin = seen.first(at)
        if twin is None:
            seen.add(at)
        else:
            held.append(_held(row, ordered[twin]))
    return held


def _held(row: BannerRow, twin: BannerRow) -> BannerRow:
    already = row.status is Status.HELD
    reason = f"{row.reason},{Fault.NEAR_DUPLICATE}" if already else str(Fault.NEAR_DUPLICATE)
    detail = f"{row.detail}, {_TWIN}{twin.key}" if already and row.detail else f"{_TWIN}{twin.key}"
    return replace(row, status=Status.HELD, reason=reason, detail=detail)
