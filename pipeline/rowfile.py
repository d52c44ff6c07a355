"""Rows (flat dataclasses) as Parquet bytes, and as numbered parts under a prefix of a store.

A part is written once and never changed. Its name begins with the time it was written, so that reading parts
in the order of their keys lets later rows replace earlier ones.
"""

import dataclasses
import enum
import functools
import hashlib
import io
import time
import typing
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ObjectGone, StoreError, Transient
from pipeline.store import ObjectStore

MEDIA_TYPE = "application/vnd.apache.parquet"

STAMP_DIGITS = 20

_COLUMN = {str: pa.string(), int: pa.int64(), float: pa.float64(), date: pa.date32()}
_TRIES = 5


class Row(Protocol):
    """A dataclass whose fields are str, int, float, date or a StrEnum."""

    __dataclass_fields__: typing.ClassVar[dict[str, dataclasses.Field[Any]]]


R = TypeVar("R", bound=Row)


def to_parquet(kind: type[R], rows: Sequence[R]) -> bytes:
    """`rows` as one Parquet file, a column per field of `kind`; the same rows give the same bytes."""
    schema = pa.schema([pa.field(name, _column(type_), nullable=False) for name, type_ in _fields(kind)])
    columns = [
        pa.array([_storable(getattr(row, name)) for row in rows], schema.field(name).type)
        for name in schema.names
    ]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), file, compression="zstd")
    return file.getvalue()


def from_parquet(kind: type[R], data: bytes) -> list[R]:
    """The rows of a file of `to_parquet`. `ValueError` if it is no such file."""
    fields = _fields(kind)
    try:
        with pq.ParquetFile(io.BytesIO(data)) as file:
            table = file.read(columns=[name for name, _ in fields], use_threads=False)
        columns = [_values(type_, table.column(name).to_pylist()) for name, type_ in fields]
    except (pa.ArrowException, KeyError, OSError) as error:
        told = str(error).partition("\n")[0]
        raise ValueError(f"no table of {kind.__name__}: {told}") from error
    return [kind(*values) for values in zip(*columns, strict=True)]


def write_part(
    store: ObjectStore, prefix: str, kind: type[R], rows: Sequence[R], *, stamp: str | None = None
) -> str:
    """A new part under `prefix` (which ends in a slash); its key. `stamp`: in place of the present time."""
    data = to_parquet(kind, rows)
    stamp = stamp or f"{time.time_ns():0{STAMP_DIGITS}}"
    key = f"{prefix}{stamp}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    store.put_new(key, data, MEDIA_TYPE)
    return key


def read_parts(store: ObjectStore, prefix: str, kind: type[R]) -> tuple[list[str], list[R]]:
    """The keys of all parts under `prefix`, oldest first, and their rows in that order."""
    for _ in range(_TRIES):
        keys = [listed.key for listed in store.list(prefix) if listed.key.endswith(".parquet")]
        try:
            return keys, [row for key in keys for row in read_rows(store, key, kind)]
        except ObjectGone:
            continue  # another driver has just merged these parts into a new one: list again
    raise Transient(f"{store.url(prefix)}: the parts keep changing")


def read_rows(store: ObjectStore, key: str, kind: type[R]) -> list[R]:
    """The rows of the Parquet object under `key`."""
    try:
        return from_parquet(kind, store.get(key))
    except ValueError as error:
        raise StoreError(f"{store.url(key)}: {error}; move this file away and run again") from error


@functools.cache
def _fields(kind: type[Any]) -> tuple[tuple[str, type[Any]], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _column(type_: type[Any]) -> pa.DataType:
    return pa.string() if issubclass(type_, enum.Enum) else _COLUMN[type_]


def _storable(value: Any) -> Any:
    # An error's text may hold half a surrogate pair, out of a file name; that must not cost the whole part.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _values(type_: type[Any], values: list[Any]) -> Iterator[Any]:
    return map(type_, values) if issubclass(type_, enum.Enum) else iter(values)
