"""Colours from the garment: its own hue, and a family on which type can always be read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scenes import SHIRT, person

from pipeline.document_fields import GARMENT, parse_colour
from pipeline.garment import garment_colours, tinted, uses_garment
from pipeline.quality import contrast_ratios
from pipeline.types import Cutout

CLOTHES = {
    "black": (12, 12, 14),
    "white": (250, 249, 246),
    "grey": (128, 128, 128),
    "navy": (20, 30, 70),
    "red": (200, 20, 30),
    "yellow": (250, 220, 40),
    "green": (30, 140, 60),
    "pink": (250, 180, 200),
}


def wearing(colour: tuple[int, int, int]) -> Cutout:
    cutout = person()
    rgb = cutout.rgb.copy()
    rgb[(rgb == np.array(SHIRT, np.uint8)).all(axis=2)] = colour
    return replace(cutout, rgb=rgb)


def ratio(one: str, other: str) -> float:
    ground = np.array([parse_colour(other)[:3]], np.uint8)
    return float(contrast_ratios(parse_colour(one), ground)[0])


@pytest.mark.parametrize("name", CLOTHES)
def test_type_on_garment_colours_can_be_read_whatever_is_worn(name: str) -> None:
    colours = garment_colours(wearing(CLOTHES[name]))

    assert set(colours) == set(GARMENT)
    assert ratio(colours["garment-deep"], colours["garment-pale"]) >= 7
    assert ratio(colours["garment-deep"], colours["garment-soft"]) >= 4.5
    assert ratio(colours["on-garment"], colours["garment"]) >= 4.5


@pytest.mark.parametrize(("name", "channel"), [("red", 0), ("green", 1), ("navy", 2)])
def test_the_family_keeps_the_hue(name: str, channel: int) -> None:
    colours = garment_colours(wearing(CLOTHES[name]))

    for each in ("garment", "garment-soft", "garment-deep"):
        assert int(np.argmax(parse_colour(colours[each])[:3])) == channel


def test_skin_and_hair_do_not_count() -> None:
    cutout = wearing(CLOTHES["navy"])
    head = cutout.geometry.head
    assert head is not None
    painted = cutout.rgb.copy()
    painted[: head.bottom] = (255, 0, 0)

    assert garment_colours(replace(cutout, rgb=painted)) == garment_colours(cutout)


def test_only_colours_are_swapped_not_copy_that_says_the_word() -> None:
    layers = [
        {"type": "text", "text": "garment", "color": "garment-deep"},
        {"type": "shape", "fill": "garment"},
    ]
    document = json.dumps({"layers": layers})

    text, shape = json.loads(tinted(document, wearing(CLOTHES["red"])))["layers"]

    assert text["text"] == "garment"
    assert text["color"].startswith("#")
    assert shape["fill"].startswith("#")


def test_a_document_without_garment_colours_is_left_alone() -> None:
    assert not uses_garment('{"layers":[{"fill":"#ff0000"}]}')
    assert uses_garment('{"layers":[{"fill":"garment-soft"}]}')
