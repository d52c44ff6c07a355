"""Foreground colours carried outwards, so that a composite's soft edge does not show the old ground."""

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR = (5, 11)
"""Blur sizes that carry colours across a hard mask's edge."""
FAR = (5, 11, 25, 61, 151)
"""Blur sizes that carry them out to the tips of loose hair."""


def extend_colours(
    photo: NDArray[np.uint8], alpha: NDArray[np.uint8], sizes: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Colours of the sure foreground, continued where alpha is below one by widening weighted blurs.

    photo: uint8 (H, W, 3) RGB; alpha: uint8 (H, W). -> uint8 (H, W, 3); the photo's own
    beyond their reach. A fast stand-in for a solver: the
    network only needs plausible colours. (Blur fusion, Forte 2021, without its last correction.)
    """
    sure = cv2.erode((alpha > 242).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    filled = photo.astype(np.float32) * sure[..., None]
    weight = sure
    result, done = filled.copy(), sure[..., None].copy()
    for size in sizes:
        colour = cv2.blur(filled, (size, size))
        share = cv2.blur(weight, (size, size))[..., None]
        fresh = (done == 0) & (share > 1e-3)
        result = np.where(fresh, colour / np.maximum(share, 1e-3), result)
        done = np.where(fresh, 1, done)
    result = np.where(done == 0, photo, result)
    return np.clip(result, 0, 255).astype(np.uint8)
