"""Tables that an earlier version wrote: what it did not know yet is read as the field's default. Parts that
others write and merge while somebody reads them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ObjectGone, Transient
from pipeline.rowfile import Table, fetch_parts, from_parquet, merge, read_parts, to_parquet, write_part
from pipeline.store import DirStore
from pipeline.types import Listed, Status


@dataclass(frozen=True, slots=True)
class Old:
    key: str
    bytes: int


@dataclass(frozen=True, slots=True)
class New:
    key: str
    bytes: int
    variant: str = ""
    status: Status = Status.STORED
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Stricter:
    key: str
    bytes: int
    owner: str


BEFORE = to_parquet(Old, [Old("a", 1), Old("b", 2)])


def test_a_column_that_came_later_holds_its_default() -> None:
    assert from_parquet(New, BEFORE) == [New("a", 1), New("b", 2)]


def test_rows_can_be_picked_from_a_table_without_the_column() -> None:
    assert list(Table(New, BEFORE).rows(np.array([False, True]))) == [New("b", 2)]


@pytest.mark.parametrize("names", [("variant",), ("variant", "key"), ("key", "bytes")])
def test_any_columns_can_be_asked_for_in_any_order(names: tuple[str, ...]) -> None:
    (batch,) = Table(New, BEFORE).batches(names)

    assert tuple(batch.schema.names) == names
    assert batch.num_rows == 2


@pytest.mark.parametrize("old_first", [True, False])
def test_tables_with_and_without_the_column_merge_into_one(old_first: bool) -> None:
    after = [New("b", 3, "ticket"), New("c", 4, "plain")]
    tables = [Table(New, BEFORE), Table(New, to_parquet(New, after))]

    merged = from_parquet(New, merge(New, tables if old_first else tables[::-1], ("key",)))

    newer = after[0] if old_first else New("b", 2)
    assert sorted(merged, key=lambda row: row.key) == [New("a", 1), newer, after[1]]


def test_a_column_without_a_default_has_to_be_there() -> None:
    with pytest.raises(ValueError, match="no table of Stricter: there is no column owner"):
        from_parquet(Stricter, BEFORE)


class Merging(DirStore):
    """A store in which another driver deletes an old part, oldest first, after each part that is read."""

    old: tuple[str, ...] = ()

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        data = super().get(key, max_bytes=max_bytes)
        for oldest in self.old[:1]:
            self.delete(oldest)
        self.old = self.old[1:]
        return data


class Shrinking(DirStore):
    """A store in which somebody is always faster: what is listed is gone."""

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        raise ObjectGone(key, "merged away")


class Resting(DirStore):
    """A store that turns the first writer away."""

    rested = False

    def put_new(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> bool:
        if not self.rested:
            self.rested = True
            raise Transient("slow down")
        return super().put_new(key, data, content_type)


class Unsorted(DirStore):
    """A store that lists newest first."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return reversed(list(super().list(prefix)))


def test_parts_are_read_while_another_driver_merges_them(tmp_path: Path) -> None:
    store, waits = Merging(tmp_path), list[float]()
    rows = [Old(f"{number:02}", number) for number in range(60)]
    old = [write_part(store, "p/", Old, [row], stamp=row.key) for row in rows]
    write_part(store, "p/", Old, rows, stamp="59-merged")
    store.old = tuple(old)

    parts = fetch_parts(store, "p/", sleep=waits.append)

    assert from_parquet(Old, parts[-1].data) == rows
    assert len(waits) == 2


def test_parts_that_keep_vanishing_are_waited_for_a_minute(tmp_path: Path) -> None:
    store, waits = Shrinking(tmp_path), list[float]()
    write_part(store, "p/", Old, [Old("a", 1)])

    with pytest.raises(Transient, match="the parts keep changing"):
        fetch_parts(store, "p/", sleep=waits.append)

    assert waits == sorted(waits)
    assert 50 < sum(waits) < 70


def test_parts_are_read_in_the_order_of_their_stamps_whatever_the_listing_says(tmp_path: Path) -> None:
    store = Unsorted(tmp_path)
    keys = [write_part(store, "p/", Old, [Old("a", number)], stamp=f"{number}") for number in range(3)]

    assert read_parts(store, "p/", Old) == (keys, [Old("a", 0), Old("a", 1), Old("a", 2)])


def test_a_part_is_written_once_the_store_answers_again(tmp_path: Path) -> None:
    store = Resting(tmp_path)

    key = write_part(store, "p/", Old, [Old("a", 1)])

    assert read_parts(store, "p/", Old) == ([key], [Old("a", 1)])
