"""The proof sheet: what it says, what it survives, and how it behaves in a real browser."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline import report_view
from pipeline.cutout import pack
from pipeline.errors import Fault, Reason
from pipeline.manifest import RunId
from pipeline.report import Notice, build_report, latest_report_key, report_key
from pipeline.store import ObjectStore, open_store
from pipeline.types import BannerRow, Box, Cutout, Geometry, PhotoRow, Status
from pipeline.words import banner_words, photo_words

CHROMIUM = Path("/usr/bin/chromium")
NIGHT = date(2026, 11, 22)
RUN = RunId("autumn", NIGHT, "r1")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'javascript:alert(3)"
SIZES = {"1080x1080": (1080, 1080), "728x90": (728, 90)}


@dataclass(frozen=True)
class Night:
    """A small night: two segments, two sizes, two products; what the sheet is made of."""

    output: ObjectStore
    photos: ObjectStore
    folder: Path
    banners: list[BannerRow]
    photo_rows: list[PhotoRow]

    def build(self, **changes: Any) -> str:
        given: dict[str, Any] = {
            "banners": self.banners,
            "photos": self.photo_rows,
            "photo_store": self.photos,
            "notices": [Notice("Products without photos", ("SKU-9", HOSTILE)), Notice("Nothing to say", ())],
            "timings": {"total": 91.2},
        }
        return build_report(self.output, RUN, **given | changes)

    def html(self, **changes: Any) -> str:
        return self.output.get(self.build(**changes)).decode("utf-8")


def picture(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((0, 0, size[1] // 2, size[1] // 2), fill="white")
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def cutout() -> bytes:
    alpha = np.zeros((600, 300), np.uint8)
    alpha[20:, 40:260] = 255
    rgb = np.full((600, 300, 3), (200, 60, 40), np.uint8)
    geometry = Geometry(300, 600, Box(40, 20, 260, 600), None, ("bottom",))
    return pack(Cutout(rgb, alpha, geometry, 0.97))


def banner(segment: str, size: str, product: str, number: int) -> BannerRow:
    return BannerRow(
        campaign="autumn",
        run="r1",
        date=NIGHT,
        segment=segment,
        product=product,
        design="poster",
        size=size,
        locale="zh_Hant_TW",
        status=Status.STORED,
        reason="",
        detail="",
        key=f"autumn/{segment}/{size}/{number}-poster #1.jpg",
        recipe="r",
        bytes=50_000,
        photo_key=f"{number}.jpg",
        photo_content=str(number),
        cutout_key=f"cutouts/{number}.cutout",
        confidence=0.97,
        seconds=0.2,
    )


def photo(key: str, **changes: Any) -> PhotoRow:
    row = PhotoRow(
        key=key,
        etag="e",
        size=1,
        content="c",
        recipe="r",
        status=Status.STORED,
        reason="",
        detail="",
        cutout_key="",
        thumbnail_key="",
        confidence=0.9,
        geometry="",
        seconds=1.5,
    )
    return replace(row, **changes)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    output, photos = open_store(tmp_path / "out"), open_store(tmp_path / "photos")
    rows = [
        banner(segment, size, product, number)
        for segment in ("tokyo", "taipei")
        for size in SIZES
        for number, product in enumerate(("coat", HOSTILE))
    ]
    rows[0] = replace(rows[0], status=Status.HELD, reason="text_overflow,unsure_matte", detail="3 lines")
    rows[1] = replace(rows[1], status=Status.FAILED, reason="missing_glyph", detail="U+9F98", bytes=0)
    rows[2] = replace(rows[2], detail="kept")
    for row in rows:
        if row.status is not Status.FAILED:
            output.put_new(row.key, picture(SIZES[row.size], (180, 40, 30)), "image/jpeg")
    for number in range(2):
        photos.put_new(f"{number}.jpg", picture((900, 1200), (90, 90, 120)))
        output.put_new(f"cutouts/{number}.cutout", cutout())
    output.put_new("thumbs/flat.jpg", picture((120, 160), (10, 90, 60)))
    seen = [
        photo("0.jpg", cutout_key="cutouts/0.cutout"),
        photo("flat.jpg", status=Status.REJECTED, reason="no_subject", thumbnail_key="thumbs/flat.jpg"),
        photo(HOSTILE, status=Status.REJECTED, reason="damaged", detail="<b>ends after 3 rows</b>"),
    ]
    return Night(output, photos, tmp_path / "out", rows, seen)


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
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.split("<body>")[1]))


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
    text = text_of(night.html())

    assert "The text does not fit; The cut-out looks unsure" in text
    assert "A character is missing from the fonts" in text
    assert "Nobody in the picture" in text
    assert "The file is damaged or cut short" in text


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

    assert [tag for tag, _ in elements].count("script") == 2
    assert {name for _, attributes in elements for name in attributes if name.startswith("on")} == set()
    assert {a["href"] for _, a in elements if "href" in a} == {"#banners", "#photos"}
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
    photos = data_of(night.html())["photos"]

    assert sorted(entry["key"] for entry in photos) == ["0.jpg", "1.jpg"]
    assert all(entry["original"].startswith("data:image/webp;base64,") for entry in photos)
    assert all(entry["cutout"].startswith("data:image/webp;base64,") for entry in photos)


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
    html = night.html()

    assert "No picture in the store" in html


def test_an_empty_photo_store_costs_only_the_originals(night: Night) -> None:
    night.photos.delete("0.jpg")
    night.photos.delete("1.jpg")

    assert {entry["original"] for entry in data_of(night.html())["photos"]} == {""}


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


# A real browser ------------------------------------------------------------------------------------------


@dataclass
class Watched:
    """A browser page with everything it complained about or asked for."""

    page: Any
    complaints: list[str]
    requests: list[str]

    def shown(self) -> int:
        return int(self.page.locator(".tile:visible").count())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        told = f"no browser at {CHROMIUM}: install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=quiet)
        yield running
        running.close()


@pytest.fixture
def open_sheet(browser: Any) -> Iterator[Any]:
    contexts = []

    def opened(path: Path, width: int = 1280) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        watched = Watched(context.new_page(), [], [])
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        watched.page.on("request", lambda request: watched.requests.append(request.url[:5]))
        watched.page.goto(path.as_uri())
        return watched

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.browser
def test_filters_show_what_they_say(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build())
    assert sheet.shown() == 8

    sheet.page.select_option("select[name=size]", "728x90")
    assert sheet.shown() == 4
    assert sheet.page.locator("#shown").inner_text() == "4 of 8 shown"
    assert sheet.page.locator(".size:visible h3").all_inner_texts() == [
        "728 × 90 2 banners",
        "728 × 90 2 banners",
    ]

    sheet.page.select_option("select[name=segment]", "taipei")
    assert sheet.page.locator(".segment:visible").count() == 1
    assert sheet.shown() == 2

    sheet.page.fill("input[name=find]", "COAT")
    assert sheet.shown() == 1

    sheet.page.click("#clear")
    assert sheet.shown() == 8


@pytest.mark.browser
def test_counts_and_concerns_are_filters_too(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.click(".count.held")
    assert sheet.page.locator(".tile:visible .state").all_inner_texts() == [
        "The text does not fit; The cut-out looks unsure"
    ]
    assert sheet.page.locator(".count.held").get_attribute("aria-pressed") == "true"

    sheet.page.click(".concern.failed")
    assert sheet.page.locator("select[name=reason]").input_value() == "missing_glyph"
    assert sheet.shown() == 1

    sheet.page.fill("input[name=find]", "coat")
    assert sheet.page.locator("#nothing").is_visible()


@pytest.mark.browser
def test_the_large_view_shows_banner_original_cutout_and_alpha(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build())
    wide = "document.getElementById('picture').naturalWidth === {}"

    sheet.page.click(".tile.stored .open >> nth=0")
    sheet.page.wait_for_function(wide.format(1080))
    sheet.page.click("[data-view=original]")
    sheet.page.wait_for_function(wide.format(360))
    sheet.page.click("[data-view=cutout]")
    sheet.page.wait_for_function(wide.format(240))
    sheet.page.click("[data-back=green]")
    assert sheet.page.locator("#stage").get_attribute("data-back") == "green"
    sheet.page.click("[data-view=alpha]")
    assert sheet.page.locator("#stage").get_attribute("class") == "stage alpha"


@pytest.mark.browser
def test_the_keyboard_does_it_all(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build())
    keys, position = sheet.page.keyboard, sheet.page.locator("#position")

    sheet.page.locator(".open").first.focus()
    keys.press("Enter")
    assert position.inner_text() == "1 of 8"
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("ArrowLeft")
    assert position.inner_text() == "2 of 8"
    keys.press("3")
    assert sheet.page.locator("[data-view=cutout]").get_attribute("aria-pressed") == "true"
    keys.press("Escape")
    assert not sheet.page.locator("#box").is_visible()
    assert sheet.page.evaluate("document.activeElement === document.querySelectorAll('.open')[1]")
    keys.press("/")
    keys.type("coat")
    assert sheet.shown() == 4


@pytest.mark.browser
def test_the_sheet_is_quiet_and_asks_the_network_for_nothing(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.click(".open >> nth=2")
    sheet.page.keyboard.press("ArrowRight")
    sheet.page.keyboard.press("2")
    sheet.page.keyboard.press("Escape")

    assert sheet.complaints == []
    assert set(sheet.requests) <= {"file:", "data:"}


@pytest.mark.browser
def test_a_mailed_sheet_falls_back_to_its_thumbnails(night: Night, open_sheet: Any, tmp_path: Path) -> None:
    mailed = tmp_path / "mail" / "a" / "b" / "c" / "d" / "report.html"
    mailed.parent.mkdir(parents=True)
    shutil.copy(night.folder / night.build(), mailed)
    sheet = open_sheet(mailed)

    sheet.page.click(".tile.stored .open >> nth=0")
    sheet.page.wait_for_function("document.getElementById('picture').naturalWidth === 300")

    assert "thumbnail" in sheet.page.locator("#box-note").inner_text()


@pytest.mark.browser
def test_a_phone_need_not_scroll_sideways(night: Night, open_sheet: Any) -> None:
    sheet = open_sheet(night.folder / night.build(), width=390)

    assert sheet.page.evaluate("document.documentElement.scrollWidth") == 390
    sheet.page.click(".open >> nth=0")
    assert sheet.page.locator("#close").is_visible()
    assert sheet.page.evaluate("document.getElementById('box').scrollWidth") == 390
