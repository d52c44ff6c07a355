"""Designs on disk: what is wrong is told with file, line, field and a hint."""

from pathlib import Path

import pytest
from scenes import design, text_layer, written

from pipeline.design import design_names, load_brand, load_design, read_design
from pipeline.errors import InvalidInput


@pytest.mark.parametrize("name", design_names())
def test_every_packaged_design_loads(name: str) -> None:
    assert load_design(name).name == name


@pytest.mark.parametrize(
    ("layers", "line", "field", "problem"),
    [
        ("  - {type: shape, fil: red}\n", 3, "layers[0].fil", "did you mean fill?"),
        ("  - {type: shap, fill: red}\n", 3, "layers[0].type", "did you mean shape?"),
        ("  - type: shape\n    fill: reddish\n", 4, "layers[0].fill", "'reddish' is no colour"),
        ("  - type: shape\n    box: {left: 5 px}\n", 4, "layers[0].box.left", "'5 px' is no length"),
        (
            "  - type: shape\n    box: {left: 1, right: 1, width: 1}\n",
            4,
            "layers[0].box",
            "contradict each other",
        ),
        (text_layer("x", ", font: titel"), 3, "layers[0].font", "there is no font role titel"),
        ("  - type: image\n    asset: sky.png\n", 4, "layers[0].asset", "there is no asset sky.png"),
        ("  - type: image\n    asset: ../../etc/passwd\n", 4, "layers[0].asset", "there is no asset"),
        ("  - type: image\n    asset: http://a/b.png\n", 4, "layers[0].asset", "there is no asset"),
        (text_layer("x", ", at: {wides: {size: 3}}"), 3, "layers[0].at.wides", "did you mean wide?"),
        (
            "  - type: text\n    text: x\n    size: 40\n    min_size: 2\n    color: red\n"
            "    at:\n      wide:\n        lines: none\n",
            10,
            "layers[0].at.wide.lines",
            "valid integer",
        ),
        (
            "  - type: stack\n    children:\n      - {type: shape}\n      - {type: shape, opacity: 7}\n",
            6,
            "layers[0].children[1].opacity",
            "less than or equal to 1",
        ),
        ("  - {type: text, text: x, min_size: 2, color: red}\n", 3, "layers[0].size", "is missing"),
        ("  - type: shape\n    fill: darkblu\n", 4, "layers[0].fill", "did you mean darkblue?"),
        (
            "  - type: text\n    text: x\n    color: red\n    min_size: 4\n    size: -26va\n",
            7,
            "layers[0].size",
            "-26va is no size for letters: it must be more than 0",
        ),
        (
            "  - type: text\n    text: x\n    color: red\n    size: 26va\n    min_size: 27va\n",
            7,
            "layers[0].min_size",
            "the smallest size, 27va, is above size, 26va, the largest that is tried",
        ),
        (
            "  - type: price\n    value: '9'\n    color: red\n    min_size: 8\n    size: 9\n"
            "    at:\n      wide:\n        size: 7\n",
            6,
            "layers[0].min_size",
            "the smallest size, 8, is above size, 7",
        ),
        (
            "  - {type: shape, id: a}\n  - type: stack\n    children:\n      - {type: shape, id: a}\n",
            6,
            "layers[1].children[0].id",
            "two layers have the id a (give each an id of its own)",
        ),
        (
            text_layer("{% for i in range(1000000000) %}{{ i }}{% endfor %}"),
            3,
            "layers[0].text",
            "there is no function range in designs",
        ),
    ],
)
def test_a_wrong_field_is_told_with_its_line(
    tmp_path: Path, layers: str, line: int, field: str, problem: str
) -> None:
    path = written(tmp_path, layers)

    with pytest.raises(InvalidInput) as caught:
        read_design(path)

    assert caught.value.line == line
    assert caught.value.field == field
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "layers",
    [
        "  - {type: shape, id: a, visible: false, at: {wide: {visible: true}}}\n"
        "  - {type: shape, id: a, at: {wide: {visible: false}}}\n",
        "  - {type: shape, id: a, visible: '{{ copy.legal is defined }}'}\n"
        "  - {type: shape, id: a, visible: '{{ copy.legal is not defined }}'}\n",
    ],
)
def test_layers_that_take_turns_may_share_an_id(tmp_path: Path, layers: str) -> None:
    assert design(tmp_path, layers).name == "mine"


def test_a_text_may_say_range(tmp_path: Path) -> None:
    assert design(tmp_path, text_layer("Our range (new): {{ product.range | default('range(3)') }}"))


def test_a_wrong_palette_colour_suggests_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, text_layer("x"), head="palette:\n  night: darkblu\n")

    with pytest.raises(InvalidInput, match=r"template\.yaml:3: palette\.night: .*did you mean darkblue"):
        read_design(path)


def test_a_design_without_assets_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "  - {type: image, asset: sky.png}\n")

    with pytest.raises(InvalidInput, match=r"beside the design \(there are no assets yet\)$"):
        read_design(path)


def test_an_unknown_font_family_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, text_layer("x"))
    path.write_text(path.read_text().replace("family: sans", "family: sens"))

    with pytest.raises(InvalidInput, match=r"template\.yaml:1: fonts\.text\.family: .*sens"):
        read_design(path)


def test_an_unknown_design_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="did you mean sale-poster"):
        load_design("sale-postr")


def test_own_designs_are_found_in_extra_folders(tmp_path: Path) -> None:
    design(tmp_path, text_layer("x"), name="house")

    assert load_design("house", [tmp_path]).name == "house"
    assert "house" in design_names([tmp_path])


def test_the_digest_covers_yaml_and_assets(tmp_path: Path) -> None:
    first = design(tmp_path, text_layer("x")).digest
    (tmp_path / "mine" / "sky.png").write_bytes(b"one")
    second = design(tmp_path, text_layer("x")).digest
    (tmp_path / "mine" / "sky.png").write_bytes(b"two")

    assert len({first, second, design(tmp_path, text_layer("x")).digest}) == 3


def test_a_brand_kit_is_checked_and_an_unknown_one_named(tmp_path: Path) -> None:
    (tmp_path / "brands").mkdir()
    (tmp_path / "brands" / "house.yaml").write_text('name: house\ncolours: {ground: "no"}\n')

    with pytest.raises(InvalidInput, match=r"house\.yaml:2: colours\.ground: 'no' is no colour"):
        load_brand("house", [tmp_path])
    with pytest.raises(InvalidInput, match="did you mean plain"):
        load_brand("plian")
