"""How much of a cut-out's soft edge has a colour that is not the person's: the halo of the old background."""

import cv2
import numpy as np

from pipeline.types import Cutout

HEIGHT = 480
"""Pixels of height at which edges are judged: finer ones do not show on a banner."""
_SOFT = (25, 230)
"""Alpha, 0..255, of an edge that shows its colour and is not yet solid."""
_SOLID = 250
_REACH = 4.0
"""Standard deviation, in pixels at `HEIGHT`, of the neighbourhood that gives a hem or a lock its colour."""
_FOREIGN = 72.0
"""Levels of 255 in one channel by which an edge's colour is no longer its neighbourhood's, lit otherwise."""


def fringe(cutout: Cutout) -> float:
    """The share, 0..1, of the soft edge whose straight colour is foreign to the solid parts beside it.

    A cut-out that kept its photo's colours has a rim of the old ground there, a halo on any other ground.
    0 where there is no soft edge.
    """
    scale = min(1.0, HEIGHT / cutout.alpha.shape[0])
    size = (max(1, round(cutout.alpha.shape[1] * scale)), max(1, round(cutout.alpha.shape[0] * scale)))
    alpha = cv2.resize(cutout.alpha, size, interpolation=cv2.INTER_AREA)
    # Weighted by alpha, so that invisible colours do not count in the smaller picture either.
    weight = cv2.resize(cutout.alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weighted = cv2.resize(
        cutout.rgb.astype(np.float32) * cutout.alpha[..., None], size, interpolation=cv2.INTER_AREA
    )
    colour = weighted / np.maximum(weight, 1e-3)[..., None]
    solid = (alpha >= _SOLID).astype(np.float32)
    near = cv2.GaussianBlur(solid, (0, 0), _REACH)
    around = cv2.GaussianBlur(colour * solid[..., None], (0, 0), _REACH) / np.maximum(near, 1e-3)[..., None]
    judged = (alpha > _SOFT[0]) & (alpha < _SOFT[1]) & (near > 0.02)
    if not judged.any():
        return 0.0
    foreign = np.abs(colour - around).max(axis=2)[judged] > _FOREIGN
    return float(foreign.mean())
