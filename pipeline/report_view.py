"""What the proof sheet says of a night, worked out of its rows: no pictures, no markup."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from urllib.parse import quote

from pipeline.approvals import Decision, Verdict
from pipeline.banner_plan import KEPT
from pipeline.beside import Change, Followed
from pipeline.campaign import Publish
from pipeline.errors import Reason
from pipeline.held_words import explain
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import banner_words, reasons_of

T = TypeVar("T")

MAX_TILES = 6000
"""Banners on one sheet."""
MAX_GONE = 500
"""Banners of the earlier run, gone since, on one sheet."""
STATUS_WORDS = {
    Status.STORED: "Stored",
    Status.HELD: "Held back",
    Status.FAILED: "Failed",
    Status.REJECTED: "Photo refused",
}


CHANGE_WORDS = {
    Change.CHANGED: "Changed",
    Change.NEW: "New",
    Change.GONE: "Gone",
    Change.SAME: "The same",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of a stored banner: `number` in the sheet's album, None where there is none; `sha256` (hex)
    of the stored bytes, which says later whether it is still the banner that somebody looked at.
    """

    number: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One banner on the sheet. `followed` how it stands to the earlier run, None without one; `earlier` the
    picture it had then; `offer` what a person may do about it, see `offer`; `decided` who did what before.
    """

    row: BannerRow
    seen: Seen
    followed: Followed | None
    earlier: Seen | None
    offer: str
    decided: str


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
    urgent = spread([i for i, row in enumerate(rows) if row.status is not Status.STORED], MAX_TILES * 3 // 4)
    calm = spread([i for i, row in enumerate(rows) if row.status is Status.STORED], MAX_TILES - len(urgent))
    return [rows[i] for i in sorted([*urgent, *calm])]


def spread(items: Sequence[T], count: int) -> Sequence[T]:
    """At most `count` of the items, evenly."""
    return items if len(items) <= count else [items[i * len(items) // count] for i in range(count)]


def offer(row: BannerRow, seen: Seen, publish: Publish, last: Decision | None) -> str:
    """What a person may do about a banner: "approve" what is not live by itself, keep "out" what is, "" where
    there is nothing to look at.
    """
    if seen.number is None or row.status not in (Status.STORED, Status.HELD):
        return ""
    by_itself = row.status is Status.STORED and publish == "auto"
    live = by_itself if last is None else last.verdict is Verdict.APPROVED
    return "out" if live else "approve"


def decided(last: Decision | None) -> str:
    """Who approved a banner or kept it out before the sheet was made, "" for nobody."""
    if last is None:
        return ""
    word = "Approved" if last.verdict is Verdict.APPROVED else "Kept out"
    return f"{word} by {last.who} on {long_day(date.fromisoformat(last.at[:10]))}"


def long_day(day: date) -> str:
    """22 November 2026."""
    return f"{day.day} {day:%B %Y}"


def facts(tile: Tile, sources: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """What the page's script knows of one banner: what filters compare and what the large view tells."""
    row, followed = tile.row, tile.followed
    source = sources.get(row.photo_key)
    there = tile.seen.number is not None
    return {
        "segment": row.segment,
        "size": row.size,
        "design": row.design,
        "variant": row.variant,
        "status": row.status,
        "reasons": reasons_of(row.reason),
        "product": row.product,
        "state": STATUS_WORDS[row.status],
        "words": words_of(row),
        "why": explain(row) if row.status is Status.HELD else [],
        "detail": "" if row.detail == KEPT else row.detail,
        "kept": row.detail == KEPT,
        "locale": row.locale,
        "weight": f"{row.bytes / 1000:,.0f} kB" if row.bytes else "",
        "seconds": f"{row.seconds:.2f} s" if row.seconds else "",
        "confidence": f"{row.confidence:.0%}" if row.cutout_key else "",
        "photo": source["index"] if source else None,
        "photoKey": ", ".join(filter(None, (row.photo_key, row.second_photo_key))),
        "key": row.key if there else "",
        "href": href_of(row.key) if there else "",
        "sha256": tile.seen.sha256,
        "picture": tile.seen.number,
        "offer": tile.offer,
        "decided": tile.decided,
        "change": followed.change if followed else "",
        "difference": followed.words if followed else "",
        "before": _before(followed.before, tile.earlier) if followed and followed.before else None,
    }


def _before(row: BannerRow, seen: Seen | None) -> dict[str, object]:
    there = seen is not None and seen.number is not None
    return {
        "state": STATUS_WORDS[row.status],
        "words": words_of(row),
        "picture": seen.number if seen else None,
        "href": href_of(row.key) if there else "",
    }


def href_of(key: str) -> str:
    """A key as a relative link to the store's root, "" where it would lead elsewhere."""
    return quote(key) if leads_below(key) else ""


def leads_below(key: str) -> bool:
    """Whether a key names a place below the store's root, so that a relative link to it stays there."""
    return not key.startswith("/") and not {"", ".", ".."} & set(key.split("/"))


def choices(rows: Sequence[BannerRow]) -> dict[str, list[tuple[str, str]]]:
    """What each filter offers: (value, label)."""
    reasons = sorted({reason for row in rows for reason in reasons_of(row.reason)})
    return {
        "segment": [(name, name) for name in sorted({row.segment for row in rows})],
        "size": [(name, name) for name in sorted({row.size for row in rows}, key=_largest_first)],
        "design": [(name, name) for name in sorted({row.design for row in rows})],
        "variant": [(name, name) for name in sorted({row.variant for row in rows} - {""})],
        "status": [(status.value, word) for status, word in STATUS_WORDS.items()],
        "reason": [(reason, banner_words(reason)) for reason in reasons],
    }


DECISIONS = {
    "waits": "Waits for approval",
    "marked": "Marked here",
    "approved": "Approved before",
    "out": "Kept out before",
}
"""How a banner may stand to people's decisions, for the filter."""


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


def medians(rows: Sequence[BannerRow], photos: Sequence[float]) -> list[tuple[str, str]]:
    """How long one banner and one photo took, as (name, time); kept ones took none.

    `photos` are the seconds of each that took any.
    """
    made = {
        "median banner": [row.seconds for row in rows if row.seconds > 0 and row.detail != KEPT],
        "median photo": photos,
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
