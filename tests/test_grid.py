"""Grids, anchors, named areas, breakpoints and repeats: one design laid out for every format."""

from pathlib import Path

import pytest
from scenes import design, document, text_layer, written

from pipeline.design import read_design
from pipeline.errors import InvalidInput
from pipeline.fonts import FontBook
from pipeline.formats import DISPLAY, STANDARD, density, designed
from pipeline.items import Area, Layout, Shape
from pipeline.layout import lay_out, read_document
from pipeline.price import price_parts
from pipeline.sizing import matching, resolve
from pipeline.tracks import tracks
from pipeline.types import Size

SQUARE = Size(1080, 1080)


def laid(folder: Path, layers: str, size: Size = SQUARE, head: str = "", locale: str = "zh_TW") -> Layout:
    made = document(design(folder, layers, head=head), locale)
    return lay_out(read_document(made, size), size, FontBook.load())


def areas(layout: Layout) -> dict[str, Area]:
    return {item.id: item.area for item in layout.items if isinstance(item, Shape)}


@pytest.mark.parametrize(
    ("given", "spans", "natural", "starts", "lengths"),
    [
        (["1fr", "1fr"], [(0, 1), (1, 1)], [0, 0], (0, 55), (45, 45)),
        (["1fr", "3fr"], [(0, 1), (1, 1)], [0, 0], (0, 32.5), (22.5, 67.5)),
        (["auto", "1fr"], [(0, 1), (1, 1)], [30, 5], (0, 40), (30, 60)),
        ([20.0, "auto"], [(0, 1), (1, 1)], [5, 40], (0, 30), (20, 40)),
        (["auto", "1fr", "auto"], [(0, 1), (2, 1)], [30, 20], (0, 40, 40), (30, 0, 20)),
        (["auto", "auto"], [(0, 2)], [70], (0, 10), (0, 0)),
    ],
)
def test_tracks_take_their_length_their_content_or_a_share(
    given: list[float | str],
    spans: list[tuple[int, int]],
    natural: list[float],
    starts: tuple[float, ...],
    lengths: tuple[float, ...],
) -> None:
    made = tracks(given, spans, natural, room=100, gap=10)

    assert made.starts == starts
    assert made.lengths == lengths


GRID = (
    "  - type: grid\n    columns: [300, 1fr]\n    rows: [1fr, 1fr]\n    gap: [30, 0]\n    children:\n"
    "      - {type: shape, id: a, fill: red}\n"
    "      - {type: shape, id: b, fill: red, cell: {column: 2}}\n"
    "      - {type: shape, id: c, fill: red, cell: {row: 2, across: 2}}\n"
)


def test_a_grid_sets_children_into_cells(tmp_path: Path) -> None:
    placed = areas(laid(tmp_path, GRID))

    assert placed["a"] == Area(0, 0, 300, 540)
    assert placed["b"] == Area(330, 0, 750, 540)
    assert placed["c"] == Area(0, 540, 1080, 540)


def test_a_cells_child_keeps_the_extent_that_it_fixes(tmp_path: Path) -> None:
    sized = "id: a, fill: red, box: {width: 40, height: 50%}, x: end, y: center"
    grid = GRID.replace("rows: [1fr, 1fr]", "rows: [auto, 1fr]").replace("id: a, fill: red", sized)

    placed = areas(laid(tmp_path, grid.replace("id: b, fill: red", "id: b, fill: red, box: {height: 600}")))

    assert placed["a"] == Area(260, 30, 40, 540)
    assert placed["c"] == Area(0, 600, 1080, 480)


def test_a_hidden_column_takes_no_room(tmp_path: Path) -> None:
    hidden = GRID.rpartition("      - ")[0].replace("id: a, fill: red", "id: a, fill: red, visible: false")

    assert areas(laid(tmp_path, hidden))["b"].x == 0


def test_a_right_to_left_layout_is_the_mirror_image(tmp_path: Path) -> None:
    made = document(design(tmp_path, GRID)).replace('"locale":"zh_TW"', '"locale":"ar"')
    placed = areas(lay_out(read_document(made, SQUARE), SQUARE, FontBook.load()))

    assert placed["a"] == Area(780, 0, 300, 540)
    assert placed["b"] == Area(0, 0, 750, 540)


