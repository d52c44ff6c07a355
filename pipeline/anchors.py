"""What a design's boxes are measured from: names that exist, once, and must not wait for each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.document_fields import is_template
from pipeline.sizing import Tree
from pipeline.yamlfile import did_you_mean

FIXED = ("parent", "canvas", "safe")
"""What a box can always be measured from."""


@dataclass(frozen=True, slots=True)
class AnchorFault:
    """One wrong `of` or `id`: where it is in the design's resolved tree, what is wrong, what to do."""

    where: tuple[str | int, ...]
    problem: str
    hint: str


def anchor_fault(tree: Tree) -> AnchorFault | None:
    """The first wrong anchor of a design `tree` that is resolved for one size; None if all are right."""
    anchors = list(_anchors(tree))
    areas = {anchor.name for anchor in anchors if anchor.area}
    layers = {anchor.name for anchor in anchors if not anchor.area and anchor.name}
    for anchor in anchors:
        if is_template(anchor.of):
            return AnchorFault(
                anchor.where, "must be written out", "a value cannot decide what a box hangs on"
            )
        if anchor.of not in {*FIXED, *areas, *layers}:
            hint = did_you_mean(anchor.of, [*FIXED, *sorted(areas), *sorted(layers)], "names")
            return AnchorFault(anchor.where, f"there is no area or layer called {anchor.of}", hint)
    # An area goes before a layer of the same name, as in `Regions`.
    graph = {(a.area, a.name): (a.of in areas, a.of) for a in anchors if a.name}
    for anchor in anchors:
        if ring := _ring((anchor.area, anchor.name), graph):
            problem = f"these wait for each other: {' -> '.join(name for _, name in ring)}"
            return AnchorFault(anchor.where, problem, "measure one of them from safe or canvas")
    return None


def double_id(tree: Tree) -> AnchorFault | None:
    """The first layer of a design `tree`, resolved for one size, whose id an earlier one has."""
    seen: set[str] = set()
    for where, name in _ids(tree, ()):
        if name in seen:
            return AnchorFault(where, f"two layers have the id {name}", "give each an id of its own")
        seen.add(name)
    return None


def _ids(node: Tree, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for field in ("layers", "children"):
        inner = node.get(field)
        for index, child in enumerate(inner if isinstance(inner, list) else ()):
            if not isinstance(child, dict):
                continue  # a template, which is told when it has been rendered
            if child.get("id") and not is_template(child["id"]):
                yield (*where, field, index, "id"), str(child["id"])
            yield from _ids(child, (*where, field, index))


_Node = tuple[bool, str]
"""Whether it is an area, and its name."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What one area or layer is measured from: the field at `where` says `of`."""

    area: bool
    name: str
    of: str
    where: tuple[str | int, ...]


def _anchors(tree: Tree) -> Iterator[_Anchor]:
    areas = tree.get("areas", {})
    for name, place in areas.items() if isinstance(areas, dict) else ():
        yield _Anchor(True, str(name), _of(place), ("areas", str(name), "of"))
    layers = tree.get("layers", ())
    for index, layer in enumerate(layers if isinstance(layers, Sequence) else ()):
        if isinstance(layer, dict):
            yield _Anchor(
                False, str(layer.get("id", "")), _of(layer.get("box")), ("layers", index, "box", "of")
            )


def _of(place: object) -> str:
    return str(place.get("of", "parent")) if isinstance(place, dict) else "parent"


def _ring(start: _Node, graph: Mapping[_Node, _Node]) -> list[_Node]:
    """The nodes from `start` back to itself; empty if its chain ends somewhere."""
    chain, at = [start], graph.get(start)
    while at is not None and at not in chain:
        chain.append(at)
        at = graph.get(at)
    return [*chain, start] if at == start else []
