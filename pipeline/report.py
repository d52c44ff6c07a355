"""The proof sheet: one HTML file in which a designer sees a night's banners and signs them off.

It carries its styles, scripts and pictures with it, so it opens from a folder, a mail or a bucket; only a
banner in full size is fetched, from its place beside the sheet. Whatever comes from photos, catalogues and
campaigns is text here: Jinja2 escapes it, and the page's policy runs no script but its own.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
from markupsafe import Markup

from pipeline.approvals import read_approvals
from pipeline.banner_plan import KEPT
from pipeline.beside import Beside, Change, Comparison, compare
from pipeline.campaign import Publish
from pipeline.manifest import RunId
from pipeline.report_contents import Contents, Context, gather_contents
from pipeline.report_photos import PhotosSeen
from pipeline.report_pictures import Album
from pipeline.report_view import (
    CHANGE_WORDS,
    DECISIONS,
    STATUS_WORDS,
    choices,
    choose,
    concerns,
    facts,
    long_day,
    medians,
    reading_order,
    seconds_text,
)
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, PhotoRow, Status

PAGE = 64
"""Pictures that the page unpacks at a time, when the first of them is needed."""
SCRIPTS = ("report_marks.js", "report_grid.js", "report_tile.js", "report_box.js", "report.js")
"""The page's script, in the order in which its parts need one another."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say aloud on the sheet, such as the segments that selected no product."""

    title: str
    items: tuple[str, ...]


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
    looked at, which pass by once; `publish` what goes live without approval; `beside` an earlier run to
    compare with; `timings` wall seconds by stage, shown in their order. Pictures that cannot be read leave a
    hole in the sheet; StoreError or Transient is raised only where the sheet itself cannot be written.
    """
    rows = sorted(banners, key=reading_order)
    shown = choose(rows)
    seen = PhotosSeen.of(photos, {row.photo_key for row in shown})
    comparison = compare(rows, beside.rows) if beside else None
    context = Context(publish, read_approvals(store, run.campaign), comparison)
    contents = gather_contents(shown, seen, store, photo_store, context)
    page = _heading(run, rows, seen) | _body(shown, contents) | _changes(beside, comparison)
    page["omitted"] = len(rows) - len(shown)
    page["notices"] = [notice for notice in notices if notice.items]
    page["timings"] = [(name, seconds_text(value)) for name, value in (timings or {}).items()]
    key = report_key(run)
    for place in (key, latest_report_key(run.campaign)) if newest else (key,):
        html = _render(page, _data(run, contents, place), contents.album)
        store.replace(place, html, "text/html; charset=utf-8")
    return key


def _heading(run: RunId, rows: Sequence[BannerRow], photos: PhotosSeen) -> dict[str, object]:
    """Which night it was, and its figures; of all rows, shown or not."""
    return {
        "campaign": run.campaign,
        "night": run.date,
        "long_night": long_day(run.date),
        "run": run.run,
        "planned": len(rows),
        "counts": Counter(row.status for row in rows),
        "kept": sum(row.detail == KEPT for row in rows if row.status is Status.STORED),
        "photos": photos.total,
        "unused_total": photos.refused,
        "medians": medians(rows, photos.seconds),
        "status_words": STATUS_WORDS,
    }


def _body(shown: Sequence[BannerRow], contents: Contents) -> dict[str, object]:
    offered = choices(shown)
    if any(tile.offer or tile.decided for tile in contents.tiles):
        offered["decision"] = list(DECISIONS.items())
    return {"choices": offered, "concerns": concerns(shown), "unused": contents.unused}


def _changes(beside: Beside | None, comparison: Comparison | None) -> dict[str, object]:
    """The earlier run, and how many banners came, changed, left or stayed since."""
    if beside is None or comparison is None:
        return {"beside": None, "changes": []}
    counts = Counter(each.change for each in comparison.by_key.values())
    counts[Change.GONE] = len(comparison.gone)
    told = [(change.value, word, counts[change]) for change, word in CHANGE_WORDS.items()]
    return {"beside": {"run": beside.run.run, "night": long_day(beside.run.date)}, "changes": told}


def _data(run: RunId, contents: Contents, place: str) -> dict[str, object]:
    """What the page's script knows; `root` leads from the sheet at `place` to the output store."""
    return {
        "campaign": run.campaign,
        "run": run.run,
        "banners": [facts(tile, contents.sources) for tile in contents.tiles],
        "photos": list(contents.sources.values()),
        "root": "../" * place.count("/"),
        "page": PAGE,
    }


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
