"""Tables that an earlier version wrote: what it did not know yet is read as the field's default."""

from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.rowfile import Table, from_parquet, merge, to_parquet
from pipeline.types import Status


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
