"""Recipes: every ingredient counts, and nothing that is not drawn."""

from pathlib import Path

import pytest
from scenes import design, document, text_layer

from pipeline.recipe import banner_recipe, font_uses, shows_second
from pipeline.types import Size

STRIP, SQUARE = Size(728, 90), Size(1080, 1080)


def recipe(made: str, size: Size = SQUARE, **changes: str) -> str:
    fields = {"cutout_key": "cutouts/ab", "fonts": "f0", "encoder": "jpeg"} | changes
    return banner_recipe(made, size, **fields)


@pytest.fixture(scope="module")
def made() -> str:
    return document("catalogue-card")


@pytest.mark.parametrize("changed", ["cutout_key", "fonts", "encoder", "second_key"])
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


def test_the_recipe_of_one_person_is_what_it_was_before_there_could_be_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.recipe.RENDER_VERSION", "2")
    alone = '{"fonts": {}, "layers": [{"type": "subject"}]}'

    assert recipe(alone, Size(300, 250)) == (
        "2aeac595fe48fabea7186709eb860e150590d9d2a28f729cbb90b0e49d63ed96"
    )


@pytest.mark.parametrize(
    ("layer", "size", "shown"),
    [
        ('{"type": "subject"}', SQUARE, False),
        ('{"type": "subject", "who": "first"}', SQUARE, False),
        ('{"type": "subject", "who": "second"}', SQUARE, True),
        ('{"type": "subject", "who": "second", "at": {"wide": {"visible": false}}}', STRIP, False),
        ('{"type": "stack", "children": [{"type": "subject", "who": "second"}]}', SQUARE, True),
    ],
)
def test_a_size_needs_the_second_person_only_if_it_shows_them(layer: str, size: Size, shown: bool) -> None:
    assert shows_second(f'{{"layers": [{layer}]}}', size) is shown
