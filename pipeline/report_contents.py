"""What a proof sheet shows: banners beside people's decisions and an earlier run, and all their pictures.

Every picture is fetched once and kept in one album; whatever cannot be read leaves a hole.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from pipeline.approvals import Approvals
from pipeline.beside import Change, Comparison, Followed
from pipeline.campaign import Publish
from pipeline.decoder import Decoder
from pipeline.report_photos import PhotosSeen
from pipeline.report_pictures import (
    CARD_SIDE,
    Album,
    banner_picture,
    cutout_uri,
    original_uri,
    thumbnail_area,
)
from pipeline.report_view import MAX_GONE, PhotoCard, Seen, Tile, decided, offer, spread
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import photo_words

MAX_SOURCES = 400
"""Photos whose original and cut-out are embedded; later ones show their small thumbnail only."""
READERS = 32
"""Threads that fetch and scale pictures: most wait for the bucket. Pillow lets go of the interpreter lock."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the sheet shows: `sources` the photos behind banners, by photo key, ready for the script."""

    album: Album
    tiles: list[Tile]
    sources: dict[str, dict[str, object]]
    unused: list[PhotoCard]


@dataclass(frozen=True, slots=True)
class Context:
    """What banners are shown beside: people's decisions, and the earlier run's banners."""

    publish: Publish
    approvals: Approvals
    comparison: Comparison | None


def gather_contents(
    shown: Sequence[BannerRow],
    photos: PhotosSeen,
    store: ObjectStore,
    photo_store: ObjectStore,
    context: Context,
) -> Contents:
    """Everything about the banners `shown` and the `photos`; raises nothing for what cannot be read."""
    album = Album()
    with closing(Decoder()) as decoder, ThreadPoolExecutor(READERS) as pool:
        see = partial(original_uri, store, photo_store, decoder=decoder)
        tiles = _tiles(shown, store, pool, album, context)
        sources = _embed_sources(shown, photos.used, store, see, pool, album)
        return Contents(album, tiles, sources, _unused(photos.cards, see, pool))


def _tiles(
    rows: Sequence[BannerRow],
    store: ObjectStore,
    pool: ThreadPoolExecutor,
    album: Album,
    context: Context,
) -> list[Tile]:
    """The run's banners, then those of the earlier run that are gone."""
    comparison = context.comparison
    followed = [comparison.by_key[row.key] if comparison else None for row in rows]
    earlier = [each.before if each and each.change is Change.CHANGED else None for each in followed]
    gone = list(spread(comparison.gone, MAX_GONE)) if comparison else []
    area = thumbnail_area(len(rows) + len(gone) + sum(row is not None for row in earlier))

    def look(wanted: Sequence[BannerRow | None]) -> list[Seen]:
        found = pool.map(lambda row: banner_picture(store, row.key if row else "", area), wanted)
        return [Seen(album.add(uri), sha256) for uri, sha256 in found]

    kept = [
        _tile(row, seen, follow, old, context)
        for row, seen, follow, old in zip(rows, look(rows), followed, look(earlier), strict=True)
    ]
    left = Followed(Change.GONE, None, "")
    return kept + [Tile(row, seen, left, None, "", "") for row, seen in zip(gone, look(gone), strict=True)]


def _tile(row: BannerRow, seen: Seen, followed: Followed | None, earlier: Seen, context: Context) -> Tile:
    last = context.approvals.last.get(row.key)
    return Tile(row, seen, followed, earlier, offer(row, seen, context.publish, last), decided(last))


def _embed_sources(
    rows: Sequence[BannerRow],
    known: Mapping[str, PhotoRow],
    store: ObjectStore,
    see: Callable[..., str],
    pool: ThreadPoolExecutor,
    album: Album,
) -> dict[str, dict[str, object]]:
    """Original and cut-out of every photo that a shown banner uses, once each, by photo key."""
    used = {row.photo_key: row for row in rows if row.photo_key}
    # A photo that this run has no row for: its banners still name photo and cut-out.
    wanted = [known.get(key) or _photo_of(row) for key, row in used.items()]

    def embed(numbered: tuple[int, PhotoRow]) -> tuple[str, str]:
        number, photo = numbered
        full = number < MAX_SOURCES
        return see(photo, fetch=full), cutout_uri(store, photo.cutout_key) if full else ""

    return {
        photo.key: {"index": index, "original": album.add(original), "cutout": album.add(cutout)}
        for index, (photo, (original, cutout)) in enumerate(
            zip(wanted, pool.map(embed, enumerate(wanted)), strict=True)
        )
    }


def _photo_of(row: BannerRow) -> PhotoRow:
    return PhotoRow(
        key=row.photo_key,
        etag="",
        size=0,
        content=row.photo_content,
        recipe="",
        status=Status.STORED,
        reason="",
        detail="",
        cutout_key=row.cutout_key,
        thumbnail_key="",
        confidence=row.confidence,
        geometry="",
        seconds=0.0,
    )


def _unused(rows: Sequence[PhotoRow], see: Callable[..., str], pool: ThreadPoolExecutor) -> list[PhotoCard]:
    thumbnails = pool.map(lambda row: see(row, fetch=True, side=CARD_SIDE), rows)
    return [
        PhotoCard(row, photo_words(row.reason), thumbnail)
        for row, thumbnail in zip(rows, thumbnails, strict=True)
    ]
