"""Rows (flat dataclasses) as Parquet bytes, and as numbered parts under a prefix of a store.

A part is written once and never changed. Its name begins with the time it was written, so that reading parts
in the order of their keys lets later rows replace earlier ones. Large files are read and merged batch by
batch: a million rows are 150 MB as a file and more than a gigabyte as objects.
"""

import dataclasses
import enum
import functools
import hashlib
import io
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.clock import stamp_after
from pipeline.digests import Digests, Index, digests
from pipeline.errors import ObjectGone, StoreError, Transient
from pipeline.patience import Patience
from pipeline.store import ObjectStore

MEDIA_TYPE = "application/vnd.apache.parquet"

_COLUMN = {str: pa.string(), int: pa.int64(), float: pa.float64(), date: pa.date32()}
_WAITS = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further look at parts that somebody else is merging: a minute in all, in which a bucket
deletes a thousand."""
_PART_SECONDS = 600.0
"""No try to write a part begins later: a bucket that rests for some minutes must not cost a night."""
_BATCH = 16_384
"""Rows that are unpacked at a time: some 15 MB."""
_GROUP = 65_536
"""Rows of a row group of a merged file; smaller ones compress worse."""


class Row(Protocol):
    """A dataclass whose fields are str, int, float, date or a StrEnum."""

    __dataclass_fields__: typing.ClassVar[dict[str, dataclasses.Field[Any]]]


R = TypeVar("R", bound=Row)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part as it was fetched: its key and its bytes."""

    key: str
    data: bytes


class Table(Generic[R]):
    """The rows of one Parquet file, which stay packed and can be read as often as wanted."""

    def __init__(self, kind: type[R], data: bytes) -> None:
        """`data` as `to_parquet` makes it. Raises `ValueError` if it is no such file."""
        self._kind = kind
        self.names = tuple(name for name, _ in _fields(kind))
        with self._errors():
            self._file = pq.ParquetFile(pa.BufferReader(data))
        absent = set(self.names) - set(self._file.schema_arrow.names)
        if missing := absent - set(_defaults(kind)):
            raise ValueError(f"no table of {kind.__name__}: there is no column {min(missing)}")
        self._absent = {name: _defaults(kind)[name] for name in absent}

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """The columns `names`, as one `pyarrow.RecordBatch` after the other. Raises `ValueError`.

        A column that was not there yet when the file was written holds its field's default.
        """
        stored = [name for name in names if name not in self._absent]
        with self._errors():
            for batch in self._file.iter_batches(_BATCH, columns=stored, use_threads=False):
                yield self._completed(batch, names) if self._absent else batch

    def kept(self, keep: NDArray[np.bool_]) -> Iterator[Any]:
        """Batches of all columns, with the rows where `keep` (N,) is True."""
        at = 0
        for batch in self.batches(self.names):
            mask = keep[at : at + batch.num_rows]
            at += batch.num_rows
            if mask.any():
                yield batch if mask.all() else batch.take(arrow_numbers(np.flatnonzero(mask)))

    def rows(self, keep: NDArray[np.bool_] | None = None) -> Iterator[R]:
        """All rows, or those where `keep` (N,) is True. Raises `ValueError`."""
        for batch in self.batches(self.names) if keep is None else self.kept(keep):
            columns = (_values(type_, batch.column(name).to_pylist()) for name, type_ in _fields(self._kind))
            yield from (self._kind(*values) for values in zip(*columns, strict=True))

    def digests(self, names: Sequence[str]) -> Digests:
        """A digest of the columns `names` for each row."""
        texts = (
            zip(*(map(str, batch.column(name).to_pylist()) for name in names), strict=True)
            for batch in self.batches(names)
        )
        return digests(each for batch in texts for each in batch)

    def _completed(self, batch: Any, names: Sequence[str]) -> Any:
        """`batch` with the absent ones of the columns `names`."""
        schema = pa.schema([_schema(self._kind).field(name) for name in names])
        columns = [
            pa.repeat(pa.scalar(self._absent[field.name], field.type), batch.num_rows)
            if field.name in self._absent
            else batch.column(field.name)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, KeyError, OSError) as error:
            told = str(error).partition("\n")[0]
            raise ValueError(f"no table of {self._kind.__name__}: {told}") from error


