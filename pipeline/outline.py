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
    """The coverage of `polygons` (even-odd) in the window at (left, top); uint8 (height, width)."""
    return _drawn(polygons, left, top, width, height, None)


def stroke_mask(polygons: list[Points], line: float, left: int, top: int, width: int, height: int) -> Mask:
    """The coverage of a closed line of `line` pixels along `polygons`, half inside and half outside."""
    return _drawn(polygons, left, top, width, height, line)


def _drawn(polygons: list[Points], left: int, top: int, width: int, height: int, line: float | None) -> Mask:
    large = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE), np.uint8)
    # OpenCV's integer points name pixel centres, hence the half pixel.
    shift = np.array([left, top])
    fixed = [
        np.rint(((points - shift) * SUPERSAMPLE - 0.5) * (1 << _FIXED)).astype(np.int32)
        for points in polygons
    ]
    if line is None:
        cv2.fillPoly(large, fixed, 255, lineType=cv2.LINE_8, shift=_FIXED)
    else:
        thick = max(1, round(line * SUPERSAMPLE))
        cv2.polylines(large, fixed, True, 255, thick, lineType=cv2.LINE_8, shift=_FIXED)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


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
        _arc(a.x + (i + 0.5) * step, a.y + (j + 0.5) * step, radius, radius, 0, 360, 24)
        for j in range(max(1, round(a.height / step)))
        for i in range(shape.points)
    ]


_OUTLINES = {
    "rect": _rect,
    "ellipse": _ellipse,
    "arch": _arch,
    "burst": _burst,
    "polygon": _polygon,
    "rays": _rays,
    "dots": _dots,
}


def bounds(area: Area, grow: float, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of `area` grown by `grow`, whole pixels inside a width x height banner."""
    left, top = max(0, math.floor(area.x - grow)), max(0, math.floor(area.y - grow))
    right, bottom = min(width, math.ceil(area.right + grow)), min(height, math.ceil(area.bottom + grow))
    return left, top, max(left, right), max(top, bottom)
