"""Stops a night in which no photo can be read any more, instead of refusing them one by one till morning.

A few photos that the bucket refuses are rows like any other. When every single one is refused, or the bucket
has stopped answering, that says nothing about photos: one clear error then is worth more than ten thousand
rows, and what was made before is stored and written down all the same.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice

from pipeline.errors import ObjectError, Reason, StoreError, Transient
from pipeline.store import ObjectStore
from pipeline.types import PhotoRef, PhotoRow

IN_A_ROW = 20
_SAMPLE = 10
"""Photos, spread over the bucket, that are tried before it is said that all are refused: a policy may close
one folder, and keys come folder by folder. So many of the known ones, and of those to be read tonight: from
the second night on these may be nothing but what was refused the night before."""


class Breaker:
    """Watches the rows of `refs` as they come in; `photos` is where these lie, beside the `known` ones."""

    def __init__(self, photos: ObjectStore, refs: Collection[PhotoRef], known: Collection[PhotoRow]) -> None:
        self._photos, self._refs, self._known = photos, refs, known
        self._silent = self._denied = 0

    def watch(self, rows: Iterable[PhotoRow]) -> Iterator[PhotoRow]:
        """`rows`, until they tell that no photo can be read any more; then raises `StoreError`."""
        for row in rows:
            yield row
            self.see(row)

    def see(self, row: PhotoRow) -> None:
        """Raises `StoreError` once enough rows in a row tell of the bucket and not of a photo."""
        self._silent = self._silent + 1 if row.reason == Reason.UNAVAILABLE else 0
        self._denied = self._denied + 1 if row.reason == Reason.ACCESS_DENIED else 0
        where = self._photos.url("")
        if self._silent == IN_A_ROW:
            raise StoreError(
                f"{where}: the bucket has not answered for {IN_A_ROW} photos in a row; run again to go on "
                f"(the last answer: {row.detail})"
            )
        if self._denied == IN_A_ROW and not self._anything_readable():
            raise StoreError(
                f"{where}: the bucket refuses every photo that was tried; check its policy and the "
                f"credentials ({row.detail})"
            )

    def _anything_readable(self) -> bool:
        return any(map(self._is_readable, chain(_spread(self._known), _spread(self._refs))))

    def _is_readable(self, key: str) -> bool:
        try:
            return self._photos.exists(key)
        except (ObjectError, Transient):
            return False


def _spread(photos: Collection[PhotoRef | PhotoRow]) -> Iterator[str]:
    step = max(1, len(photos) // _SAMPLE)
    return (photo.key for photo in islice(photos, step - 1, None, step))
