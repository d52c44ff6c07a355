"""Mends hard masks before they teach anything."""

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_HOLE = 0.01
"""Enclosed holes up to this share of the person are errors of the labelling; larger ones may be the
space between an arm and a hip. Chosen by looking at street photos' masks."""
SMALLEST_PART = 0.02
"""Separate parts below this share of the largest are specks, not people."""


def repair_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fills small enclosed holes, drops specks. uint8 (H, W) 0..255 -> uint8 (H, W), 0 or 255."""
    person = (mask > 127).astype(np.uint8)
    area = int(person.sum())
    if area == 0:
        return person
    person[_parts(1 - person, most=LARGEST_HOLE * area)] = 1
    person[_parts(person, most=SMALLEST_PART * area)] = 0
    return person * 255


def _parts(binary: NDArray[np.uint8], *, most: float) -> NDArray[np.bool_]:
    """Where `binary`'s connected parts of at most `most` pixels are, those at the picture's edge left out."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=4)
    small = np.zeros(count, bool)
    height, width = binary.shape
    for k in range(1, count):
        x, y, w, h, area = stats[k]
        inside = x > 0 and y > 0 and x + w < width and y + h < height
        small[k] = inside and area <= most
    chosen: NDArray[np.bool_] = small[labels]
    return chosen
