"""The proof sheet: one HTML file in which a designer sees a night's banners and signs them off.

It carries its styles, scripts and pictures with it, so it opens from a folder, a mail or a bucket; only a
banner in full size is fetched, from its place beside the sheet. Whatever comes from photos, catalogues and
campaigns is text here: Jinja2 escapes it, and the page's policy runs no script but its own.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import resources

import jinja2
from markupsafe import Markup

from pipeline.decoder import Decoder
from pipeline.manifest import RunId
from pipeline.plan import KEPT
from pipeline.report_pictures import cutout_uri, original_uri, thumbnail_uri
from pipeline.report_view import (
    STATUS_WORDS,
    PhotoCard,
    Tile,
    choices,
    choose,
    concerns,
    facts,
    group,
    measures,
    medians,
    reading_order,
    seconds_text,
    unusual_first,
    words_of,
)
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import photo_words

MAX_SOURCES = 400
"""Photos whose original and cut-out are embedded; later ones show their small thumbnail only."""
READERS = 8
"""Threads that fetch and scale pictures; Pillow and network reads let go of the interpreter lock."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say aloud on the sheet, such as the segments that selected no product."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pictures:
    """All that the sheet shows: `sources` the photos behind banners, by photo key, ready for the script."""

    tiles: list[Tile]
    sources: dict[str, dict[str, object]]
    unused: list[PhotoCard]


def report_key(run: RunId) -> str:
    """Where the sheet of one run lies in the output store."""
    return f"reports/{run.campaign}/{run.date.isoformat()}/{run.run}/report.html"


def latest_report_key(campaign: str) -> str:
    """Where a campaign's newest sheet lies in the output store."""
    return f"reports/{campaign}/report.html"


def build_report(
    store: ObjectStore,
    run: RunId,
    *,
    banners: Iterable[BannerRow],
    photos: Iterable[PhotoRow],
    photo_store: ObjectStore,
    notices: Sequence[Notice] = (),
    timings: Mapping[str, float] | None = None,
) -> str:
    """Write the sheet of one run, and the same as the campaign's newest, and return the first one's key.

    `banners` are the manifest's rows, one per planned banner; `photos` the rows of the photos that the run
    looked at; `timings` wall seconds by stage, shown in their order. Pictures that cannot be read leave a
    hole in the sheet; StoreError or Transient is raised only where the sheet itself cannot be written.
    """
    rows = sorted(banners, key=reading_order)
    photo_rows = sorted(photos, key=unusual_first)
    shown = choose(rows)
    pictures = _pictures(shown, photo_rows, store, photo_store)
    page = _heading(run, rows, photo_rows) | _body(shown, pictures)
    page["omitted"] = len(rows) - len(shown)
    page["notices"] = [notice for notice in notices if notice.items]
    page["timings"] = [(name, seconds_text(value)) for name, value in (timings or {}).items()]
    key = report_key(run)
    for place in (key, latest_report_key(run.campaign)):
        store.replace(place, _render(page, _data(pictures, place)), "text/html; charset=utf-8")
    return key


def _pictures(
    shown: Sequence[BannerRow], photos: Sequence[PhotoRow], store: ObjectStore, photo_store: ObjectStore
) -> _Pictures:
    with closing(Decoder()) as decoder, ThreadPoolExecutor(READERS) as pool:
        see = partial(original_uri, store, photo_store, decoder=decoder)
        sources = _embed_sources(shown, photos, store, see, pool)
        return _Pictures(_tiles(shown, store, pool), sources, _unused(photos, see, pool))


def _heading(run: RunId, rows: Sequence[BannerRow], photos: Sequence[PhotoRow]) -> dict[str, object]:
    """Which night it was, and its figures; of all rows, shown or not."""
    return {
        "campaign": run.campaign,
        "night": run.date,
        "run": run.run,
        "planned": len(rows),
        "counts": Counter(row.status for row in rows),
        "kept": sum(row.detail == KEPT for row in rows if row.status is Status.STORED),
        "photos": len(photos),
        "unused_total": sum(row.status is not Status.STORED for row in photos),
        "medians": medians(rows, photos),
        "status_words": STATUS_WORDS,
    }


def _body(shown: Sequence[BannerRow], pictures: _Pictures) -> dict[str, object]:
    return {
        "segments": group(pictures.tiles),
        "choices": choices(shown),
        "concerns": concerns(shown),
        "unused": pictures.unused,
    }


def _data(pictures: _Pictures, place: str) -> dict[str, object]:
    """What the page's script knows; `root` leads from the sheet at `place` to the output store."""
    return {
        "banners": [facts(tile, pictures.sources) for tile in pictures.tiles],
        "photos": list(pictures.sources.values()),
        "root": "../" * place.count("/"),
    }


def _tiles(rows: Sequence[BannerRow], store: ObjectStore, pool: ThreadPoolExecutor) -> list[Tile]:
    thumbnails = pool.map(lambda row: thumbnail_uri(store, row.key), rows)
    return [
        Tile(index, row, *measures(row.size), words_of(row), thumbnail)
        for index, (row, thumbnail) in enumerate(zip(rows, thumbnails, strict=True))
    ]


def _embed_sources(
    rows: Sequence[BannerRow],
    photos: Sequence[PhotoRow],
    store: ObjectStore,
    see: Callable[..., str],
    pool: ThreadPoolExecutor,
) -> dict[str, dict[str, object]]:
    """Original and cut-out of every photo that a shown banner uses, once each, by photo key."""
    known = {photo.key: photo for photo in photos}
    used = {row.photo_key: row for row in rows if row.photo_key}
    # A photo that this run has no row for: its banners still name photo and cut-out.
    wanted = [known.get(key) or _photo_of(row) for key, row in used.items()]

    def embed(numbered: tuple[int, PhotoRow]) -> dict[str, object]:
        number, photo = numbered
        full = number < MAX_SOURCES
        return {
            "index": number,
            "key": photo.key,
            "original": see(photo, fetch=full),
            "cutout": cutout_uri(store, photo.cutout_key) if full else "",
        }

    return {str(source["key"]): source for source in pool.map(embed, enumerate(wanted))}


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


def _unused(photos: Sequence[PhotoRow], see: Callable[..., str], pool: ThreadPoolExecutor) -> list[PhotoCard]:
    rows = [row for row in photos if row.status is not Status.STORED][:MAX_SOURCES]
    thumbnails = pool.map(lambda row: see(row, fetch=True), rows)
    return [
        PhotoCard(row, photo_words(row.reason), thumbnail)
        for row, thumbnail in zip(rows, thumbnails, strict=True)
    ]


def _render(page: Mapping[str, object], data: Mapping[str, object]) -> bytes:
    here = resources.files("pipeline")
    style = here.joinpath("report.css").read_text("utf-8")
    script = here.joinpath("report.js").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(here.joinpath("report.html").read_text("utf-8"))
    html = template.render(
        **page,
        style=Markup(style),
        script=Markup(script),
        style_hash=_policy_hash(style),
        script_hash=_policy_hash(script),
        data=Markup(_json(data)),
    )
    return html.encode("utf-8")


def _json(data: Mapping[str, object]) -> str:
    """JSON that cannot end the script element it stands in, whatever text it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
