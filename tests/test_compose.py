"""Whole banners: colours kept, nothing floats, and pictures as they were when they were last looked at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import SHIRT, design, document, person, text_layer

from pipeline.compose import Rendered, frame_mask, person_patch, render
from pipeline.errors import Fault
from pipeline.fonts import FontBook
from pipeline.items import Area
from pipeline.layout import lay_out, read_document
from pipeline.place import Placement
from pipeline.types import Cutout, Pixels, Size

SQUARE = Size(400, 400)
GROUND = '  - {type: shape, fill: "#ffffff"}\n'


def drawn(made: str, size: Size, cutout: Cutout | None = None) -> Rendered:
    return render(made, size, cutout or person(), fonts=FontBook.load())


def banner(folder: Path, layers: str, cutout: Cutout, size: Size = SQUARE) -> Rendered:
    return drawn(document(design(folder, GROUND + layers)), size, cutout)


def is_shirt(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((pixels == np.array(SHIRT, np.uint8)).all(axis=2))


def test_drawing_twice_gives_the_same_pixels() -> None:
    made = document("sale-poster")
    first = drawn(made, SQUARE).pixels.copy()
    drawn(made, SQUARE, person(legs=True))

    assert np.array_equal(first, drawn(made, SQUARE).pixels)


def test_garments_keep_their_colour_exactly(tmp_path: Path) -> None:
    made = banner(tmp_path, "  - {type: subject}\n", person())

    assert is_shirt(made.pixels).sum() > 5000


def test_opaque_pixels_at_scale_one_are_the_cutouts_own() -> None:
    cutout = person()
    noisy = replace(cutout, rgb=np.random.default_rng(2).integers(0, 256, cutout.rgb.shape, dtype=np.uint8))
    placed = Placement(1, 1, 30, 50, 700, None, Area(0, 0, 1, 1), False)

    patch = person_patch(noisy, placed, Size(800, 800))

    opaque = noisy.alpha == 255
    assert np.array_equal(patch.pixels[..., :3][opaque], noisy.rgb[opaque])


@pytest.mark.parametrize("pose", ["auto", "full", "half", "bust"])
def test_a_person_cut_at_the_waist_reaches_the_last_row(tmp_path: Path, pose: str) -> None:
    made = banner(tmp_path, f"  - {{type: subject, pose: {pose}, box: {{top: 100}}}}\n", person())

    assert is_shirt(made.pixels)[-1].sum() > 20


def test_feet_stand_on_the_ground_line_with_a_shadow_under_them(tmp_path: Path) -> None:
    layer = '  - {type: subject, pose: full, ground: 135, shadow: {contact: "#000000c0"}}\n'
    made = banner(tmp_path, layer, person(legs=True))
    dark = (made.pixels < 235).all(axis=2).any(axis=1)

    assert 348 <= int(np.flatnonzero(dark)[-1]) <= 358


def test_a_frame_cuts_the_person_and_an_open_one_lets_the_head_out(tmp_path: Path) -> None:
    disc = '  - {type: shape, id: disc, shape: ellipse, fill: "#ffee00", box: {width: 540, height: 540}}\n'
    subject = "  - {{type: subject, box: {{width: 540, height: 540}}, frame: {{to: disc, open: {}}}}}\n"
    made = document(design(tmp_path, GROUND + disc + subject.format("true")))
    layout = lay_out(read_document(made, SQUARE), SQUARE, FontBook.load())
    (slot,) = layout.slots

    closed = frame_mask(slot, SQUARE, opened=False)
    opened = frame_mask(slot, SQUARE, opened=True)

    assert closed is not None
    assert opened is not None
    assert closed[5, 5] == 0
    assert opened[5, 5] == 255
    assert closed[195, 5] == opened[195, 5] == 0


def test_text_on_its_own_colour_is_held_for_contrast(tmp_path: Path) -> None:
    pale = '  - {type: text, text: "Sale", size: 200, min_size: 100, color: "#f0f0f0"}\n'
    made = banner(tmp_path, "  - {type: subject, box: {top: 300}}\n" + pale, person())

    assert made.held == (Fault.LOW_CONTRAST,)
    assert made.gates["contrast"] < 0.5


def test_text_over_the_head_is_held(tmp_path: Path) -> None:
    text = '  - {type: text, text: "50% OFF TODAY", size: 300, min_size: 150, lines: 3, color: black}\n'
    made = banner(tmp_path, "  - {type: subject}\n" + text, person())

    assert Fault.TEXT_OVER_HEAD in made.held


def test_text_hidden_behind_the_person_is_held(tmp_path: Path) -> None:
    text = '  - {type: text, text: "SALE", size: 500, min_size: 100, align: center, color: black}\n'
    made = banner(tmp_path, text + "  - {type: subject}\n", person())

    assert made.gates["text_covered"] > 0.1
    assert made.held == (Fault.TEXT_OVER_HEAD,)


def test_an_unsure_matte_is_held(tmp_path: Path) -> None:
    made = banner(tmp_path, "  - {type: subject}\n", person(confidence=0.2))

    assert made.held == (Fault.UNSURE_MATTE,)


def test_a_person_far_too_small_for_the_banner_is_held(tmp_path: Path) -> None:
    made = banner(tmp_path, "  - {type: subject}\n", person(), Size(1600, 1600))

    assert made.held == (Fault.UPSCALED,)
    assert made.gates["upscale"] == 1.25


def test_a_design_without_a_subject_needs_none(tmp_path: Path) -> None:
    made = banner(tmp_path, text_layer("Sale"), person())

    assert made.people == ()
    assert made.held == ()


def test_own_assets_are_found_in_the_folders_given(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (40, 40), (1, 2, 3)).save(tmp_path / "mine" / "tile.png")
    made = document(design(tmp_path, "  - {type: image, asset: tile.png}\n"))

    shown = render(made, SQUARE, person(), fonts=FontBook.load(), folders=(tmp_path,))

    assert tuple(shown.pixels[200, 200]) == (1, 2, 3)