def arrow_numbers(numbers: NDArray[np.int64]) -> pa.Array:
    """The same int64 (N,) as Arrow has them. `pa.array` would import pandas for it, which takes 0.3 s."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def to_parquet(kind: type[R], rows: Sequence[R]) -> bytes:
    """`rows` as one Parquet file, a column per field of `kind`; the same rows give the same bytes."""
    schema = _schema(kind)
    columns = [
        pa.array([_storable(getattr(row, name)) for row in rows], schema.field(name).type)
        for name in schema.names
    ]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), file, compression="zstd")
    return file.getvalue()


def from_parquet(kind: type[R], data: bytes) -> list[R]:
    """The rows of a file of `to_parquet`. `ValueError` if it is no such file."""
    return list(Table(kind, data).rows())


def merge(kind: type[R], tables: Sequence[Table[R]], names: Sequence[str]) -> bytes:
    """One Parquet file of all rows of `tables`; of those with the same values in `names` the last stays."""
    keep = Index(np.concatenate([np.empty((0, 2), np.uint64), *(table.digests(names) for table in tables)]))
    mask, at = keep.last(), 0
    file = io.BytesIO()
    with pq.ParquetWriter(file, _schema(kind), compression="zstd") as writer:
        waiting: list[Any] = []
        for table in tables:
            for batch in table.kept(mask[at : at + len(table)]):
                waiting.append(batch)
                if sum(each.num_rows for each in waiting) >= _GROUP:
                    _write(writer, kind, waiting)
            at += len(table)
        if waiting:
            _write(writer, kind, waiting)
    return file.getvalue()


def write_part(
    store: ObjectStore, prefix: str, kind: type[R], rows: Sequence[R], *, stamp: str | None = None
) -> str:
    """A new part under `prefix` (which ends in a slash); its key. `stamp`: in place of the present time."""
    return put_part(store, prefix, to_parquet(kind, rows), stamp=stamp).key


def put_part(store: ObjectStore, prefix: str, data: bytes, *, stamp: str | None = None) -> Part:
    """As `write_part`, of rows that are packed already. A store that fails in passing is tried again: rows
    may tell of hours of work.
    """
    stamp = stamp or stamp_after(0)
    key = f"{prefix}{stamp}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    Patience(within=_PART_SECONDS).run(functools.partial(store.put_new, key, data, MEDIA_TYPE))
    return Part(key, data)


def fetch_parts(
    store: ObjectStore, prefix: str, *, sleep: Callable[[float], None] = time.sleep
) -> list[Part]:
    """All parts under `prefix`, oldest first.

    Another driver may be merging them: it writes a new part, then deletes the others, oldest first. Who reads
    the newest first meets it once, and has by then all that is left. `sleep` is the tests' to replace.
    """
    fetched: dict[str, Part] = {}
    for wait in (0.0, *_WAITS):
        sleep(wait)
        try:
            return _fetch_listed(store, prefix, fetched)
        except ObjectGone:
            continue
    raise Transient(f"{store.url(prefix)}: the parts keep changing")


def open_part(store: ObjectStore, part: Part, kind: type[R]) -> Table[R]:
    """The part's table, still packed. `StoreError` if it is none."""
    with _naming(store, part.key):
        return Table(kind, part.data)


def read_parts(store: ObjectStore, prefix: str, kind: type[R]) -> tuple[list[str], list[R]]:
    """The keys of all parts under `prefix`, oldest first, and their rows in that order."""
    parts = fetch_parts(store, prefix)
    rows: list[R] = []
    for part in parts:
        with _naming(store, part.key):
            rows += from_parquet(kind, part.data)
    return [part.key for part in parts], rows


def read_rows(store: ObjectStore, key: str, kind: type[R]) -> list[R]:
    """The rows of the Parquet object under `key`."""
    with _naming(store, key):
        return from_parquet(kind, store.get(key))


def _fetch_listed(store: ObjectStore, prefix: str, fetched: dict[str, Part]) -> list[Part]:
    """The parts that are listed now, those in `fetched` from there; whatever is got is added to it."""
    # Not every bucket sorts its listing, and later rows must replace earlier ones.
    keys = sorted(listed.key for listed in store.list(prefix) if listed.key.endswith(".parquet"))
    for key in reversed(keys):
        fetched[key] = fetched.get(key) or Part(key, store.get(key))
    return [fetched[key] for key in keys]


@contextmanager
def _naming(store: ObjectStore, key: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise StoreError(f"{store.url(key)}: {error}; move this file away and run again") from error


def _write(writer: Any, kind: type[R], batches: list[Any]) -> None:
    schema = _schema(kind)
    writer.write_table(
        pa.Table.from_batches(batches).select(schema.names).cast(schema), row_group_size=_GROUP
    )
    batches.clear()


def _schema(kind: type[R]) -> pa.Schema:
    return pa.schema([pa.field(name, _column(type_), nullable=False) for name, type_ in _fields(kind)])


@functools.cache
def _fields(kind: type[Any]) -> tuple[tuple[str, type[Any]], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


@functools.cache
def _defaults(kind: type[Any]) -> dict[str, Any]:
    """The fields that came later than the first files: older ones are read as if they said this."""
    fields = dataclasses.fields(kind)
    return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}


def _column(type_: type[Any]) -> pa.DataType:
    return pa.string() if issubclass(type_, enum.Enum) else _COLUMN[type_]


def _storable(value: Any) -> Any:
    # An error's text may hold half a surrogate pair, out of a file name; that must not cost the whole part.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _values(type_: type[Any], values: list[Any]) -> Iterator[Any]:
    if issubclass(type_, enum.Enum):
        return map(type_, values)
    if type_ is not str:
        return iter(values)
    # Most columns say the same again and again: equal texts of a batch are one object, in half the room.
    known: dict[str, str] = {}
    return map(known.setdefault, values, values)
