"""How soon a proof sheet shows itself: `python benchmarks/proof_sheet.py [--banners 5000] [--times 5]`.

Builds the sheet of one night out of stored JPEGs, then opens it in headless Chromium, each time in a fresh
context, as a file and over HTTP on loopback. Prints the median and the worst time to first contentful paint
(`performance.getEntriesByType("paint")`), to the first banner's picture on the screen, and until the page is
whole; how long a filter and a jump to the last banner take; how many nodes the page has. Exits with 1 if a
first contentful paint takes 2 seconds or more. Run it on an idle machine.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from pipeline.manifest import RunId
from pipeline.report import build_report
from pipeline.store import ObjectStore, open_store
from pipeline.types import BannerRow, Status

CHROMIUM = "/usr/bin/chromium"
MOST_SECONDS = 2.0
SIZES = ((300, 250), (728, 90), (1080, 1080), (160, 600))
PICTURES = 24
"""Different pictures of each size; a thumbnail's cost does not depend on whether another looks the same."""
DAY = date(2026, 11, 22)
RUN = RunId("benchmark", DAY, "20261122T190000Z-0000")

WATCH = """
window.firstPicture = new Promise((shown) => {
  const look = () => {
    const image = document.querySelector(".tile img");
    if (image?.complete && image.naturalWidth) requestAnimationFrame(() => shown(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
});
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
FILTER = """() => {
  const began = performance.now();
  const select = document.querySelector("select[name=status]");
  select.value = "held";
  select.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - began;
}"""
JUMP = """() => new Promise((done) => {
  document.querySelector("select[name=status]").value = "";
  document.getElementById("filters").dispatchEvent(new Event("input"));
  document.querySelector(".open").focus();
  const began = performance.now();
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


@dataclass(frozen=True)
class Opened:
    """One look at the sheet, in milliseconds; `nodes` in the page once it is whole."""

    paint: float
    picture: float
    whole: float
    filter: float
    jump: float
    nodes: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--banners", type=int, default=5000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sheet = build(Path(folder), options.banners)
        with serve(Path(folder)) as address:
            places = {"file": sheet.as_uri(), "HTTP": f"{address}/{sheet.relative_to(folder)}"}
            worst = [show(name, place, options.times) for name, place in places.items()]
    return int(max(worst) >= 1000 * MOST_SECONDS)


def build(folder: Path, banners: int) -> Path:
    """The sheet of a night with so many banners, in `folder`."""
    store = open_store(folder)
    rows = list(make_rows(store, banners))
    began = time.perf_counter()
    key = build_report(store, RUN, banners=rows, photos=[], photo_store=store)
    seconds, size = time.perf_counter() - began, (folder / key).stat().st_size
    print(f"{banners:,} banners: built in {seconds:.1f} s, {size / 1e6:.1f} MB")
    return folder / key


def make_rows(store: ObjectStore, banners: int) -> Iterator[BannerRow]:
    """Rows of stored banners of ten segments, every twentieth held."""
    random = np.random.default_rng(5)
    pictures = {size: [draw(size, random) for _ in range(PICTURES)] for size in SIZES}
    for number in range(banners):
        size = SIZES[number % len(SIZES)]
        key = f"banners/benchmark/{number}.jpg"
        data = pictures[size][number // len(SIZES) % PICTURES]
        store.put_new(key, data, "image/jpeg")
        yield make_row(number, size, key, len(data))


def make_row(number: int, size: tuple[int, int], key: str, weight: int) -> BannerRow:
    held = number % 20 == 0
    return BannerRow(
        campaign=RUN.campaign,
        run=RUN.run,
        date=DAY,
        segment=f"segment-{number % 10}",
        product=f"SKU-{number // 8:05}",
        design="sale-poster" if number % 8 < 4 else "catalogue-card",
        size=f"{size[0]}x{size[1]}",
        locale="zh_TW",
        status=Status.HELD if held else Status.STORED,
        reason="unsure_matte" if held else "",
        detail="confidence 0.94, contrast 1.3, fringe 0.1" if held else "",
        key=key,
        recipe="r",
        bytes=weight,
        photo_key=f"photos/{number // 8}.jpg",
        photo_content="c",
        cutout_key="",
        confidence=0.94,
        seconds=0.1,
    )


def draw(size: tuple[int, int], random: np.random.Generator) -> bytes:
    """A JPEG with as much detail as a banner has: broad colours, a soft figure, edges as of letters."""
    coarse = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = (int(random.integers(0, side)) for side in size)
        pen.rectangle(
            (x, y, x + size[0] // 40, y + size[1] // 12), fill=tuple(random.integers(0, 256, 3).tolist())
        )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=86)
    return out.getvalue()


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The folder over HTTP on loopback, as a bucket serves it; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def show(name: str, place: str, times: int) -> float:
    """Open the sheet so often and tell how it went; the worst first contentful paint in milliseconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        look(browser, place)  # the first one finds a cold browser: fonts, caches of shaders
        looks = [look(browser, place) for _ in range(times)]
        browser.close()
    for label in ("paint", "picture", "whole", "filter", "jump"):
        found = [getattr(each, label) for each in looks]
        print(f"{name}: {WORDS[label]}: median {statistics.median(found):.0f} ms, worst {max(found):.0f} ms")
    print(f"{name}: nodes in the page: {max(each.nodes for each in looks):,}")
    return max(each.paint for each in looks)


WORDS = {
    "paint": "first contentful paint",
    "picture": "first banner's picture",
    "whole": "page whole",
    "filter": "filter",
    "jump": "to the last banner",
}


def look(browser: Any, place: str) -> Opened:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(WATCH)
    page.goto(place, wait_until="load", timeout=120_000)
    whole = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    opened = Opened(
        paint=page.evaluate(PAINT),
        picture=page.evaluate("firstPicture"),
        whole=whole,
        filter=page.evaluate(FILTER),
        jump=page.evaluate(JUMP),
        nodes=page.evaluate("document.querySelectorAll('*').length"),
    )
    context.close()
    return opened


if __name__ == "__main__":
    sys.exit(main())
