"""Alpha to trimap: the labels T-Net learns, and the hard trimaps of M-Net's pre-training."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN


def trimap_from_alpha(alpha: NDArray[np.uint8], *, dilate: int, erode: int) -> NDArray[np.uint8]:
    """Classes from an alpha: unknown wherever it is soft, `dilate` px wider outwards and `erode` px inwards.

    alpha: uint8 (H, W), 0..255. -> uint8 (H, W) of BACKGROUND, UNKNOWN, FOREGROUND. SHM §4.2 makes its
    labels by dilating the true alpha and does not give the kernels; DIM draws them at random.
    """
    maybe = cv2.dilate((alpha > 8).astype(np.uint8), _disc(dilate))
    surely = cv2.erode((alpha > 247).astype(np.uint8), _disc(erode))
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[maybe == 0] = BACKGROUND
    trimap[surely == 1] = FOREGROUND
    return trimap


def one_hot(trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (H, W) classes -> float32 (3, H, W), the form of T-Net's probabilities."""
    return np.stack([trimap == k for k in (BACKGROUND, UNKNOWN, FOREGROUND)]).astype(np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return disc
