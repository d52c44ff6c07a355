"""How often something that failed in passing is tried again: after growing, random waits, within a budget.

Without chance, all workers that a throttled bucket turned away would come back in the same moment. Without
a budget, a bucket that has gone for good would cost each photo its whole wait: two thousand photos are six
hours in which nothing is made and nobody is told. A bucket that hangs is waited for by each try itself, so
tries have to end by the clock as well: before somebody else loses patience with the photo.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.errors import Transient

WAITS = (0.5, 2.0, 8.0)
"""Longest seconds before each further try (the store has retried by itself before the first)."""
BUDGET = 120.0
"""Seconds that one worker waits in all without a success between."""
EARNED = 0.5
"""Seconds that each success gives back: a few troubled calls among many never use up the budget."""
STEP_SECONDS = 60.0
"""So long after a step began none of its tries begins: with the last one it has to end well within the time
that a photo has in the pool, or the photo is refused for what its bucket did."""
_T = TypeVar("_T")


class Patience:
    """One worker's patience with its stores. `within` in seconds, see `STEP_SECONDS`. `sleep`, `chance` (in
    [0, 1)) and `now` are the tests' to replace.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
        budget: float = BUDGET,
        within: float = STEP_SECONDS,
    ) -> None:
        self._sleep, self._chance, self._now, self._within = sleep, chance, now, within
        self._budget = self._left = budget

    def run(self, work: Callable[[], _T], note: Callable[[Transient], None] = lambda error: None) -> _T:
        """`work()`, tried again while it raises `Transient`, each time after a `note` of it; the last such
        error is raised.
        """
        until = self._now() + self._within
        for longest in WAITS:
            try:
                return self._earn(work())
            except Transient as error:
                wait = longest * (1 + self._chance()) / 2
                if wait > self._left or self._now() + wait > until:
                    raise
                note(error)
                self._left -= wait
                self._sleep(wait)
        return self._earn(work())

    def _earn(self, value: _T) -> _T:
        self._left = min(self._budget, self._left + EARNED)
        return value
