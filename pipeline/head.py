"""The head in the outline of one person.

A walk goes up the middle of the body to the crown: raised arms and what hands hold are other runs of the same
rows and are passed by. How far down the head reaches is told by the neck where one shows, else by the crown's
breadth. Both are held against the height that the rest of the body lets expect: buns and hats have necks of
their own, collars hide the neck, long hair has none.

The proportions were measured on every second street photo of `benchmarks/head_boxes.csv`, whose boxes were
drawn by hand.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Box

Mask = NDArray[np.bool_]
Widths = NDArray[np.float64]
"""The outline's width in pixels, row by row from the crown down; smoothed."""

_TRUNK_ABOVE = 0.6
"""The trunk lies in this upper part of the figure."""
_STANDS = 2.4
"""From this ratio of height to width, and uncut below, a figure stands on its feet."""
_OF_FIGURE, _OF_TRUNK = 0.14, 1.1
"""A head's height against a standing person's (90 % lie between 0.127 and 0.157), and against half of the
trunk's thickness (0.89 to 1.47)."""
_TRUST_FIGURE, _TRUST_TRUNK = 0.5, 0.25
"""The weight of the height that these let expect, beside what the outline shows."""
_NO_NECK = 0.25
"""How much more weight that has where no neck shows."""
_LEAST, _MOST = 0.65, 1.45
"""In expected heights: a neck above the first is a bun's or a hat's, one below the other is the waist."""
_BUN = 0.6
"""In expected heights: what stands above a neck of its own and is no wider is a bun or a bobble."""
_NECK = 0.8
"""A neck is at most this wide against the head above it and the body below it."""
_CHIN = 1.08
"""The outline is narrowest behind the jaw; the chin reaches this much further down."""
_CROWN_AT, _CROWN = 0.28, 1.4
"""At the first share of its height a head is 1 / 1.4 as wide as high; further down, hair spreads."""
_SHOULDERS = 1.5
"""The head has ended where the outline becomes this much wider than it was above."""
_BRIM = 0.5
"""In expected heights: the most that a brim is high."""
_BROADEST = 1.8
"""A box wider than so many times its height holds shoulders, or arms folded behind the head."""
_HEAD_OF_BODY = 0.7
"""Where the photo's edge cuts through it, a head is at most this wide against the body."""
_SIDES, _OUTLIERS = 0.85, 0.07
"""The head's sides are read above its last rows, where collars begin, and without this share of rows: a hand
at the ear or one flying lock must not widen the head to twice its size."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The runs of mask that the walk passed through: per row, from the top, the run's first column and the
    one past its last. `top` is the row of the first of them, `trunk` half the trunk's thickness."""

    top: int
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    trunk: float


def find_head(mask: Mask, *, cut_above: bool, cut_below: bool) -> Box | None:
    """The head's box in the tight mask (h, w) of one person, or None where it cannot be told. `cut_above` and
    `cut_below` tell whether the photo ends there. Figures are best given at 240 rows."""
    column = _walk(mask)
    if column is None:
        return None
    width = np.convolve(np.pad(column.right - column.left, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    figure = mask.shape[0] - column.top
    stands = figure >= _STANDS * mask.shape[1] and not (cut_above or cut_below)
    expected = _OF_FIGURE * figure if stands else _OF_TRUNK * column.trunk
    if cut_above:
        end = _end_of_rest(width, expected)
    else:
        end = _end(width, expected, stands=stands)
    if end is None:
        return None
    sides = max(1, round(_SIDES * end))
    left = int(np.quantile(column.left[:sides], _OUTLIERS))
    right = int(np.quantile(column.right[:sides], 1 - _OUTLIERS))
    if right - left > _BROADEST * end and not cut_above:
        return None
    return Box(left, column.top, right, column.top + end)


def _end(width: Widths, expected: float, *, stands: bool) -> int:
    """Rows from the crown to the chin."""
    least, most = _LEAST * expected, _MOST * expected
    trust = _TRUST_FIGURE if stands else _TRUST_TRUNK
    bun = _neck(width, range(2, round(least)))
    # The trunk tells too little: above a wide coat a whole head would pass for a bun.
    if stands and bun is not None and width[:bun].max() <= _BUN * expected:
        return bun + _end(width[bun:], expected, stands=stands)
    neck = _neck(width, range(max(2, round(least)), round(most)))
    if neck is not None:
        seen = _CHIN * neck
    else:
        seen = min(max(min(_by_crown(width), _shoulders(width, expected)), least), most)
        trust += _NO_NECK
    # Between the two on a scale of ratios: heads err by shares of their height, not by pixels.
    rows = round(float(np.exp((1 - trust) * np.log(seen) + trust * np.log(expected))))
    return min(len(width), max(1, rows))


def _end_of_rest(width: Widths, expected: float) -> int | None:
    """As `_end`, for a head that the photo's upper edge cuts: only a neck tells that there is still one."""
    broadest = float(np.quantile(width[: max(1, round(_TRUNK_ABOVE * len(width)))], 0.95))
    neck = _neck(width, range(2, round(_MOST * expected)))
    if neck is None or width[:neck].max() > _HEAD_OF_BODY * broadest:
        return None
    return neck


def _neck(width: Widths, rows: range) -> int | None:
    """The first of `rows` where the outline is narrowest: clearly narrower than the head above and the body
    below."""
    for row in rows[: max(0, len(width) - 1 - rows.start)]:
        head = float(width[:row].max())
        reach = max(1, round(0.3 * head))
        around = width[max(0, row - reach) : row + reach].min()
        below = float(width[row : row + 4 * reach].max())
        if width[row] <= around and width[row] <= _NECK * min(head, below):
            return row
    return None


def _by_crown(width: Widths) -> float:
    """The height of a head that is as broad as this one near its top."""
    rows = range(4, len(width))
    return next((row for row in rows if row >= _CROWN * width[round(_CROWN_AT * row)]), len(width))


def _shoulders(width: Widths, expected: float) -> float:
    """The first row where the outline leaps outwards and stays out, as a hat's brim does not, or its end."""
    reach = max(1, round(_BRIM * expected))
    for row in range(max(1, round(_LEAST * expected)), len(width)):
        if width[row : row + reach].min() > _SHOULDERS * np.median(width[:row]):
            return row
    return len(width)


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
    return _Column(row + 1 - len(up), runs[:, 0], runs[:, 1], float(thickness[row, middle]))


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
