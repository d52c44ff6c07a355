"""A campaign's own fonts: in designs, in brand kits, on banners and in what a submission takes along."""

import shutil
from pathlib import Path

import pytest
from conftest import Shop
from scenes import text_layer, written

import templates
from jobs.package import pack
from pipeline.campaign import load_campaign
from pipeline.design import load_brand
from pipeline.errors import Fault, InvalidInput
from pipeline.rehearsal import rehearse
from pipeline.wanted import want

SHIPPED = Path(templates.__file__).parent / "fonts"
FONT = "InterDisplay-Bold.otf"
LISTING = "fonts: [{{name: House, weight: 700, file: {}}}]\nfamilies: {{house: {{default: [House]}}}}\n"


@pytest.fixture
def house(shop: Shop) -> Shop:
    """The shop with one design of its own, set in a font of its own."""
    with_font(shop, FONT)
    written(shop.folder / "looks", text_layer("Half price"), family="house")
    shop.edit("campaign.yaml", "[catalogue-card]", "[mine]\ntemplates: looks")
    return shop


def with_font(shop: Shop, file: str) -> None:
    """The shipped font `file` as the shop's own, listed anew."""
    folder = shop.folder / "looks" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED / file, folder)
    (folder / "fonts.yaml").write_text(LISTING.format(file), encoding="utf-8")


def test_banners_are_set_in_it_and_made_anew_when_it_changes(house: Shop) -> None:
    house.run()
    first = house.files("banners")
    with_font(house, "InterDisplay-Regular.otf")

    house.run()

    both = house.files("banners")
    assert first.items() <= both.items()
    assert len(both) == 2 * len(first) == 2 * len(set(first)) > 0
    assert len(set(both.values())) > len(set(first.values()))


def test_a_letter_that_it_lacks_is_told_before_the_night(house: Shop) -> None:
    written(house.folder / "looks", text_layer("半額"), family="house")
    campaign = load_campaign(house.campaign)

    flaws = rehearse(campaign, want(campaign)[0]).flaws

    assert {flaw.fault for flaw in flaws} == {Fault.MISSING_GLYPH}
    assert "U+534A" in str(flaws[0])


def test_a_brand_kit_may_name_it_and_is_refused_for_one_that_nobody_has(house: Shop) -> None:
    folder = house.folder / "looks"
    (folder / "brands").mkdir()
    for name, family in (("good", "house"), ("bad", "hose")):
        kit = f"name: {name}\nfonts: {{text: {{family: {family}}}}}\n"
        (folder / "brands" / f"{name}.yaml").write_text(kit, encoding="utf-8")

    assert load_brand("good", (folder,)).fonts["text"].family == "house"
    with pytest.raises(InvalidInput, match="did you mean 'house'"):
        load_brand("bad", (folder,))


def test_a_submission_takes_it_along(house: Shop, tmp_path: Path) -> None:
    package = pack(load_campaign(house.campaign), tmp_path / "package")

    sent = load_campaign(package.code / "campaign" / "campaign.yaml")

    assert sent.templates is not None
    assert (sent.templates / "fonts" / FONT).read_bytes() == (SHIPPED / FONT).read_bytes()
    assert rehearse(sent, want(sent)[0]).flaws == ()
