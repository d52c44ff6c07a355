"""What a feed says of a banner, and in which words."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import DAY, Shop
from scenes import segment

from pipeline.campaign import load_campaign
from pipeline.catalogue import load_catalogue
from pipeline.errors import InvalidInput, StoreError
from pipeline.feed import FeedItem, alt_text, feed_item, read_feed, to_csv, to_json
from pipeline.types import BannerRow, Product, Scalar, Status

ITEM = FeedItem(
    segment="tw-women",
    product="A-1",
    design="sale-poster",
    size="300x250",
    locale="zh_TW",
    key="banners/demo/tw-women/300x250/A-1-sale-poster-0f.jpg",
    latest="latest/demo/tw-women/300x250/A-1/sale-poster.json",
    width=300,
    height=250,
    bytes=1234,
    alt="今日限定五折：外套，NT$1,280",
    link="https://shop.example/a-1",
    valid_from=date(2026, 11, 1),
    valid_to=None,
    timezone="Asia/Taipei",
    variant="",
)
ROW = BannerRow(
    campaign="test",
    run="r",
    date=DAY,
    segment="english",
    product="A-1",
    design="catalogue-card",
    size="300x250",
    locale="en",
    status=Status.STORED,
    reason="",
    detail="",
    key="banners/test/english/300x250/A-1-catalogue-card-0f.jpg",
    recipe="0f",
    bytes=1234,
    photo_key="a.png",
    photo_content="c",
    cutout_key="cutouts/r/c.cutout",
    confidence=1.0,
    seconds=0.0,
)


def product(**fields: Scalar) -> Product:
    return Product("A-1", ("a.png",), fields, 2)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("locale", "copy", "fields", "words"),
    [
        ("en_US", {"headline": "Half price"}, {"name": "Coat", "price": 50}, "Half price: Coat, $50"),
        ("zh_TW", {"headline": "五折"}, {"name": "外套", "price": 1280}, "五折：外套，NT$1,280"),
        ("ja_JP", {"headline": "半額"}, {"name": "コート", "price": 5000}, "半額：コート、¥5,000"),
        ("en_US", {}, {"name": "Coat", "price": 39.5}, "Coat, $39.50"),
        ("en_US", {"headline": "Half"}, {"name": None, "price": None}, "Half: A-1"),
        ("en_US", {"headline": "Half"}, {"name": "Coat", "price": 1e30}, "Half: Coat"),
        ("en_US", {"headline": "Half\nprice"}, {"name": "Blue \t coat"}, "Half price: Blue coat"),
    ],
)
def test_an_alt_text_says_what_the_banner_says_in_its_language(
    locale: str, copy: Mapping[str, str], fields: dict[str, Scalar], words: str
) -> None:
    assert alt_text(segment(locale, copy), product(**fields)) == words


def test_an_alt_text_takes_the_segments_own_columns() -> None:
    japanese = segment("ja_JP", {}, columns={"name": "name_ja"})

    assert alt_text(japanese, product(name="Coat", name_ja="コート")) == "コート"


# ── items ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_valid_while_both_campaign_and_segment_are(shop: Shop) -> None:
    campaign = replace(
        load_campaign(shop.campaign), valid_from=date(2026, 11, 1), valid_to=date(2026, 11, 30)
    )
    later = segment("en_US", valid_from=date(2026, 11, 10), valid_to=date(2026, 12, 31))

    item = feed_item(ROW, campaign, later, product())

    assert (item.valid_from, item.valid_to) == (date(2026, 11, 10), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("columns", "link"),
    [({}, "https://shop.example/a"), ({"link": "link_ja"}, "https://shop.example/ja/a")],
)
def test_a_link_comes_from_the_column_that_the_segment_names(
    shop: Shop, columns: dict[str, str], link: str
) -> None:
    linked = product(link="https://shop.example/a", link_ja="https://shop.example/ja/a")

    item = feed_item(ROW, load_campaign(shop.campaign), segment("en_US", columns=columns), linked)

    assert item.link == link


def test_no_two_banners_share_a_pointer(shop: Shop) -> None:
    campaign = load_campaign(shop.campaign)
    alike = [replace(ROW, product="A", design="b-c"), replace(ROW, product="A-b", design="c")]

    pointers = {feed_item(row, campaign, segment("en_US"), product()).latest for row in alike}

    assert len(pointers) == 2


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_csv_and_json_say_the_same() -> None:
    [row] = csv.DictReader(io.StringIO(to_csv([ITEM]).decode()))

    [read] = json.loads(to_json("demo", [ITEM]))["banners"]

    assert row == {name: "" if value is None else str(value) for name, value in read.items()}
    assert read == ITEM.plain()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_the_csv_has_no_cell_that_a_spreadsheet_would_run(start: str) -> None:
    hostile = replace(ITEM, product=f'{start}HYPERLINK("http://evil","x")')

    [row] = csv.DictReader(io.StringIO(to_csv([hostile]).decode()))

    assert row["product"] == f"'{hostile.product}"


def test_the_json_holds_a_formula_as_it_is() -> None:
    hostile = replace(ITEM, product="=1+1")

    [read] = read_feed(to_json("demo", [hostile]), "feed.json").values()

    assert read["product"] == "=1+1"


def test_a_feed_of_nothing_is_a_feed() -> None:
    assert json.loads(to_json("demo", [])) == {"campaign": "demo", "banners": []}
    assert to_csv([]).count(b"\r\n") == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"banners": [{}]}', b'{"banners": 5}', b"\xff"])
def test_what_is_no_feed_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(StoreError, match="out/feed.json: no feed"):
        read_feed(data, "out/feed.json")


# ── links in the catalogue ────────────────────────────────────────────────────────────────────────────────


def catalogue(folder: Path, link: str) -> Path:
    path = folder / "catalogue.csv"
    path.write_text(f'id,photos,link_ja\nA-1,a.png,"{link}"\n', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "link",
    ["https://shop.example/a-1?x=1&y=2#z", "http://localhost:8080", "https://例え.jp/コート", ""],
)
def test_a_web_address_is_a_link(tmp_path: Path, link: str) -> None:
    [read] = load_catalogue(catalogue(tmp_path, link))

    assert read.fields["link_ja"] == (link or None)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html;base64,AAAA",
        "//shop.example/a",
        "shop.example/a",
        "ftp://shop.example/a",
        "https://",
        "http://[::1",
        "https://shop.example/a b",
        "https://shop.example/<b>",
        "https://shop.example/\\a",
        "https://shop.example/{{7*7}}",
        f"https://shop.example/{'a' * 2_000}",
        "5",
    ],
)
def test_anything_else_is_refused_as_a_link(tmp_path: Path, link: str) -> None:
    with pytest.raises(InvalidInput, match=r"catalogue.csv:2: link_ja: .* is no web address"):
        load_catalogue(catalogue(tmp_path, link))


def test_a_link_from_an_unchecked_column_is_refused(shop: Shop) -> None:
    shop.edit("segments.yaml", "columns: {name: name_ja}", "columns: {name: name_ja, link: name_ja}")

    with pytest.raises(InvalidInput, match=r"segments\[1\].columns.link: the column name_ja may hold any"):
        load_campaign(shop.campaign)
