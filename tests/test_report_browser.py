"""The proof sheet in a real browser: filters, large view, keyboard alone, phones, contrast, many rows."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from nights import HOSTILE, Night, make_night, many, redrawn
from pages import OpenSheet

from pipeline.beside import Beside
from pipeline.manifest import RunId

pytestmark = pytest.mark.browser

BEFORE = RunId("autumn", date(2026, 11, 21), "r0")
MOST_NODES, MOST_TILES = 2_500, 300


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return make_night(tmp_path)


@pytest.fixture
def compared(night: Night) -> Path:
    """A sheet with an earlier run: two banners changed, one new, one gone, the others the same."""
    changed = [redrawn(night, row) for row in (night.banners[3], night.banners[6])]
    gone = redrawn(night, replace(night.banners[5], product="old"))
    same = [row for index, row in enumerate(night.banners) if index not in (3, 6, 7)]
    return night.folder / night.build(beside=Beside(BEFORE, [*changed, gone, *same]))


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────


def test_filters_show_what_they_say(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    assert sheet.shown() == 8

    sheet.page.select_option("select[name=size]", "728x90")
    assert sheet.shown() == 4
    assert sheet.told() == "4 of 8 shown"
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
    sheet.until("document.querySelectorAll('.tile').length === 8")


def test_counts_and_concerns_are_filters_too(night: Night, open_sheet: OpenSheet) -> None:
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


# ── large view ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_large_view_shows_banner_original_cutout_and_alpha(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    wide = "document.getElementById('picture').naturalWidth === {}"

    sheet.page.click(".tile.stored .open >> nth=0")
    sheet.until(wide.format(1080))
    sheet.page.click("[data-view=original]")
    sheet.until(wide.format(360))
    sheet.page.click("[data-view=cutout]")
    sheet.until(wide.format(240))
    sheet.page.click("[data-back=green]")
    assert sheet.page.locator("#stage").get_attribute("data-back") == "green"
    sheet.page.click("[data-view=alpha]")
    assert sheet.page.locator("#stage").get_attribute("class") == "stage alpha"


def test_a_held_banner_says_why_beside_its_button(night: Night, open_sheet: OpenSheet) -> None:
    held = replace(night.banners[0], reason="low_contrast", detail="contrast 0.82, fringe 0.1")
    sheet = open_sheet(night.folder / night.build(banners=[held]))

    sheet.page.click(".open")

    button = sheet.page.get_by_role("dialog").get_by_role("button", name="Approve")
    assert button.get_attribute("aria-describedby") == "box-why box-decided"
    assert sheet.page.locator("#box-why").inner_text() == (
        "The text is hard to read on its background: 82% of the contrast that WCAG AA asks for. "
        "Look whether every word can be read; a ground behind the text helps."
    )


def test_a_mailed_sheet_falls_back_to_its_thumbnails(
    night: Night, open_sheet: OpenSheet, tmp_path: Path
) -> None:
    mailed = tmp_path / "mail" / "a" / "b" / "c" / "d" / "report.html"
    mailed.parent.mkdir(parents=True)
    shutil.copy(night.folder / night.build(), mailed)
    sheet = open_sheet(mailed)

    sheet.page.click(".tile.stored .open >> nth=0")
    sheet.until("document.getElementById('picture').naturalWidth === 300")

    assert "thumbnail" in sheet.page.locator("#box-note").inner_text()


def test_the_sheet_is_quiet_and_asks_the_network_for_nothing(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.page.click(".open >> nth=2")
    sheet.press("ArrowRight", "2", "Escape")

    assert sheet.complaints == []
    assert set(sheet.requests) <= {"file:", "data:"}


# ── two runs ──────────────────────────────────────────────────────────────────────────────────────────────


def test_two_runs_stand_side_by_side_with_what_changed_first(compared: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(compared)
    assert sheet.told() == "8 of 8 shown"

    sheet.page.select_option("select[name=order]", "changes")

    assert sheet.page.locator(".segment > h2 > span:first-child").all_inner_texts() == [
        "Changed",
        "New",
        "Gone",
        "The same",
    ]
    assert sheet.told() == "9 of 9 shown"
    halves = sheet.page.locator(".tile").first.locator(".half")
    assert halves.locator(".caption").all_inner_texts() == ["Before", "Now"]
    before, now = (halves.nth(index).locator("img").get_attribute("src") for index in range(2))
    assert before != now


def test_changes_are_a_filter(compared: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(compared)

    sheet.page.click(".concern[data-change=changed]")

    assert sheet.shown() == 2
    assert sheet.page.locator(".difference").first.inner_text() == "words, price, design or fonts"


def test_the_large_view_shows_before_and_now(compared: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(compared)
    loaded = "['earlier-picture', 'picture'].every((id) => document.getElementById(id).naturalWidth === 728)"

    sheet.page.click(".concern[data-change=changed]")
    sheet.page.locator(".open").first.press("Enter")
    sheet.press("5")
    sheet.until(loaded)

    assert sheet.page.locator("#earlier-picture").get_attribute("src").endswith("-before.jpg")
    assert sheet.page.locator("#stage figcaption").all_inner_texts() == ["Before", "Now"]
    assert sheet.complaints == []


# ── keyboard alone ────────────────────────────────────────────────────────────────────────────────────────


def test_the_keyboard_does_it_all(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    position = sheet.page.locator("#position")

    sheet.page.locator(".open").first.focus()
    sheet.press("Enter")
    assert position.inner_text() == "1 of 8"
    sheet.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert position.inner_text() == "2 of 8"
    sheet.press("3")
    assert sheet.page.locator("[data-view=cutout]").get_attribute("aria-pressed") == "true"
    sheet.press("Escape")
    assert not sheet.page.locator("#box").is_visible()
    assert sheet.page.evaluate("document.activeElement === document.querySelectorAll('.open')[1]")
    sheet.press("/")
    sheet.page.keyboard.type("coat")
    assert sheet.shown() == 4


def test_the_last_step_of_the_large_view_does_not_lose_the_focus(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build(banners=night.banners[:2]))

    sheet.page.locator(".open").first.press("Enter")
    sheet.page.locator("#next").press("Enter")
    sheet.press("ArrowLeft")

    assert sheet.page.locator("#position").inner_text() == "1 of 2"


def test_arrows_go_from_banner_to_banner(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    sheet.page.locator(".open").first.focus()
    first = sheet.focused()

    sheet.press("ArrowRight")
    second = sheet.focused()
    sheet.press("ArrowDown")
    below = sheet.focused()
    sheet.press("ArrowUp", "ArrowLeft")

    assert sheet.focused() == first
    assert second != first
    assert ", 728x90, " in below
    sheet.press("End")
    assert ", tokyo, " in sheet.focused()
    assert sheet.page.evaluate("document.activeElement === [...document.querySelectorAll('.open')].at(-1)")


def test_the_banners_are_one_stop_for_the_tab_key(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    sheet.page.locator(".open").nth(3).focus()

    stops = sheet.page.evaluate(
        "[...document.querySelectorAll('#grid button')].filter((b) => b.tabIndex === 0).length"
    )
    sheet.press("Tab", "Tab")

    assert stops == 2
    assert sheet.page.evaluate("!document.getElementById('grid').contains(document.activeElement)")


def test_tab_goes_through_the_whole_page_and_out_again(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    seen = []

    for _ in range(60):
        sheet.press("Tab")
        seen.append(sheet.page.evaluate("document.activeElement.tagName"))

    assert "BODY" in seen
    assert {"BUTTON", "INPUT", "SELECT", "A"} <= set(seen)


def test_whatever_has_the_focus_shows_it(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())
    outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
    widths = []

    for _ in range(16):
        sheet.press("Tab")
        widths.append(sheet.page.evaluate(outline))

    assert min(widths) >= 3


def test_the_page_documents_its_keys(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())

    sheet.press("?")
    told = sheet.page.locator("#keys kbd").all_inner_texts()
    sheet.press("Escape")

    assert {"/", "Tab", "Home", "End", "Enter", "A", "X", "Z", "Esc", "?"} <= set(told)
    assert not sheet.page.locator("#keys").is_visible()


def test_every_control_has_a_name(compared: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(compared)
    sheet.page.locator(".tile.held .decide").click()
    # Tiles are filled frame by frame, those near the screen alone: on one so high all of them are.
    sheet.page.set_viewport_size({"width": 1280, "height": 6000})
    sheet.until(f"({NAMES})().filter((name) => /^(Approve|Keep out)/.test(name)).length > 5")

    names = sheet.page.evaluate(NAMES)

    deciding = [name for name in names if name.startswith(("Approve", "Keep out"))]
    assert len(deciding) > 5
    assert len(set(deciding)) == len(deciding)
    assert "" not in names


NAMES = """() => [...document.querySelectorAll("button, input, select, a")]
  .filter((each) => each.checkVisibility())
  .map((each) => each.getAttribute("aria-label") ?? each.labels?.[0]?.textContent ?? each.textContent)
  .map((name) => name.trim())"""


# ── phones, contrast ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize("order", ["", "changes"])
def test_a_phone_need_not_scroll_sideways(
    compared: Path, open_sheet: OpenSheet, width: int, order: str
) -> None:
    sheet = open_sheet(compared, width=width)

    sheet.page.select_option("select[name=order]", order)
    sheet.page.click(".count.held")
    sheet.page.locator(".tile.held .decide").click()
    sheet.page.locator("#save").click()
    assert sheet.page.evaluate("document.documentElement.scrollWidth") == width
    sheet.page.click(".open >> nth=0")
    assert sheet.page.locator("#close").is_visible()
    assert sheet.page.evaluate("document.getElementById('box').scrollWidth") == width


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("canvas");
  };
  const ratio = (one, other) => {
    const [a, b] = [luminance(one), luminance(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const shown = (selector) => [...document.querySelectorAll(selector)].filter((each) =>
    each.checkVisibility() && !each.closest(":disabled, option"));
  const written = (each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const told = shown("body *").filter(written).map((each) =>
    [each.textContent.trim().slice(0, 30), ratio(rgba(getComputedStyle(each).color), ground(each)), 4.5]);
  const edges = shown("input, select, .plain, .concern, .decide")
    .map((each) => [each, getComputedStyle(each)])
    .filter(([, style]) => parseFloat(style.borderTopWidth))
    .map(([each, style]) =>
      [`edge of ${each.className}`, ratio(rgba(style.borderTopColor), ground(each.parentElement)), 3]);
  return [...told, ...edges];
}"""
"""Every visible text and every control's edge: what it is, its WCAG contrast, and what AA asks of it."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["sheet", "marked", "box", "keys"])
def test_every_text_and_every_edge_has_the_contrast_of_wcag_aa(
    compared: Path, open_sheet: OpenSheet, scheme: str, view: str
) -> None:
    sheet = open_sheet(compared, scheme=scheme)
    VIEWS[view](sheet.page)

    found = sheet.page.evaluate(CONTRASTS)

    assert len(found) > 10
    assert [each for each in found if each[1] < each[2]] == []


def _mark(page: Any) -> None:
    page.select_option("select[name=order]", "changes")
    page.locator(".tile.held .decide").click()
    page.locator(".tile.stored .decide").first.click()
    page.locator("#save").click()  # without a name, which is told in the colour of mistakes


def _open(page: Any) -> None:
    page.locator(".tile.held .open").click()
    page.keyboard.press("a")


VIEWS = {
    "sheet": lambda page: None,
    "marked": _mark,
    "box": _open,
    "keys": lambda page: page.keyboard.press("?"),
}


# ── thousands of banners ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def huge(night: Night, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sheet of 5,000 banners."""
    shown = ("data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "0f" * 32)
    monkeypatch.setattr("pipeline.report_contents.banner_picture", lambda *_: shown)
    return night.folder / night.build(banners=many(night, 5_000))


def counts(page: Any) -> tuple[int, int]:
    nodes, tiles = page.evaluate(
        "[document.querySelectorAll('*').length, document.querySelectorAll('.tile').length]"
    )
    return int(nodes), int(tiles)


def test_of_5000_banners_only_those_near_the_screen_are_in_the_page(
    huge: Path, open_sheet: OpenSheet
) -> None:
    sheet = open_sheet(huge)
    assert sheet.told() == "5,000 of 5,000 shown"

    sheet.page.locator(".tile").first.wait_for()
    nodes, tiles = counts(sheet.page)
    assert (nodes < MOST_NODES, 0 < tiles < MOST_TILES) == (True, True)

    sheet.page.locator(".segment").last.scroll_into_view_if_needed()
    sheet.until("document.querySelectorAll('.segment:last-child .tile').length > 0")
    nodes, tiles = counts(sheet.page)
    assert (nodes < MOST_NODES, 0 < tiles < MOST_TILES) == (True, True)


def test_the_keyboard_reaches_the_last_of_5000_banners(huge: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(huge)
    sheet.page.locator(".open").first.focus()

    sheet.press("End")

    assert sheet.focused().startswith("product-04999, ")
    assert sheet.page.evaluate("document.activeElement.getBoundingClientRect().bottom <= innerHeight")
    sheet.press("Enter")
    assert sheet.page.locator("#position").inner_text() == "5,000 of 5,000"
    sheet.press("Escape", "Home")
    assert sheet.focused().startswith("product-00000, ")


def test_filters_look_at_all_5000_banners(huge: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(huge)

    sheet.page.select_option("select[name=status]", "held")
    assert sheet.told() == "100 of 5,000 shown"
    sheet.page.fill("input[name=find]", "product-04950")
    assert sheet.shown() == 1


def test_a_narrower_window_keeps_banners_in_whole_rows(huge: Path, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(huge)
    columns = "getComputedStyle(document.querySelector('.tiles')).gridTemplateColumns.split(' ').length"
    ragged = f"document.querySelector('.tiles').children.length % {columns}"

    sheet.page.set_viewport_size({"width": 800, "height": 900})
    sheet.until(f"{columns} === 2")

    sheet.until(f"{ragged} === 0")


def test_hostile_names_are_text_in_the_page(night: Night, open_sheet: OpenSheet) -> None:
    sheet = open_sheet(night.folder / night.build())

    assert HOSTILE in sheet.page.locator(".tile .name b").all_inner_texts()
    assert sheet.complaints == []
