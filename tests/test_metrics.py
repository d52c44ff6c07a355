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


def two_people(size: tuple[int, int] = (26, 30)) -> tuple[Alpha, Alpha]:
    """Two soft discs, the smaller one lost in the prediction."""
    y, x = np.mgrid[: size[0], : size[1]]
    large, small = (np.clip(1.5 - np.hypot(x - a, y - b) / r, 0, 1) for a, b, r in ((9, 13, 7), (24, 8, 3)))
    return large.astype(np.float32), np.maximum(large, small).astype(np.float32)


def torn(size: tuple[int, int] = (20, 44)) -> tuple[Alpha, Alpha]:
    """A small person in a large ground, torn in two by a thin stripe of lower alpha: where a port that takes
    the ground for the largest component goes wrong."""
    truth = np.zeros(size, np.float32)
    truth[6:14, 14:30] = 1
    alpha = truth.copy()
    alpha[:, 20] *= 0.4
    alpha[9:12, 22:26] = 0.7
    return alpha, truth


def filled(size: tuple[int, int] = (18, 18)) -> tuple[Alpha, Alpha]:
    """Somebody who fills most of the photo, with a hole in the prediction and soft edges."""
    truth = np.full(size, 0.95, np.float32)
    truth[:, :2] = 0
    truth[:, 2] = 0.45
    alpha = truth.copy()
    alpha[7:11, 7:11] = 0.15
    return alpha, truth


def apart(size: tuple[int, int] = (16, 16)) -> tuple[Alpha, Alpha]:
    """Mattes that share no pixel: the intersection is empty, where the MATLAB stops with an error."""
    alpha, truth = np.zeros(size, np.float32), np.zeros(size, np.float32)
    alpha[2:6, 2:6], truth[9:13, 9:13] = 1, 0.8
    return alpha, truth


MATTES = {f"random {seed}": random_pair(seed) for seed in range(4)} | {
    "two people": two_people(),
    "torn": torn(),
    "filled": filled(),
    "apart": apart(),
}


def region(truth: Alpha, choice: str) -> NDArray[np.bool_] | None:
    """The whole image, or where the truth is soft."""
    return None if choice == "whole" else metrics.unknown_region(truth, radius=2)


def pixels(shape: tuple[int, ...], where: NDArray[np.bool_] | None) -> list[tuple[int, int]]:
    return [(y, x) for y in range(shape[0]) for x in range(shape[1]) if where is None or where[y, x]]


def slow_errors(alpha: Alpha, truth: Alpha, where: NDArray[np.bool_] | None) -> dict[str, float]:
    """All five, pixel by pixel."""
    chosen = pixels(alpha.shape, where)
    differences = [float(alpha[at]) - float(truth[at]) for at in chosen]
    steep, true_steep = slow_magnitude(alpha), slow_magnitude(truth)
    level = slow_level(alpha, truth)
    return {
        "sad": sum(abs(d) for d in differences) / 1000,
        "mad": sum(abs(d) for d in differences) / len(chosen),
        "mse": sum(d * d for d in differences) / len(chosen),
        "gradient": sum(float(steep[at] - true_steep[at]) ** 2 for at in chosen) / 1000,
        "connectivity": sum(
            abs(slow_degree(alpha[at], level[at]) - slow_degree(truth[at], level[at])) for at in chosen
        )
        / 1000,
    }


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


def slow_level(alpha: Alpha, truth: Alpha) -> NDArray[np.float64]:
    """The last threshold at which each pixel was still in the largest component of both mattes."""
    level = np.full(alpha.shape, -1.0)
    for k in range(1, 11):
        inside = flood_largest((alpha >= k / 10) & (truth >= k / 10))
        level[(level == -1) & ~inside] = (k - 1) / 10
    level[level == -1] = 1
    return level


def slow_degree(value: float, level: float) -> float:
    d = float(value) - float(level)
    return 1 - d if d >= 0.15 else 1.0


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


@pytest.mark.parametrize("where", ["whole", "unknown"])
@pytest.mark.parametrize("mattes", MATTES)
def test_every_error_equals_the_slow_reference(mattes: str, where: str) -> None:
    alpha, truth = MATTES[mattes]
    counted = region(truth, where)

    measured = metrics.matte_errors(alpha, truth, counted)

    expected = slow_errors(alpha, truth, counted)
    assert {name: getattr(measured, name) for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_connectivity_does_not_take_the_background_for_the_subject() -> None:
    alpha, truth = torn()
    assert (truth == 0).sum() > (truth > 0).sum()

    # What the tear at column 20 cuts off is out of the region from 0.5 on, of level 0.4 and degree 0.4 in
    # both mattes. The patch of 0.7 leaves at 0.8, its level is 0.7: degree 1 in the prediction (d = 0) and
    # 0.7 in the truth (d = 0.3). The tear itself leaves at 0.5: degree 1, and 0.4 in the truth.
    assert metrics.connectivity(alpha, truth) == pytest.approx((12 * 0.3 + 8 * 0.6) / 1000, rel=1e-5)


def test_mattes_that_share_no_pixel_are_measured_by_their_own_values() -> None:
    alpha, truth = apart()

    # The region is empty at once, so every level is 0: a degree is 1 - v, the difference |v_p - v_g|.
    assert metrics.connectivity(alpha, truth) == pytest.approx((16 * 1 + 16 * 0.8) / 1000, rel=1e-5)


def test_the_papers_units_are_sums_over_the_images_pixels() -> None:
    alpha, truth = np.zeros((20, 50), np.float32), np.zeros((20, 50), np.float32)
    alpha[:2, :5] = 0.5
    upper = np.zeros((20, 50), bool)
    upper[:10] = True

    whole, unknown = metrics.matte_errors(alpha, truth), metrics.matte_errors(alpha, truth, upper)

    # 10 pixels of 1,000 off by a half: a mean of 0.005 and a mean square of 0.0025, printed in thousandths.
    assert (whole.paper.sad_e3, whole.paper.mse_e3) == pytest.approx((5, 2.5))
    assert (unknown.paper.sad_e3, unknown.paper.mse_e3) == pytest.approx((5, 2.5))
    assert unknown.mse == pytest.approx(2 * whole.mse)
    assert whole.paper.gradient_e5 == pytest.approx(whole.gradient * 1e5)
    assert whole.paper.connectivity_e5 == pytest.approx(whole.connectivity * 1e5)


def test_the_unknown_region_is_what_is_soft_and_what_is_near_it() -> None:
    truth = np.zeros((20, 20), np.float32)
    truth[10, 10] = 0.3

    unknown = metrics.unknown_region(truth, radius=3)

    assert unknown.sum() == 7 * 7
    assert unknown[7:14, 7:14].all()


def test_a_hard_edge_is_unknown_too() -> None:
    truth = np.zeros((20, 20), np.float32)
    truth[:, 10:] = 1

    assert np.flatnonzero(metrics.unknown_region(truth, radius=2)[5]).tolist() == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("measure", ["sad", "mad", "mse", "gradient", "connectivity"])
def test_mattes_of_different_sizes_are_refused(measure: str) -> None:
    with pytest.raises(ValueError, match=r"\(12, 1\) and \(12, 12\)"):
        getattr(metrics, measure)(np.zeros((12, 1), np.float32), np.zeros((12, 12), np.float32))


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
