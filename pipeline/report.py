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

from pipeline.approvals import Approvals, read_approvals
from pipeline.beside import Beside, Change, Comparison, Followed, compare
from pipeline.campaign import Publish
from pipeline.decoder import Decoder
from pipeline.manifest import RunId
from pipeline.plan import KEPT
from pipeline.report_pictures import (
    CARD_SIDE,
    Album,
    banner_picture,
    cutout_uri,
    original_uri,
    thumbnail_area,
)
from pipeline.report_view import (
    CHANGE_WORDS,
    DECISIONS,
    MAX_GONE,
    STATUS_WORDS,
    PhotoCard,
    Seen,
    Tile,
    choices,
    choose,
    concerns,
    decided,
    facts,
    long_day,
    medians,
    offer,
    reading_order,
    seconds_text,
    spread,
    unusual_first,
)
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.words import photo_words

MAX_SOURCES = 400
"""Photos whose original and cut-out are embedded; later ones show their small thumbnail only."""
READERS = 8
"""Threads that fetch and scale pictures; Pillow and network reads let go of the interpreter lock."""
PAGE = 64
"""Pictures that the page unpacks at a time, when the first of them is needed."""
SCRIPTS = ("report_marks.js", "report_grid.js", "report_box.js", "report.js")
"""The page's script, in the order in which its parts need one another."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say aloud on the sheet, such as the segments that selected no product."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pictures:
    """All that the sheet shows: `sources` the photos behind banners, by photo key, ready for the script."""

    album: Album
    tiles: list[Tile]
    sources: dict[str, dict[str, object]]
    unused: list[PhotoCard]


@dataclass(frozen=True, slots=True)
class _Context:
    """What banners are shown beside: people's decisions, and the earlier run's banners."""

    publish: Publish
    approvals: Approvals
    comparison: Comparison | None


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
    publish: Publish = "auto",
    beside: Beside | None = None,
    newest: bool = True,
    notices: Sequence[Notice] = (),
    timings: Mapping[str, float] | None = None,
) -> str:
    """Write the sheet of one run, and if `newest` the same as the campaign's newest; return the first's key.

    `banners` are the manifest's rows, one per planned banner; `photos` the rows of the photos that the run
    looked at; `publish` what goes live without approval; `beside` an earlier run to compare with; `timings`
    wall seconds by stage, shown in their order. Pictures that cannot be read leave a hole in the sheet;
    StoreError or Transient is raised only where the sheet itself cannot be written.
    """
    rows = sorted(banners, key=reading_order)
    photo_rows = sorted(photos, key=unusual_first)
    shown = choose(rows)
    comparison = compare(rows, beside.rows) if beside else None
    context = _Context(publish, read_approvals(store, run.campaign), comparison)
    pictures = _pictures(shown, photo_rows, store, photo_store, context)
    page = _heading(run, rows, photo_rows) | _body(shown, pictures) | _changes(beside, comparison)
    page["omitted"] = len(rows) - len(shown)
    page["notices"] = [notice for notice in notices if notice.items]
    page["timings"] = [(name, seconds_text(value)) for name, value in (timings or {}).items()]
    key = report_key(run)
    for place in (key, latest_report_key(run.campaign)) if newest else (key,):
        html = _render(page, _data(run, pictures, place), pictures.album)
        store.replace(place, html, "text/html; charset=utf-8")
    return key


def _pictures(
    shown: Sequence[BannerRow],
    photos: Sequence[PhotoRow],
    store: ObjectStore,
    photo_store: ObjectStore,
    context: _Context,
) -> _Pictures:
    album = Album()
    with closing(Decoder()) as decoder, ThreadPoolExecutor(READERS) as pool:
        see = partial(original_uri, store, photo_store, decoder=decoder)
        tiles = _tiles(shown, store, pool, album, context)
        sources = _embed_sources(shown, photos, store, see, pool, album)
        return _Pictures(album, tiles, sources, _unused(photos, see, pool))


def _heading(run: RunId, rows: Sequence[BannerRow], photos: Sequence[PhotoRow]) -> dict[str, object]:
    """Which night it was, and its figures; of all rows, shown or not."""
    return {
        "campaign": run.campaign,
        "night": run.date,
        "long_night": long_day(run.date),
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
    offered = choices(shown)
    if any(tile.offer or tile.decided for tile in pictures.tiles):
        offered["decision"] = list(DECISIONS.items())
    return {"choices": offered, "concerns": concerns(shown), "unused": pictures.unused}


def _changes(beside: Beside | None, comparison: Comparison | None) -> dict[str, object]:
    """The earlier run, and how many banners came, changed, left or stayed since."""
    if beside is None or comparison is None:
        return {"beside": None, "changes": []}
    counts = Counter(each.change for each in comparison.by_key.values())
    counts[Change.GONE] = len(comparison.gone)
    told = [(change.value, word, counts[change]) for change, word in CHANGE_WORDS.items()]
    return {"beside": {"run": beside.run.run, "night": long_day(beside.run.date)}, "changes": told}


def _data(run: RunId, pictures: _Pictures, place: str) -> dict[str, object]:
    """What the page's script knows; `root` leads from the sheet at `place` to the output store."""
    return {
        "campaign": run.campaign,
        "run": run.run,
        "banners": [facts(tile, pictures.sources) for tile in pictures.tiles],
        "photos": list(pictures.sources.values()),
        "root": "../" * place.count("/"),
        "page": PAGE,
    }


def _tiles(
    rows: Sequence[BannerRow],
    store: ObjectStore,
    pool: ThreadPoolExecutor,
    album: Album,
    context: _Context,
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


def _tile(row: BannerRow, seen: Seen, followed: Followed | None, earlier: Seen, context: _Context) -> Tile:
    last = context.approvals.last.get(row.key)
    return Tile(row, seen, followed, earlier, offer(row, seen, context.publish, last), decided(last))


def _embed_sources(
    rows: Sequence[BannerRow],
    photos: Sequence[PhotoRow],
    store: ObjectStore,
    see: Callable[..., str],
    pool: ThreadPoolExecutor,
    album: Album,
) -> dict[str, dict[str, object]]:
    """Original and cut-out of every photo that a shown banner uses, once each, by photo key."""
    known = {photo.key: photo for photo in photos}
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


def _unused(photos: Sequence[PhotoRow], see: Callable[..., str], pool: ThreadPoolExecutor) -> list[PhotoCard]:
    rows = [row for row in photos if row.status is not Status.STORED][:MAX_SOURCES]
    thumbnails = pool.map(lambda row: see(row, fetch=True, side=CARD_SIDE), rows)
    return [
        PhotoCard(row, photo_words(row.reason), thumbnail)
        for row, thumbnail in zip(rows, thumbnails, strict=True)
    ]


def _render(page: Mapping[str, object], data: Mapping[str, object], album: Album) -> bytes:
    here = resources.files("pipeline")
    style = here.joinpath("report.css").read_text("utf-8")
    parts = [here.joinpath(name).read_text("utf-8") for name in SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
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
        pages=[Markup(_json(uris)) for uris in album.pages(PAGE)],
    )
    return html.encode("utf-8")


def _json(data: object) -> str:
    """JSON that cannot end the script element it stands in, whatever text it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
