"""Shapes, gradients, texts and pictures as patches of pixels."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import JobError
from pipeline.fonts import FontBook
from pipeline.items import Area, Line, Picture, Ramp, Shape, SoftShadow, Text
from pipeline.paint import paint, ramp_colours
from pipeline.patch import Painted, Patch, blend, flat, premultiplied, turned
from pipeline.text import TextStyle, fit
from pipeline.types import Size

SIZE = Size(200, 100)
RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)
BOX = Shape("", Area(20, 10, 100, 60), "rect", 0, 16, 0.8, (), RED, None, None, 1, None)


def painted(item: Shape | Text | Picture, folders: tuple[Path, ...] = ()) -> Patch:
    return paint(item, SIZE, "mine", folders)


def coverage(shape: Shape) -> float:
    """The painted area in square pixels."""
    return float(painted(shape).pixels[..., 3].sum()) / 255


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (BOX, 6000),
        (replace(BOX, radius=20), 6000 - (4 - math.pi) * 400),
        (replace(BOX, kind="ellipse"), math.pi * 50 * 30),
        (replace(BOX, kind="arch"), math.pi * 50 * 50 / 2 + 100 * 10),
        (replace(BOX, kind="polygon", path=((0, 0), (1, 0), (0, 1))), 3000),
        (replace(BOX, kind="burst", points=90, inner=1.0), math.pi * 50 * 30),
        (replace(BOX, kind="dots", points=10, inner=0.8), 60 * 24 * math.sin(math.pi / 24) * 16),
        (replace(BOX, area=Area(-50, -30, 100, 60)), 50 * 30),
        (replace(BOX, area=Area(20.5, 10.25, 10, 10)), 100),
    ],
    ids=lambda value: value.kind if isinstance(value, Shape) else None,
)
def test_shapes_cover_their_area(shape: Shape, expected: float) -> None:
    assert coverage(shape) == pytest.approx(expected, rel=0.003)


def test_a_shape_that_fills_the_banner_leaves_no_seam() -> None:
    full = painted(replace(BOX, area=Area(0, 0, 200, 100)))

    assert full.pixels.shape == (100, 200, 4)
    assert full.pixels[..., 3].min() == 255


def test_a_turned_shape_keeps_its_area() -> None:
    small = replace(BOX, area=Area(60, 30, 60, 40))

    assert coverage(replace(small, turn=(30.0, 90.0, 50.0))) == pytest.approx(2400, rel=0.01)


def test_rays_stay_inside_their_area() -> None:
    rays = painted(replace(BOX, kind="rays", points=12, inner=0.5, area=Area(-100, -100, 400, 300)))

    assert rays.pixels.shape[:2] == (SIZE.height, SIZE.width)
    assert rays.pixels[..., 3].mean() / 255 == pytest.approx(0.5, abs=0.05)


def test_a_stroke_lies_half_inside_and_half_outside() -> None:
    stroked = painted(replace(BOX, fill=None, stroke=Line(BLUE, 4)))

    assert float(stroked.pixels[..., 3].sum()) / 255 == pytest.approx(4 * 2 * (100 + 60), rel=0.03)
    assert stroked.left == 17


@pytest.mark.parametrize(
    ("angle", "first", "last"),
    [(0, (15, 30), (15, 110)), (90, (15, 60), (65, 60)), (180, (15, 110), (15, 30))],
)
def test_a_linear_gradient_runs_along_its_angle(
    angle: float, first: tuple[int, int], last: tuple[int, int]
) -> None:
    canvas = np.zeros((100, 200, 3), np.uint8)
    blend(canvas, painted(replace(BOX, fill=Ramp("linear", (RED, BLUE), angle, (0.5, 0.5)))))

    assert canvas[first][0] > canvas[first][2]
    assert canvas[last][2] > canvas[last][0]


def test_a_gradients_table_ends_in_its_colours() -> None:
    table = ramp_colours(Ramp("linear", (RED, (0, 255, 0, 0), BLUE), 0, (0.5, 0.5)))

    assert tuple(table[0]) == RED
    assert tuple(table[-1]) == BLUE
    assert table[len(table) // 2][3] < 3


def test_a_radial_gradient_is_brightest_at_its_centre() -> None:
    ramp = Ramp("radial", ((255, 255, 255, 255), (0, 0, 0, 255)), 0, (0.25, 0.5))
    pixels = painted(replace(BOX, fill=ramp)).pixels

    assert pixels[30, 25, 0] > 250
    assert pixels[30, 25, 0] > pixels[30, 95, 0] + 100


def test_opacity_fades_a_layer() -> None:
    assert tuple(painted(replace(BOX, opacity=0.5)).pixels[30, 30]) == (128, 0, 0, 128)


def test_a_shapes_shadow_lies_under_and_beside_it() -> None:
    shadow = SoftShadow((0, 0, 0, 128), 12, 8, 4)
    canvas = np.full((100, 200, 3), 255, np.uint8)
    blend(canvas, painted(replace(BOX, shadow=shadow)))

    assert tuple(canvas[40, 60]) == (255, 0, 0)
    assert 100 < canvas[50, 125, 0] < 200
    assert tuple(canvas[5, 5]) == (255, 255, 255)


def test_blending_is_exact_where_a_patch_is_opaque_or_clear() -> None:
    rng = np.random.default_rng(1)
    canvas = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    before = canvas.copy()
    rgb = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    alpha = np.zeros((20, 20), np.uint8)
    alpha[:, :10] = 255

    blend(canvas, Patch(premultiplied(rgb, alpha), 10, 5))

    assert np.array_equal(canvas[5:25, 10:20], rgb[:, :10])
    assert np.array_equal(canvas[5:25, 20:30], before[5:25, 20:30])


def test_half_covered_pixels_mix_both_colours() -> None:
    canvas = np.full((2, 2, 3), 200, np.uint8)
    blend(canvas, Patch(flat(np.full((2, 2), 128, np.uint8), (0, 100, 255, 255)), 0, 0))

    assert np.allclose(canvas[0, 0], [100, 150, 228], atol=1)


def test_turning_never_makes_a_colour_brighter_than_its_alpha() -> None:
    patch = turned(painted(BOX), (17.0, 70.0, 40.0))

    assert (patch.pixels[..., :3] <= patch.pixels[..., 3:]).all()


def text_item(text: str, strike: Line | None = None) -> Text:
    block = fit(text, TextStyle("sans", 700, 40, 20), 180, 90, FontBook.load())
    ink = Area(10 + block.ink.left, 5 + block.ink.top, block.ink.width, block.ink.height)
    return Text("t", 10, 5, ink, block, (text,), True, RED, strike, 1, None, False)


def test_text_is_painted_in_its_colour_where_its_ink_is() -> None:
    item = text_item("Sale")
    patch = painted(item)

    assert abs(patch.left - item.area.x) <= 1
    assert abs(patch.pixels.shape[1] - item.area.width) <= 2
    assert patch.pixels[..., 0].max() == 255
    assert patch.pixels[..., 1].max() == 0


def test_a_strike_runs_through_the_figures_and_past_their_ends() -> None:
    plain, struck = painted(text_item("1,280")), painted(text_item("1,280", Line(BLUE, 3)))
    rows = np.flatnonzero((struck.pixels[..., 2] > 200).any(axis=1))

    assert struck.pixels.shape[1] > plain.pixels.shape[1]
    assert len(rows) == 3
    assert 0.25 < rows.mean() / struck.pixels.shape[0] < 0.65


def test_a_picture_covers_its_area_and_is_rounded(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (300, 50), (10, 200, 30)).save(tmp_path / "mine" / "a.png")
    item = Picture("p", Area(20, 10, 60, 60), "a.png", "digest", "cover", 30, 1, None)

    patch = painted(item, (tmp_path,))

    assert tuple(patch.pixels[30, 30]) == (10, 200, 30, 255)
    assert patch.pixels[0, 0, 3] == 0


def test_a_lost_asset_is_told(tmp_path: Path) -> None:
    item = Picture("p", Area(0, 0, 60, 60), "gone.png", "other", "cover", 0, 1, None)

    with pytest.raises(JobError, match=r"gone\.png"):
        painted(item, (tmp_path,))


def test_what_was_painted_is_kept_until_there_is_too_much() -> None:
    kept: Painted[str] = Painted(max_bytes=100)
    calls: list[str] = []

    def ask(name: str) -> str:
        return kept.get(name, lambda: calls.append(name) or name, lambda _: 60)  # type: ignore[func-returns-value]

    for name in ("a", "a", "b", "b", "a"):
        assert ask(name) == name

    assert calls == ["a", "b", "a"]
