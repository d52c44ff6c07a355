"""Runs segment rules over the catalogue, in one child process that is killed when a rule takes too long.

DuckDB can be interrupted, but only between batches of rows: one wicked regular expression over long values
was seen to run for more than 200 seconds after its time was up. A process can be killed at any moment, and
its memory has an end.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from threading import Event, Timer
from types import TracebackType
from typing import IO, Any, Self

import duckdb
import pyarrow as pa

from pipeline import ceiling
from pipeline.errors import JobError
from pipeline.rules import EXAMPLES, MEMORY_LIMIT, RuleError, first_line, open_locked, query_for
from pipeline.types import Product, Segment

START_SECONDS = 120.0
"""For starting Python on a busy machine and reading the largest catalogue."""

MEMORY_BYTES = 2 * 1024**3
"""What a rule may take above the table, where DuckDB does not keep to its own `MEMORY_LIMIT`."""


class Search:
    """The rules of `segments` over `products`, in a process that begins to start at once: it needs most of a
    second, in which others may work. Every rule has to have passed `Grammar.check`. A context manager; at
    its end the process is gone.
    """

    def __init__(self, products: Sequence[Product], segments: Sequence[Segment]) -> None:
        self.segments = segments
        self._by_id = {product.id: product for product in products}
        self._complaints = tempfile.TemporaryFile()
        start = f"import sys; sys.path[:] = {sys.path!r}; from pipeline.selection import child; child()"
        with tempfile.TemporaryFile() as asked:
            _write_questions(asked, products, segments)
            self._process = subprocess.Popen(
                [sys.executable, "-c", start],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with self._process, self._complaints:
            pass

    def run(self, *, time_limit: float) -> Iterator[tuple[Product, ...]]:
        """The products of each segment, in turn: by its `order_by`, then by id, at most `limit` of them.

        `time_limit` in seconds, for each rule. Raises `RuleError` in the turn of the segment whose rule fails
        on a value or needs too much time or memory; that ends the turns.
        """
        if _next_answer(self._process, START_SECONDS) is None:
            raise JobError(f"the catalogue cannot be searched: {_last_line(self._complaints)}")
        for _ in self.segments:
            answer = _next_answer(self._process, time_limit)
            if answer is None:
                raise RuleError("rule", f"made the search stop: {_last_line(self._complaints)}")
            if "problem" in answer:
                raise RuleError("rule", answer["problem"], EXAMPLES["rule"])
            yield tuple(self._by_id[chosen] for chosen in answer["chosen"])


def _write_questions(asked: IO[bytes], products: Sequence[Product], segments: Sequence[Segment]) -> None:
    table = {name: [product.fields[name] for product in products] for name in products[0].fields}
    for question in (table, *map(query_for, segments)):
        asked.write(json.dumps(question).encode() + b"\n")
    asked.seek(0)


def _next_answer(process: "subprocess.Popen[bytes]", seconds: float) -> Any:
    """The child's next answer, None if it died; kills it and raises `RuleError` when the time is up."""
    expired = Event()

    def stop() -> None:
        expired.set()
        process.kill()

    timer = Timer(seconds, stop)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        timer.cancel()
    if line.endswith(b"\n"):
        return json.loads(line)
    if expired.is_set():
        raise RuleError("rule", f"took longer than {seconds:g} seconds")
    return None


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read().decode(errors="replace").strip().rsplit("\n", 1)[-1] or "no memory left"


def child() -> None:
    """The child's side: a table on the first line of standard input, then one query a line, answers
    likewise.
    """
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints, such as a progress bar, must not pass for an answer
    with answers, open_locked() as database:
        database.register("products", _table(json.loads(asked.readline())))
        _limit_memory()
        _tell(answers, {})
        for line in asked:
            _tell(answers, _answer(database, json.loads(line)))


def _answer(database: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    try:
        return {"chosen": [row[0] for row in database.execute(query).fetchall()]}
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"problem": f"needs more memory than {MEMORY_LIMIT}"}
    except duckdb.Error as error:
        return {"problem": f"cannot be used: {first_line(str(error))}"}


def _tell(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _table(columns: dict[str, list[Any]]) -> pa.Table:
    arrays = {name: pa.array(values) for name, values in columns.items()}
    # Columns that are empty throughout would get Arrow's null type, which no comparison accepts.
    return pa.table({n: a.cast(pa.string()) if pa.types.is_null(a.type) else a for n, a in arrays.items()})


def _limit_memory() -> None:
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    ceiling.lower(resource.RLIMIT_AS, used + MEMORY_BYTES)
