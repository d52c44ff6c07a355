"""Photos whose outcome is known: rows that stay packed in the ledger until somebody looks at them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.ledger import Ledger
from pipeline.types import Listed, PhotoRow


class KnownPhotos(Collection[PhotoRow]):
    """Rows of the bucket's photos that need no work, each once, in no certain order.

    Each look unpacks them anew, some ten seconds for a million of them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._own = np.zeros(len(ledger), np.bool_)
        self._copies: list[tuple[int, Listed]] = []
        self._others: list[PhotoRow] = []

    def keep(self, rows: NDArray[np.int64], page: Sequence[Listed]) -> None:
        """The ledger's rows with these numbers (-1: none) tell of the objects of `page`."""
        own = self._ledger.tell_of(rows, page)
        self._own[rows[own]] = True
        for at in np.flatnonzero(~own & (rows >= 0)).tolist():
            self._copies.append((int(rows[at]), page[at]))

    def add(self, row: PhotoRow) -> None:
        """A row that the ledger does not have."""
        self._others.append(row)

    def __iter__(self) -> Iterator[PhotoRow]:
        yield from self._ledger.rows(self._own)
        yield from self._copied()
        yield from self._others

    def __len__(self) -> int:
        return int(self._own.sum()) + len(self._copies) + len(self._others)

    def __contains__(self, row: object) -> bool:
        return any(each == row for each in self)

    def _copied(self) -> Iterator[PhotoRow]:
        """Objects with the same bytes as one that has a row."""
        wanted = np.zeros(len(self._ledger), np.bool_)
        wanted[[number for number, _ in self._copies]] = True
        numbers = iter(np.flatnonzero(wanted).tolist())
        rows = {next(numbers): row for row in self._ledger.rows(wanted)}
        for number, listed in self._copies:
            yield replace(rows[number], key=listed.key, etag=listed.etag, size=listed.size)


class Photos(Collection[PhotoRow]):
    """Several collections of rows as one."""

    def __init__(self, *parts: Collection[PhotoRow]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[PhotoRow]:
        return chain.from_iterable(self._parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __contains__(self, row: object) -> bool:
        return any(row in part for part in self._parts)
