"""The proof sheet: what it says, what its script is told, and what it survives."""

import json
import re
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from nights import HOSTILE, NIGHT, RUN, Night, make_night, photo, picture, redrawn

from pipeline import report_view
from pipeline.approvals import Decision, Verdict, record
from pipeline.beside import Beside
from pipeline.campaign import Publish
from pipeline.errors import Fault, Reason
from pipeline.manifest import RunId
from pipeline.report import Notice, build_report, latest_report_key, report_key
from pipeline.report_photos import MAX_CARDS, PhotosSeen
from pipeline.report_pictures import SHEET_AREA, THUMBNAIL_AREA, thumbnail_area
from pipeline.report_view import Seen, offer
from pipeline.types import Status
from pipeline.words import banner_words, photo_words


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return make_night(tmp_path)


class Elements(HTMLParser):
    """Every element of a page as (tag, attributes)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def text_of(html: str) -> str:
    shown = re.sub(r"<script.*?</script>", " ", html.split("<body>")[1], flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", shown))


def pictures_of(html: str) -> list[str]:
    """Every picture that the script can ask for, by its number."""
    pages = re.findall(r'<script type="application/json" id="pictures-\d+">(.*?)</script>', html, re.DOTALL)
    return [uri for page in pages for uri in json.loads(page)]


def test_the_sheet_is_written_for_its_run_and_as_the_newest_of_its_campaign(night: Night) -> None:
    key = night.build()

    assert key == report_key(RUN) == "reports/autumn/2026-11-22/r1/report.html"
    assert night.output.exists(latest_report_key("autumn"))


def test_a_later_run_replaces_the_newest_sheet(night: Night) -> None:
    night.build()
    later = RunId("autumn", NIGHT, "r2")

    build_report(night.output, later, banners=[], photos=[], photo_store=night.photos)

    assert b"No banners were planned" in night.output.get(latest_report_key("autumn"))


def test_the_same_rows_in_another_order_give_the_same_bytes(night: Night) -> None:
    first = night.html()

    assert night.html(banners=night.banners[::-1], photos=night.photo_rows[::-1]) == first


def test_counts_and_timings_are_told(night: Night) -> None:
    text = text_of(night.html())

    assert "8 banners planned" in text
    assert "6 stored 5 new, 1 from before" in text
    assert "1 held back" in text
    assert "1 failed" in text
    assert "3 photos 2 not used" in text
    assert "total 91 s" in text
    assert "median banner 200 ms" in text


def test_reasons_are_told_in_words(night: Night) -> None:
    html = night.html()

    assert "The text does not fit; The cut-out looks unsure" in {
        each["words"] for each in data_of(html)["banners"]
    }
    assert "A character is missing from the fonts" in text_of(html)
    assert "Nobody in the picture" in text_of(html)
    assert "The file is damaged or cut short" in text_of(html)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert photo_words(reason) != reason.value


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_words(fault: Fault) -> None:
    assert banner_words(fault) != fault.value


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert banner_words("new<reason") == photo_words("new<reason") == "new<reason"


def test_notices_without_items_are_left_out(night: Night) -> None:
    html = night.html()

    assert "Products without photos" in html
    assert "Nothing to say" not in html


def test_hostile_text_stays_text(night: Night) -> None:
    elements = Elements(night.html(notices=[Notice(HOSTILE, (HOSTILE,))])).found

    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert [script.get("id") for script in scripts] == ["data", None, "pictures-0"]
    assert {name for _, attributes in elements for name in attributes if name.startswith("on")} == set()
    assert {a["href"] for _, a in elements if "href" in a} == {"#banners", "#photos", "data:,"}
    assert {str(a["src"])[:15] for _, a in elements if a.get("src")} == {"data:image/webp;"[:15]}


def test_hostile_text_reaches_the_script_unharmed(night: Night) -> None:
    products = {row["product"] for row in data_of(night.html())["banners"]}

    assert products == {"coat", HOSTILE}


@pytest.mark.parametrize("place", [report_key(RUN), latest_report_key("autumn")])
def test_links_lead_from_the_sheet_to_the_banner(night: Night, place: str) -> None:
    night.build()
    data = data_of(night.output.get(place).decode())

    links = [data["root"] + row["href"] for row in data["banners"] if row["href"]]

    assert len(links) == 7
    assert all(
        (night.folder / place).parent.joinpath(link.replace("%20", " ").replace("%23", "#")).exists()
        for link in links
    )


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "a//b.jpg", "./a.jpg", "a/../b.jpg"])
def test_a_key_that_leads_elsewhere_is_no_link(key: str) -> None:
    assert not report_view.leads_below(key)


def test_a_photo_is_embedded_once_for_all_its_banners(night: Night) -> None:
    html = night.html()
    photos, pictures = data_of(html)["photos"], pictures_of(html)

    assert sorted(photo["index"] for photo in photos) == [0, 1]
    assert all(
        pictures[photo[name]].startswith("data:image/webp;base64,")
        for photo in photos
        for name in ("original", "cutout")
    )


@pytest.mark.parametrize("damage", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"])
@pytest.mark.parametrize("victim", ["banner", "cutout", "thumbnail"])
def test_a_damaged_object_leaves_a_hole_and_no_error(night: Night, victim: str, damage: bytes) -> None:
    key = {"banner": night.banners[2].key, "cutout": "cutouts/0.cutout", "thumbnail": "thumbs/flat.jpg"}[
        victim
    ]
    night.output.replace(key, damage)

    assert len(data_of(night.html())["banners"]) == 8


def test_a_banner_that_is_gone_says_so(night: Night) -> None:
    night.output.delete(night.banners[2].key)

    [gone] = [
        each for each in data_of(night.html())["banners"] if each["segment"] == "tokyo" and each["kept"]
    ]

    assert (gone["picture"], gone["href"], gone["sha256"], gone["offer"]) == (None, "", "", "")


def test_an_empty_photo_store_costs_only_the_originals(night: Night) -> None:
    night.photos.delete("0.jpg")
    night.photos.delete("1.jpg")

    photos = data_of(night.html())["photos"]

    assert {photo["original"] for photo in photos} == {None}
    assert None not in {photo["cutout"] for photo in photos}


def test_a_photo_that_was_refused_before_decoding_is_not_opened(night: Night) -> None:
    night.photos.put_new("bomb.jpg", picture((64, 64), (1, 2, 3)))
    bomb = photo("bomb.jpg", status=Status.REJECTED, reason="killed_worker")

    html = night.html(banners=[], photos=[bomb])

    assert "data:image" not in html
    assert "crashed its worker twice" in html


def test_a_night_too_large_for_one_sheet_shows_what_needs_a_look(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_view, "MAX_TILES", 4)
    html = night.html()

    assert "This sheet shows 4 of 8 banners" in html
    statuses = [row["status"] for row in data_of(html)["banners"]]
    assert sorted(statuses) == ["failed", "held", "stored", "stored"]


def test_the_script_comes_before_the_pictures_so_that_the_page_shows_while_they_load(night: Night) -> None:
    html = night.html()

    assert html.index('id="grid"') < html.index('id="data"') < html.index('id="pictures-0"')


@pytest.mark.parametrize("banners", [0, 1, 3_000, 5_000, 10_000])
def test_the_thumbnails_of_a_large_sheet_are_smaller(banners: int) -> None:
    area = thumbnail_area(banners)

    assert area == THUMBNAIL_AREA or area * banners <= SHEET_AREA


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────────────


def decision(verdict: Verdict) -> Decision:
    return Decision("autumn", "k", verdict, "Mei", "2026-11-21T23:00:00+00:00", "r0")


@pytest.mark.parametrize(
    ("status", "publish", "last", "offered"),
    [
        (Status.HELD, "auto", None, "approve"),
        (Status.STORED, "auto", None, "out"),
        (Status.STORED, "approved", None, "approve"),
        (Status.HELD, "auto", Verdict.APPROVED, "out"),
        (Status.STORED, "approved", Verdict.APPROVED, "out"),
        (Status.STORED, "auto", Verdict.WITHDRAWN, "approve"),
        (Status.FAILED, "auto", None, ""),
        (Status.REJECTED, "approved", None, ""),
    ],
)
def test_what_is_live_can_be_kept_out_and_what_is_not_can_be_approved(
    night: Night, status: Status, publish: Publish, last: Verdict | None, offered: str
) -> None:
    row = replace(night.banners[0], status=status)

    assert offer(row, Seen(0, "9b"), publish, decision(last) if last else None) == offered


def test_what_cannot_be_looked_at_cannot_be_approved(night: Night) -> None:
    assert offer(night.banners[0], Seen(None, ""), "auto", None) == ""


def test_earlier_decisions_are_told_with_who_and_when(night: Night) -> None:
    at = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
    record(night.output, "autumn", {night.banners[0].key: Verdict.APPROVED}, who=HOSTILE, run="r0", now=at)

    [held] = [each for each in data_of(night.html())["banners"] if each["status"] == "held"]

    assert (held["decided"], held["offer"]) == (f"Approved by {HOSTILE} on 21 November 2026", "out")


def test_a_held_banner_is_explained(night: Night) -> None:
    [held] = [each for each in data_of(night.html())["banners"] if each["status"] == "held"]

    assert [sentence.split(".")[0] for sentence in held["why"]] == [
        "The text does not fit",
        "The cut-out looks unsure",
    ]


def test_of_many_photos_only_those_that_are_shown_stay() -> None:
    refused = (photo(f"{n}.jpg", status=Status.REJECTED, reason="damaged") for n in range(5_000))
    stored = (photo(f"{n}.jpg") for n in range(5_000, 10_000))
    tracemalloc.start()

    seen = PhotosSeen.of(chain(refused, stored), {"9999.jpg", "gone.jpg"})

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (seen.total, seen.refused, len(seen.seconds)) == (10_000, 5_000, 10_000)
    assert seen.used == {"9999.jpg": photo("9999.jpg")}
    assert [card.key for card in seen.cards] == sorted(f"{n}.jpg" for n in range(5_000))[:MAX_CARDS]
    assert most < 2_000_000


# ── two runs ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_earlier_run_is_shown_beside_this_one(night: Night) -> None:
    stored = night.banners[3]
    before = [redrawn(night, stored), *night.banners[4:], replace(night.banners[2], product="old")]
    html = night.html(beside=Beside(RunId("autumn", date(2026, 11, 21), "r0"), before))

    shown, pictures = data_of(html)["banners"], pictures_of(html)
    [changed] = [each for each in shown if each["change"] == "changed"]
    assert changed["key"] == stored.key
    assert pictures[changed["before"]["picture"]] != pictures[changed["picture"]]
    assert [each["product"] for each in shown if each["change"] == "gone"] == ["old"]
    assert "Since 21 November 2026 run r0" in text_of(html)
    assert "Changed 1 New 3 Gone 1 The same 4" in text_of(html)


def test_without_an_earlier_run_nothing_is_said_of_changes(night: Night) -> None:
    html = night.html()

    assert '<select name="order">' not in html
    assert {each["change"] for each in data_of(html)["banners"]} == {""}


def test_an_older_runs_sheet_leaves_the_newest_alone(night: Night) -> None:
    night.build()
    newest = night.output.get(latest_report_key("autumn"))

    build_report(
        night.output,
        RunId("autumn", NIGHT, "r0"),
        banners=[],
        photos=[],
        photo_store=night.photos,
        newest=False,
    )

    assert night.output.get(latest_report_key("autumn")) == newest
