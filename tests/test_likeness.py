"""What tells two banners apart: their words, and the colours of who is on them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenes import document, person

from pipeline.compose import render
from pipeline.fonts import FontBook
from pipeline.likeness import WORDS, alike, likeness, means
from pipeline.types import Cutout, Scalar, Size

SMALL = Size(300, 250)
SIZES = [Size(1080, 1080), SMALL, Size(728, 90)]


def shown(size: Size = SMALL, cutout: Cutout | None = None, **fields: Scalar) -> str:
    made = document("catalogue-card", "en_US", **fields)
    return likeness(render(made, size, cutout or person(), fonts=FontBook.load()))


def turned(cutout: Cutout, degrees: int) -> Cutout:
    """The person in a shirt of another hue."""
    hsv = cv2.cvtColor(cutout.rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
    return replace(cutout, rgb=cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def saved_again(cutout: Cutout) -> Cutout:
    """The person out of a JPEG of quality 60."""
    data = cv2.imencode(".jpg", cutout.rgb, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return replace(cutout, rgb=np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))


def same_picture(one: str, other: str) -> bool:
    return bool(alike(means(one), means(other)[None])[0])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_same_banner_has_the_same_likeness(size: Size) -> None:
    assert shown(size) == shown(size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_photo_that_was_saved_again_shows_the_same_picture(size: Size) -> None:
    again = shown(size, saved_again(person()))

    assert same_picture(shown(size), again)
    assert again[:WORDS] == shown(size)[:WORDS]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_another_colour_of_a_garment_is_another_picture(size: Size) -> None:
    assert not same_picture(shown(size), shown(size, turned(person(), 40)))


@pytest.mark.parametrize("fields", [{"name": "Navy Blazers"}, {"price": 1290}])
def test_one_other_letter_or_figure_is_other_words(fields: dict[str, Scalar]) -> None:
    assert shown(**fields)[:WORDS] != shown()[:WORDS]


def test_capitals_and_blanks_make_no_other_words() -> None:
    assert shown(name="navy  blazer ")[:WORDS] == shown()[:WORDS]


def test_a_likeness_has_eighty_letters() -> None:
    assert len(shown()) == 80
