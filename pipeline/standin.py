"""A network's stand-in for tests and benchmarks: no weights, no torch, the same answer everywhere.

Whatever differs from the photo's corner is the person. Good for a figure on a plain backdrop, nothing else.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.types import Pixels
from shm.matter import Prediction

_DIFFERENT = 24


class StandIn:
    """`pipeline.cutout.Predictor` by colour difference."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """photos: uint8 (H, W, 3) sRGB. Alphas are soft over about three pixels; confidence is always 1."""
        return [_predict(photo) for photo in photos]


def _predict(photo: Pixels) -> Prediction:
    backdrop = photo[0, 0].astype(np.int16)
    different = np.abs(photo.astype(np.int16) - backdrop).max(axis=2) > _DIFFERENT
    alpha = np.asarray(cv2.GaussianBlur(different.astype(np.float32), (3, 3), 0), np.float32)
    coarse = cv2.resize(alpha, (max(1, alpha.shape[1] // 4), max(1, alpha.shape[0] // 4)))
    trimap = np.stack([1 - coarse, np.zeros_like(coarse), coarse]).astype(np.float32)
    return Prediction(alpha, trimap, 1.0)
