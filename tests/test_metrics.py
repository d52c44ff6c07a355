"""Metrics against slow, literal references, and the traps that public ports fell into."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from shm import metrics

Alpha = NDArray[np.float32]


def random_pair(seed: int, size: tuple[int, int] = (24, 20)) -> tuple[Alpha, Alpha]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    truth = np.clip(1.3 - np.hypot(x - 9, y - 12) / 6 + rng.normal(0, 0.05, size), 0, 1)
    return np.clip(truth + rng.normal(0, 0.15, size), 0, 1).astype(np.float32), truth.astype(np.float32)


def slow_gradient(alpha: Alpha, truth: Alpha) -> float:
    return float(((slow_magnitude(alpha) - slow_magnitude(truth)) ** 2).sum()) / 1000


def slow_magnitude(alpha: Alpha) -> NDArray[np.float64]:
    """Pixel by pixel, kernel tap by kernel tap."""
    stretched = (alpha.astype(float) - alpha.min()) / (alpha.max() - alpha.min())
    sigma, half = 1.4, 4
    across = np.zeros((9, 9))
    for i in range(9):
        for j in range(9):
            bell = [
                math.exp(-((k - half) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
                for k in (i, j)
            ]
            across[i, j] = bell[0] * (-(j - half) * bell[1] / sigma**2)
    across /= math.sqrt((across**2).sum())
    padded = np.pad(stretched, half, mode="edge")
    result = np.zeros(alpha.shape)
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            window = padded[y : y + 9, x : x + 9]
            result[y, x] = math.hypot((window * across).sum(), (window * across.T).sum())
    return result


def slow_connectivity(alpha: Alpha, truth: Alpha) -> float:
    level = np.full(alpha.shape, -1.0)
    for k in range(1, 11):
        inside = flood_largest((alpha >= k / 10) & (truth >= k / 10))
        level[(level == -1) & ~inside] = (k - 1) / 10
    level[level == -1] = 1
    degrees = []
    for matte in (alpha, truth):
        d = matte - level
        degrees.append(1 - d * (d >= 0.15))
    return float(np.abs(degrees[0] - degrees[1]).sum()) / 1000


def flood_largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Largest 4-connected component by flooding from every pixel; empty for an empty mask."""
    best: set[tuple[int, int]] = set()
    seen: set[tuple[int, int]] = set()
    for start in zip(*np.nonzero(mask), strict=True):
        component, stack = set(), [start]
        while stack:
            y, x = stack.pop()
            inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]
            if inside and (y, x) not in seen:
                seen.add((y, x))
                component.add((y, x))
                stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        best = max(best, component, key=len)
    result = np.zeros_like(mask)
    for y, x in best:
        result[y, x] = True
    return result


@pytest.mark.parametrize("seed", range(4))
def test_gradient_equals_the_literal_reference(seed: int) -> None:
    alpha, truth = random_pair(seed)

    assert metrics.gradient(alpha, truth) == pytest.approx(slow_gradient(alpha, truth), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_connectivity_equals_the_literal_reference(seed: int) -> None:
    alpha, truth = random_pair(seed)

    assert metrics.connectivity(alpha, truth) == pytest.approx(slow_connectivity(alpha, truth), rel=1e-5)


def test_connectivity_does_not_take_the_background_for_the_subject() -> None:
    # A small subject in a large background, torn in two: the background has the largest label.
    truth = np.zeros((40, 40), np.float32)
    truth[10:16, 10:16] = 1
    alpha = truth.copy()
    alpha[10:16, 13] = 0.5

    assert metrics.connectivity(alpha, truth) == pytest.approx(slow_connectivity(alpha, truth))
    assert metrics.connectivity(alpha, truth) > 0


def test_the_gradient_kernel_is_9x9_of_unit_norm_and_blind_to_flat_areas() -> None:
    kernel = metrics.gradient_kernel()

    assert kernel.shape == (9, 9)
    assert (kernel**2).sum() == pytest.approx(1)
    assert kernel.sum() == pytest.approx(0, abs=1e-12)


def test_the_gradient_error_ignores_contrast() -> None:
    alpha, _ = random_pair(0)

    assert metrics.gradient(alpha * 0.5, alpha) == pytest.approx(0, abs=1e-6)


def test_sums_and_means_by_hand() -> None:
    alpha = np.array([[0, 0.5], [1, 1]], np.float32)
    truth = np.array([[0, 1], [1, 0]], np.float32)

    assert metrics.sad(alpha, truth) == pytest.approx(1.5 / 1000)
    assert metrics.mad(alpha, truth) == pytest.approx(1.5 / 4)
    assert metrics.mse(alpha, truth) == pytest.approx(1.25 / 4)


def test_a_mask_chooses_the_pixels_that_count() -> None:
    alpha = np.array([[0, 0.5], [1, 1]], np.float32)
    truth = np.array([[0, 1], [1, 0]], np.float32)
    upper = np.array([[True, True], [False, False]])

    assert metrics.sad(alpha, truth, upper) == pytest.approx(0.5 / 1000)
    assert metrics.mad(alpha, truth, upper) == pytest.approx(0.25)
    assert metrics.mse(alpha, truth, upper) == pytest.approx(0.125)


@pytest.mark.parametrize("measure", ["sad", "mad", "mse", "gradient", "connectivity"])
def test_equal_mattes_have_no_error(measure: str) -> None:
    alpha, _ = random_pair(0)

    assert getattr(metrics, measure)(alpha, alpha) == 0


@pytest.mark.parametrize("measure", ["sad", "mad", "mse", "gradient", "connectivity"])
def test_flat_mattes_are_measured_too(measure: str) -> None:
    flat = np.zeros((12, 12), np.float32)

    assert getattr(metrics, measure)(flat, flat) == 0


def square(margin: int, size: int = 60) -> Alpha:
    alpha = np.zeros((size, size), np.float32)
    alpha[margin:-margin, margin:-margin] = 1
    return alpha


def test_iou_by_hand() -> None:
    assert metrics.iou(square(20), square(10)) == pytest.approx(400 / 1600)


def test_iou_of_nothing_with_nothing_is_one() -> None:
    assert metrics.iou(square(30), square(30)) == 1


@pytest.mark.parametrize(("grown", "perfect"), [(4, True), (5, True), (6, False), (8, False)])
def test_errors_within_the_band_do_not_count(grown: int, perfect: bool) -> None:
    truth = np.zeros((60, 60), np.float32)
    truth[:, 30:] = 1
    alpha = np.roll(truth, -grown, axis=1)
    alpha[:, -10:] = 1

    assert (metrics.iou_outside_band(alpha, truth, radius=5) == 1) is perfect


def test_the_band_is_as_wide_as_asked() -> None:
    outside = metrics.outside_band(square(20), radius=5)

    assert outside[30, [14, 15, 24, 25]].tolist() == [True, False, False, True]
