"""Approving on the proof sheet: marks in a real browser, the file that it saves, the feed that follows."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from conftest import Shop
from nights import HOSTILE, Night, make_night
from pages import OpenSheet, Watched
from test_cli import banners
from test_publish import hold, live

from pipeline.approvals import read_approvals
from pipeline.report import latest_report_key
from pipeline.store import DirStore

pytestmark = pytest.mark.browser

HELD = ".tile.held .decide"
STORED = ".tile.stored .decide >> nth=0"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return make_night(tmp_path)


class Quiet(SimpleHTTPRequestHandler):
    """A bucket over HTTP: files, and nothing on standard error."""

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def serve() -> Iterator[Any]:
    """Serves a folder on loopback; gives its address."""
    servers = []

    def started(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def tally(sheet: Watched) -> str:
    return str(sheet.page.locator("#marked").inner_text())


def saved(sheet: Watched, folder: Path, who: str = "Mei") -> Path:
    """The file that the page hands to the browser."""
    sheet.page.fill("input[name=who]", who)
    with sheet.page.expect_download() as download:
        sheet.page.click("#save")
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


# ── from the page to the feed ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("over_http", [False, True])
def test_what_is_approved_on_the_sheet_goes_live(
    finished_shop: Shop, open_sheet: OpenSheet, serve: Any, over_http: bool
) -> None:
    key = hold(finished_shop)
    banners("report", finished_shop.campaign)
    place = finished_shop.output / latest_report_key("test")
    address = f"{serve(finished_shop.output)}/{latest_report_key('test')}"
    sheet = open_sheet(address if over_http else place)

    sheet.page.locator(".tile.held .open").press("a")
    sheet.page.fill("input[name=find]", "B-2")
    sheet.page.locator(".tile .open").last.press("x")
    assert sheet.page.locator("#said").inner_text() == "Kept out: B-2. 1 approved, 1 kept out."
    file = saved(sheet, finished_shop.folder)
    result = banners("approve", finished_shop.campaign, "--from", file)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "banners: 1 approved, 1 withdrawn by Mei\n" in result.stdout
    assert key in live(finished_shop)
    assert len(live(finished_shop)) == 7
    assert sheet.complaints == []
    assert read_approvals(DirStore(finished_shop.output), "test").last[key].who == "Mei"


def test_a_sheet_that_is_built_again_knows_what_was_decided(
    finished_shop: Shop, open_sheet: OpenSheet
) -> None:
    hold(finished_shop)
    banners("approve", finished_shop.campaign, "--all-held", "--who", "Mei")
    banners("report", finished_shop.campaign)
    sheet = open_sheet(finished_shop.output / latest_report_key("test"))

    sheet.page.select_option("select[name=decision]", "approved")

    assert sheet.shown() == 1
    assert sheet.page.locator(".decided").inner_text().startswith("Approved by Mei on ")
    assert sheet.page.locator(".tile .decide").inner_text() == "Keep out"


def test_a_picture_that_was_replaced_after_the_look_does_not_go_live(
    finished_shop: Shop, open_sheet: OpenSheet
) -> None:
    key = hold(finished_shop)
    banners("report", finished_shop.campaign)
    sheet = open_sheet(finished_shop.output / latest_report_key("test"))
    sheet.page.locator(HELD).click()
    file = saved(sheet, finished_shop.folder)
    DirStore(finished_shop.output).replace(key, b"another picture")

    result = banners("approve", finished_shop.campaign, "--from", file)

    assert result.exit_code == 1
    assert result.stderr == f"banners: {key}: its picture in the store is another one than was looked at\n"


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_says_run_person_keys_and_what_was_seen(
    night: Night, open_sheet: OpenSheet, tmp_path: Path
) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.locator(HELD).click()
    sheet.page.click(STORED)
    file = saved(sheet, tmp_path, HOSTILE)

    written = json.loads(file.read_text("utf-8"))
    assert file.name == "approvals-autumn-r1.json"
    assert {name: written[name] for name in ("campaign", "run", "who")} == {
        "campaign": "autumn",
        "run": "r1",
        "who": HOSTILE,
    }
    assert sorted((each["approved"], len(each["sha256"])) for each in written["decisions"]) == [
        (False, 64),
        (True, 64),
    ]
    assert f"banners approve CAMPAIGN --from {file.name}" in sheet.page.locator("#saved").inner_text()
    assert set(sheet.requests) <= {"file:", "data:", "blob:"}


def test_without_a_name_nothing_is_saved(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    downloads: list[Any] = []
    sheet.page.on("download", lambda download: downloads.append(download))

    sheet.page.locator(HELD).click()
    sheet.page.fill("input[name=who]", "   ")
    sheet.page.click("#save")

    assert "Write your name" in sheet.page.locator("#saved").inner_text()
    assert sheet.page.evaluate("document.activeElement.name") == "who"
    assert downloads == []


def test_on_a_phone_the_bar_is_small_until_something_is_to_be_saved(
    night: Night, open_sheet: OpenSheet, tmp_path: Path
) -> None:
    sheet = open_sheet(night.folder / night.build(), width=360)
    height = "document.getElementById('approvals').offsetHeight"
    sheet.page.click(".count.held")

    sheet.page.locator(HELD).click()
    assert sheet.page.evaluate(height) < 120
    sheet.page.click("#save")
    assert sheet.page.evaluate("document.activeElement.name") == "who"
    saved(sheet, tmp_path)

    assert not sheet.page.locator("input[name=who]").is_visible()
    assert "banners approve CAMPAIGN --from" in sheet.page.locator("#saved").inner_text()


# ── marks ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mark_is_announced_and_can_be_taken_back(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    button, said = sheet.page.locator(HELD), sheet.page.locator("#said")
    assert (button.inner_text(), said.get_attribute("role")) == ("Approve", "status")

    button.click()
    assert (button.inner_text(), button.get_attribute("aria-pressed")) == ("✓ Approved", "true")
    assert said.inner_text().endswith("1 approved.")

    button.click()
    assert (button.inner_text(), button.get_attribute("aria-pressed")) == ("Approve", "false")
    assert said.inner_text().endswith("Nothing marked.")


def test_the_large_view_marks_and_announces_as_well(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.locator(".tile.held .open").press("Enter")
    sheet.press("a")

    assert sheet.page.locator("#box-said").inner_text().endswith("1 approved.")
    assert sheet.page.locator("#box-decide").get_attribute("aria-pressed") == "true"
    sheet.press("Escape")
    assert sheet.page.locator(HELD).get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize(
    ("tile", "key", "said"),
    [
        (".tile.stored .open >> nth=0", "a", "It goes live by itself: no approval is needed."),
        (".tile.held .open", "x", "It is not live: nothing is to be kept out."),
        (".tile.failed .open", "a", "There is no picture to decide on."),
    ],
)
def test_what_cannot_be_marked_says_why(
    night: Night, open_sheet: OpenSheet, tile: str, key: str, said: str
) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.locator(tile).press(key)

    assert sheet.page.locator("#said").inner_text() == said
    assert tally(sheet) == "Nothing marked"


def test_where_people_approve_every_good_banner_waits(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build(publish="approved"))
    assert sheet.page.locator("#waiting").inner_text() == "7 wait for approval"

    sheet.page.click("#show-waiting")
    sheet.until("document.getElementById('shown').textContent === '7 of 8 shown'")
    sheet.page.click("#approve-shown")
    assert tally(sheet) == "7 approved"
    assert sheet.page.locator("#waiting").inner_text() == ""

    sheet.page.click("#take-back")
    assert tally(sheet) == "Nothing marked"
    assert not sheet.page.locator("#save").is_visible()


def test_marks_and_name_survive_a_reload_and_show_in_another_tab(
    night: Night, open_sheet: OpenSheet, tmp_path: Path
) -> None:
    place = night.folder / night.build()
    sheet = open_sheet(place)
    other = open_sheet(place, beside=sheet)
    sheet.page.locator(HELD).click()
    saved(sheet, tmp_path, "陳美")

    sheet.page.reload()

    assert tally(sheet) == "1 approved"
    assert sheet.page.locator("input[name=who]").input_value() == "陳美"
    other.until("document.getElementById('marked').textContent === '1 approved'")


def test_marks_of_one_run_are_not_those_of_another(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    sheet.page.locator(HELD).click()
    text = night.output.get(night.build()).decode().replace('"run":"r1"', '"run":"r2"')
    (night.folder / "other.html").write_text(text, encoding="utf-8")

    other = open_sheet(night.folder / "other.html", beside=sheet)

    assert tally(other) == "Nothing marked"


@pytest.mark.parametrize("text", ["no JSON", "[1]", '{"a": {}}', "null", '"x"'])
def test_marks_that_this_page_did_not_write_are_left_out(
    night: Night, open_sheet: OpenSheet, text: str
) -> None:
    sheet = open_sheet(night.folder / night.build())
    sheet.page.evaluate("(text) => localStorage.setItem('proof-sheet/autumn/r1', text)", text)

    sheet.page.reload()

    assert tally(sheet) == "Nothing marked"
    assert sheet.complaints == []


def test_where_nothing_can_be_kept_the_page_says_so_and_still_saves(
    night: Night, open_sheet: OpenSheet, tmp_path: Path
) -> None:
    sheet = open_sheet(night.folder / night.build(), storage=False)

    sheet.page.locator(HELD).click()
    told = sheet.page.locator("#saved").inner_text()
    file = saved(sheet, tmp_path)

    assert told == "This browser keeps no marks: save the file before you leave."
    assert len(json.loads(file.read_text("utf-8"))["decisions"]) == 1
    assert sheet.complaints == []


def test_a_night_writes_a_sheet_that_knows_how_the_campaign_publishes(shop: Shop) -> None:
    shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\npublish: approved")

    shop.run()

    sheet = (shop.output / latest_report_key("test")).read_text("utf-8")
    assert sheet.count('"offer":"approve"') == 8
