"""Segment rules: SQL conditions over the catalogue. Here: what a rule may be.

A rule is written by someone who may not be trusted with the machine. It is parsed by DuckDB itself and has to
be one expression of columns, values and the functions in `FUNCTIONS`: no subquery, no table function, no
file, no second statement, nothing that differs from night to night such as `random()` or `now()`. What passes
is run by `pipeline.selection`, in a process of its own with limits, on a database with everything else locked
away.
"""

import json
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import duckdb

from pipeline.types import Segment
from pipeline.yamlfile import did_you_mean

MAX_RULE_CHARACTERS = 4000
MEMORY_LIMIT = "512MB"

FUNCTIONS = frozenset(
    # operators, by the names that DuckDB's parser gives them: LIKE, ILIKE, SIMILAR TO and so on
    ["+", "-", "*", "/", "//", "%", "~~", "!~~", "~~*", "!~~*", "~~~", "^@", "like_escape", "not_like_escape"]
    + ["ilike_escape", "not_ilike_escape", "regexp_full_match"]
    # text
    + ["lower", "upper", "trim", "ltrim", "rtrim", "length", "strlen", "left", "right", "substring", "substr"]
    + ["contains", "starts_with", "prefix", "ends_with", "suffix", "regexp_matches", "md5"]
    # numbers
    + ["abs", "round", "floor", "ceil", "ceiling", "least", "greatest", "nullif", "ifnull"]
    # dates
    + ["year", "month", "day", "date_part", "date_diff", "datediff"]
)
"""All that a rule may call: same answer every night, and no large value out of a small one."""

_CLASSES = frozenset(
    ["BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION"]
    + ["OPERATOR", "TYPE"]
)
_FORBIDDEN = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "LAMBDA": "a lambda",
    "PARAMETER": "a parameter",
    "STAR": "a *",
}
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": MEMORY_LIMIT,
    "threads": "1",
    "default_null_order": "nulls_last",
    "lock_configuration": "true",
}
# The line ends keep a comment at the end of the text from swallowing what follows it.
_BEFORE = {"rule": "SELECT id FROM products WHERE (\n", "order_by": "SELECT id FROM products ORDER BY\n"}
_AFTER = {"rule": "\n)", "order_by": "\n, id"}
_QUOTED = 24
EXAMPLES = {
    "rule": "write a condition such as: stock > 0 AND category = 'jackets'",
    "order_by": "write columns such as: price DESC, name",
}


