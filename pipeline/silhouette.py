"""Where the person is, read from the outline alone: box, head, sides that cut them off, how many people.

The head is found by walking up the middle of the body: shoulders are wide, the neck is narrow, the head is
wider again. Raised arms and what hands hold are other runs of the same rows and are passed by.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Box, Geometry

Mask = NDArray[np.bool_]

_ROWS = 240
"""Outlines are read at this height: a head of a whole figure is then 30 rows high."""
_CUT_SHARE = 0.04
"""A side cuts the person off where they touch it over this share of their extent along it; shoes that just
touch the lower edge stay whole."""
_PERSON_SHARE = 0.2
"""A separate part counts as another person from this share of the largest one's area."""
_NECK = 0.8
"""A neck is at most this wide against the head above it and the body below it."""
_SHOULDERS = 1.5
"""Where no neck shows (long hair, scarves), the head ends where the outline becomes this much wider."""
_HEAD_RATIO = 1.35
"""Where neither shows, a head is this much higher than wide, hair included."""
_LEAST_HEAD, _MOST_HEAD = 0.7, 1.9
"""A neck nearer to the crown than this share of the head's width belongs to hair or a hat; past the other,
measured in typical widths, it belongs to the waist or to the knees."""
_HEAD_OF_BODY = 0.7
"""Where the photo's edge cuts through it, a head is at most this wide against the body."""
_LEAST_OF_BODY = 0.25
"""A head is at least this wide against the broadest part of the body, arms included."""
_TRUNK_ABOVE = 0.6
"""The trunk lies in this upper part of the figure."""


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
    found = _find_head(small, cut_above=box.top == 0)
    if found is None:
        return None
    return Box(
        box.left + int(found.left / scale),
        box.top + int(found.top / scale),
        min(box.right, box.left + int(np.ceil(found.right / scale))),
        min(box.bottom, box.top + int(np.ceil(found.bottom / scale))),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """The runs of mask that the walk passed through: per row, from the top, the run's first column and the
    one past its last; `top` is the row of the first of them."""

    top: int
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    @property
    def width(self) -> NDArray[np.int64]:
        return self.right - self.left


def _find_head(mask: Mask, *, cut_above: bool) -> Box | None:
    column = _walk(mask)
    if column is None:
        return None
    end = _head_end(column.width, cut_above=cut_above)
    if end is None:
        return None
    # Not the extremes: a hand at the ear or one flying lock must not widen the head to twice its size.
    left, right = int(np.quantile(column.left[:end], 0.1)), int(np.quantile(column.right[:end], 0.9))
    return Box(left, column.top, right, column.top + end)


def _walk(mask: Mask) -> _Column | None:
    """Runs from the trunk upwards to the crown, and down again as far as they go. The trunk is the thickest
    place of the figure, above its lowest part, where skirts and coats are thicker."""
    height = max(1, round(_TRUNK_ABOVE * mask.shape[0]))
    # Beyond the photo's edges the body goes on: only the border above counts as background.
    known = np.pad(mask[:height], ((1, 0), (0, 0)))
    thickness = cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, 3)[1:]
    row, middle = (int(i) for i in np.unravel_index(int(thickness.argmax()), thickness.shape))
    if thickness[row, middle] < 2:
        return None
    up = _follow(mask, range(row, -1, -1), float(middle))
    down = _follow(mask, range(row + 1, mask.shape[0]), float(middle))
    runs = np.array(up[::-1] + down)
    return _Column(row + 1 - len(up), runs[:, 0], runs[:, 1])


def _follow(mask: Mask, rows: range, centre: float) -> list[tuple[int, int]]:
    runs = []
    for row in rows:
        run = _run_at(mask[row], centre)
        if run is None:
            break
        runs.append(run)
        # Drifts slowly: a tilted head is followed, an arm that leaves the shoulder sideways is not.
        centre += 0.3 * ((run[0] + run[1] - 1) / 2 - centre)
    return runs


def _run_at(row: Mask, centre: float) -> tuple[int, int] | None:
    """The run of this row that holds `centre`, or the nearest one within reach."""
    steps = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    if not starts.size:
        return None
    distance = np.maximum(np.maximum(starts - centre, centre - (ends - 1)), 0)
    nearest = int(distance.argmin())
    reach = 0.06 * row.size + 2
    return (int(starts[nearest]), int(ends[nearest])) if distance[nearest] <= reach else None


def _head_end(width: NDArray[np.int64], *, cut_above: bool) -> int | None:
    """Rows from the top of the column to the chin, or None. `width` per row, from the top down.

    Walks down from the crown and stops at the first of: a neck, shoulders, more height than any head has.
    """
    smooth = np.convolve(np.pad(width, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    broadest = float(np.quantile(smooth[: max(1, round(_TRUNK_ABOVE * len(smooth)))], 0.95))
    for row in range(2, len(smooth) - 1):
        head, typical = float(smooth[:row].max()), float(np.median(smooth[:row]))
        if row < _LEAST_HEAD * head or head < _LEAST_OF_BODY * broadest:
            continue  # a curl, a bobble or a hat's tip, not yet a head
        if _is_neck(smooth, row, head):
            # Cut above the neck the head is still there in part; as wide as the body it is no head.
            return None if cut_above and head > _HEAD_OF_BODY * broadest else row
        if smooth[row] > _SHOULDERS * typical or row > _MOST_HEAD * typical:
            return None if cut_above else min(row, round(_HEAD_RATIO * typical))
    return None if cut_above else min(len(smooth), round(_HEAD_RATIO * float(np.median(smooth))))


def _is_neck(width: NDArray[np.float64], row: int, head: float) -> bool:
    """Whether the outline is narrowest at `row`: clearly narrower than the head above and the body below."""
    reach = max(1, round(0.3 * head))
    narrowest = (
        width[row] <= width[row : row + reach].min() and width[row] <= width[max(0, row - reach) : row].min()
    )
    below = width[row : row + 4 * reach].max()
    return bool(narrowest and width[row] <= _NECK * min(head, float(below)))


def _around(boxes: list[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