def test_a_cell_outside_the_grid_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, GRID.replace("column: 2", "column: 3"))

    with pytest.raises(InvalidInput, match="'b' lies in column 3, row 1 of a grid with 2 columns and 2 rows"):
        read_design(path)


def test_auto_rows_keep_a_texts_whole_line(tmp_path: Path) -> None:
    texts = "".join(
        f'      - {{type: text, text: "Sale {row}", size: 60, min_size: 60, color: black, trim: true,'
        f" cell: {{row: {row}}}}}\n"
        for row in (1, 2)
    )
    grid = f"  - type: grid\n    rows: [auto, auto]\n    gap: [0, 20]\n    children:\n{texts}"

    first, second = laid(tmp_path, grid).texts

    assert not first.overflow
    assert second.area.y - first.area.bottom >= 19


ANCHORED = (
    "  - {type: shape, id: one, fill: red, box: {left: 100, top: 200, width: 300, height: 100}}\n"
    "  - {type: shape, id: two, fill: red, box: {of: one, side: below, top: 20, height: 40}}\n"
)


def test_a_layer_hangs_on_another_whichever_is_painted_first(tmp_path: Path) -> None:
    forward = areas(laid(tmp_path, ANCHORED))
    backward = areas(laid(tmp_path, "".join(reversed(ANCHORED.splitlines(keepends=True)))))

    assert forward["two"] == Area(100, 320, 300, 40)
    assert backward == forward


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("inside", Area(100, 200, 300, 100)),
        ("above", Area(100, 0, 300, 200)),
        ("below", Area(100, 300, 300, 780)),
        ("before", Area(0, 200, 100, 100)),
        ("after", Area(400, 200, 680, 100)),
    ],
)
def test_a_side_of_a_layer_reaches_to_the_safe_area(tmp_path: Path, side: str, expected: Area) -> None:
    layers = ANCHORED.replace("side: below, top: 20, height: 40", f"side: {side}")

    assert areas(laid(tmp_path, layers))["two"] == expected


def test_what_hangs_on_a_hidden_layer_keeps_to_the_safe_area(tmp_path: Path) -> None:
    layers = ANCHORED.replace("id: one", "id: one, visible: false")

    assert areas(laid(tmp_path, layers))["two"].y == 1080 + 20


def test_areas_of_a_size_replace_only_those_that_they_name(tmp_path: Path) -> None:
    head = (
        "areas: {a: {left: 0, width: 50%}, b: {right: 0, width: 10%}}\n"
        "at: {wide: {areas: {a: {left: 0, width: 20%}}}}\n"
    )
    layers = "".join(f"  - {{type: shape, id: {n}, fill: red, box: {{of: {n}}}}}\n" for n in "ab")

    placed = areas(laid(tmp_path, layers, Size(728, 90), head))

    assert placed["a"].width == pytest.approx(145.6)
    assert placed["b"].width == pytest.approx(72.8)


@pytest.mark.parametrize(
    ("layers", "head", "line", "problem"),
    [
        (
            "  - {type: shape, id: one, box: {of: two}}\n  - {type: shape, id: two, box: {of: one}}\n",
            "",
            3,
            "these wait for each other: one -> two -> one",
        ),
        ("  - {type: shape, id: one, box: {of: one}}\n", "", 3, "one -> one"),
        ("  - {type: shape, box: {of: panle}}\n  - {type: shape, id: panel}\n", "", 3, "did you mean panel?"),
        (
            "  - {type: shape, id: side, box: {of: sied}}\n",
            "areas: {side: {left: 0}}\n",
            4,
            "(did you mean side? the names are: parent, canvas, safe, side)",
        ),
        ("  - {type: shape, box: {of: a}}\n", "areas: {a: {of: b}, b: {of: a}}\n", 2, "a -> b -> a"),
        ("  - {type: shape, box: {of: '{{ x }}'}}\n", "", 3, "must be written out"),
    ],
)
def test_wrong_anchors_are_told_with_their_line(
    tmp_path: Path, layers: str, head: str, line: int, problem: str
) -> None:
    path = written(tmp_path, layers, head=head)

    with pytest.raises(InvalidInput) as caught:
        read_design(path)

    assert caught.value.line == line
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("ratio>=5", Size(728, 90), Size(970, 250)),
        ("ratio<0.4", Size(160, 600), Size(300, 600)),
        ("wide width<=320", Size(320, 100), Size(728, 90)),
        ("height<=60", Size(468, 60), Size(728, 90)),
        ("small tall", Size(300, 600), Size(1080, 1920)),
        ("height<=60", Size(640, 100), Size(1456, 180)),
    ],
)
def test_breakpoints_hold_on_their_side(condition: str, holds: Size, fails: Size) -> None:
    assert matching([condition], holds) == [condition]
    assert matching([condition], fails) == []