class RuleError(Exception):
    """A rule or an order that cannot be used. `field` is `rule` or `order_by`, `problem` one sentence."""

    def __init__(self, field: str, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.field, self.problem, self.hint = field, problem, hint


def open_locked() -> duckdb.DuckDBPyConnection:
    """An empty database in memory that reaches no file, network, extension, variable or setting."""
    return duckdb.connect(":memory:", config=_CONFIG)


def query_for(segment: Segment) -> str:
    """The whole query for a segment: ids by `order_by`, then by id, at most `limit` of them."""
    order = "id" if segment.order_by is None else f"\n{segment.order_by}{_AFTER['order_by']}"
    query = f"{_wrap('rule', segment.rule)}\nORDER BY {order}"
    return query if segment.limit is None else f"{query}\nLIMIT {segment.limit}"


class Grammar:
    """Checks rules against what is allowed and against the catalogue's columns. A context manager."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._database = open_locked()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def check(self, segment: Segment) -> None:
        """Check the segment's `rule` and `order_by`; raises `RuleError`."""
        self._check("rule", segment.rule)
        if segment.order_by is not None:
            self._check("order_by", segment.order_by)

    def _check(self, field: str, text: str) -> None:
        if len(text) > MAX_RULE_CHARACTERS:
            raise RuleError(field, f"is longer than {MAX_RULE_CHARACTERS:,} characters")
        found, plain = self._parse(field, text), self._parse(field, "true")
        expression, rest = _split(field, found)
        # Whatever is not the expression has to be exactly the statement that was put round it.
        if rest != _split(field, plain)[1]:
            raise RuleError(field, "must be one expression, not a statement of its own", EXAMPLES[field])
        for node in _nodes(expression):
            self._check_node(field, node)

    def _parse(self, field: str, text: str) -> Any:
        try:
            tree = self._tree(_wrap(field, text))
        except duckdb.Error as error:
            raise RuleError(field, f"cannot be read: {first_line(str(error))}", EXAMPLES[field]) from error
        except RecursionError:
            raise RuleError(field, "is nested too deeply") from None
        if tree.get("error"):
            raise RuleError(field, f"cannot be read: {self._complaint(field, text, tree)}", EXAMPLES[field])
        if len(tree["statements"]) != 1:
            raise RuleError(field, "must be one expression, without ;", EXAMPLES[field])
        return tree["statements"][0]["node"]

    def _tree(self, statement: str) -> Any:
        row = self._database.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        return json.loads(row[0]) if row else {}

    def _complaint(self, field: str, text: str, tree: Any) -> str:
        """What DuckDB says of a statement round `text`, told of what the user wrote and nothing else."""
        place = _place(field, text, tree)
        if place == len(text):
            # It stumbled over what stands after the text. Without our brackets round it, it blames the text
            # itself where that is to blame: for a bracket too many, the one that the user wrote.
            tree = self._tree(f"{_BEFORE[field].replace('(', ' ')}{text}\n;")
            place = _place(field, text, tree)
        if not tree.get("error") or tree["error_type"] == "not implemented":
            return "this is more than one expression"
        what = first_line(tree["error_message"]).partition(" at or near ")[0]
        if place is None:
            return what
        if place == len(text):
            last = text.strip().rpartition("\n")[2]
            return f'something is missing at its end, after "{last[-_QUOTED:].strip()}"'
        line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
        within = f" of its line {line}" if "\n" in text.strip() else ""
        quoted = text[place : place + _QUOTED].partition("\n")[0]
        return f'{what} at "{quoted}", character {column}{within}'

    def _check_node(self, field: str, node: dict[str, Any]) -> None:
        kind = node["class"]
        if kind not in _CLASSES:
            what = _FORBIDDEN.get(kind, f"an expression of kind {kind.lower()}")
            raise RuleError(field, f"must not contain {what}", EXAMPLES[field])
        if kind == "FUNCTION" and (node["function_name"] not in FUNCTIONS or node.get("schema")):
            words = sorted(name for name in FUNCTIONS if name.isidentifier())
            hint = did_you_mean(node["function_name"], words, "functions")
            raise RuleError(field, f"must not call {node['function_name']}", hint)
        if kind == "COLUMN_REF":
            self._check_column(field, node["column_names"])

    def _check_column(self, field: str, path: list[str]) -> None:
        name = path[-1]
        if path[:-1] not in ([], ["products"]) or name.lower() not in {own.lower() for own in self._columns}:
            hint = did_you_mean(name, self._columns, "columns")
            raise RuleError(
                field,
                f"the catalogue has no column {'.'.join(path)}",
                f"{hint}; text goes in single quotes: '{name}'",
            )


def _wrap(field: str, text: str) -> str:
    return f"{_BEFORE[field]}{text}{_AFTER[field]}"


def _place(field: str, text: str, tree: Any) -> int | None:
    """Which character of `text` DuckDB complains about, the text's length for what comes after it."""
    if not str(tree.get("position", "")).isdecimal():
        return None
    # DuckDB counts bytes of UTF-8.
    before = text.encode()[: max(0, int(tree["position"]) - len(_BEFORE[field]))]
    return len(before.decode(errors="ignore"))


def _split(field: str, node: dict[str, Any]) -> tuple[Any, Any]:
    """The part of a parsed statement that the user wrote, and all the rest."""
    if field == "rule":
        return node.get("where_clause"), {**node, "where_clause": None}
    modifiers = node.get("modifiers") or [{}]
    orders = modifiers[0].get("orders")
    return orders, {**node, "modifiers": [{**modifiers[0], "orders": None}, *modifiers[1:]]}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression inside a parsed tree, by a list of its own: the tree may be deeper than Python's
    stack.
    """
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def first_line(message: str) -> str:
    """DuckDB's message without the query that we wrapped round the rule."""
    return message.strip().split("\n", 1)[0]
