"""A small shop that every test can have to itself: photos of a figure, a catalogue, segments; a bucket."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import cv2
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from pages import CHROMIUM, QUIET, OpenSheet

from jobs.console import Silent
from pipeline.campaign import load_campaign
from pipeline.cutout import Predictor
from pipeline.night import run_night
from pipeline.order import Order, Outcome
from pipeline.runner import LocalWorkers, Workers
from pipeline.standin import StandIn

CAMPAIGN = """\
name: test
photos: {photos}
output: {output}
catalogue: catalogue.csv
segments: segments.yaml
designs: [catalogue-card]
sizes: [300x250, 728x90]
timezone: UTC
"""
CATALOGUE = """\
id,name,name_ja,list_price,price,stock,photos
A-1,Blue coat,青いコート,100,50,5,a.png
B-2,Green coat,緑のコート,80,40,5,b.png;c.png
C-3,Nobody's coat,誰かのコート,60,30,5,empty.png
D-4,Sold out,売り切れ,60,30,0,a.png
"""
SEGMENT = """\
- name: {name}
  locale: {locale}
  currency: USD
  rule: {rule}
  columns: {{name: {column}}}
  copy: {{headline: {headline}, subline: {headline}, cta: {headline}}}
"""
SEGMENTS = SEGMENT.format(
    name="english", locale="en", rule="stock > 0", column="name", headline="Half price"
) + SEGMENT.format(name="japanese", locale="ja", rule="price < 45", column="name_ja", headline="半額")
PHOTOS = {"a.png": (200, 90, 40), "b.png": (60, 160, 60), "c.png": (60, 160, 160)}
BACKDROP = (235, 232, 228)
DAY = date(2026, 11, 22)
BUCKET = "shop"


def figure(coat: tuple[int, int, int], backdrop: tuple[int, int, int] = BACKDROP) -> bytes:
    """A PNG of 360x480: somebody in a coat, cut off by the lower edge. Colours are BGR."""
    picture = np.full((480, 360, 3), backdrop, np.uint8)
    cv2.rectangle(picture, (90, 200), (270, 479), coat, -1)
    cv2.ellipse(picture, (180, 120), (52, 70), 0, 0, 360, (140, 170, 220), -1)
    return png(picture)


def png(picture: np.ndarray) -> bytes:
    """`picture` uint8 (H, W, 3) BGR as PNG."""
    return cv2.imencode(".png", picture)[1].tobytes()


@dataclass
class Shop:
    """A campaign in a folder, with a stand-in for the network."""

    folder: Path
    load_matter: Callable[[], Predictor] = StandIn
    limit: int | None = None

    @property
    def campaign(self) -> Path:
        return self.folder / "campaign.yaml"

    @property
    def photos(self) -> Path:
        return self.folder / "photos"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def add(self, name: str, data: bytes) -> None:
        """A file among the photos."""
        (self.photos / name).write_bytes(data)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change one of the files that a user wrote."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")

    def order(self, *, most_new: int | None = None) -> Order:
        return Order(
            load_campaign(self.campaign),
            DAY,
            "5" * 64,
            "3" * 64,
            self.load_matter,
            limit=self.limit,
            most_new=most_new,
        )

    def run(self, workers: Workers | None = None, *, most_new: int | None = None) -> Outcome:
        """One night."""
        return run_night(self.order(most_new=most_new), workers or LocalWorkers(), Silent(), now)

    def files(self, below: str = "") -> dict[str, bytes]:
        """Everything in the output, by its path."""
        root = self.output / below
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }


def now() -> datetime:
    """The tests' clock."""
    return datetime.now(UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Four photos (nobody in one), four products (one sold out), two segments, two sizes: twelve banners."""
    return make_shop(tmp_path / "shop")


def make_shop(folder: Path) -> Shop:
    """The shop of the fixture, in `folder`."""
    made = Shop(folder)
    made.photos.mkdir(parents=True)
    for name, coat in PHOTOS.items():
        made.add(name, figure(coat))
    made.add("empty.png", png(np.full((480, 360, 3), BACKDROP, np.uint8)))
    made.campaign.write_text(CAMPAIGN.format(photos="photos", output="out"), encoding="utf-8")
    (folder / "catalogue.csv").write_text(CATALOGUE, encoding="utf-8")
    (folder / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after its first night, for `finished_shop` to copy; never to be changed."""
    made = make_shop(tmp_path_factory.mktemp("first") / "shop")
    made.run()
    return made


@pytest.fixture
def finished_shop(first_night: Shop, tmp_path: Path) -> Shop:
    """The shop of the other fixture after its first night, without the time that a night takes."""
    return copy_of(first_night, tmp_path / "shop")


def copy_of(shop: Shop, folder: Path) -> Shop:
    """The shop once more, in `folder`, to be changed in whatever way."""
    # A linked photo has the inode and time of the first, so that the ledger knows it.
    copy = shutil.copytree(shop.folder, folder, copy_function=os.link)
    for name in ("campaign.yaml", "catalogue.csv", "segments.yaml"):
        text = (copy / name).read_text(encoding="utf-8")
        (copy / name).unlink()
        (copy / name).write_text(text, encoding="utf-8")
    return Shop(copy)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's imitation of S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the endpoint that stores find, and credentials that any imitation takes."""

    def use(endpoint: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    return use


@pytest.fixture(scope="session")
def s3_client(s3_server: str) -> Any:
    return boto3.session.Session("test", "test", region_name="us-east-1").client("s3", endpoint_url=s3_server)


@pytest.fixture
def s3(s3_server: str, s3_client: Any, s3_settings: Callable[[str], None]) -> Any:
    """A client of a server with one empty bucket, which stores find by their settings."""
    s3_settings(s3_server)
    with urlopen(Request(f"{s3_server}/moto-api/reset", method="POST")):
        s3_client.create_bucket(Bucket=BUCKET)
    return s3_client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium. Not for a whole session: its event loop would keep Ray's and others' out."""
    if not CHROMIUM.exists():
        told = f"no browser at {CHROMIUM}: install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield running
        running.close()


@pytest.fixture
def open_sheet(browser: Any) -> Iterator[OpenSheet]:
    """Opens a page, by its path or address, in a context of its own; see `OpenSheet`."""
    opener = OpenSheet(browser)
    yield opener
    opener.close()