@pytest.mark.parametrize("size", DISPLAY, ids=str)
def test_a_format_at_twice_its_pixels_is_the_same_layout(size: Size) -> None:
    double = Size(2 * size.width, 2 * size.height)
    tree = {"at": {str(i): {"seen": i} for i in ("small", "wide ratio>=5", "tall small ratio<0.4", "large")}}

    assert designed(double) == size
    assert (density(double), density(size)) == (2, 1)
    assert resolve(tree, double) == resolve(tree, size)


def test_usual_sizes_have_no_double_among_them() -> None:
    assert [size for size in STANDARD if designed(size) != size] == []


@pytest.mark.parametrize(
    ("template", "copies"),
    [("3", 3), ("'{{ 2 + 2 }}'", 4), ("0", 0), ("'{{ copy.headline | length }}'", 6)],
)
def test_a_stack_repeats_its_children(tmp_path: Path, template: str, copies: int) -> None:
    bar = "{type: shape, fill: red, box: {width: 10, height: 10}}"
    stack = f"  - {{type: shape}}\n  - {{type: stack, repeat: {template}, children: [{bar}]}}\n"

    assert len(laid(tmp_path, stack).items) == copies + 1


def test_repeated_texts_count_from_nought(tmp_path: Path) -> None:
    stack = (
        '  - type: stack\n    repeat: 3\n    children:\n      - {type: text, text: "{{ item }}", '
        "size: 40, min_size: 20, color: black}\n"
    )

    assert [text.look[0] for text in laid(tmp_path, stack).texts] == ["0", "1", "2"]


@pytest.mark.parametrize("rounds", ["25", "'{{ copy.headline }}'", "-1"])
def test_a_senseless_repeat_is_told(tmp_path: Path, rounds: str) -> None:
    with pytest.raises((InvalidInput, AssertionError), match="repeat|from 0 to 24|greater than|less than"):
        laid(tmp_path, f"  - {{type: stack, repeat: {rounds}, children: [{{type: shape}}]}}\n")


@pytest.mark.parametrize(
    ("value", "currency", "locale", "parts"),
    [
        (1280, "TWD", "zh_TW", (("NT$", True), ("1,280", False))),
        (39.5, "USD", "en_US", (("$", True), ("39", False), ("50", True))),
        (39, "USD", "en_US", (("$", True), ("39", False))),
        (1234.5, "EUR", "de_DE", (("1.234", False), ("50", True), ("€", True))),
        (12800, "JPY", "ja_JP", (("¥", True), ("12,800", False))),
        (39.5, "ILS", "he_IL", (("50", True), ("39", False), ("₪", True))),
    ],
)
def test_prices_are_set_in_parts(
    value: float, currency: str, locale: str, parts: tuple[tuple[str, bool], ...]
) -> None:
    assert price_parts(value, currency, locale) == parts


def test_a_prices_marks_hang_from_the_top_of_its_figures(tmp_path: Path) -> None:
    price = '  - {type: price, value: "1280", size: 200, min_size: 50, color: black}\n'

    mark, figures = laid(tmp_path, price).texts

    assert figures.block.size == 200
    assert mark.block.size == 100
    assert abs(mark.area.y - figures.area.y) <= 2
    assert mark.area.right <= figures.area.x


def test_no_text_is_set_too_small_to_read(tmp_path: Path) -> None:
    (text,) = laid(tmp_path, text_layer("Today " * 30), Size(120, 30)).texts

    assert text.block.size == 9
