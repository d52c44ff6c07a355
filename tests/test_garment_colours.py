"""A garment on a banner has the colour of its photo: within 1 by CIEDE2000, everywhere as it is painted, and
on average in the file that is sent (a JPEG's own steps are nearly as large on white cloth).
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scenes import design, document, person
from skimage.color import deltaE_ciede2000, rgb2lab

from pipeline.compose import render
from pipeline.cutout import pack, unpack
from pipeline.encode import encode, limits_for
from pipeline.fonts import FontBook
from pipeline.types import Cutout, Pixels, Size

SQUARE = Size(400, 400)
LEAST = 1.0
"""What nobody sees side by side (CIEDE2000)."""
AREA = 8
"""Pixels a side over which a colour is compared: no eye sees a thread's own."""
COATS = {
    "red": (200, 24, 32),
    "orange": (240, 120, 16),
    "yellow": (250, 210, 30),
    "lime": (140, 200, 40),
    "green": (24, 120, 60),
    "teal": (20, 130, 130),
    "sky": (130, 190, 235),
    "royal blue": (30, 60, 180),
    "navy": (18, 24, 52),
    "purple": (96, 40, 130),
    "magenta": (210, 30, 120),
    "pink": (245, 180, 195),
    "camel": (186, 140, 92),
    "brown": (84, 54, 36),
    "black": (16, 16, 18),
    "charcoal": (60, 62, 66),
    "grey": (140, 140, 140),
    "white": (244, 244, 240),
}


def woven(colour: tuple[int, int, int]) -> Pixels:
    """Cloth of that colour, uint8 (360, 270, 3): threads, folds and the light from one side."""
    rows, columns = np.mgrid[:360, :270]
    threads = 4 * np.sin(rows * 1.9) * np.sin(columns * 1.7)
    folds = 10 * np.sin(columns / 23 + rows / 71) + 6 * (columns / 270 - 0.5)
    return np.clip(np.array(colour) + (threads + folds)[..., None], 0, 255).astype(np.uint8)


def in_cloth(colour: tuple[int, int, int]) -> Cutout:
    """Somebody whose shirt is of cloth of that colour."""
    cutout = person()
    rgb = cutout.rgb.copy()
    rgb[235:595, 65:335] = woven(colour)
    return replace(cutout, rgb=rgb)


def seen(pixels: Pixels) -> NDArray[np.float64]:
    """CIE Lab, averaged over areas as an eye does."""
    height, width = (side // AREA for side in pixels.shape[:2])
    averaged = cv2.resize(pixels.astype(np.float32) / 255, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(rgb2lab(averaged), np.float64)


@pytest.mark.parametrize("name", COATS)
def test_a_garment_keeps_its_colour(name: str, tmp_path: Path) -> None:
    worn = in_cloth(COATS[name])
    made = document(design(tmp_path, '  - {type: shape, fill: "#ffd020"}\n  - {type: subject}\n'))

    banner = render(made, SQUARE, unpack(pack(worn)), fonts=FontBook.load())
    sent = np.asarray(Image.open(BytesIO(encode(banner.pixels, limits_for(SQUARE)).data)))

    placed = banner.people[0].placement
    width, height = (round(side * placed.scale) for side in (400, 600))
    photo = cv2.resize(worn.rgb, (width, height), interpolation=cv2.INTER_AREA)
    top, left = round(placed.top), round(placed.left)
    shirt = slice(176, 384), slice(120, 280)
    same = photo[shirt[0].start - top : shirt[0].stop - top, shirt[1].start - left : shirt[1].stop - left]
    assert deltaE_ciede2000(seen(banner.pixels[shirt]), seen(same)).max() <= LEAST
    assert deltaE_ciede2000(seen(sent[shirt]), seen(same)).mean() <= LEAST
