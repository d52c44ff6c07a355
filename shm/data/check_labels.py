"""What is wrong with one photo's label, judged from the two pictures alone.

Every rule's limits were chosen on 857 labels of real people (street photos, portraits, cut-outs), on which no
rule that stops training raises a false alarm; what was measured there stands beside each.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.check_findings import Problem
from shm.data.repair import LARGEST_HOLE

Array = NDArray[np.uint8]

SMALLEST_SIDE = 256
"""The smallest crop that a stage takes by default."""
EMPTY = 0.002
"""Least share of the photo that somebody covers (on real labels: 10 % and more)."""
FULL = 0.98
"""Largest (57 %)."""
BORDER = 0.5
"""A label is inverted where it covers more than this share of the photo's border (33 % at most) and less of
its middle than of its border (never). Every one of the real labels, when inverted, does both."""
SAME = 6.0
"""Levels of 255 between a photo's grey and its label below which they are one picture (74 at least)."""
SOFT = 0.25
"""Soft pixels per pixel of the outline that an alpha has at least (0.99; masks have none)."""
PART = 0.25
"""Of the largest part: separate parts from this on are people (one torn mask in 857 reaches 0.20)."""


class Doubt(NamedTuple):
    """A problem and what was measured."""

    problem: Problem
    detail: str


def photo_doubts(photo: Array) -> Iterator[Doubt]:
    """photo: uint8 (H, W, ...)."""
    height, width = photo.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        yield Doubt(Problem.TOO_SMALL, f"is {width}x{height}; crops are {SMALLEST_SIDE} px and more")


def label_doubts(photo: Array, label: Array, *, soft: bool) -> Iterator[Doubt]:
    """photo: uint8 (H, W, 3) BGR; label: uint8 (H, W), 0..255; `soft`: whether an alpha was promised.

    A label that is wrong as a whole is not asked about its details.
    """
    height, width = photo.shape[:2]
    if label.shape != (height, width):
        yield Doubt(
            Problem.SIZE_MISMATCH, f"is {width}x{height}, its label {label.shape[1]}x{label.shape[0]}"
        )
        return
    wrong = _wrong_as_a_whole(photo, label)
    if wrong is not None:
        yield wrong
        return
    person = label > 127
    if soft:
        yield from _hardness(label, person)
    else:
        yield from _holes(person)
    yield from _parts(person)


def _wrong_as_a_whole(photo: Array, label: Array) -> Doubt | None:
    share = float((label > 127).mean())
    if share < EMPTY:
        return Doubt(
            Problem.EMPTY_LABEL, f"its label covers {share:.1%}; its largest value is {label.max()} of 255"
        )
    if share > FULL:
        return Doubt(Problem.FULL_LABEL, f"its label covers {share:.1%}")
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    difference = float(cv2.absdiff(grey, label).mean())
    if difference < SAME:
        return Doubt(
            Problem.PHOTO_IS_LABEL, f"its grey and its label differ by {difference:.1f} of 255 on average"
        )
    border, middle = _border_and_middle(label)
    if border > BORDER and middle < border:
        return Doubt(
            Problem.INVERTED_LABEL,
            f"its label covers {border:.0%} of the photo's border and {middle:.0%} of its middle",
        )
    return None


def _border_and_middle(label: Array) -> tuple[float, float]:
    """Mean label, 0..1, over a frame of 2 % of the shorter side, and over the middle half each way."""
    height, width = label.shape
    thick = max(1, round(0.02 * min(height, width)))
    frame = np.ones(label.shape, bool)
    frame[thick:-thick, thick:-thick] = False
    middle = label[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(label[frame].mean()) / 255, float(middle.mean()) / 255


def _hardness(label: Array, person: NDArray[np.bool_]) -> Iterator[Doubt]:
    outline = cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    soft = int(((label > 8) & (label < 247)).sum()) / max(1, int(outline.sum()))
    if soft < SOFT:
        yield Doubt(
            Problem.HARD_LABEL, f"its alpha has {soft:.2f} soft pixels per pixel of outline, a mask's edge"
        )


def _holes(person: NDArray[np.bool_]) -> Iterator[Doubt]:
    # Only what `repair_mask` will not fill, counted as it counts.
    height, width = person.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats((~person).astype(np.uint8), connectivity=4)
    x, y, w, h, area = stats[1:].T
    inside = (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
    shares = area[inside] / person.sum()
    large = shares[shares > LARGEST_HOLE]
    if large.size:
        yield Doubt(
            Problem.HOLES, f"its mask's large holes ({large.size}) are {large.sum():.1%} of the person"
        )


def _parts(person: NDArray[np.bool_]) -> Iterator[Doubt]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = int((areas >= PART * areas.max()).sum())
    if large > 1:
        yield Doubt(Problem.SEVERAL_PEOPLE, f"its label has {large} large separate parts")
