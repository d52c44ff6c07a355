"""Is anybody in it: limits proven from both sides."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shm.presence import LEAST_AREA, judge


def block(share: float, value: float = 1.0, size: int = 200) -> NDArray[np.float32]:
    """A photo whose alpha is a square block of `value` over `share` of it."""
    alpha = np.zeros((size, size), np.float32)
    side = round(size * share**0.5)
    alpha[:side, :side] = value
    return alpha


@pytest.mark.parametrize(
    ("alpha", "anybody"),
    [
        (block(LEAST_AREA * 1.2), True),
        (block(LEAST_AREA * 0.8), False),
        (block(1.0), True),
        (block(0.3, 0.95), True),
        (block(0.3, 0.85), False),
        (np.maximum(block(0.3, 0.6), block(0.3 * 0.27)), True),
        (np.maximum(block(0.3, 0.6), block(0.3 * 0.22)), False),
        (np.zeros((1, 1), np.float32), False),
        (np.zeros((3000, 5), np.float32), False),
    ],
)
def test_a_solid_subject_of_some_size_is_somebody(alpha: NDArray[np.float32], anybody: bool) -> None:
    found = judge(alpha)

    assert found.anybody is anybody
    assert bool(found.why) is not anybody


def test_many_crumbs_are_nobody() -> None:
    alpha = np.zeros((200, 200), np.float32)
    alpha[::10, ::10] = alpha[1::10, ::10] = 1

    assert not judge(alpha).anybody


def test_the_reason_gives_the_figure() -> None:
    assert judge(block(0.005)).why == "the largest subject covers 0.5% of the photo"
