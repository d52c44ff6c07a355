"""What fails in passing is tried again: with growing, random waits, and not for ever."""

from collections.abc import Callable

import pytest

from jobs.nightly import PHOTO_SECONDS
from pipeline.errors import StoreError, Transient
from pipeline.patience import EARNED, STEP_SECONDS, WAITS, Patience
from pipeline.s3store import LONGEST_CALL


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


class Hanging:
    """Work that fails after so many seconds, each time, on a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.time, self.tries = seconds, 0.0, 0

    def __call__(self) -> str:
        self.time += self.seconds
        self.tries += 1
        raise Transient("no answer")

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.mark.parametrize(("seconds", "tries"), [(STEP_SECONDS / 3, 3), (STEP_SECONDS + 1, 1), (1.0, 4)])
def test_no_try_begins_once_a_step_has_taken_its_time(seconds: float, tries: int) -> None:
    work = Hanging(seconds)

    with pytest.raises(Transient, match="no answer"):
        Patience(sleep=work.sleep, now=work.now).run(work)

    assert work.tries == tries
    assert work.time <= STEP_SECONDS + seconds


def test_who_has_the_time_waits_longer_for_a_store_that_hangs() -> None:
    work = Hanging(STEP_SECONDS + 1)

    with pytest.raises(Transient):
        Patience(sleep=work.sleep, now=work.now, within=10 * STEP_SECONDS).run(work)

    assert work.tries == len(WAITS) + 1


def test_a_store_that_hangs_is_given_up_long_before_the_photo_is() -> None:
    assert STEP_SECONDS + LONGEST_CALL <= 0.75 * PHOTO_SECONDS
