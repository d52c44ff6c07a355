"""What the proof sheet says of a night, worked out of its rows: no pictures, no markup."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from pipeline.errors import Reason
from pipeline.plan import KEPT
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import banner_words, reasons_of

MAX_TILES = 4000
"""Banners on one sheet; at 8 kB a thumbnail this makes some 45 MB, about what a browser opens at ease."""
STATUS_WORDS = {
    Status.STORED: "Stored",
    Status.HELD: "Held back",
    Status.FAILED: "Failed",
    Status.REJECTED: "Photo refused",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One banner on the sheet. `index` points into the sheet's data; `thumbnail` is a data URI or ""."""

    index: int
    row: BannerRow
    width: int
    height: int
    words: str
    thumbnail: str

    @property
    def shape(self) -> str:
        """How wide its tile should be: a strip, a tall creative, or an ordinary one."""
        ratio = self.width / self.height
        return "strip" if ratio > 2.4 else "tall" if ratio < 0.7 else "block"


@dataclass(frozen=True, slots=True)
class PhotoCard:
    """One photo that gave no cut-out."""

    row: PhotoRow
    words: str
    thumbnail: str


def reading_order(row: BannerRow) -> tuple[object, ...]:
    """By segment, then size, largest first; a product's designs side by side."""
    return (row.segment, _largest_first(row.size), row.product, row.design, row.key)


def choose(rows: list[BannerRow]) -> list[BannerRow]:
    """The banners on the sheet, in order: those that need an eye, then an even spread of the stored ones."""
    if len(rows) <= MAX_TILES:
        return rows
    urgent = _spread([i for i, row in enumerate(rows) if row.status is not Status.STORED], MAX_TILES * 3 // 4)
    calm = _spread([i for i, row in enumerate(rows) if row.status is Status.STORED], MAX_TILES - len(urgent))
    return [rows[i] for i in sorted(urgent + calm)]


def _spread(items: list[int], count: int) -> list[int]:
    return items if len(items) <= count else [items[i * len(items) // count] for i in range(count)]


def facts(tile: Tile, sources: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """What the page's script knows of one banner: what filters compare and what the large view tells."""
    row = tile.row
    source = sources.get(row.photo_key)
    return {
        "segment": row.segment,
        "size": row.size,
        "design": row.design,
        "status": row.status,
        "reasons": reasons_of(row.reason),
        "product": row.product,
        "state": STATUS_WORDS[row.status],
        "words": tile.words,
        "detail": "" if row.detail == KEPT else row.detail,
        "kept": row.detail == KEPT,
        "locale": row.locale,
        "weight": f"{row.bytes / 1000:,.0f} kB" if row.bytes else "",
        "seconds": f"{row.seconds:.2f} s" if row.seconds else "",
        "confidence": f"{row.confidence:.0%}" if row.cutout_key else "",
        "photo": source["index"] if source else None,
        "photoKey": row.photo_key,
        "key": row.key if tile.thumbnail else "",
        "href": quote(row.key) if tile.thumbnail and leads_below(row.key) else "",
    }


def leads_below(key: str) -> bool:
    """Whether a key names a place below the store's root, so that a relative link to it stays there."""
    return not key.startswith("/") and not {"", ".", ".."} & set(key.split("/"))


def group(tiles: Sequence[Tile]) -> list[tuple[str, str, list[tuple[str, list[Tile]]]]]:
    """Segments with their locale, each with its sizes, each with its tiles."""
    grouped = []
    for segment, of_segment in groupby(tiles, key=lambda tile: tile.row.segment):
        members = list(of_segment)
        sizes = [(size, list(of_size)) for size, of_size in groupby(members, key=lambda tile: tile.row.size)]
        grouped.append((segment, members[0].row.locale, sizes))
    return grouped


def choices(rows: Sequence[BannerRow]) -> dict[str, list[tuple[str, str]]]:
    """What each filter offers: (value, label)."""
    reasons = sorted({reason for row in rows for reason in reasons_of(row.reason)})
    return {
        "segment": [(name, name) for name in sorted({row.segment for row in rows})],
        "size": [(name, name) for name in sorted({row.size for row in rows}, key=_largest_first)],
        "design": [(name, name) for name in sorted({row.design for row in rows})],
        "status": [(status.value, word) for status, word in STATUS_WORDS.items()],
        "reason": [(reason, banner_words(reason)) for reason in reasons],
    }


def concerns(rows: Sequence[BannerRow]) -> list[tuple[str, str, str, int]]:
    """What asks for a look: (status, reason, words, banners), most frequent first."""
    found = Counter(
        (row.status, reason)
        for row in rows
        if row.status is not Status.STORED
        for reason in reasons_of(row.reason)
    )
    return [(status, reason, banner_words(reason), n) for (status, reason), n in found.most_common()]


def words_of(row: BannerRow) -> str:
    """Why a banner was held or not made, "" where nothing is wrong."""
    return "; ".join(banner_words(reason) for reason in reasons_of(row.reason))


def medians(rows: Sequence[BannerRow], photos: Sequence[PhotoRow]) -> list[tuple[str, str]]:
    """How long one banner and one photo took, as (name, time); kept ones took none."""
    made = {
        "median banner": [row.seconds for row in rows if row.seconds > 0 and row.detail != KEPT],
        "median photo": [row.seconds for row in photos if row.seconds > 0],
    }
    return [(name, seconds_text(statistics.median(values))) for name, values in made.items() if values]


def seconds_text(value: float) -> str:
    """A time for people: 213 ms, 1.5 s, 45 s, 3 min 5 s."""
    if value >= 120:
        return f"{value // 60:.0f} min {value % 60:.0f} s"
    return f"{value:.0f} s" if value >= 20 else f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def unusual_first(row: PhotoRow) -> tuple[bool, str, str]:
    """Flat garment shots are normal in a catalogue: what is really wrong comes before them."""
    return (row.reason == Reason.NO_SUBJECT, row.reason, row.key)


def measures(size: str) -> tuple[int, int]:
    """Width and height of a size written `300x250`; a square where it is not."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def _largest_first(size: str) -> tuple[int, str]:
    width, height = measures(size)
    return (-width * height, size)
