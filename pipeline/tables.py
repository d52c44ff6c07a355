"""Tables in CSV, JSON lines and Parquet as one shape: column names and rows of typed values.

Types belong to columns and depend on nothing but the column's own values. In CSV a column is whole numbers if
all its filled cells are (without leading zeros: `007` is a code), else numbers if all are written like
`12.5`, else true/false, else text. In JSON lines a column that mixes text with other values becomes text.
"""

import csv
import datetime
import decimal
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InvalidInput
from pipeline.textfile import read_bytes, read_text
from pipeline.types import Scalar

MAX_TABLE_BYTES = 500_000_000
MAX_COLUMNS = 1_000
MAX_CELL_CHARACTERS = 100_000
LARGEST_INT = 2**63 - 1

_INT = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `values` in the order of the columns (None for `photos`); `photos` the keys, not yet
    checked.
    """

    line: int
    values: tuple[Scalar, ...]
    photos: tuple[str, ...]


@dataclass(slots=True)
class _Raw:
    line: int
    cells: list[Any]


def read_table(path: Path, *, is_number: Callable[[str], bool]) -> tuple[list[str], list[Row]]:
    """Column names and rows of a `.csv`, `.jsonl` or `.parquet` file; raises `InvalidInput`.

    In columns whose name satisfies `is_number` every filled cell has to be a number, or a text that reads as
    one.
    """
    readers: dict[str, Callable[[Path], tuple[list[str], list[_Raw]]]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"is none of {', '.join(readers)}", file=path)
    columns, raws = reader(path)
    photos = columns.index("photos") if "photos" in columns else -1
    keys = [_keys(path, raw, photos) for raw in raws]
    from_text = path.suffix.lower() == ".csv"
    for index, name in enumerate(columns):
        values = [_scalar(path, raw.line, name, raw.cells[index]) for raw in raws]
        if is_number(name):
            values = [_number(path, raw.line, name, value) for raw, value in zip(raws, values, strict=True)]
        typed = _typed(values, from_text=from_text and name != "id")
        for raw, value in zip(raws, typed, strict=True):
            raw.cells[index] = value
    rows = [Row(raw.line, tuple(raw.cells), named) for raw, named in zip(raws, keys, strict=True)]
    return columns, rows


def _read_csv(path: Path) -> tuple[list[str], list[_Raw]]:
    text = read_text(path, max_bytes=MAX_TABLE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    raws: list[_Raw] = []
    columns: list[str] = []
    begin = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InvalidInput(f"is no CSV: {error}", file=path, line=begin) from error
        if cells is None:
            return columns, raws
        line, begin = begin, reader.line_num + 1
        if not cells:
            continue  # a blank line
        if not columns:
            columns = _header(path, line, cells)
        elif len(cells) != len(columns):
            raise InvalidInput(
                f"has {len(cells)} cells where the header has {len(columns)}",
                file=path,
                line=line,
                hint="values that contain commas or quotes go in double quotes",
            )
        else:
            # Spreadsheets end lines inside a cell with \r\n; a carriage return alone stays, to be refused.
            raws.append(_Raw(line, [cell.replace("\r\n", "\n") or None for cell in cells]))


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    if len(cells) == 1 and any(mark in cells[0] for mark in ";\t"):
        raise InvalidInput("its columns are not separated by commas", file=path, line=line)
    return cells


def _read_jsonl(path: Path) -> tuple[list[str], list[_Raw]]:
    text = read_text(path, max_bytes=MAX_TABLE_BYTES)
    found: list[tuple[int, dict[str, Any]]] = []
    # Not splitlines: JSON text may contain U+2028 and other line ends as they are.
    for line, each in enumerate(text.split("\n"), start=1):
        if each.strip():
            found.append((line, _object(path, line, each)))
    columns = list(dict.fromkeys(name for _, row in found for name in row))
    if len(columns) > MAX_COLUMNS:
        raise InvalidInput(f"has more than {MAX_COLUMNS:,} different names", file=path)
    return columns, [_Raw(line, [row.get(name) for name in columns]) for line, row in found]


def _object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"is no JSON: {error.msg}, column {error.colno}", file=path, line=line) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"cannot be used: {error}", file=path, line=line) from error
    if not isinstance(value, dict):
        raise InvalidInput("must be an object in braces", file=path, line=line)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name is given twice")
    return dict(pairs)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _read_parquet(path: Path) -> tuple[list[str], list[_Raw]]:
    data = read_bytes(path, max_bytes=MAX_TABLE_BYTES)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        # Told by the file's footer, before anything is unpacked.
        unpacked = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
        if unpacked > MAX_TABLE_BYTES:
            raise InvalidInput(f"is larger than {MAX_TABLE_BYTES:,} bytes when unpacked", file=path)
        table = file.read()
        columns = [str(name) for name in table.column_names]
        values = [column.to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"is no Parquet file: {str(error).splitlines()[0]}", file=path) from error
    return columns, [_Raw(row, list(cells)) for row, cells in enumerate(zip(*values, strict=True), start=1)]


def _keys(path: Path, raw: _Raw, index: int) -> tuple[str, ...]:
    """Take the photos out of a row: `a.jpg;b.jpg` or a list of texts."""
    if index < 0:
        return ()
    given, raw.cells[index] = raw.cells[index], None
    if given is None:
        return ()
    if isinstance(given, str):
        return tuple(given.split(";"))
    if isinstance(given, list) and all(isinstance(key, str) for key in given):
        return tuple(given)
    raise InvalidInput("must be a key or a list of keys", file=path, line=raw.line, field="photos")


def _scalar(path: Path, line: int, name: str, value: Any) -> Scalar:
    if isinstance(value, str) and len(value) > MAX_CELL_CHARACTERS:
        raise InvalidInput(
            f"is longer than {MAX_CELL_CHARACTERS:,} characters", file=path, line=line, field=name
        )
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{value} is no number", file=path, line=line, field=name)
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise InvalidInput(f"{value} is too large a number", file=path, line=line, field=name)
    if value is None or value == "":
        return None
    if isinstance(value, str | bool | int | float):
        return value
    raise InvalidInput("must be a text, a number, true or false", file=path, line=line, field=name)


def _number(path: Path, line: int, name: str, value: Scalar) -> Scalar:
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return int(value) if _INT.fullmatch(value) else float(value)
    if isinstance(value, str | bool):
        shown = value if isinstance(value, bool) or len(value) <= 40 else value[:40] + "…"
        hint = "write 1280 or 12.80: no currency, no separators between thousands"
        raise InvalidInput(f"{shown} is no number", file=path, line=line, field=name, hint=hint)
    return value


def _typed(values: Sequence[Scalar], *, from_text: bool) -> list[Scalar]:
    """One column's values as one type; None stays None."""
    filled = [value for value in values if value is not None]
    convert = _converter(filled, from_text=from_text)
    return [None if value is None else convert(value) for value in values]


def _converter(filled: Sequence[Scalar], *, from_text: bool) -> Callable[[Any], Scalar]:
    kinds = {type(value) for value in filled}
    if from_text and kinds == {str}:
        return _from_text([str(value) for value in filled])
    if kinds == {int, float}:
        return float
    if len(kinds) > 1:
        return _as_text
    return kinds.pop() if kinds else str


def _from_text(values: Sequence[str]) -> Callable[[str], Scalar]:
    if all(_INT.fullmatch(value) and abs(int(value)) <= LARGEST_INT for value in values):
        return int
    if all(_FLOAT.fullmatch(value) for value in values):
        return float
    if all(value in ("true", "false") for value in values):
        return lambda value: value == "true"
    return str


def _as_text(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
