"""Where the person is, read from the outline alone: box, head, sides that cut them off, how many people.

How a head is told from its body is in `pipeline/head.py`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.head import find_head
from pipeline.types import Box, Geometry

Mask = NDArray[np.bool_]

_ROWS = 240
"""Outlines are read at this height: a head of a whole figure is then 30 rows high."""
_CUT_SHARE = 0.04
"""A side cuts the person off where they touch it over this share of their extent along it; shoes that just
touch the lower edge stay whole."""
_PERSON_SHARE = 0.2
"""A separate part counts as another person from this share of the largest one's area."""


def geometry_of(alpha: NDArray[np.float32], crop: Box, whole: tuple[int, int]) -> Geometry:
    """Geometry of the cut-out `alpha` (float32 (h, w), cleaned), which is `crop` of a photo whose size is
    `whole` (height, width). Boxes are in pixels of the cut-out."""
    mask = alpha > 0.5
    subject = box_of(mask)
    people = people_in(mask)
    heads = [head for person in people if (head := head_box(person)) is not None]
    return Geometry(
        width=alpha.shape[1],
        height=alpha.shape[0],
        subject=subject,
        head=_around(heads) if heads else None,
        cut=cut_sides(mask, crop, whole),
        people=len(people),
    )


def box_of(mask: Mask) -> Box:
    """The tight box of a mask (h, w) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def people_in(mask: Mask) -> list[Mask]:
    """Masks of the separate people, largest first. People who touch count as one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    order = [int(i) for i in np.argsort(-areas, kind="stable") if areas[i] >= _PERSON_SHARE * areas.max()]
    return [labels == i + 1 for i in order]


def cut_sides(mask: Mask, crop: Box, whole: tuple[int, int]) -> tuple[str, ...]:
    """The photo's sides that the mask runs into over a sizeable length."""
    height, width = whole
    box = box_of(mask)
    # Two rows deep: the outermost row of a JPEG or of an enlarged alpha is often a shade weaker.
    edges = {
        "left": (crop.left == 0, mask[:, :2].any(axis=1), box.height),
        "top": (crop.top == 0, mask[:2].any(axis=0), box.width),
        "right": (crop.right == width, mask[:, -2:].any(axis=1), box.height),
        "bottom": (crop.bottom == height, mask[-2:].any(axis=0), box.width),
    }
    return tuple(
        side
        for side, (at_border, touching, extent) in edges.items()
        if at_border and touching.sum() >= max(2, _CUT_SHARE * extent)
    )


def head_box(mask: Mask) -> Box | None:
    """The head of one person's mask (h, w), or None where the photo ends below it or it cannot be told."""
    box = box_of(mask)
    body = mask[box.top : box.bottom, box.left : box.right]
    scale = min(1.0, _ROWS / body.shape[0])
    size = (max(1, round(body.shape[1] * scale)), max(1, round(body.shape[0] * scale)))
    small = cv2.resize(body.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
    found = find_head(small, cut_above=box.top == 0, cut_below=box.bottom == mask.shape[0])
    if found is None:
        return None
    return Box(
        box.left + int(found.left / scale),
        box.top + int(found.top / scale),
        min(box.right, box.left + int(np.ceil(found.right / scale))),
        min(box.bottom, box.top + int(np.ceil(found.bottom / scale))),
    )


def _around(boxes: list[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
