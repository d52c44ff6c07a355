"""How often something that failed in passing is tried again: after growing, random waits, within a budget.

Without chance, all workers that a throttled bucket turned away would come back in the same moment. Without
a budget, a bucket that has gone for good would cost each photo its whole wait: two thousand photos are six
hours in which nothing is made and nobody is told.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.errors import Transient

WAITS = (0.5, 2.0, 8.0)
"""Longest seconds before each further try (boto3 has retried by itself before the first)."""
BUDGET = 120.0
"""Seconds that one worker waits in all without a success between."""
EARNED = 0.5
"""Seconds that each success gives back: a few troubled calls among many never use up the budget."""
_T = TypeVar("_T")


class Patience:
    """One worker's patience with its stores. `sleep` and `chance` (in [0, 1)) are the tests' to replace."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        budget: float = BUDGET,
    ) -> None:
        self._sleep, self._chance = sleep, chance
        self._budget = self._left = budget

    def run(self, work: Callable[[], _T], note: Callable[[Transient], None] = lambda error: None) -> _T:
        """`work()`, tried again while it raises `Transient`, each time after a `note` of it; the last such
        error is raised.
        """
        for longest in WAITS:
            try:
                return self._earn(work())
            except Transient as error:
                wait = longest * (1 + self._chance()) / 2
                if wait > self._left:
                    raise
                note(error)
                self._left -= wait
                self._sleep(wait)
        return self._earn(work())

    def _earn(self, value: _T) -> _T:
        self._left = min(self._budget, self._left + EARNED)
        return value
