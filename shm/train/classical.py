"""Closed-form (Levin et al. 2008) and KNN (Chen et al. 2013) matting from a hard trimap, by pymatting.

Both solve a linear system with one unknown per pixel: they are slow, and KNN very slow, so photos are worked
on at LONG_SIDE. pymatting is an optional dependency.
"""

from dataclasses import dataclass
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.matter import Alpha, Pixels
from shm.tnet import FOREGROUND, UNKNOWN

LONG_SIDE = 512
"""Longer photos are scaled down to this for these methods. At 640 px KNN needs 38 s a photo on a busy core,
closed-form 2.5 s; SHM at full size needs less than either there."""
METHODS = ("closed-form", "knn")


class NoPymatting(RuntimeError):
    """pymatting is not installed. The message says how to get it."""


@dataclass(frozen=True, slots=True)
class Solved:
    """`alpha` float32 (H, W) in [0, 1]. `problem` says why it is the trimap itself, unknown taken as 0.5;
    empty where the method gave an answer."""

    alpha: Alpha
    problem: str = ""


def solve(method: str, photo: Pixels, trimap: NDArray[np.uint8]) -> Solved:
    """One of METHODS. photo: uint8 (H, W, 3) sRGB; trimap: uint8 (H, W) of BACKGROUND, UNKNOWN, FOREGROUND.
    Where the trimap is sure it is the answer. Raises NoPymatting."""
    pymatting = load()
    unknown = trimap == UNKNOWN
    given = trimap.astype(np.float32) / np.float32(FOREGROUND)
    if not unknown.any():
        return Solved(given)
    image, small = _scaled(photo, given)
    missing = [word for word, value in (("person", 1), ("background", 0)) if not (small == value).any()]
    if missing:
        return Solved(given, f"a trimap without {' and '.join(missing)}")
    estimate = pymatting.estimate_alpha_cf if method == "closed-form" else pymatting.estimate_alpha_knn
    try:
        found = estimate(image, small)
    except ValueError as error:  # pymatting's word for a solver that came to no end
        return Solved(given, str(error))
    alpha = cv2.resize(found, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return Solved(np.where(unknown, np.clip(alpha, 0, 1), given).astype(np.float32))


def load() -> ModuleType:
    """pymatting. Raises NoPymatting."""
    try:
        import pymatting
    except ImportError as error:
        raise NoPymatting(
            "closed-form and KNN matting need the package pymatting: pip install 'shm-banners[evaluate]'"
        ) from error
    return pymatting  # type: ignore[no-any-return]


def _scaled(photo: Pixels, trimap: Alpha) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Photo in [0, 1] and trimap (0, 0.5, 1) at the working size. A pixel that covers anything but one sure
    class is unknown."""
    scale = min(1.0, LONG_SIDE / max(trimap.shape))
    size = (max(1, round(trimap.shape[1] * scale)), max(1, round(trimap.shape[0] * scale)))
    image = cv2.resize(photo, size, interpolation=cv2.INTER_AREA) / 255.0
    small = cv2.resize(trimap, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    small[(small > 1e-4) & (small < 1 - 1e-4)] = 0.5
    return image, np.round(small * 2) / 2
