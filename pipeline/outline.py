"""Outlines of shapes as polygons, and their antialiased masks: every shape goes one way to its pixels."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.items import Area, Shape, Turn

Points = NDArray[np.float64]
"""float64 (N, 2): x, y in banner pixels."""

Mask = NDArray[np.uint8]
"""uint8 (h, w), 0..255 coverage."""

SUPERSAMPLE = 4
_ARC_STEPS = 48
_FIXED = 4  # fractional bits of the coordinates given to OpenCV


def outline(shape: Shape) -> list[Points]:
    """The polygons of `shape`, turned as it is turned."""
    polygons = _OUTLINES[shape.kind](shape)
    return [turned(points, shape.turn) for points in polygons] if shape.turn else polygons


def turned(points: Points, turn: Turn) -> Points:
    """`points` after a turn of `turn[0]` degrees clockwise about (turn[1], turn[2])."""
    angle = math.radians(turn[0])
    cos, sin = math.cos(angle), math.sin(angle)
    offset = points - turn[1:]
    rotated = np.stack([offset[:, 0] * cos - offset[:, 1] * sin, offset[:, 0] * sin + offset[:, 1] * cos], 1)
    return np.asarray(rotated + turn[1:], dtype=np.float64)


def fill_mask(polygons: list[Points], left: int, top: int, width: int, height: int) -> Mask:
    """The coverage of `polygons` (even-odd) in the window at (left, top); uint8 (height, width).

    Exact along x and SUPERSAMPLE lines per pixel along y, so that edges on whole pixels stay crisp and a
    shape that fills the banner leaves no seam; OpenCV's fillPoly draws boundaries half a sample too far.
    """
    rows, xs = _crossings(polygons, left, top, height * SUPERSAMPLE)
    xs = np.clip(xs, 0, width)
    whole = np.floor(xs).astype(np.int64)
    share = xs - whole
    # A span adds what it covers of its first pixel there, and the rest one pixel on; a running sum along the
    # row makes that its coverage. Its end takes the same away.
    sign = np.where(np.arange(len(xs)) % 2 == 0, 1.0, -1.0) / SUPERSAMPLE
    at = rows // SUPERSAMPLE * (width + 2) + whole
    steps = np.bincount(at, sign * (1 - share), height * (width + 2))
    steps += np.bincount(at + 1, sign * share, height * (width + 2))
    covered = np.cumsum(steps.reshape(height, width + 2), axis=1)[:, :width]
    return np.rint(np.clip(covered, 0, 1) * 255).astype(np.uint8)


def _crossings(
    polygons: list[Points], left: int, top: int, lines: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where sample lines cross the polygons: (line, x), sorted, so that each two of a line are a span."""
    starts = np.concatenate(polygons) - (left, top)
    ends = np.concatenate([np.roll(points, -1, axis=0) for points in polygons]) - (left, top)
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    # Line j lies at (j + 0.5) / SUPERSAMPLE; its upper end belongs to an edge, its lower one to the next.
    first, after = (np.clip(np.ceil(y * SUPERSAMPLE - 0.5), 0, lines).astype(np.int64) for y in (low, high))
    crossed = after - first
    edge = np.repeat(np.arange(len(starts)), crossed)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    (x0, y0), (x1, y1) = starts[edge].T, ends[edge].T
    x = x0 + ((line + 0.5) / SUPERSAMPLE - y0) * (x1 - x0) / (y1 - y0)
    order = np.lexsort((x, line))
    return line[order], x[order]


