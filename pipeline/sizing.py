"""Lengths, aspect classes and per-size overrides: what makes one design serve every creative size.

A length is a number (pixels of a canvas whose short side is `reference`), or a string: `12%` of the
parent's side, `9vmin`, `4vmax`, `50vw`, `50vh` of the canvas, or `20va` of the layer's own region: of the
geometric mean of its sides, so that type keeps its proportion to the room it has in every format. An
override's condition is an exact size, or words that all have to hold: an aspect class, a scale, or a
breakpoint such as `ratio>=5` or `height<=60`.
"""

import operator
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pipeline.formats import designed
from pipeline.types import Size

Tree = dict[str, Any]

ASPECTS = ("wide", "landscape", "square", "portrait", "tall")
SCALES = ("small", "large")
SMALL_SIDE = 320
"""A short side up to this many pixels is `small`: the display-network formats, seen at their own size."""

_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(%|vmin|vmax|vw|vh|va|)")
_EXACT = re.compile(r"\d+x\d+")
_BREAKPOINT = re.compile(r"(ratio|width|height)(<=|>=|<|>)(\d+(?:\.\d+)?)")
_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MERGED = ("areas",)
"""Fields whose overrides replace single names, not the whole field."""


def aspect(size: Size) -> str:
    """The aspect class of `size`: wide (3:1 and more), landscape, square, portrait or tall."""
    ratio = size.width / size.height
    if ratio >= 3:
        return "wide"
    if ratio >= 1.15:
        return "landscape"
    if ratio >= 0.87:
        return "square"
    return "portrait" if ratio > 0.62 else "tall"


@lru_cache(maxsize=4096)
def parse_length(value: float | str) -> tuple[float, str]:
    """(number, unit) of a length; unit "" for a plain number. Raises ValueError for anything else."""
    if isinstance(value, (int, float)):
        return float(value), ""
    found = _LENGTH.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"'{value}' is no length: write a number, or 12%, 9vmin, 4vmax, 50vw, 50vh or 20va")
    return float(found[1]), found[2]


def pixels(value: float | str, size: Size, reference: float, parent: float, region: float = 0) -> float:
    """`value` in pixels of `size`; `%` is of `parent` and `va` of `region` (pixels), a bare number of
    `reference`.
    """
    number, unit = parse_length(value)
    short, long = sorted((size.width, size.height))
    if unit == "":
        return number * short / reference
    base = {"%": parent, "vmin": short, "vmax": long, "vw": size.width, "vh": size.height, "va": region}[unit]
    return number * base / 100


def check_condition(condition: str) -> None:
    """Raise ValueError unless `condition` is an exact size, or known classes and breakpoints."""
    words = condition.split()
    if len(words) == 1 and _EXACT.fullmatch(condition):
        return
    unknown = [word for word in words if word not in ASPECTS + SCALES and not _BREAKPOINT.fullmatch(word)]
    if unknown or not words:
        known = ", ".join(ASPECTS + SCALES)
        raise ValueError(
            f"'{condition}' is no size class: use {known}, a breakpoint such as ratio>=5 or height<=60, "
            "several of them, or a size such as 728x90"
        )


def matching(conditions: Iterable[str], size: Size) -> list[str]:
    """The conditions that hold for `size`, weakest first: one word, two words, exact size."""
    return list(_matching(tuple(conditions), size))


@lru_cache(maxsize=4096)
def _matching(conditions: tuple[str, ...], size: Size) -> tuple[str, ...]:
    """Remembered: a shop's hundred thousand documents ask for the same few."""
    held = [c for c in conditions if c == str(size) or _holds(c, size)]
    return tuple(sorted(held, key=lambda c: (c == str(size), len(c.split()))))


def _holds(condition: str, size: Size) -> bool:
    size = designed(size)
    classes = {aspect(size), "small" if min(size.width, size.height) <= SMALL_SIDE else "large"}
    return all(word in classes or _reached(word, size) for word in condition.split())


def _reached(word: str, size: Size) -> bool:
    """Whether `size` is on the right side of a breakpoint."""
    found = _BREAKPOINT.fullmatch(word)
    if found is None:
        return False
    measures = {"ratio": size.width / size.height, "width": size.width, "height": size.height}
    return bool(_COMPARED[found[2]](measures[found[1]], float(found[3])))


def resolve(tree: Tree, size: Size) -> Tree:
    """`tree` (a design or rendered document) for one size: overrides applied, `at` and hidden layers gone."""
    return _settled(override(tree, size), size)


def _settled(merged: Tree, size: Size) -> Tree:
    """`merged`, whose own overrides are applied, with those of all layers below it."""
    merged.pop("visible", None)
    for name in ("layers", "children"):
        if isinstance(merged.get(name), list):
            nodes = (override(node, size) if isinstance(node, dict) else node for node in merged[name])
            merged[name] = [
                _settled(node, size) if isinstance(node, dict) else node
                for node in nodes
                if not (isinstance(node, dict) and hidden(node))
            ]
    return merged


def override(tree: Mapping[str, Any], size: Size) -> Tree:
    """`tree` without `at`, and with the fields of those overrides that hold for `size`, weakest first."""
    merged = {key: value for key, value in tree.items() if key != "at"}
    overrides = tree.get("at") or {}
    if isinstance(overrides, dict):
        for condition in matching(map(str, overrides), size):
            if isinstance(overrides[condition], dict):
                merged |= {name: _merged(merged, name, value) for name, value in overrides[condition].items()}
    return merged


def _merged(tree: Tree, name: str, value: Any) -> Any:
    if name in MERGED and isinstance(value, dict) and isinstance(tree.get(name), dict):
        return tree[name] | value
    return value


def hidden(node: Mapping[str, Any]) -> bool:
    """True when `visible` is off, or was rendered to an empty or negative word."""
    return is_off(node.get("visible", True))


def is_off(value: object) -> bool:
    """How a rendered condition is read: false, none, 0 and nothing at all are off, the rest is on."""
    return str(value).strip().lower() in ("false", "none", "0", "", "no")
