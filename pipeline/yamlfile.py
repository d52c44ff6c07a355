"""YAML that a user wrote: read without surprises, checked against a model, every fault with its line.

Unlike plain YAML 1.1, `yes`, `no`, `on` and `off` are text (`no` is a locale), a key given twice is an error
instead of the last one winning, and merge keys are refused: nested, they expand a small file without end.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeGuard, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, ValidationError
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError

from pipeline.errors import InvalidInput
from pipeline.textfile import control_character, read_text

MAX_YAML_BYTES = 1_000_000

Where = Sequence[str | int]
"""The way to a field: mapping keys and list positions, outermost first."""

Model = TypeVar("Model", bound="StrictModel")


class StrictModel(BaseModel):
    """Base of everything read from YAML: no unknown fields, no silent conversion between types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class YamlFile:
    """A parsed file. `top` is what its fields are called together: `segments` for a list of segments."""

    path: Path
    data: Any
    root: yaml.Node
    top: str

    def line(self, where: Where) -> int:
        """The 1-based line of a field, or of the nearest thing around it that is in the file."""
        node, line = self.root, self.root.start_mark.line
        for step in where:
            child = _child(node, step)
            if child is None:
                break
            node, line = child
        return line + 1

    def error(self, problem: str, where: Where, hint: str | None = None) -> InvalidInput:
        """An error about the field at `where`."""
        return InvalidInput(
            problem, file=self.path, line=self.line(where), field=dotted(where, self.top), hint=hint
        )

    def validated(self, model: type[Model], where: Where = ()) -> Model:
        """The data at `where` as `model`; raises `InvalidInput` for the first fault."""
        data = self.data
        for step in where:
            data = data[step]
        try:
            return model.model_validate(data)
        except ValidationError as error:
            # Only data is kept: the error itself holds frames that the garbage collector cannot free.
            faults = error.errors(include_url=False, include_context=False)
        raise self._told(faults, model, where)

    def _told(self, faults: list[ErrorDetails], model: type[BaseModel], where: Where) -> InvalidInput:
        # Unknown fields first: a misspelt field is also a missing one, and the misspelling explains both.
        fault = min(
            faults,
            key=lambda each: (each["type"] != "extra_forbidden", self.line((*where, *each["loc"]))),
        )
        loc = tuple(step for step in fault["loc"] if step != "[key]")
        problem, hint = _plain(fault["type"], fault["msg"], fault["input"])
        if fault["type"] == "extra_forbidden":
            hint = did_you_mean(str(loc[-1]), _fields_at(model, loc[:-1]), "fields")
        return self.error(problem, (*where, *loc), hint)


def read_yaml(path: Path, *, top: str = "") -> YamlFile:
    """Parse the one document of `path`; raises `InvalidInput`."""
    text = read_text(path, max_bytes=MAX_YAML_BYTES)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise InvalidInput("is empty", file=path)
        _refuse_odd_keys(root, path)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InvalidInput(f"is no YAML: {error.problem or error.context}", file=path, line=line) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidInput("has a control character", file=path, line=line) from error
    except RecursionError:
        raise InvalidInput("is nested too deeply", file=path) from None
    return YamlFile(path, data, root, top)


def did_you_mean(name: str, known: Iterable[str], called: str) -> str:
    """A hint for a name that is not among `known`: the nearest one, then all of them."""
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    listed = f"the {called} are: {', '.join(names)}" if names else f"there are no {called} yet"
    return f"did you mean {near}? {listed}" if near else listed


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The one of `known` that `name` may be a slip of the pen for, upper and lower case alike."""
    lowered = {other.lower(): other for other in reversed(known)}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


def _check_slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", text):
        # It becomes a part of object keys and URLs, so nothing that has to be escaped there.
        raise ValueError("must be 1 to 63 of the characters a-z, 0-9 and -, and not begin with -")
    return text


def _check_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if control := control_character(text):
        # Nowhere in the file itself, but quoted text may say "\\a".
        raise ValueError(f"has the control character {control}")
    return text


def _check_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("must be a day such as 2026-11-22")


Day = Annotated[date, PlainValidator(_check_day)]
Slug = Annotated[str, AfterValidator(_check_slug)]
Filled = Annotated[str, AfterValidator(_check_filled)]


class _Loader(yaml.SafeLoader):
    """SafeLoader whose only booleans are `true` and `false`."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            # It looks like a number or a date and is none, such as 2026-02-30: the error has no line yet.
            raise ConstructorError(problem=f"{node.value}: {error}", problem_mark=node.start_mark) from error


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if first in "tTfF" or tag != "tag:yaml.org,2002:bool"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refuse_odd_keys(root: yaml.Node, path: Path) -> None:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias: shared, or even inside itself
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            _check_keys([key for key, _ in node.value], path)
            waiting.extend(value for _, value in node.value)


def _check_keys(keys: list[yaml.Node], path: Path) -> None:
    names: set[str] = set()
    for key in keys:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidInput("has a field whose name is no text", file=path, line=line)
        if key.tag == "tag:yaml.org,2002:merge":
            raise InvalidInput("has a merge key <<, which is not supported", file=path, line=line)
        if key.value in names:
            raise InvalidInput("is given twice", file=path, line=line, field=key.value)
        names.add(key.value)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """The node one step down and the line (0-based) where it begins: for a field, the line of its name."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def dotted(where: Where, top: str = "") -> str:
    """`layers[2].text` for ("layers", 2, "text"), below what `top` calls the whole."""
    text = top
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    for step in loc:
        if isinstance(step, str):  # a place in a list is no step to another model
            model = next(_models_in(model.model_fields[step].annotation))
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(kind: object) -> Iterator[type[BaseModel]]:
    """The models of a field's type: of `list[Variant] | None` it is `Variant`."""
    if _is_model(kind):
        yield kind
    for part in get_args(kind):
        yield from _models_in(part)


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of fields to values",
}


def _plain(kind: str, message: str, given: object) -> tuple[str, str | None]:
    """pydantic's words as a problem for people, and a hint."""
    if kind == "extra_forbidden":
        return "unknown field", None
    if kind == "missing":
        return "is missing", None
    if kind not in _KINDS:
        return message.removeprefix("Value error, ").replace("Input should be", "must be"), None
    if given is None:
        return f"must be {_KINDS[kind]}, but nothing is there", "leave the line out if it is not needed"
    scalar = isinstance(given, bool | int | float | date)
    shown = f", not {given}" if scalar else ""
    hint = "put it in quotes" if kind == "string_type" and scalar else None
    return f"must be {_KINDS[kind]}{shown}", hint
