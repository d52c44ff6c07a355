"""Matting metrics: SAD, MSE, MAD, gradient and connectivity error (Rhemann et al. 2009), and region overlap.

All take float32 alphas (H, W) in [0, 1], the predicted one first, and raise ValueError where sizes differ.
`where` is a bool mask (H, W) of the pixels that count; None means the whole image, as SHM measures, and
`unknown_region` gives the one that trimap-based matting is measured in. SAD, gradient and connectivity are
sums divided by 1000, by convention; SHM's tables divide by the image's pixels (`MatteErrors.paper`).
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.float32]
Mask = NDArray[np.bool_]

_Value = TypeVar("_Value", bound=np.generic)

_SIGMA = 1.4
_STEP = 0.1


@dataclass(frozen=True, slots=True)
class PaperUnits:
    """Errors in the units of SHM's Tables 3 to 5: sums over the image's pixels, in the multiples that the
    tables print. A SAD of 3.833 is a mean absolute difference of 0.003833. (The paper's own Conn is likely
    in 1e-4, not the 1e-5 that its header says: everywhere else Conn comes out near SAD.)"""

    sad_e3: float
    mse_e3: float
    gradient_e5: float
    connectivity_e5: float


@dataclass(frozen=True, slots=True)
class MatteErrors:
    """One matte's errors over the pixels that count, in the usual units: `sad`, `gradient`, `connectivity`
    sums / 1000; `mse`, `mad` means. `counted`: how many pixels count; `pixels`: how many the image has."""

    sad: float
    mse: float
    mad: float
    gradient: float
    connectivity: float
    counted: int
    pixels: int

    @property
    def paper(self) -> PaperUnits:
        """The same in SHM's units. SHM divides by the image's pixels, wherever it sums."""
        return PaperUnits(
            sad_e3=self.sad * 1000 / self.pixels * 1e3,
            mse_e3=self.mse * self.counted / self.pixels * 1e3,
            gradient_e5=self.gradient * 1000 / self.pixels * 1e5,
            connectivity_e5=self.connectivity * 1000 / self.pixels * 1e5,
        )


def matte_errors(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> MatteErrors:
    """All five errors of one matte."""
    return MatteErrors(
        sad=sad(alpha, truth, where),
        mse=mse(alpha, truth, where),
        mad=mad(alpha, truth, where),
        gradient=gradient(alpha, truth, where),
        connectivity=connectivity(alpha, truth, where),
        counted=truth.size if where is None else int(where.sum()),
        pixels=truth.size,
    )


def unknown_region(truth: Alpha, radius: int = 10) -> Mask:
    """True (H, W) where the true alpha is soft, and up to `radius` px from there in x and y: the unknown
    region of a trimap made from it. Where an edge is hard, the pixels on its sides count as soft."""
    soft = ((truth > 0) & (truth < 1)).astype(np.uint8)
    person = (truth >= 0.5).astype(np.uint8)
    soft |= cv2.morphologyEx(person, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(soft, np.ones((2 * radius + 1,) * 2, np.uint8)) > 0)


def sad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Sum of absolute differences / 1000."""
    return float(_chosen(np.abs(_difference(alpha, truth)), where).sum(dtype=np.float64)) / 1000


def mad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Mean absolute difference; 0 where no pixel counts."""
    return _mean(np.abs(_difference(alpha, truth)), where)


def mse(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Mean squared difference; 0 where no pixel counts."""
    return _mean(_difference(alpha, truth) ** 2, where)


def gradient(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Squared difference of gradient magnitudes, summed / 1000.

    As in the authors' MATLAB: each matte is stretched to [0, 1], then convolved with Gaussian derivatives of
    sigma 1.4 (9 x 9, each kernel divided by its L2 norm), borders replicated.
    """
    _check(alpha, truth)
    difference = (_gradient_magnitude(alpha) - _gradient_magnitude(truth)) ** 2
    return float(_chosen(difference, where).sum(dtype=np.float64)) / 1000


def connectivity(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Connectivity error, summed / 1000.

    Per threshold t = 0.1, 0.2 .. 1 the region is the largest 4-connected component of both mattes being at
    least t, the background's label left out (a widely copied port takes the background where that is
    larger); where no pixel is in both mattes the region is empty, which the MATLAB stops at. l is the last
    threshold at which a pixel was still in it; degree 1 - d where d = v - l >= 0.15, else 1.
    """
    _check(alpha, truth)
    level = np.ones(alpha.shape, np.float64)
    open_pixels = np.ones(alpha.shape, bool)
    steps = round(1 / _STEP)
    for k in range(1, steps + 1):
        threshold = k / steps
        region = _largest_component((alpha >= threshold) & (truth >= threshold))
        left = open_pixels & ~region
        level[left] = (k - 1) / steps
        open_pixels &= region
    difference = np.abs(_degree(alpha, level) - _degree(truth, level))
    return float(_chosen(difference, where).sum()) / 1000


def iou(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Intersection over union of alpha >= 0.5; 1 where both are empty."""
    a, b = _chosen(alpha >= 0.5, where), _chosen(truth >= 0.5, where)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def iou_outside_band(alpha: Alpha, truth: Alpha, radius: int = 5) -> float:
    """`iou` without the pixels closer than `radius` px to the truth's edge, where hand-made masks are off."""
    return iou(alpha, truth, outside_band(truth, radius))


def outside_band(truth: Alpha, radius: int = 5) -> Mask:
    """True (H, W) where the truth's edge (its crossing of 0.5) is more than `radius` px away."""
    mask = (truth >= 0.5).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask, disc) == cv2.erode(mask, disc))


def _check(alpha: Alpha, truth: Alpha) -> None:
    # numpy would stretch a matte of one row or column over the other without a word.
    if alpha.shape != truth.shape or alpha.ndim != 2:
        raise ValueError(
            f"mattes of shapes {alpha.shape} and {truth.shape}: both must be (H, W), the same size"
        )


def _difference(alpha: Alpha, truth: Alpha) -> Alpha:
    _check(alpha, truth)
    return alpha - truth


def _chosen(values: NDArray[_Value], where: Mask | None) -> NDArray[_Value]:
    return values if where is None else values[where]


def _mean(values: Alpha, where: Mask | None) -> float:
    chosen = _chosen(values, where)
    return float(chosen.mean(dtype=np.float64)) if chosen.size else 0.0


def _gradient_magnitude(alpha: Alpha) -> NDArray[np.float64]:
    low, high = float(alpha.min()), float(alpha.max())
    stretched = (alpha.astype(np.float64) - low) / (high - low) if high > low else np.zeros(alpha.shape)
    kernel = gradient_kernel()
    across = cv2.filter2D(stretched, cv2.CV_64F, kernel, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(stretched, cv2.CV_64F, kernel.T, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(across, down))


def gradient_kernel() -> NDArray[np.float64]:
    """float64 (9, 9): first derivative along x of a Gaussian, of unit L2 norm.

    The half width is where the Gaussian falls to 1 % of what its peak would be for sigma's normalisation.
    """
    half = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * 0.01)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    bell = np.exp(-(x**2) / (2 * _SIGMA**2)) / (_SIGMA * math.sqrt(2 * math.pi))
    kernel = np.outer(bell, -x * bell / _SIGMA**2)
    return np.asarray(kernel / np.sqrt((kernel**2).sum()))


def _largest_component(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _degree(alpha: Alpha, level: NDArray[np.float64]) -> NDArray[np.float64]:
    distance = alpha - level
    return np.where(distance >= 0.15, 1 - distance, 1.0)
