"""Regions, overrides, stacks and fitted texts."""

import json
from pathlib import Path

import pytest
from scenes import design, document, text_layer

from pipeline.errors import BannerFailed, Fault, InvalidInput
from pipeline.fonts import FontBook
from pipeline.items import Area, Layout, Picture, Shape
from pipeline.layout import lay_out, read_document
from pipeline.sizing import aspect, matching, pixels, resolve
from pipeline.types import Size

SQUARE = Size(1080, 1080)


def laid(folder: Path, layers: str, size: Size = SQUARE, head: str = "") -> Layout:
    rendered = document(design(folder, layers, head=head))
    return lay_out(read_document(rendered, size), size, FontBook.load())


def area(folder: Path, box: str, size: Size = SQUARE, head: str = "") -> Area:
    item = laid(folder, f"  - {{type: shape, fill: red, box: {box}}}\n", size, head).items[0]
    assert isinstance(item, Shape)
    return item.area


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(728, 90), "wide"),
        (Size(970, 250), "wide"),
        (Size(300, 250), "landscape"),
        (Size(1200, 628), "landscape"),
        (Size(1080, 1080), "square"),
        (Size(1080, 1350), "portrait"),
        (Size(1080, 1920), "tall"),
        (Size(160, 600), "tall"),
    ],
)
def test_sizes_fall_into_aspect_classes(size: Size, expected: str) -> None:
    assert aspect(size) == expected


def test_the_closest_condition_wins() -> None:
    found = matching(["160x600", "tall small", "small", "large", "wide"], Size(160, 600))

    assert found == ["small", "tall small", "160x600"]


def test_overrides_replace_fields_and_hide_layers() -> None:
    layer = {"id": "a", "size": 9, "at": {"wide": {"size": 3}, "tall": {"visible": False}}}
    tree = {"layers": [layer, {"id": "b", "visible": False, "at": {"tall": {"visible": "yes"}}}]}

    assert resolve(tree, Size(728, 90)) == {"layers": [{"id": "a", "size": 3}]}
    assert resolve(tree, Size(1080, 1920)) == {"layers": [{"id": "b"}]}


@pytest.mark.parametrize(
    ("length", "expected"),
    [(100, 25), ("100", 25), ("50%", 400), ("10vmin", 27), ("10vmax", 48), ("50vw", 135), ("50vh", 240)],
)
def test_lengths_in_pixels(length: float | str, expected: float) -> None:
    assert pixels(length, Size(270, 480), 1080, 800) == expected


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("{}", Area(0, 0, 1080, 1080)),
        ("{left: 80, right: 100, top: 10%, height: 200}", Area(80, 108, 900, 200)),
        ("{right: 100, width: 300, bottom: 0, height: 25%}", Area(680, 810, 300, 270)),
        ("{center_x: 50%, width: 400, center_y: 540, height: 100}", Area(340, 490, 400, 100)),
        ("{of: safe, left: 10}", Area(60, 20, 1000, 960)),
    ],
)
def test_boxes_become_regions(tmp_path: Path, box: str, expected: Area) -> None:
    head = "safe: {left: 50, top: 20, right: 20, bottom: 100}\n"

    assert area(tmp_path, box, head=head) == expected


def test_numbers_scale_with_the_short_side(tmp_path: Path) -> None:
    assert area(tmp_path, "{left: 108, top: 0, width: 216, height: 54}", Size(300, 250)) == Area(
        25, 0, 50, 12.5
    )


def test_a_stack_sets_children_under_each_other_with_gaps(tmp_path: Path) -> None:
    bar = "{type: shape, fill: red, box: {width: 100, height: 40}}"
    stack = f"  - {{type: stack, gap: 10, padding: [20, 30], children: [{bar}, {bar}], align: end}}\n"

    first, second = laid(tmp_path, stack).items

    assert isinstance(first, Shape)
    assert isinstance(second, Shape)
    assert first.area == Area(960, 30, 100, 40)
    assert second.area == Area(960, 80, 100, 40)


