"""Blend modes: each one's formula on known values, and alpha on top of it."""

import numpy as np
import pytest

from pipeline.blending import MODES, blend_as
from pipeline.patch import Patch, flat

UNDER, ABOVE = 0.8, 0.25


def blended(mode: str, under: float, above: float, alpha: int = 255) -> float:
    """One grey pixel, 0..1, after `above` was laid over `under`."""
    canvas = np.full((2, 2, 3), round(under * 255), np.uint8)
    grey = round(above * 255)
    blend_as(canvas, Patch(flat(np.full((2, 2), 255, np.uint8), (grey, grey, grey, alpha)), 0, 0), mode)
    return float(canvas[0, 0, 0]) / 255


@pytest.mark.parametrize(
    ("mode", "under", "above", "expected"),
    [
        ("normal", 0.8, 0.25, 0.25),
        ("multiply", 0.8, 0.25, 0.2),
        ("screen", 0.8, 0.25, 0.85),
        ("overlay", 0.8, 0.25, 1 - 2 * 0.2 * 0.75),
        ("overlay", 0.4, 0.25, 2 * 0.4 * 0.25),
        ("soft-light", 0.8, 0.25, 0.8 - 0.5 * 0.8 * 0.2),
        ("soft-light", 0.64, 0.75, 0.64 + 0.5 * (0.8 - 0.64)),
        ("darken", 0.8, 0.25, 0.25),
        ("lighten", 0.8, 0.25, 0.8),
        ("color-dodge", 0.6, 0.25, 0.8),
        ("color-dodge", 0.8, 1.0, 1.0),
        ("color-dodge", 0.0, 1.0, 0.0),
        ("difference", 0.8, 0.25, 0.55),
    ],
)
def test_modes_mix_as_the_standard_says(mode: str, under: float, above: float, expected: float) -> None:
    assert blended(mode, under, above) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("mode", ["normal", *MODES])
def test_a_clear_layer_changes_nothing_and_half_a_layer_goes_half_way(mode: str) -> None:
    full, half = blended(mode, UNDER, ABOVE), blended(mode, UNDER, ABOVE, alpha=128)

    assert blended(mode, UNDER, ABOVE, alpha=0) == pytest.approx(UNDER, abs=0.003)
    assert half == pytest.approx((UNDER + full) / 2, abs=0.012)


def test_an_empty_patch_is_no_layer() -> None:
    canvas = np.full((2, 2, 3), 7, np.uint8)

    blend_as(canvas, Patch(np.zeros((0, 0, 4), np.uint8), 0, 0), "multiply")

    assert (canvas == 7).all()
