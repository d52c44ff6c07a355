"""What fails in passing is tried again: with growing, random waits, and not for ever."""

from collections.abc import Callable

import pytest

from pipeline.errors import StoreError, Transient
from pipeline.patience import EARNED, WAITS, Patience


def failing(times: int, error: Exception | None = None) -> Callable[[], str]:
    """Work that fails so many times, then succeeds."""
    left = iter([True] * times)

    def work() -> str:
        if next(left, False):
            raise error or Transient("slow down")
        return "done"

    return work


def test_waits_grow_and_are_cut_by_chance() -> None:
    waits: list[float] = []

    result = Patience(sleep=waits.append, chance=lambda: 0.5).run(failing(len(WAITS)))

    assert (result, waits) == ("done", [0.75 * longest for longest in WAITS])


def test_two_workers_wait_for_different_times() -> None:
    waits: list[float] = []

    for _ in range(2):
        Patience(sleep=waits.append).run(failing(1))

    assert waits[0] != waits[1]


def test_after_the_last_wait_the_error_is_raised() -> None:
    with pytest.raises(Transient, match="slow down"):
        Patience(sleep=lambda _: None).run(failing(len(WAITS) + 1))


def test_what_will_never_work_is_not_tried_again() -> None:
    waits: list[float] = []

    with pytest.raises(StoreError):
        Patience(sleep=waits.append).run(failing(1, StoreError("no such bucket")))
    assert waits == []


def test_a_spent_budget_ends_the_waiting_at_once() -> None:
    waits: list[float] = []
    patience = Patience(sleep=waits.append, chance=lambda: 0, budget=sum(WAITS) / 2)
    with pytest.raises(Transient):
        patience.run(failing(99))

    with pytest.raises(Transient):
        patience.run(failing(99))

    assert waits == [longest / 2 for longest in WAITS]


def test_success_gives_some_of_the_budget_back() -> None:
    waits: list[float] = []
    patience = Patience(sleep=waits.append, chance=lambda: 0, budget=sum(WAITS) / 2)
    with pytest.raises(Transient):
        patience.run(failing(99))

    patience.run(failing(0))
    patience.run(failing(1))

    assert waits[-1] == WAITS[0] / 2 <= EARNED
