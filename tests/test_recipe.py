"""Recipes: every ingredient counts, and nothing that is not drawn."""

from pathlib import Path

import pytest
from scenes import design, document, text_layer

from pipeline.recipe import banner_recipe, font_uses
from pipeline.types import Size

STRIP, SQUARE = Size(728, 90), Size(1080, 1080)


def recipe(made: str, size: Size = SQUARE, **changes: str) -> str:
    fields = {"cutout_key": "cutouts/ab", "fonts": "f0", "encoder": "jpeg"} | changes
    return banner_recipe(made, size, **fields)


@pytest.fixture(scope="module")
def made() -> str:
    return document("catalogue-card")


@pytest.mark.parametrize("changed", ["cutout_key", "fonts", "encoder"])
def test_each_ingredient_changes_the_recipe(made: str, changed: str) -> None:
    assert recipe(made) == recipe(made)
    assert recipe(made, **{changed: "another"}) != recipe(made)
    assert recipe(made, STRIP) != recipe(made)


def test_a_value_that_only_one_size_draws_changes_only_that_size(tmp_path: Path) -> None:
    layers = text_layer("x") + text_layer(
        "{{ product.price }}", ", visible: false, at: {wide: {visible: true}}"
    )
    mine = design(tmp_path, layers)
    cheap, dear = document(mine, price=10), document(mine, price=20)

    assert recipe(cheap) == recipe(dear)
    assert recipe(cheap, STRIP) != recipe(dear, STRIP)


def test_fonts_are_those_of_the_visible_texts(made: str) -> None:
    assert font_uses(made, SQUARE) == (("sans", 400), ("sans", 700), ("serif", 600))