def stroke_mask(
    polygons: list[Points], line: float, left: int, top: int, width: int, height: int, dash: float = 0
) -> Mask:
    """The coverage of a closed line of `line` pixels along `polygons`, half inside and half outside.

    With `dash`, in dashes of about that many pixels and gaps as long.
    """
    closed = dash <= 0
    polygons = polygons if closed else [piece for points in polygons for piece in _dashes(points, dash)]
    # OpenCV's integer points name pixel centres, hence the half pixel.
    fixed = [
        np.rint(((points - (left, top)) * SUPERSAMPLE - 0.5) * (1 << _FIXED)).astype(np.int32)
        for points in polygons
    ]
    wide, narrow = np.zeros((2, height * SUPERSAMPLE, width * SUPERSAMPLE), np.uint8)
    # Lines come out an odd number of samples wide, one more than asked for: the mean of two is right.
    samples = max(1, round(line * SUPERSAMPLE))
    cv2.polylines(wide, fixed, closed, 255, max(1, samples // 2 * 2), cv2.LINE_8, _FIXED)
    cv2.polylines(narrow, fixed, closed, 255, max(1, (samples - 1) // 2 * 2), cv2.LINE_8, _FIXED)
    mean = cv2.addWeighted(wide, 0.5, narrow, 0.5, 0)
    return np.asarray(cv2.resize(mean, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _dashes(points: Points, dash: float) -> list[Points]:
    """The drawn pieces of a closed outline, an even number of dashes and gaps so that none meets its twin."""
    ring = np.concatenate([points, points[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    count = max(2, round(along[-1] / (2 * dash)))
    ends = np.linspace(0, along[-1], 2 * count + 1)
    pieces = []
    for start, stop in zip(ends[0:-1:2], ends[1::2], strict=True):
        corners = along[(along > start) & (along < stop)]
        at = np.concatenate([[start], corners, [stop]])
        pieces.append(np.stack([np.interp(at, along, ring[:, axis]) for axis in (0, 1)], axis=1))
    return pieces


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, steps: int) -> Points:
    angles = np.radians(np.linspace(start, stop, steps))
    return np.stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)], axis=1)


def _rect(shape: Shape) -> list[Points]:
    a = shape.area
    r = min(shape.radius, a.width / 2, a.height / 2)
    if r <= 0:
        return [np.array([[a.x, a.y], [a.right, a.y], [a.right, a.bottom], [a.x, a.bottom]])]
    right, bottom, left, top = a.right - r, a.bottom - r, a.x + r, a.y + r
    corners = ((right, top, -90), (right, bottom, 0), (left, bottom, 90), (left, top, 180))
    return [np.concatenate([_arc(x, y, r, r, at, at + 90, _ARC_STEPS) for x, y, at in corners])]


def _ellipse(shape: Shape) -> list[Points]:
    a = shape.area
    return [_arc(a.x + a.width / 2, a.y + a.height / 2, a.width / 2, a.height / 2, 0, 360, 4 * _ARC_STEPS)]


def _arch(shape: Shape) -> list[Points]:
    a = shape.area
    rise = min(a.width / 2, a.height)
    top = _arc(a.x + a.width / 2, a.y + rise, a.width / 2, rise, 180, 360, 2 * _ARC_STEPS)
    return [np.concatenate([top, np.array([[a.right, a.bottom], [a.x, a.bottom]])])]


def _burst(shape: Shape) -> list[Points]:
    a = shape.area
    count = 2 * shape.points
    angles = np.radians(np.arange(count) * 360 / count - 90)
    reach = np.where(np.arange(count) % 2 == 0, 1.0, shape.inner)
    x = a.x + a.width / 2 * (1 + reach * np.cos(angles))
    y = a.y + a.height / 2 * (1 + reach * np.sin(angles))
    return [np.stack([x, y], axis=1)]


def _polygon(shape: Shape) -> list[Points]:
    a = shape.area
    return [np.array([[a.x + x * a.width, a.y + y * a.height] for x, y in shape.path])]


def _rays(shape: Shape) -> list[Points]:
    """`points` wedges from the middle of the area; `inner` is the share of the circle that they fill."""
    a = shape.area
    cx, cy, reach = a.x + a.width / 2, a.y + a.height / 2, max(a.width, a.height) / 2
    step = 360 / shape.points
    return [
        np.concatenate([np.array([[cx, cy]]), _arc(cx, cy, reach, reach, at, at + step * shape.inner, 8)])
        for at in np.arange(shape.points) * step - 90
    ]


def _dots(shape: Shape) -> list[Points]:
    """A grid of `points` dots across; `inner` is a dot's width as a share of the grid's step."""
    a = shape.area
    step = a.width / shape.points
    radius = step * shape.inner / 2
    return [
        _arc(a.x + (i + 0.5) * step, a.y + (j + 0.5) * step, radius, radius, 0, 360, 48)
        for j in range(max(1, round(a.height / step)))
        for i in range(shape.points)
    ]


def _stripes(shape: Shape) -> list[Points]:
    """`points` slanting stripes across the area, each `inner` of its step wide, cut at its edges."""
    a = shape.area
    step = (a.width + a.height) / shape.points
    stripes = []
    for x in a.x - a.height + np.arange(shape.points) * step:
        wide = step * shape.inner
        upper, lower = (
            [[x + a.height, a.y], [x + a.height + wide, a.y]],
            [[x + wide, a.bottom], [x, a.bottom]],
        )
        stripes.append(np.array(upper + lower))
    return [cut for stripe in stripes if len(cut := _between(stripe, a.x, a.right)) > 2]


def _between(points: Points, low: float, high: float) -> Points:
    """The part of a convex polygon with `low` <= x <= `high` (Sutherland-Hodgman)."""
    for edge, sign in ((low, 1.0), (high, -1.0)):
        kept: list[Points] = []
        for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
            inside, next_inside = sign * (here[0] - edge) >= 0, sign * (there[0] - edge) >= 0
            if inside:
                kept.append(here)
            if inside != next_inside:
                share = (edge - here[0]) / (there[0] - here[0])
                kept.append(here + share * (there - here))
        points = np.array(kept).reshape(-1, 2)
    return points


def _ribbon(shape: Shape) -> list[Points]:
    """A band with a swallow's tail at both ends, `inner` of its height deep."""
    a = shape.area
    notch, middle = a.height * shape.inner / 2, a.y + a.height / 2
    return [
        np.array([[a.x, a.y], [a.right, a.y], [a.right - notch, middle], [a.right, a.bottom], [a.x, a.bottom],
                  [a.x + notch, middle]])
    ]  # fmt: skip


def _ticket(shape: Shape) -> list[Points]:
    """A coupon: round notches half way down both sides, `inner` of the half height in radius."""
    a = shape.area
    notch, middle = a.height / 2 * shape.inner, a.y + a.height / 2
    right = _arc(a.right, middle, notch, notch, 270, 90, _ARC_STEPS)
    left = _arc(a.x, middle, notch, notch, 90, -90, _ARC_STEPS)
    corners = np.array([[a.x, a.y], [a.right, a.y]]), np.array([[a.right, a.bottom], [a.x, a.bottom]])
    return [np.concatenate([corners[0], right, corners[1], left])]


_OUTLINES = {
    "rect": _rect,
    "ellipse": _ellipse,
    "arch": _arch,
    "burst": _burst,
    "polygon": _polygon,
    "rays": _rays,
    "dots": _dots,
    "stripes": _stripes,
    "ribbon": _ribbon,
    "ticket": _ticket,
}


def bounds(area: Area, grow: float, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of `area` grown by `grow`, whole pixels inside a width x height banner."""
    left, top = max(0, math.floor(area.x - grow)), max(0, math.floor(area.y - grow))
    right, bottom = min(width, math.ceil(area.right + grow)), min(height, math.ceil(area.bottom + grow))
    return left, top, max(left, right), max(top, bottom)