def test_a_row_aligns_baselines_of_different_sizes(tmp_path: Path) -> None:
    row = (
        "  - type: stack\n    direction: across\n    align: baseline\n    gap: 12\n    children:\n"
        '      - {type: text, text: "NT$", size: 40, min_size: 40, color: black}\n'
        '      - {type: text, text: "1,280", size: 120, min_size: 120, color: black}\n'
    )

    small, large = laid(tmp_path, row).texts

    assert small.y + small.block.lines[0].baseline == large.y + large.block.lines[0].baseline
    assert large.x + large.block.box.left >= small.x + small.block.box.right + 11


def test_a_stack_shrinks_its_texts_together_until_they_fit(tmp_path: Path) -> None:
    line = '      - {type: text, text: "Today", size: 200, min_size: 20, color: black}\n'
    stack = f"  - type: stack\n    box: {{width: 800, height: 300}}\n    children:\n{line * 3}"

    texts = laid(tmp_path, stack).texts

    assert len({text.block.size for text in texts}) == 1
    assert 20 < texts[0].block.size < 110
    assert texts[-1].area.bottom <= 300
    assert not any(text.overflow for text in texts)


def test_what_cannot_shrink_enough_overflows(tmp_path: Path) -> None:
    line = '      - {type: text, text: "Today", size: 200, min_size: 150, color: black}\n'
    stack = f"  - type: stack\n    box: {{width: 800, height: 300}}\n    children:\n{line * 3}"

    assert all(text.overflow for text in laid(tmp_path, stack).texts)


def test_a_trimmed_text_starts_at_its_ink(tmp_path: Path) -> None:
    (text,) = laid(tmp_path, text_layer("Today", ", trim: true")).texts

    assert text.area.y == 0


def test_a_rich_text_sets_its_spans_in_one_paragraph(tmp_path: Path) -> None:
    layers = """\
  - type: text
    size: 80
    min_size: 20
    color: "#111111"
    box: {left: 100, top: 100}
    spans:
      - {text: "from "}
      - {text: "{{ product.price | money }}", color: "#E5002B", scale: 0.5, rise: 0.3}
      - {text: " was 99", strike: true}
"""
    [text] = laid(tmp_path, layers).texts
    [line] = text.block.lines

    assert line.text == "from NT$1,280 was 99"
    assert {run.colour for run in line.runs} == {None, (229, 0, 43, 255)}
    assert {run.size for run in line.runs} == {80, 40}
    assert len(line.stripes) == 1


def test_a_vertical_text_runs_down_in_columns(tmp_path: Path) -> None:
    layers = """\
  - {type: text, text: 今日限定五折, size: 100, min_size: 100, color: black, vertical: true, trim: true,
     lines: 2, x: end, box: {right: 80, width: 300, top: 90, height: 400}}
"""
    [text] = laid(tmp_path, layers).texts

    assert [line.text for line in text.block.lines] == ["今日限定", "五折"]
    assert 700 < text.area.x < text.area.right <= 1000
    assert text.area.y == 90
    assert text.block.lines[0].x > text.block.lines[1].x


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("text: a, spans: [{text: b}]", "a text layer has either text or spans"),
        ("shrink: false", "a text layer has either text or spans"),
        ("text: a, vertical: true, strike: {color: red, width: 2}", "a vertical text is struck by its spans"),
        ("spans: [{text: a, font: loud}]", "there is no font role loud"),
        ("spans: [{text: a, scale: 2}]", "less than or equal to 1"),
    ],
)
def test_a_text_that_contradicts_itself_is_refused(tmp_path: Path, fields: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        design(tmp_path, f"  - {{type: text, size: 20, min_size: 10, color: red, {fields}}}\n")


def test_a_missing_glyph_fails_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(BannerFailed) as caught:
        laid(tmp_path, text_layer("\N{EGYPTIAN HIEROGLYPH A001}"))

    assert caught.value.fault is Fault.MISSING_GLYPH


def test_pictures_carry_their_digest(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sky.png").write_bytes(b"not looked at here")

    (item,) = laid(tmp_path, "  - {type: image, asset: sky.png}\n").items

    assert isinstance(item, Picture)
    assert len(item.digest) == 64


def test_a_document_holds_only_what_some_size_shows(tmp_path: Path) -> None:
    never = '  - {type: shape, visible: "{{ copy.nothing is defined }}", at: {tall: {visible: false}}}\n'

    assert len(json.loads(document(design(tmp_path, text_layer("x") + never)))["layers"]) == 1
