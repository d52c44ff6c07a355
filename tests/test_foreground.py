"""Foreground colours on synthetic truth: hair-like strands, known F, B and alpha."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shm.foreground import SOLID, estimate_foreground

Floats = NDArray[np.float32]


def colours(seed: int, size: tuple[int, int], nodes: int) -> Floats:
    """A smooth random picture, float32 (H, W, 3) in 0..255."""
    coarse = np.random.default_rng(seed).uniform(20, 235, (nodes, nodes, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), 0, 255)


def strands(seed: int, size: tuple[int, int]) -> Floats:
    """Alpha of a head with three hundred strands round it, float32 (H, W) in [0, 1]."""
    rng = np.random.default_rng(seed)
    height, width = size
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 5, height // 5), 0, 0, 360, 255, -1, cv2.LINE_AA)
    angles = rng.uniform(0, 2 * np.pi, 300)
    turns = np.cumsum(rng.normal(0, 0.25, (300, 8)), axis=1) + angles[:, None]
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * width / 60
    start = np.stack([np.cos(angles) * width / 5, np.sin(angles) * height / 5], axis=-1)[:, None]
    paths = np.cumsum(np.concatenate([start, steps], axis=1), axis=1) + (width / 2, height / 2)
    for path, strength in zip(paths, rng.integers(60, 230, 300), strict=True):
        cv2.polylines(mask, [path.astype(np.int32)], False, int(strength), 1, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255


def scene(seed: int, size: tuple[int, int] = (480, 360)) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """A photo, its true alpha and its true foreground colours."""
    alpha, foreground = strands(seed, size), colours(seed + 100, size, 5)
    a = alpha[..., None]
    photo = a * foreground + (1 - a) * colours(seed + 200, size, 7)
    return np.rint(photo).astype(np.uint8), alpha, foreground


def psnr(found: NDArray, truth: Floats, alpha: Floats) -> float:
    """Of premultiplied colours, in the band."""
    band = (alpha > 0.02) & (alpha < 0.98)
    error = (alpha[..., None] * (found.astype(np.float32) - truth))[band]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def on_ground(colours: NDArray, alpha: Floats, ground: tuple[int, int, int]) -> Floats:
    """The cut-out set on a plain ground, float32 (H, W, 3) in 0..255."""
    a = alpha[..., None]
    return a * colours.astype(np.float32) + (1 - a) * np.float32(ground)


def fringe_of(banner: Floats, truth: Floats, alpha: Floats) -> float:
    """How far the soft edge is off, in levels of 255, on average."""
    band = (alpha > 0.02) & (alpha < 0.98)
    return float(np.abs(banner - truth)[band].mean())


@pytest.mark.parametrize("seed", range(3))
def test_strands_keep_their_own_colour_ten_decibels_better_than_the_photos(seed: int) -> None:
    photo, alpha, truth = scene(seed)

    found = estimate_foreground(photo, alpha)

    assert psnr(found, truth, alpha) >= psnr(photo, truth, alpha) + 10


@pytest.mark.parametrize("seed", range(3))
def test_hair_has_no_halo_on_any_ground(seed: int) -> None:
    ground = (255, 255, 255)  # blending is linear: the error is the same on a dark or a saturated one
    photo, alpha, truth = scene(seed)

    found = estimate_foreground(photo, alpha)

    wanted = on_ground(truth, alpha, ground)
    halo = fringe_of(on_ground(found, alpha, ground), wanted, alpha)
    assert halo <= 2
    assert fringe_of(on_ground(photo, alpha, ground), wanted, alpha) >= 3 * halo


@pytest.mark.parametrize("seed", range(2))
def test_a_wrong_alpha_does_not_make_it_worse_than_the_photo(seed: int) -> None:
    photo, alpha, truth = scene(seed)
    blurred = cv2.GaussianBlur(alpha, (0, 0), 1.5)

    found = estimate_foreground(photo, blurred)

    assert psnr(found, truth, alpha) > psnr(photo, truth, alpha)


def test_solid_pixels_keep_the_photos_colours_exactly() -> None:
    photo, alpha, _ = scene(0)

    found = estimate_foreground(photo, alpha)

    assert (found[alpha >= SOLID] == photo[alpha >= SOLID]).all()


def test_no_background_colour_is_left_where_alpha_is_zero() -> None:
    # A red person in a green photo: what continues past the edge is red.
    alpha = np.zeros((120, 120), np.float32)
    alpha[30:90, 30:90] = 1
    photo = np.where(alpha[..., None] > 0, np.uint8([200, 20, 20]), np.uint8([20, 200, 20]))

    found = estimate_foreground(photo, alpha)

    assert found[alpha == 0][:, 1].mean() < 60


def test_the_same_photo_gives_the_same_bytes() -> None:
    photo, alpha, _ = scene(0)

    assert (estimate_foreground(photo, alpha) == estimate_foreground(photo, alpha)).all()


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, alpha, _ = scene(0)
    whole = estimate_foreground(photo, alpha)

    monkeypatch.setattr("shm.foreground._STRIP_PIXELS", 5000)

    assert (estimate_foreground(photo, alpha) == whole).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (5, 7), (64, 33)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_every_size_and_every_flat_alpha_works(size: tuple[int, int], value: float) -> None:
    photo = np.full((*size, 3), 90, np.uint8)

    found = estimate_foreground(photo, np.full(size, value, np.float32))

    assert found.shape == photo.shape
    assert found.dtype == np.uint8
    assert (np.abs(found.astype(int) - 90) <= 1).all() or value == 0


def test_the_inputs_are_left_as_they_were() -> None:
    photo, alpha, _ = scene(0)
    copies = photo.copy(), alpha.copy()

    estimate_foreground(photo, alpha)

    assert (photo == copies[0]).all()
    assert (alpha == copies[1]).all()
