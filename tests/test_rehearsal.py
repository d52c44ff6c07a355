"""A campaign rehearsed without photos: what is found, and which field of which file it is told of."""

from pathlib import Path

import pytest
from conftest import Shop
from scenes import text_layer, written

from pipeline import rehearsal
from pipeline.campaign import load_campaign
from pipeline.demanding import most_demanding
from pipeline.errors import Fault
from pipeline.rehearsal import Rehearsal, rehearse
from pipeline.wanted import want

LONG = "Half price for everybody who comes today " * 8


def rehearsed(shop: Shop) -> Rehearsal:
    campaign = load_campaign(shop.campaign)
    return rehearse(campaign, want(campaign)[0])


def own_design(shop: Shop, layers: str, head: str = "") -> None:
    """Give the shop one design of its own, with `layers` (YAML)."""
    written(shop.folder / "designs", layers, head=head)
    shop.edit("campaign.yaml", "designs: [catalogue-card]", "designs: [mine]\ntemplates: designs")


def test_a_campaign_without_faults_is_laid_out_whole(shop: Shop) -> None:
    assert rehearsed(shop) == Rehearsal((), planned=12, laid_out=12)


def test_a_text_that_cannot_fit_is_told_once_with_its_field_and_sizes(shop: Shop) -> None:
    shop.edit("segments.yaml", "headline: Half price", f"headline: {LONG}")

    [flaw] = rehearsed(shop).flaws

    assert (flaw.fault, flaw.origin.line) == (Fault.TEXT_OVERFLOW, 6)
    assert (flaw.origin.file, flaw.origin.field) == (
        str(shop.folder / "segments.yaml"),
        "segments[0].copy.headline",
    )
    assert (flaw.segments, flaw.sizes) == (("english",), ("300x250", "728x90"))
    assert "shorten it" in str(flaw)


def test_a_letter_that_no_font_has_is_told_with_the_catalogues_line_and_column(shop: Shop) -> None:
    shop.edit("catalogue.csv", "緑のコート", "緑のコート\U00013000")

    [flaw] = rehearsed(shop).flaws

    assert str(flaw.origin) == f"{shop.folder}/catalogue.csv:3: name_ja"
    assert (flaw.fault, flaw.products) == (Fault.MISSING_GLYPH, ("B-2",))
    assert "U+13000" in str(flaw)


def test_every_fault_of_one_banner_is_told(shop: Shop) -> None:
    shop.edit("segments.yaml", "headline: Half price, subline", f"headline: {LONG}\U00013000, subline")
    shop.edit("catalogue.csv", "Green coat", "Green \U00013002 coat")

    faults = {(flaw.origin.field, flaw.fault) for flaw in rehearsed(shop).flaws}

    assert faults == {
        ("segments[0].copy.headline", Fault.MISSING_GLYPH),
        ("segments[0].copy.headline", Fault.TEXT_OVERFLOW),
        ("name", Fault.MISSING_GLYPH),
    }


def test_a_flaw_of_many_products_is_one_line(shop: Shop) -> None:
    for name in ("Blue", "Green", "Nobody's"):
        shop.edit("catalogue.csv", f"{name} coat", f"{name} coat \U00013002")

    [flaw] = rehearsed(shop).flaws

    assert (flaw.origin.line, flaw.products) == (2, ("A-1", "B-2", "C-3"))


def test_a_value_that_is_missing_is_told_with_its_column(shop: Shop) -> None:
    shop.edit("catalogue.csv", "緑のコート", "")

    [flaw] = rehearsed(shop).flaws

    assert str(flaw.origin) == f"{shop.folder}/catalogue.csv:3: name_ja"
    assert (flaw.fault, flaw.told) == (Fault.MISSING_VALUE, "product.name is missing")


def test_a_text_that_the_copy_does_not_have_is_told_with_the_segment(shop: Shop) -> None:
    shop.edit("segments.yaml", "{headline: Half price, subline: Half price, cta: Half price}", "{cta: Buy}")

    [flaw] = rehearsed(shop).flaws

    assert str(flaw.origin) == f"{shop.folder}/segments.yaml:6: segments[0].copy.headline"


def test_words_in_the_colour_of_their_ground_are_told_with_the_designs_layer(shop: Shop) -> None:
    kit = shop.folder / "designs" / "brands" / "pale.yaml"
    kit.parent.mkdir(parents=True)
    kit.write_text('name: pale\ncolours: {muted: "#F5F2EC", ink: "#EEEEEE"}\n', encoding="utf-8")
    shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\ntemplates: designs\nbrand: pale")

    flaws = rehearsed(shop).flaws

    assert {flaw.fault for flaw in flaws} == {Fault.LOW_CONTRAST}
    assert {Path(flaw.origin.file).parent.name for flaw in flaws} == {"catalogue-card"}


def test_a_text_that_a_design_puts_into_the_margin_is_told(shop: Shop) -> None:
    layer = text_layer("Sale", ", id: edge, box: {left: 0, top: 0}")
    own_design(shop, layer, head="safe: {left: 20%, top: 20%}\n")

    [flaw] = rehearsed(shop).flaws

    assert (flaw.fault, flaw.origin.field) == (Fault.OUT_OF_SAFE_AREA, "layers[0].text")


def test_a_design_whose_words_cover_every_head_is_told(shop: Shop) -> None:
    words = text_layer("SALE " * 6, ", lines: 6, align: center").replace("size: 40", "size: 15vmin")
    own_design(shop, f"  - {{type: subject, id: person, pose: bust}}\n{words.replace(': 20', ': 9vmin')}")

    flaws = rehearsed(shop).flaws

    assert (Fault.TEXT_OVER_HEAD, "layers[0]") in {(flaw.fault, flaw.origin.field) for flaw in flaws}


def test_of_too_many_products_the_most_demanding_are_laid_out_and_all_letters_looked_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "MOST_PRODUCTS", 2)
    shop.edit("catalogue.csv", "Blue coat", "Coat \U00013002")
    shop.edit("catalogue.csv", "Nobody's coat", LONG)

    found = rehearsed(shop)

    assert (found.planned, found.laid_out) == (12, 8)
    assert {(flaw.fault, flaw.products) for flaw in found.flaws} == {
        (Fault.MISSING_GLYPH, ("A-1",)),
        (Fault.TEXT_OVERFLOW, ("C-3",)),
    }


@pytest.mark.parametrize(
    ("texts", "count", "chosen"),
    [
        ([], 3, []),
        ([("a",), ("b",)], 5, [0, 1]),
        ([("a",), ("bb",), ("ccc cc cc",), ("ddddd",)], 3, [0, 2, 3]),
        ([("a",), ("bbb",), ("外套",)], 2, [0, 2]),
        ([("a", "b"), ("a",), ("a", "bb")], 2, [0, 2]),
    ],
)
def test_the_most_demanding_texts_are_the_widest_and_those_with_the_longest_words(
    texts: list[tuple[str, ...]], count: int, chosen: list[int]
) -> None:
    assert most_demanding(texts, count) == chosen
