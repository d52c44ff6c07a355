"""Rows of large tables found by hashes of what names them: 24 bytes a row, where a dict of names takes 300.

Digests have 128 bits, so that two names of a bucket of a thousand million never share one (the chance is
1 in 10^21); a set of keys keeps 64 of them.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint64]
"""uint64 (N, 2)."""


def digests(names: Iterable[tuple[str, ...]]) -> Digests:
    """A digest for each tuple of names."""
    joined = b"".join(_digest("\0".join(each)) for each in names)
    return np.frombuffer(joined, np.uint64).reshape(-1, 2)


class Index:
    """From digests (N, 2) to the numbers of their rows; of equal ones the last row counts."""

    def __init__(self, rows: Digests) -> None:
        # Stable, so that of equal digests the last one is the one with the highest number.
        order = np.lexsort((rows[:, 1], rows[:, 0]))
        self._first, self._second, self._rows = rows[order, 0], rows[order, 1], order

    def find(self, wanted: Digests) -> NDArray[np.int64]:
        """The number of each digest's row, -1 where there is none."""
        if not len(self._rows):
            return np.full(len(wanted), -1, np.int64)
        at = np.searchsorted(self._first, wanted[:, 0], side="right") - 1
        same = (self._first[at] == wanted[:, 0]) & (self._second[at] == wanted[:, 1])
        return np.where((at >= 0) & same, self._rows[at], -1)

    def last(self) -> NDArray[np.bool_]:
        """For each row whether it is the last with its digest."""
        final = np.ones(len(self._rows), np.bool_)
        same = (self._first[1:] == self._first[:-1]) & (self._second[1:] == self._second[:-1])
        final[:-1] = ~same
        mask = np.zeros(len(self._rows), np.bool_)
        mask[self._rows[final]] = True
        return mask


class KeySet:
    """Which keys a listing showed, in eight bytes each."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._sorted = np.sort(short_digests(keys))

    def __contains__(self, key: object) -> bool:
        return bool(self.has(short_digests([str(key)]))[0])

    def has(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether the listing showed the keys with these short digests, uint64 (N,)."""
        if not len(self._sorted):
            return np.zeros(len(keys), np.bool_)
        at = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        return np.asarray(self._sorted[at] == keys, np.bool_)


def short_digests(keys: Iterable[str]) -> NDArray[np.uint64]:
    """What `KeySet` knows keys by: uint64 (N,)."""
    return np.frombuffer(b"".join(_digest(key)[:8] for key in keys), np.uint64)


def _digest(text: str) -> bytes:
    # A key may hold half a surrogate pair, out of a file name.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
