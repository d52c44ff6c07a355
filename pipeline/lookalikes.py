"""Of many pictures the first that shows nearly the same, without comparing each with all before it.

Where a design names neither product nor price, all banners of a size share their words: ten thousand of them
would make fifty million comparisons. So pictures lie in cells, by those of their means that tell them apart
best, and are compared within the cells that one nearly the same can lie in. That changes no answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pipeline.likeness import TOLERANCE, alike

AXES = 6
"""At most so many means say in which cell a picture lies: one like it lies in one of 2 ** 6."""
WIDTH = 4 * TOLERANCE
"""Levels of a cell: more than twice the tolerance, so that along a mean two cells are enough to look into."""


class LookAlikes:
    """The pictures `looks` int16 (N, 48), of which those that were added can be found by their likeness."""

    def __init__(self, looks: NDArray[np.int16]) -> None:
        axes = looks[:, _axes(looks)]
        self._looks = looks
        self._lowest = ((axes - TOLERANCE) // WIDTH).tolist()
        self._highest = ((axes + TOLERANCE) // WIDTH).tolist()
        self._own = (axes // WIDTH).tolist()
        self._cells = defaultdict[tuple[int, ...], list[int]](list)

    def add(self, at: int) -> None:
        """The picture of this number can be found from now on; they are added in their order."""
        self._cells[tuple(self._own[at])].append(at)

    def first(self, at: int) -> int | None:
        """The first that was added of those that show nearly the same as this one."""
        near = np.array(list(self._near(at)), np.int64)
        twins = near[alike(self._looks[at], self._looks[near])]
        return int(twins.min()) if twins.size else None

    def _near(self, at: int) -> Iterator[int]:
        for cell in product(*({*ends} for ends in zip(self._lowest[at], self._highest[at], strict=True))):
            yield from self._cells.get(cell, ())


def _axes(looks: NDArray[np.int16]) -> list[int]:
    """The means that tell the pictures apart best, each by what those before it leave open.

    A pivoted Cholesky decomposition of their covariance. Where hardly anything is left open, it ends.
    """
    apart = looks - looks.mean(axis=0)
    left = apart.T @ apart / len(looks)
    chosen: list[int] = []
    while len(chosen) < AXES and left.diagonal().max() > TOLERANCE**2:
        axis = int(left.diagonal().argmax())
        chosen.append(axis)
        left = left - np.outer(left[axis], left[axis]) / left[axis, axis]
    return chosen
