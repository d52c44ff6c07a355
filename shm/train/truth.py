"""What a true alpha says beyond itself: whether it is soft, and the trimap made from it."""

import numpy as np
from numpy.typing import NDArray

from shm.metrics import Alpha, unknown_region
from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN

BAND = 10
"""Pixels by which a true trimap's unknown region is wider than where alpha is soft."""
_SOFT = 0.001


def is_soft(truth: Alpha) -> bool:
    """Whether at least one pixel in a thousand lies strictly between 0 and 1. Hand-made masks are not soft:
    their edges say where the person ends, not what hair looks like. truth: float32 (H, W) in [0, 1]."""
    return float(((truth > 0) & (truth < 1)).mean()) >= _SOFT


def true_trimap(truth: Alpha) -> NDArray[np.uint8]:
    """uint8 (H, W) of BACKGROUND, UNKNOWN, FOREGROUND, with `shm.metrics.unknown_region` at BAND px as the
    unknown. SHM (Table 4, "TrimapGT") does not say how its own was made. truth: float32 (H, W) in [0, 1]."""
    trimap = np.where(truth >= 0.5, FOREGROUND, BACKGROUND)
    trimap[unknown_region(truth, BAND)] = UNKNOWN
    return trimap.astype(np.uint8)
