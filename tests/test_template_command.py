"""`banners template` and `banners preview` as a designer meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from PIL import Image
from scenes import text_layer, written
from typer.testing import CliRunner

from jobs import commands_look
from jobs.cli import app
from pipeline.design import TEMPLATES, design_names, read_design
from pipeline.document_schema import json_schema
from pipeline.formats import STANDARD
from pipeline.preview import watched
from pipeline.sheet import Shown, contact_sheet


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def faults(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(text))]


def test_the_schema_is_printed_as_json() -> None:
    code, output = run("template", "schema")

    assert code == 0
    assert json.loads(output) == json_schema()


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", design_names())
def test_the_packaged_designs_follow_the_schema(name: str) -> None:
    assert faults((TEMPLATES / name / "template.yaml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "layer",
    [
        "{type: shap}",
        "{type: shape, fil: red}",
        "{type: shape, opacity: 7}",
        "{type: text, text: a, size: 4, min_size: 2, color: red, at: {wides: {size: 3}}}",
        "{type: text, text: a, size: 4, min_size: 2, color: red, at: {wide: {sise: 3}}}",
        "{type: grid, columns: []}",
        "{type: shape, blend: multipli}",
    ],
)
def test_the_schema_finds_what_the_check_would(layer: str) -> None:
    assert faults(f"fonts: {{text: {{family: sans}}}}\nlayers: [{layer}]\n") != []


def test_a_new_design_draws_at_once_and_knows_its_schema(tmp_path: Path) -> None:
    code, output = run("template", "new", "spring", "--into", tmp_path / "mine")

    text = (tmp_path / "mine" / "spring" / "template.yaml").read_text(encoding="utf-8")
    assert code == 0
    assert "banners preview" in output
    assert text.startswith("# yaml-language-server: $schema=../template.schema.json\n")
    assert (
        json.loads((tmp_path / "mine" / "template.schema.json").read_text(encoding="utf-8")) == json_schema()
    )
    assert read_design(tmp_path / "mine" / "spring" / "template.yaml").name == "spring"
    assert faults(text) == []


def test_a_new_design_can_begin_as_a_copy(tmp_path: Path) -> None:
    code, _ = run("template", "new", "ours", "--into", tmp_path, "--like", "last-day")

    assert code == 0
    assert read_design(tmp_path / "ours" / "template.yaml").tree["palette"]["signal"] == "#FF5A1F"
    assert (tmp_path / "ours" / "sample.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "more", "problem"),
    [
        ("Spring Sale", (), "cannot be a design's name"),
        ("sale-poster", (), "there is a design called sale-poster already"),
        ("spring", ("--like", "last-dya"), "did you mean last-day?"),
    ],
)
def test_a_name_that_cannot_be_is_told(
    tmp_path: Path, name: str, more: tuple[str, ...], problem: str
) -> None:
    code, output = run("template", "new", name, "--into", tmp_path, *more)

    assert code == 1
    assert problem in output


def test_a_preview_of_every_size_is_one_sheet(tmp_path: Path) -> None:
    code, output = run(
        "preview",
        "new-arrivals",
        "-o",
        tmp_path / "sheet.png",
        "--size",
        "all",
        "--debug-boxes",
        "--locale",
        "zh_TW",
    )

    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = sheet.size
    assert (code, output) == (0, f"preview: {tmp_path / 'sheet.png'}\n")
    assert shown[0] == 1600
    assert shown[1] > 1000


def test_a_sheet_shows_every_picture_whole() -> None:
    red = np.full((90, 728, 3), (255, 0, 0), np.uint8)
    blue = np.full((1920, 1080, 3), (0, 0, 255), np.uint8)

    sheet = contact_sheet([Shown("strip", red), Shown("story", blue)], width=1000, tallest=400)

    assert (sheet == (255, 0, 0)).all(axis=2).sum() == 90 * 728
    assert (sheet == (0, 0, 255)).all(axis=2).sum() == 400 * 225


def test_a_letter_that_no_font_has_is_told_in_one_line(tmp_path: Path) -> None:
    mine = written(tmp_path, text_layer("\u1200")).parent

    code, output = run("preview", mine, "-o", tmp_path / "mine.png")

    assert code == 1
    assert "banners: mine cannot be drawn at 1080x1080: missing_glyph: U+1200" in output


def test_watching_goes_on_after_a_letter_that_no_font_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = written(tmp_path, text_layer("\u1200")).parent
    looks = iter([True, False])

    def mend() -> bool:
        written(tmp_path, text_layer("Sale"))
        return next(looks)

    monkeypatch.setattr(commands_look, "_pause", mend)

    result = CliRunner().invoke(app, ["preview", str(mine), "-o", str(tmp_path / "mine.png"), "--watch"])

    assert result.stderr.startswith("banners: mine cannot be drawn at 1080x1080: missing_glyph")
    assert result.stdout == f"preview: {tmp_path / 'mine.png'}\n"
    assert result.exit_code == 0


def test_a_locale_that_nobody_knows_is_a_usage_error(tmp_path: Path) -> None:
    code, output = run("preview", "sale-poster", "-o", tmp_path / "x.png", "--locale", "xx_YY")

    assert code == 2
    assert "xx_YY is no known locale" in output


def test_a_preview_is_a_png_or_jpeg_and_nothing_else(tmp_path: Path) -> None:
    code, output = run("preview", "sale-poster", "-o", tmp_path / "x.gif")

    assert code == 2
    assert ".png, .jpg, .jpeg" in output
    assert not (tmp_path / "x.gif").exists()


def test_a_brand_kit_beside_a_design_of_no_campaign_is_found(tmp_path: Path) -> None:
    mine = written(
        tmp_path, "  - {type: shape, fill: '{{ brand.ground }}'}\n", head="palette: {ground: red}\n"
    )
    (tmp_path / "brands").mkdir()
    (tmp_path / "brands" / "house.yaml").write_text("name: house\ncolours: {ground: blue}\n")

    code, _ = run("preview", mine.parent, "-o", tmp_path / "mine.png", "--brand", "house")

    with Image.open(tmp_path / "mine.png") as drawn:
        corner = drawn.getpixel((0, 0))
    assert (code, corner) == (0, (0, 0, 255))


@pytest.mark.parametrize("place", ["mine/template.yaml", "fonts/fonts.yaml", "brands/house.yaml"])
def test_a_watched_design_is_drawn_again_when_it_changes_and_only_then(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    file.write_text("one")
    drawn: list[str] = []
    looks = iter([lambda: None, lambda: file.write_text("two"), lambda: None])

    def wait() -> bool:
        step = next(looks, None)
        if step is not None:
            step()
        return step is not None

    watched(tmp_path / "mine", tmp_path / "out.png", lambda: drawn.append(file.read_text()), wait)

    assert drawn == ["one", "two"]


def test_a_preview_that_is_written_beside_its_design_is_no_change_of_it(tmp_path: Path) -> None:
    output = tmp_path / "mine" / "out.png"
    output.parent.mkdir()
    drawn: list[int] = []
    looks = iter([True, True, False])

    def draw() -> None:
        drawn.append(len(drawn))
        output.write_text("x" * len(drawn))

    watched(tmp_path / "mine", output, draw, lambda: next(looks))

    assert drawn == [0]


def test_the_gallery_shows_each_length_and_counts(tmp_path: Path) -> None:
    code, output = run("template", "gallery", tmp_path / "g", "--design", "lowest-price", "--locale", "en")

    assert code == 0
    assert f"{2 * len(STANDARD)} renders, 0 gates broken" in output
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == [
        "lowest-price-en-longer.jpg",
        "lowest-price-en.jpg",
    ]


def test_the_gallery_tells_which_gates_a_design_breaks(tmp_path: Path) -> None:
    run("template", "new", "pale", "--into", tmp_path)
    file = tmp_path / "pale" / "template.yaml"
    file.write_text(file.read_text().replace("ink: garment-deep", 'ink: "#EEEEEE"'))

    code, output = run(
        "template", "gallery", tmp_path / "g", "--design", "pale", "--locale", "en", "--templates", tmp_path
    )

    assert code == 3
    assert "pale-en 1080x1080: low_contrast" in output


def test_an_unknown_language_is_told(tmp_path: Path) -> None:
    code, output = run("template", "gallery", tmp_path, "--locale", "zh_TV")

    assert code == 1
    assert "did you mean zh_TW?" in output
