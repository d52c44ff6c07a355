"""Intervals of shares that keep their width where nothing was seen to change."""

import pytest

from shm.train.statistics import share_change


@pytest.mark.parametrize(
    ("counts", "ends"),
    [
        # Airway hyper-responsiveness, the example of Fagerland, Lydersen and Laake 2014, Statistics in
        # Medicine 33:2850-2875.
        ((1, 7, 21), (-0.517, -0.026)),
        ((7, 1, 21), (0.026, 0.517)),
    ],
)
def test_the_interval_of_a_published_example(counts: tuple[int, int, int], ends: tuple[float, float]) -> None:
    change = share_change(*counts)

    assert (change.low, change.high) == pytest.approx(ends, abs=0.0005)


@pytest.mark.parametrize("of", [1, 40, 1000])
def test_where_nothing_changed_the_ends_are_wilsons(of: int) -> None:
    change = share_change(0, 0, of)

    assert change.mean == 0
    assert (-change.low, change.high) == pytest.approx([3.8415 / (of + 3.8415)] * 2, rel=1e-4)


def test_a_share_that_rose_on_every_photo_ends_at_one() -> None:
    change = share_change(60, 0, 60)

    assert (change.mean, change.high) == (1, 1)
    assert 0.8 < change.low < 1
