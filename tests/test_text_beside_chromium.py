"""Our lines beside those of a browser: the same font files, the same strings, widths and ink compared.

What differs on purpose is told to the browser (`HOME`) or listed with its reason (`EXCEPTIONS`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.block import TextBlock
from pipeline.fonts import Face, FontBook, language, rtl
from pipeline.text import TextStyle, draw, fit

CHROMIUM = Path("/usr/bin/chromium")
SIZE, ROW, INDENT = 48, 160, 40
WIDTH_TOLERANCE, INK_TOLERANCE = 0.01, 1
# A pixel counts as ink from this coverage on: below it the two rasterisers' blurs differ.
INKED = 96
BOOK = FontBook.load()

STRINGS = [
    ("zh-TW", "今日限定五折"),
    ("zh-TW", "全場最低價，滿NT$1,280免運費"),
    ("zh-TW", "「會員專屬」週日止"),
    ("zh-TW", "買一送一，限量500組。"),
    ("zh-TW", "直接骨角過"),
    ("zh-TW", "秋冬新品SALE"),
    ("zh-TW", "第2件5折"),
    ("zh-CN", "今日限定五折"),
    ("zh-CN", "全场最低价，满199元包邮"),
    ("zh-CN", "“会员专享”周日截止。"),
    ("zh-CN", "直接骨角过"),
    ("zh-CN", "新品上市《秋冬》"),
    ("zh-CN", "买一送一，限量500件"),
    ("zh-CN", "领券再减50%"),
    ("ja", "本日限り半額"),
    ("ja", "この秋いちばん着たいコート、全品30%OFF"),
    ("ja", "「本日限り」全品五割引です。"),
    ("ja", "送料無料でお届けします"),
    ("ja", "直接骨角過"),
    ("ja", "ネイビージャケット12,800円"),
    ("ja", "（税込）ポイント10倍"),
    ("ko", "오늘 하루만 반값"),
    ("ko", "전 품목 최저가"),
    ("ko", "신상품 30%할인"),
    ("ko", "무료배송"),
    ("ko", "캐멀 울 재킷 ₩128,000"),
    ("ko", "회원의 날"),
    ("ko", "마지막 하루 놓치지 마세요"),
    ("en", "Today only: 50% off every coat & knit"),
    ("en", "AVATAR Type Wolf To. We"),
    ("en", "office fjord affluent"),
    ("en", "$1,280.50 £39.95 €9"),
    ("en", "“New arrivals” — don’t miss it"),
    ("en", "Free shipping over $50"),
    ("de", "Nur heute: 50 % auf alles"),
    ("de", "Größe wählen, übermorgen da"),
    ("de", "1.280,50 € statt 2.560 €"),
    ("de", "„Neue Kollektion“ für Straße & Büro"),
    ("de", "Letzte Chance"),
    ("ar", "خصم اليوم"),
    ("ar", "توصيل مجاني"),
    ("ar", "خصم خمسين بالمئة على كل المعاطف"),
    ("ar", "السلام عليكم"),
    ("ar", "خصم ٥٠٪ اليوم"),
    ("ar", "وصل حديثًا ZARA"),
    ("ar", "آخر يوم، لا تفوّت الفرصة"),
    ("ar", "السعر 1,280 درهم"),
]
EXCEPTIONS = {
    (
        "zh-TW",
        "今日 特價!",
    ): "a space or sign after Chinese is the Chinese font's, in browsers the first font's",
    ("ko", "마세요, 오늘만, 무료"): "the same of a comma after Korean",
    ("zh-CN", "满¥199包邮"): "a currency sign keeps the distance of its figures; to CSS it is punctuation",
    ("ja", "ジャケット¥12,800"): "the same",
}
HOME = {"zh": "Noto Sans CJK", "ja": "Noto Sans CJK", "ko": "Noto Sans CJK", "ar": "Noto Sans Arabic"}
"""Whose spaces and punctuation a language uses: we take those of the letter before, a browser the first
font that has them. So the browser gets a face of that font with these signs alone, ahead of the others."""

NEUTRALS = "U+20-22,U+27-29,U+3A-3B,U+3F,U+5B,U+5D,U+AB,U+BB,U+2010-2027,U+2039-203A"


@dataclass(frozen=True)
class Measured:
    """A line's advance, and its ink box from the advance's left end and the baseline; pixels."""

    width: float
    ink: tuple[float, float, float, float]


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    if not CHROMIUM.exists():
        told = f"no browser at {CHROMIUM}: install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    grey = ["--font-render-hinting=none", "--disable-lcd-text", "--enable-font-antialiasing"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*quiet, *grey])
        opened = running.new_page(viewport={"width": 1400, "height": ROW})
        # Fonts of a page from a file are refused as foreign; a site that exists only here is not.
        opened.route("http://fonts.example/**", lambda route: _serve(route))
        yield opened
        running.close()


def _serve(route: Any) -> None:
    name = route.request.url.rsplit("/", 1)[-1]
    files = {face.path.name: face.path for _, face in _faces()}
    if name in files:
        route.fulfill(path=str(files[name]), headers={"Access-Control-Allow-Origin": "*"})
    else:
        route.fulfill(body=_html(), content_type="text/html; charset=utf-8")


def _faces() -> list[tuple[str, Face]]:
    """Every face that a tested string may use, with its name in the style sheet."""
    faces = {face for locale, _ in STRINGS for face in BOOK.faces("sans", 400, locale)}
    return sorted((face.name, face) for face in faces)


def _html() -> str:
    rules = []
    for name, face in _faces():
        source = f"src:url(http://fonts.example/{face.path.name})"
        rules.append(f"@font-face{{font-family:'{name}';{source}}}")
        rules.append(f"@font-face{{font-family:'signs of {name}';{source};unicode-range:{NEUTRALS}}}")
    rows = "".join(_row(locale, text) for locale, text in (*STRINGS, *EXCEPTIONS))
    return f"""<!doctype html><meta charset="utf-8"><style>{"".join(rules)}
      body{{margin:0;background:#fff;color:#000}}
      div{{height:{ROW}px;padding-left:{INDENT}px;font-size:{SIZE}px;line-height:{ROW}px;white-space:pre;
        font-synthesis:none;text-autospace:normal;direction:ltr}}
      b{{font-weight:400;display:inline-block}} i{{display:inline-block;width:0;height:0}}
      </style>{rows}"""


def _row(locale: str, text: str) -> str:
    names = [face.name for face in BOOK.faces("sans", 400, locale)]
    home = HOME.get(locale.split("-")[0])
    chain = ",".join(f"'{name}'" for name in ([f"signs of {home}"] if home else []) + names)
    tag = language(locale)
    way = "rtl" if rtl(tag) else "ltr"
    style = f"font-family:{chain}"
    return f'<div lang="{tag}" style="{style}"><i></i><b dir="{way}">{escape(text)}</b></div>'


@pytest.fixture(scope="module")
def browsers_lines(page: Any) -> dict[tuple[str, str], Measured]:
    page.goto("http://fonts.example/lines.html")
    page.evaluate("document.fonts.ready")
    told = page.evaluate(
        """() => [...document.querySelectorAll("div")].map(row => {
            const text = row.querySelector("b").getBoundingClientRect();
            return [text.width, text.left, row.querySelector("i").getBoundingClientRect().bottom];
        })"""
    )
    shot = Image.open(BytesIO(page.screenshot(full_page=True))).convert("L")
    covered = 255 - np.asarray(shot)
    found = {}
    for place, (case, (width, left, baseline)) in enumerate(zip((*STRINGS, *EXCEPTIONS), told, strict=True)):
        rows = covered[place * ROW : (place + 1) * ROW]
        found[case] = Measured(width, _ink(rows, left, baseline - place * ROW))
    return found


def _ink(coverage: np.ndarray, left: float, baseline: float) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(coverage >= INKED)
    x, y = np.array([columns.min(), columns.max() + 1]), np.array([rows.min(), rows.max() + 1])
    return (x[0] - left, y[0] - baseline, x[1] - left, y[1] - baseline)


def ours(locale: str, text: str) -> Measured:
    style = TextStyle(max_size=SIZE, min_size=SIZE, max_lines=1, locale=locale)
    block: TextBlock = fit(text, style, 1300, ROW, BOOK)
    [line] = block.lines
    drawn = draw(block, (0, 0, 0, 255))
    ink = _ink(drawn.pixels[..., 3], line.x - drawn.left, line.baseline - drawn.top)
    return Measured(line.width, ink)


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "text"), STRINGS)
def test_a_line_is_as_wide_as_in_a_browser(
    locale: str, text: str, browsers_lines: dict[tuple[str, str], Measured]
) -> None:
    assert ours(locale, text).width == pytest.approx(browsers_lines[locale, text].width, rel=WIDTH_TOLERANCE)


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "text"), STRINGS)
def test_its_ink_lies_where_a_browser_puts_it(
    locale: str, text: str, browsers_lines: dict[tuple[str, str], Measured]
) -> None:
    apart = np.subtract(ours(locale, text).ink, browsers_lines[locale, text].ink)

    assert np.abs(apart).max() <= INK_TOLERANCE


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "text"), EXCEPTIONS)
def test_every_exception_is_still_one(
    locale: str, text: str, browsers_lines: dict[tuple[str, str], Measured]
) -> None:
    theirs, own = browsers_lines[locale, text], ours(locale, text)
    apart = np.abs(np.subtract(own.ink, theirs.ink)).max()

    assert abs(own.width - theirs.width) > WIDTH_TOLERANCE * theirs.width or apart > INK_TOLERANCE


def test_at_least_forty_lines_are_compared() -> None:
    assert len(set(STRINGS)) >= 40
