"""Is anybody in the picture? One rule, used when photos are refused and when weights are judged.

Catalogues are full of flat garment shots. Their answer is "nobody in it", never a banner.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_AREA = 0.01
"""Smallest share of the photo that one connected person covers. A whole standing person a quarter as
high as a portrait photo covers 1.2 %; smaller ones make no banner."""
LEAST_SOLID = 0.25
"""Smallest share of that area that the network is sure of (alpha > 0.9). Garments that half fool it come out
as fog. People kept at least 0.41 of it with half-trained weights, 24 flat garments never passed alpha 0.3.
A foggy person is no reason to say "nobody": confidence holds that one back."""
_SIDE = 256
"""The rule looks at a copy this large: it asks for areas, not for edges."""


@dataclass(frozen=True, slots=True)
class Presence:
    """`anybody` the verdict; `area` share of the photo under the largest connected subject (alpha > 0.5);
    `solid` share of that area with alpha > 0.9; `why` one phrase for people where nobody was found."""

    anybody: bool
    area: float
    solid: float
    why: str = ""


def judge(alpha: NDArray[np.float32]) -> Presence:
    """alpha: float32 (H, W) in [0, 1]."""
    small = _shrink(alpha)
    area_mask = _largest(small > 0.5)
    area = float(area_mask.mean())
    solid = float((small[area_mask] > 0.9).mean()) if area else 0.0
    if area < LEAST_AREA:
        return Presence(False, area, solid, f"the largest subject covers {area:.1%} of the photo")
    if solid < LEAST_SOLID:
        return Presence(False, area, solid, f"only {solid:.0%} of the subject is more than fog")
    return Presence(True, area, solid)


def _shrink(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = alpha.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))
