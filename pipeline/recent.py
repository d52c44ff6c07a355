"""What was worked out of the last few values, found again by the value itself.

Banners come grouped by cut-out: what follows from a cut-out alone is worked out once for all of its banners.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

KEPT = 2
"""Two people on a banner, and never more: a cut-out takes some ten megabytes."""


class Recent(Generic[K, T]):
    """`work`, which remembers its results for the last `KEPT` values; they are told apart by identity.

    Nobody may change a value or a result.
    """

    def __init__(self, work: Callable[[K], T]) -> None:
        self._work = work
        self._known: deque[tuple[K, T]] = deque(maxlen=KEPT)

    def __call__(self, value: K) -> T:
        for known, result in self._known:
            if known is value:
                return result
        result = self._work(value)
        self._known.append((value, result))
        return result
