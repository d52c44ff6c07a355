"""Heads in outlines: what hides the neck, what looks like one, and outlines that show no head."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.silhouette import head_box
from pipeline.types import Box

Canvas = NDArray[np.uint8]
HEAD = Box(128, 40, 172, 96)
"""Of the figure that `figure` draws."""


def figure() -> Canvas:
    """A person who stands: head 44 wide and 56 high, shoulders 110 wide, feet 300 px below the crown."""
    mask = np.zeros((400, 300), np.uint8)
    cv2.ellipse(mask, (150, 68), (22, 28), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (141, 90), (159, 110), 255, -1)
    return on_body(mask)


def on_body(mask: Canvas) -> Canvas:
    cv2.ellipse(mask, (150, 122), (55, 22), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (110, 120), (190, 230), 255, -1)
    cv2.rectangle(mask, (116, 220), (144, 340), 255, -1)
    cv2.rectangle(mask, (156, 220), (184, 340), 255, -1)
    return mask


def both_arms(mask: Canvas, elbow: tuple[int, int], hand: tuple[int, int]) -> Canvas:
    """Arms from the shoulders; places are (aside of the middle, row)."""
    for side in (-1, 1):
        bend = (150 + side * elbow[0], elbow[1])
        cv2.line(mask, (150 + side * 48, 125), bend, 255, 16)
        cv2.line(mask, bend, (150 + side * hand[0], hand[1]), 255, 16)
    return mask


def hair(mask: Canvas) -> Canvas:
    """Falls on the shoulders and widens all the way down, so that no neck shows."""
    return cv2.fillPoly(mask, [np.array([(130, 50), (170, 50), (205, 140), (95, 140)])], 255).astype(np.uint8)


def fur() -> Canvas:
    return cv2.ellipse(hair(figure()), (150, 135), (90, 50), 0, 0, 360, 255, -1).astype(np.uint8)


def hat_over_hair() -> Canvas:
    return cv2.ellipse(hair(figure()), (150, 62), (38, 8), 0, 0, 360, 255, -1).astype(np.uint8)


def bun() -> Canvas:
    return cv2.circle(figure(), (150, 28), 13, 255, -1).astype(np.uint8)


def high_collar() -> Canvas:
    return cv2.rectangle(figure(), (136, 84), (164, 112), 255, -1).astype(np.uint8)


def bag_at_head_height() -> Canvas:
    mask = cv2.line(figure(), (198, 125), (225, 80), 255, 16)
    return cv2.rectangle(mask, (205, 30), (250, 85), 255, -1).astype(np.uint8)


def bowed() -> Canvas:
    mask = np.zeros((400, 300), np.uint8)
    cv2.ellipse(mask, (185, 85), (22, 28), 35, 0, 360, 255, -1)
    cv2.rectangle(mask, (155, 100), (175, 130), 255, -1)
    return on_body(mask)


def seated() -> Canvas:
    mask = figure()
    mask[235:] = 0
    cv2.rectangle(mask, (110, 200), (270, 240), 255, -1)
    return cv2.rectangle(mask, (240, 200), (270, 330), 255, -1).astype(np.uint8)


def cut_at_the_hips() -> Canvas:
    return figure()[:225]


def without_head() -> Canvas:
    mask = figure()
    mask[:118] = 0
    return mask


def overlap(one: Box, other: Box) -> float:
    width = max(0, min(one.right, other.right) - max(one.left, other.left))
    height = max(0, min(one.bottom, other.bottom) - max(one.top, other.top))
    return width * height / (one.width * one.height + other.width * other.height - width * height)


@pytest.mark.parametrize(
    ("draw", "head"),
    [
        (figure, HEAD),
        (lambda: hair(figure()), Box(112, 40, 188, 96)),
        (fur, Box(112, 40, 188, 96)),
        (hat_over_hair, Box(112, 40, 188, 96)),
        (bun, Box(128, 15, 172, 96)),
        (high_collar, HEAD),
        (bag_at_head_height, HEAD),
        (lambda: both_arms(figure(), (80, 60), (40, 15)), HEAD),
        (bowed, Box(161, 59, 209, 111)),
        (seated, HEAD),
        (cut_at_the_hips, HEAD),
    ],
    ids=[
        "upright",
        "long hair",
        "hair on a fur coat",
        "hat over long hair",
        "bun",
        "high collar",
        "bag at head height",
        "hands above the head",
        "bowed aside",
        "seated",
        "cut at the hips",
    ],
)
def test_the_head_is_found(draw: Callable[[], Canvas], head: Box) -> None:
    found = head_box(draw() > 0)

    assert found is not None
    assert overlap(found, head) >= 0.6


@pytest.mark.parametrize(
    "draw",
    [without_head, lambda: both_arms(figure(), (85, 70), (12, 60))],
    ids=["mannequin without a head", "hands folded behind the head"],
)
def test_where_no_head_can_be_told_none_is_made_up(draw: Callable[[], Canvas]) -> None:
    assert head_box(draw() > 0) is None
