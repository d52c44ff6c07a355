"""Shadows: soft, offset, and on the ground only under feet."""

import numpy as np
import pytest

from pipeline.items import Area, SoftShadow
from pipeline.patch import Patch, flat
from pipeline.place import Placement
from pipeline.shadow import contact_shadow, drop_shadow
from pipeline.types import Size

SIZE = Size(400, 400)
BLACK = (0, 0, 0, 128)
PERSON = Patch(flat(np.full((200, 80), 255, np.uint8), (200, 100, 50, 255)), 160, 100)


def placement(*, feet: bool) -> Placement:
    return Placement(1, 1, 160, 100, 300, None, Area(160, 100, 80, 200), feet)


def test_a_drop_shadow_is_soft_offset_and_no_darker_than_its_colour() -> None:
    shadow = drop_shadow(PERSON, SoftShadow(BLACK, 30, 20, 8), SIZE)
    alpha = np.zeros((400, 400), np.uint8)
    alpha[shadow.window] = shadow.pixels[..., 3]
    ys, xs = np.nonzero(alpha > 64)

    assert 120 <= alpha.max() <= 128
    assert xs.mean() == pytest.approx(160 + 40 + 30, abs=2)
    assert ys.mean() == pytest.approx(100 + 100 + 20, abs=2)
    assert len(np.unique(alpha)) > 30


@pytest.mark.parametrize("blur", [0, 2, 6, 30])
def test_blurring_small_or_large_keeps_a_shadows_weight(blur: float) -> None:
    shadow = drop_shadow(PERSON, SoftShadow(BLACK, 0, 0, blur), SIZE)

    assert float(shadow.pixels[..., 3].sum()) == pytest.approx(200 * 80 * 128, rel=0.03)


def test_a_shadow_is_clipped_to_the_banner() -> None:
    shadow = drop_shadow(PERSON, SoftShadow(BLACK, 220, 0, 4), SIZE)

    assert shadow.left + shadow.pixels.shape[1] <= SIZE.width


def test_feet_darken_the_ground_right_under_them() -> None:
    shadow = contact_shadow(PERSON, placement(feet=True), BLACK, SIZE)

    assert shadow is not None
    darkest = shadow.top + int(shadow.pixels[..., 3].max(axis=1).argmax())
    assert abs(darkest - 300) <= 4
    assert shadow.pixels.shape[0] < 60


def test_a_person_without_feet_has_no_contact_shadow() -> None:
    assert contact_shadow(PERSON, placement(feet=False), BLACK, SIZE) is None
