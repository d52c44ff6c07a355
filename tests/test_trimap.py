"""Alpha to trimap."""

import numpy as np

from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN
from shm.trimap import one_hot, trimap_from_alpha


def disc(side: int = 64, radius: int = 20) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.where(x**2 + y**2 < radius**2, 255, 0).astype(np.uint8)


def test_classes_are_background_unknown_foreground_in_this_order() -> None:
    assert (BACKGROUND, UNKNOWN, FOREGROUND) == (0, 1, 2)


def test_a_hard_mask_gets_an_unknown_band_of_the_asked_width() -> None:
    trimap = trimap_from_alpha(disc(), dilate=3, erode=2)
    middle = trimap[32]
    assert middle[32] == FOREGROUND
    assert middle[0] == BACKGROUND
    assert np.count_nonzero(middle == UNKNOWN) == 2 * (3 + 2)


def test_every_soft_pixel_is_unknown_without_any_widening() -> None:
    alpha = disc()
    alpha[30:34, :8] = 128
    trimap = trimap_from_alpha(alpha, dilate=0, erode=0)
    assert (trimap[30:34, :8] == UNKNOWN).all()


def test_an_empty_alpha_is_all_background() -> None:
    assert (trimap_from_alpha(np.zeros((8, 8), np.uint8), dilate=5, erode=5) == BACKGROUND).all()


def test_one_hot_maps_sum_to_one() -> None:
    maps = one_hot(trimap_from_alpha(disc(), dilate=3, erode=3))
    assert maps.shape == (3, 64, 64)
    assert (maps.sum(axis=0) == 1).all()
