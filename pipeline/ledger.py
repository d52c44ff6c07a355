"""What is known of the photo bucket, so that planning a night fetches nothing.

For every photo that was ever fetched: which content its (key, etag, size) stands for, and how each content
ended under each matting recipe. Kept as Parquet parts under `ledger/` in the output store. It is a memory,
not a truth: were all of it deleted, photos would be fetched and matted again, and nothing else would change.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace

from pipeline.errors import Reason
from pipeline.rowfile import STAMP_DIGITS, read_parts, write_part
from pipeline.store import ObjectStore
from pipeline.types import Box, CutoutRef, Geometry, Listed, PhotoRef, PhotoRow, Status

PREFIX = "ledger/"
MAX_PARTS = 16
"""Parts to read at the start of a run: each costs a round trip to the bucket, about 20 ms."""

_NOT_THE_PHOTO = {Reason.SOURCE_GONE, Reason.ACCESS_DENIED, Reason.UNAVAILABLE, Reason.CRASHED}
"""Refusals that say nothing about the bytes; another night may find the photo readable."""

_Identity = tuple[str, str, int] | str
"""A photo's content; where it was refused before its content was known, its key, etag and size."""


class Ledger:
    """The memory of one output store. Not to be shared by threads; two drivers may each have their own."""

    def __init__(self, store: ObjectStore, parts: Sequence[str], rows: Sequence[PhotoRow]) -> None:
        self._store = store
        self._parts = list(parts)
        self._contents: dict[tuple[str, str, int], str] = {}
        self._outcomes: dict[tuple[_Identity, str], PhotoRow] = {}
        self._remember(rows)

    @classmethod
    def load(cls, store: ObjectStore) -> "Ledger":
        """Everything that earlier runs wrote into `store`."""
        return cls(store, *read_parts(store, PREFIX, PhotoRow))

    def known_content(self, listed: Listed | PhotoRef) -> str | None:
        """The sha256 (hex) of the object's bytes, if an object that listed so was ever read."""
        return self._contents.get((listed.key, listed.etag, listed.size))

    def lookup(self, listed: Listed | PhotoRef, recipe: str) -> PhotoRow | None:
        """How this photo ended under `recipe`, stored or rejected, or None if that is not known.

        The row may come from another object with the same bytes; key, etag and size are those of `listed`.
        """
        place = (listed.key, listed.etag, listed.size)
        row = self._outcomes.get((self._contents.get(place, place), recipe))
        return row and replace(row, key=listed.key, etag=listed.etag, size=listed.size)

    def add(self, rows: Sequence[PhotoRow]) -> None:
        """Remember `rows`, in the store first. What says nothing about a photo's bytes is left out."""
        lasting = [row for row in rows if _lasts(row)]
        if lasting:
            self._parts.append(write_part(self._store, PREFIX, PhotoRow, lasting))
            self._remember(lasting)

    def forget_rejected(self, reasons: Collection[str]) -> int:
        """Forget refusals for `reasons`, in this object only, so that `lookup` gives None; how many."""
        doomed = [
            place
            for place, row in self._outcomes.items()
            if row.status is Status.REJECTED and row.reason in reasons
        ]
        for place in doomed:
            del self._outcomes[place]
        return len(doomed)

    def compact(self) -> None:
        """Merge the parts into one if there are more than `MAX_PARTS`.

        The merged part takes the place of the newest part in it, so that a part which another driver writes
        meanwhile still comes later. A crash in between leaves rows twice, which does no harm.
        """
        if len(self._parts) <= MAX_PARTS:
            return
        old, rows = read_parts(self._store, PREFIX, PhotoRow)
        merged = list({(row.key, row.etag, row.size, row.recipe): row for row in rows}.values())
        stamp = old[-1].removeprefix(PREFIX)[:STAMP_DIGITS]
        new = write_part(self._store, PREFIX, PhotoRow, merged, stamp=stamp)
        for key in old:
            if key != new:
                self._store.delete(key)
        self._parts = [new]

    def _remember(self, rows: Sequence[PhotoRow]) -> None:
        for row in rows:
            place = (row.key, row.etag, row.size)
            if row.content:
                self._contents[place] = row.content
            self._outcomes[row.content or place, row.recipe] = row


def geometry_to_json(geometry: Geometry) -> str:
    """`geometry` as one line of JSON, for a row."""
    return json.dumps(asdict(geometry), separators=(",", ":"))


def geometry_from_json(text: str) -> Geometry:
    """What `geometry_to_json` wrote."""
    values = json.loads(text)
    head = values["head"] and Box(**values["head"])
    return Geometry(
        **{**values, "subject": Box(**values["subject"]), "head": head, "cut": tuple(values["cut"])}
    )


def cutout_ref(row: PhotoRow) -> CutoutRef:
    """The stored cut-out that a row with status `stored` tells of."""
    photo = PhotoRef(row.key, row.etag, row.size, row.content)
    return CutoutRef(row.cutout_key, photo, geometry_from_json(row.geometry), row.confidence)


def _lasts(row: PhotoRow) -> bool:
    return row.status is Status.STORED or (row.status is Status.REJECTED and row.reason not in _NOT_THE_PHOTO)
