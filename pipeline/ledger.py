"""What is known of the photo bucket, so that planning a night fetches nothing.

For every photo that was ever fetched: which content its (key, etag, size) stands for, and how each content
ended under each matting recipe. Kept as Parquet parts under `ledger/` in the output store. It is a memory,
not a truth: were all of it deleted, photos would be fetched and matted again, and nothing else would change.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.clock import STAMP_DIGITS, newest_stamp, stamp_after
from pipeline.digests import Digests, Index, KeySet, digests, short_digests
from pipeline.errors import Reason, StoreError
from pipeline.rowfile import Part, Table, arrow_numbers, fetch_parts, merge, open_part, put_part, to_parquet
from pipeline.store import ObjectStore
from pipeline.types import Box, CutoutRef, Geometry, Listed, PhotoRef, PhotoRow, Status

PREFIX = "ledger/"
MAX_PARTS = 16
"""Parts to read at the start of a run: each costs a round trip to the bucket, about 20 ms."""

_NOT_THE_PHOTO = {Reason.SOURCE_GONE, Reason.ACCESS_DENIED, Reason.UNAVAILABLE, Reason.CRASHED}
"""Refusals that say nothing about the bytes; another night may find the photo readable."""

_NOBODY: Digests = np.empty((0, 2), np.uint64)
_NAMELESS = digests([("",)])
_NONE = np.empty(0, np.uint64)
_NO_REASON = np.empty(0, np.uint8)
"""Every list begins with nothing, so that an empty ledger is one like any other."""


class Ledger:
    """The memory of one output store. Not to be shared by threads; two drivers may each have their own.

    Rows stay packed as they lie in their parts; what planning asks of them is at hand in some 150 bytes each.
    """

    def __init__(self, store: ObjectStore, parts: Sequence[Part]) -> None:
        self._store = store
        self._parts = [part.key for part in parts]
        self._newest = newest_stamp(self._parts)
        self._tables = [open_part(store, part, PhotoRow) for part in parts]
        self._forgotten: frozenset[str] = frozenset()
        self._book: _Book | None = None

    @classmethod
    def load(cls, store: ObjectStore) -> "Ledger":
        """Everything that earlier runs wrote into `store`."""
        ledger = cls(store, fetch_parts(store, PREFIX))
        ledger._open()
        return ledger

    def contents(self, page: Sequence[Listed | PhotoRef]) -> list[str | None]:
        """For each object of a page the sha256 (hex) of its bytes, or None if no object that listed so was
        ever read.
        """
        book = self._open()
        return book.contents(book.places.find(_places(page)))

    def find(self, page: Sequence[Listed | PhotoRef], recipe: str) -> NDArray[np.int64]:
        """For each object of a page the number of the row that says how it ended under `recipe`, or -1.

        The row may come from another object with the same bytes.
        """
        book = self._open()
        places = _places(page)
        contents = book.contents(book.places.find(places))
        identities = (
            (content, recipe) if content else (*_place(listed), recipe)
            for content, listed in zip(contents, page, strict=True)
        )
        rows = book.outcomes.find(digests(identities))
        return np.where(book.is_refused_for(rows, self._forgotten), -1, rows)

    def find_usable(self, page: Sequence[Listed], recipe: str, cutouts: KeySet) -> NDArray[np.int64]:
        """As `find`, but only rows that still hold: of photos refused, or whose cut-out is there."""
        rows = self.find(page, recipe)
        book = self._open()
        holds = book.refused[rows] | cutouts.has(book.cutouts[rows])
        return np.where((rows >= 0) & holds, rows, -1)

    def find_first_usable(
        self, page: Sequence[Listed], recipes: Sequence[str], cutouts: KeySet
    ) -> NDArray[np.int64]:
        """As `find_usable`, by the first of `recipes` that has any such row."""
        rows = np.full(len(page), -1)
        for recipe in recipes:
            rows = np.where(rows < 0, self.find_usable(page, recipe, cutouts), rows)
        return rows

    def tell_of(self, rows: NDArray[np.int64], page: Sequence[Listed]) -> NDArray[np.bool_]:
        """Which of the rows that `find` named for a page tell of that very object, not of another like it."""
        names = self._open().names_of[rows]
        own = (names == _places(page)).all(axis=1) | (names == _NAMELESS).all(axis=1)
        return np.asarray((rows >= 0) & own, np.bool_)

    def rows(self, keep: NDArray[np.bool_] | None = None) -> Iterator[PhotoRow]:
        """All rows, or those whose number's place in `keep` (len(self),) is True, in their order.

        Raises `StoreError` for a part that can be opened, and yet holds what is no row.
        """
        at = 0
        for key, table in zip(self._parts, self._tables, strict=True):
            with self._naming(key, "file"):
                yield from table.rows(None if keep is None else keep[at : at + len(table)])
            at += len(table)

    @property
    def newest(self) -> int:
        """When its newest part was written, in ns since 1970, by the clock of whoever wrote it."""
        return self._newest

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def lookup(self, listed: Listed | PhotoRef, recipe: str) -> PhotoRow | None:
        """How this photo ended under `recipe`, stored or rejected, or None if that is not known.

        The row may come from another object with the same bytes; key, etag and size are those of `listed`.
        """
        [number] = self.find([listed], recipe)
        if number < 0:
            return None
        keep = np.zeros(len(self), np.bool_)
        keep[number] = True
        [row] = self.rows(keep)
        return replace(row, key=listed.key, etag=listed.etag, size=listed.size)

    def add(self, rows: Sequence[PhotoRow]) -> None:
        """Remember `rows`, in the store first, later than every row that was there when this was loaded.

        What says nothing about a photo's bytes is left out.
        """
        lasting = [row for row in rows if _lasts(row)]
        if lasting:
            stamp = stamp_after(self._newest)
            part = put_part(self._store, PREFIX, to_parquet(PhotoRow, lasting), stamp=stamp)
            self._newest = int(stamp)
            self._parts.append(part.key)
            self._tables.append(open_part(self._store, part, PhotoRow))
            self._book = None

    def forget_rejected(self, reasons: Collection[str]) -> int:
        """Forget refusals for `reasons`, in this object only, so that `lookup` gives None; how many."""
        self._forgotten |= frozenset(reasons)
        book = self._open()
        return int((book.outcomes.last() & book.is_refused_for(np.arange(len(self)), reasons)).sum())

    def compact(self) -> None:
        """Merge the parts into one if there are more than `MAX_PARTS`.

        The merged part takes the place of the newest part in it, so that a part which another driver writes
        meanwhile still comes later. A crash in between leaves rows twice, which does no harm. The rows in
        memory stay as they are: whoever holds numbers of them would find others under these.
        """
        if len(self._parts) <= MAX_PARTS:
            return
        old = fetch_parts(self._store, PREFIX)
        if len(old) < 2:
            return
        tables = [open_part(self._store, part, PhotoRow) for part in old]
        with self._naming(PREFIX, "folder"):
            merged = merge(PhotoRow, tables, ("key", "etag", "size", "recipe"))
        stamp = old[-1].key.removeprefix(PREFIX)[:STAMP_DIGITS]
        new = put_part(self._store, PREFIX, merged, stamp=stamp)
        for part in old:
            if part.key != new.key:
                self._store.delete(part.key)

    def _open(self) -> "_Book":
        if self._book is None:
            with self._naming(PREFIX, "folder"):
                self._book = _Book.of(self._tables)
        return self._book

    @contextmanager
    def _naming(self, key: str, kind: str) -> Iterator[None]:
        """Says of what is damaged where it lies, and what to do."""
        try:
            yield
        except ValueError as error:
            where = self._store.url(key)
            raise StoreError(f"{where}: {error}; move this {kind} away and run again") from error


@dataclass(frozen=True, slots=True)
class _Book:
    """What planning asks of each row, by its number; `places` and `outcomes` find the number.

    `names_of` digests of the objects; `cutouts` short digests of the cut-outs' keys; `reasons` numbers in
    `names`, 0 for a stored photo.
    """

    names_of: Digests
    places: Index
    outcomes: Index
    content: Any
    refused: NDArray[np.bool_]
    cutouts: NDArray[np.uint64]
    reasons: NDArray[np.uint8]
    names: Mapping[str, int]

    @classmethod
    def of(cls, tables: Sequence[Table[PhotoRow]]) -> "_Book":
        places, outcomes, contents, cutouts, reasons = [_NOBODY], [_NOBODY], [], [_NONE], [_NO_REASON]
        names: dict[str, int] = {}
        columns = ("key", "etag", "size", "content", "recipe", "status", "reason", "cutout_key")
        for batch in (batch for table in tables for batch in table.batches(columns)):
            column = {name: batch.column(name).to_pylist() for name in columns}
            place = list(zip(column["key"], column["etag"], map(str, column["size"]), strict=True))
            known = column["content"]
            identity = zip(known, place, column["recipe"], strict=True)
            # A row without content says nothing of what lies there; it is found by its name alone.
            places.append(digests(p if c else ("",) for c, p in zip(known, place, strict=True)))
            outcomes.append(digests((c, recipe) if c else (*p, recipe) for c, p, recipe in identity))
            cutouts.append(short_digests(column["cutout_key"]))
            refused = (status == Status.REJECTED for status in column["status"])
            told = zip(column["reason"], refused, strict=True)
            reasons.append(np.array([_number(reason, names) * bad for reason, bad in told], np.uint8))
            contents.append(batch.column("content"))
        # One more than there are rows, for whoever asks with -1.
        numbers = np.append(np.concatenate(reasons), np.uint8(0))
        names_of = np.concatenate(places)
        return cls(
            np.concatenate([names_of, _NAMELESS]),
            Index(names_of),
            Index(np.concatenate(outcomes)),
            pa.chunked_array(contents, pa.string()),
            numbers > 0,
            np.append(np.concatenate(cutouts), np.uint64(0)),
            numbers,
            names,
        )

    def contents(self, rows: NDArray[np.int64]) -> list[str | None]:
        """The content of each row, None for -1."""
        found = rows >= 0
        texts = iter(self.content.take(arrow_numbers(rows[found])).to_pylist())
        return [next(texts) if each else None for each in found]

    def is_refused_for(self, rows: NDArray[np.int64], reasons: Collection[str]) -> NDArray[np.bool_]:
        """Which rows tell of a photo that was refused for one of `reasons`."""
        numbers = [self.names[reason] for reason in reasons if reason in self.names]
        if not numbers:
            return np.zeros(len(rows), np.bool_)
        return np.asarray((rows >= 0) & np.isin(self.reasons[rows], numbers), np.bool_)


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


def _place(listed: Listed | PhotoRef) -> tuple[str, str, str]:
    return listed.key, listed.etag, str(listed.size)


def _places(page: Sequence[Listed | PhotoRef]) -> Digests:
    return digests(map(_place, page))


def _number(reason: str, names: dict[str, int]) -> int:
    return names.setdefault(reason, len(names) + 1)
