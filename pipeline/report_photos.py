"""What a proof sheet says of a night's photos, of which there may be a million: they pass by once, and only
those stay that it shows.
"""

import heapq
from array import array
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.report_view import unusual_first
from pipeline.types import PhotoRow, Status

MAX_CARDS = 400
"""Photos that are shown as they gave no cut-out."""


@dataclass(slots=True)
class PhotosSeen:
    """`total` photos, `refused` of them without a cut-out; `seconds` of each that took any.

    `cards` are the refused ones that are shown, in order; `used` those behind the banners shown, by key.
    """

    total: int = 0
    refused: int = 0
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    cards: list[PhotoRow] = field(default_factory=list)
    used: dict[str, PhotoRow] = field(default_factory=dict)

    @classmethod
    def of(cls, photos: Iterable[PhotoRow], shown: Container[str]) -> "PhotosSeen":
        """What is to be said of `photos`; `shown` are the keys of those behind the banners shown."""
        seen = cls()
        seen.cards = heapq.nsmallest(MAX_CARDS, seen._refused(photos, shown), key=unusual_first)
        return seen

    def _refused(self, photos: Iterable[PhotoRow], shown: Container[str]) -> Iterator[PhotoRow]:
        """Those of `photos` that gave no cut-out; counts all that pass."""
        for row in photos:
            self.total += 1
            if row.seconds > 0:
                self.seconds.append(row.seconds)
            if row.key in shown:
                self.used[row.key] = row
            if row.status is not Status.STORED:
                self.refused += 1
                yield row
