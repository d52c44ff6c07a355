from pathlib import Path

import pytest

from pipeline.campaign import Campaign, load_campaign
from pipeline.catalogue import compare_photos
from pipeline.segments import choose_photo, select
from pipeline.selection import Search
from pipeline.types import Product

DEMO = Path(__file__).parent.parent / "examples" / "demo"
Selected = dict[str, tuple[Product, ...]]


@pytest.fixture(scope="module")
def demo() -> Campaign:
    return load_campaign(DEMO / "campaign.yaml")


@pytest.fixture(scope="module")
def selected(demo: Campaign) -> Selected:
    with Search(demo.products, demo.segments) as search:
        return select(search, file=demo.segments_file, time_limit=60)


def test_the_demo_plans_a_few_hundred_banners(demo: Campaign, selected: Selected) -> None:
    planned = sum(
        len(selected[segment.name]) * len(segment.designs) * len(segment.sizes) for segment in demo.segments
    )

    assert 192 <= planned <= 300
    assert [str(size) for size in demo.sizes] == ["1080x1080", "300x250", "728x90", "1080x1920"]
    assert demo.designs == ("sale-poster", "catalogue-card")


def test_the_demo_speaks_chinese_japanese_and_english(demo: Campaign) -> None:
    assert {segment.locale for segment in demo.segments} == {"zh_TW", "zh_HK", "ja", "en"}
    assert {"今日限定五折", "全場最低價"} <= {segment.copy["headline"] for segment in demo.segments}


def test_every_rule_leaves_out_at_least_three_products(demo: Campaign, selected: Selected) -> None:
    left_out = {name: len(demo.products) - len(chosen) for name, chosen in selected.items()}

    assert min(left_out.values()) >= 3
    assert all(selected.values())


def test_catalogue_and_photos_of_the_demo_agree(demo: Campaign) -> None:
    gaps = compare_photos(demo.products, [path.name for path in (DEMO / "photos").iterdir()])

    assert len(demo.products) == 14
    assert (gaps.without_photos, gaps.missing, gaps.unused) == ((), (), ())


def test_every_photo_of_the_demo_is_used(demo: Campaign, selected: Selected) -> None:
    used = {choose_photo(product, segment) for segment in demo.segments for product in selected[segment.name]}

    assert used == {path.name for path in (DEMO / "photos").iterdir()}


def test_a_segment_shows_another_photo_of_the_same_product(demo: Campaign) -> None:
    blazer = next(product for product in demo.products if product.id == "BLZ-102")

    photos = {segment.name: choose_photo(blazer, segment) for segment in demo.segments}

    assert photos["tw-women"] == "studio-woman-navy-blazer.jpg"
    assert photos["hk-bargains"] == "office-woman-navy-blazer.jpg"


@pytest.mark.parametrize("name", ["tw-women", "jp-half-price", "en-men"])
def test_half_price_means_half_the_price(demo: Campaign, selected: Selected, name: str) -> None:
    columns = next(segment.columns for segment in demo.segments if segment.name == name)

    shares = {
        product.fields[columns["price"]] / product.fields[columns["list_price"]] for product in selected[name]
    }

    assert shares == {0.5}


def test_every_hong_kong_offer_keeps_the_copys_promise(selected: Selected) -> None:
    assert all(product.fields["price_hkd"] < 300 for product in selected["hk-bargains"])


def test_every_photos_source_is_named() -> None:
    notice = (DEMO / "PHOTOS.md").read_text(encoding="utf-8")

    assert [path.name for path in (DEMO / "photos").iterdir() if f"`{path.name}`" not in notice] == []
