"""Values become documents: filters, missing values, and templates that mean harm."""

import json
from pathlib import Path

import pytest
from scenes import design, document, product, segment, text_layer

from pipeline.errors import Fault, InvalidInput
from pipeline.template import DocumentError, DocumentRequest, render_documents


def rendered_text(folder: Path, template: str, locale: str = "zh_TW", **fields: object) -> str:
    made = document(design(folder, text_layer(template)), locale, **fields)  # type: ignore[arg-type]
    return str(json.loads(made)["layers"][0]["text"])


@pytest.mark.parametrize(
    ("locale", "price", "shown"),
    [
        ("zh_TW", 1280, "NT$1,280"),
        ("ja_JP", 12800, "¥12,800"),
        ("en_US", 39.5, "$39.50"),
        ("en_US", 39, "$39"),
        ("en_US", "1234.5", "$1,234.50"),
    ],
)
def test_prices_are_written_as_shops_of_the_locale_write_them(
    tmp_path: Path, locale: str, price: float, shown: str
) -> None:
    assert rendered_text(tmp_path, "{{ product.price | money }}", locale, price=price) == shown


@pytest.mark.parametrize(
    ("locale", "template", "shown"),
    [
        ("zh_TW", "{{ discount | discount_figure }}{{ discount | discount_word }}", "5折"),
        ("en_US", "{{ discount | discount_figure }} {{ discount | discount_word }}", "50% OFF"),
        ("ja_JP", "{{ discount | percent }}", "50%"),
        ("ja_JP", "{{ '新作' | quoted }}", "「新作」"),
        ("en_US", "{{ 12800 | number }}", "12,800"),
        ("en_US", "{{ '2026-11-27' | date }}", "Nov 27, 2026"),
        ("zh_TW", "{{ currency | symbol }} {{ product.price | amount }}", "NT$ 1,280"),
        ("zh_TW", "{{ segment.name }} {{ locale }}", "anyone zh_TW"),
    ],
)
def test_discounts_numbers_and_dates_follow_the_locale(
    tmp_path: Path, locale: str, template: str, shown: str
) -> None:
    assert rendered_text(tmp_path, template, locale) == shown


def test_a_discount_is_a_whole_percent_and_absent_without_a_list_price(tmp_path: Path) -> None:
    template = "{{ discount if discount is defined else 'none' }}"

    assert rendered_text(tmp_path, template, price=899, list_price=1280) == "30"
    assert rendered_text(tmp_path, template, list_price=None) == "none"


def test_a_segments_columns_say_which_catalogue_column_a_value_comes_from(tmp_path: Path) -> None:
    mine = design(tmp_path, text_layer("{{ product.name }} {{ product.name_ja }}"))
    shown = segment(columns={"name": "name_ja"})

    (made,) = render_documents([DocumentRequest(mine, shown, product(name_ja="上着"))])

    assert '"上着 上着"' in str(made)


@pytest.mark.parametrize(
    "value", ["{{7*7}}", "<b>50%</b>", "{% for x in y %}", '"}]', "=cmd|' /C'", "a\nb: c"]
)
def test_values_are_drawn_literally_and_cannot_change_the_structure(tmp_path: Path, value: str) -> None:
    assert rendered_text(tmp_path, "{{ product.name }}", name=value) == value


def test_a_missing_value_is_one_requests_error_and_names_variable_and_field(tmp_path: Path) -> None:
    mine = design(tmp_path, text_layer("{{ product.colour }}"))
    requests = [DocumentRequest(mine, segment(), product(colour=colour)) for colour in (None, "red")]

    missing, made = render_documents(requests)

    assert isinstance(missing, DocumentError)
    assert missing.fault is Fault.MISSING_VALUE
    assert "product.colour is missing" in missing.detail
    assert "mine/template.yaml:3: layers[0].text" in missing.detail
    assert isinstance(made, str)


def test_optional_copy_is_left_out_with_its_layer(tmp_path: Path) -> None:
    optional = text_layer("{{ copy.legal }}", ', visible: "{{ copy.legal is defined }}"')
    mine = design(tmp_path, text_layer("x") + optional)

    (made,) = render_documents([DocumentRequest(mine, segment(), product())])

    assert [layer["text"] for layer in json.loads(str(made))["layers"]] == ["x"]


def test_documents_are_canonical_so_that_equal_ones_hash_equally() -> None:
    assert document("sale-poster") == document("sale-poster", unused_column="anything")


def test_a_value_that_is_no_colour_is_told_with_its_place(tmp_path: Path) -> None:
    mine = design(tmp_path, '  - {type: shape, fill: "{{ product.tint }}"}\n')
    good, bad = product(tint="#ff0000"), product(tint="reddish")

    first, second = render_documents([DocumentRequest(mine, segment(), p) for p in (good, bad)])

    assert isinstance(first, str)
    assert isinstance(second, DocumentError)
    assert second.fault is Fault.BAD_VALUE
    assert "'reddish' is no colour" in second.detail
    assert "template.yaml:3: layers[0].fill" in second.detail


def test_a_bad_brand_colour_is_one_error_for_the_whole_run(tmp_path: Path) -> None:
    mine = design(tmp_path, '  - {type: shape, fill: "{{ product.tint }}"}\n')
    requests = [DocumentRequest(mine, segment(), product(tint="reddish")) for _ in range(3)]

    with pytest.raises(InvalidInput, match="'reddish' is no colour"):
        list(render_documents(requests))


def test_a_syntax_error_is_told_with_line_and_field(tmp_path: Path) -> None:
    mine = design(tmp_path, text_layer("{{ product.name "))

    with pytest.raises(InvalidInput, match=r"template\.yaml:3: layers\[0\]\.text: is no template"):
        list(render_documents([DocumentRequest(mine, segment(), product())]))


def test_nothing_to_render_gives_nothing() -> None:
    assert list(render_documents([])) == []
