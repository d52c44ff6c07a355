"""Whose words a text on a banner are: the field in the user's own files to look at when it is wrong."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.campaign import Campaign
from pipeline.design import Design, load_design, walk
from pipeline.types import Segment
from pipeline.wanted import Wanted, template_folders
from pipeline.yamlfile import YamlFile, dotted, read_yaml

_NAMES = re.compile(r"\b(copy|product)\.(\w+)|\bdiscount\b")
_OF_DISCOUNT = "price"
"""A discount is worked out of prices, and it is the price that a shop changes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A field of a file: `field` as `segments[0].copy.headline`, a catalogue's column or `layers[2].text`."""

    file: str
    line: int
    field: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}"


class Origins:
    """Looks fields up in a campaign's segments, catalogue and designs; reads those only when asked."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._folders = template_folders(campaign)
        self._designs: dict[str, Design] = {}

    def of_text(self, wanted: Wanted, layer: str, text: str, clue: str = "") -> Origin:
        """Where `text` comes from, which the layer with this id shows.

        Of several fields in one text, the longest, and rather one that holds `clue`.
        """
        templates = [template for _, template in _texts(self._design(wanted.design), layer)]
        named = [name for template in templates for name in _names(template)]
        if not named:
            return self.of_layer(wanted, layer)

        def share(name: tuple[str, str]) -> tuple[bool, bool, int]:
            value = _value(wanted, *name)
            return clue in value, value.casefold() in text.casefold(), len(value)

        return self._of_name(wanted, *max(named, key=share))

    def of_problem(self, wanted: Wanted, problem: str, where: Sequence[str | int]) -> Origin:
        """Where a value comes from that a design asks for, by what is told of it (`product.name is missing`),
        and the design's field at `where` if it names none.
        """
        named = next(_names(problem), None)
        return self._of_name(wanted, *named) if named else self._of_design(wanted.design, where)

    def of_layer(self, wanted: Wanted, layer: str) -> Origin:
        """The text layer of this id in its design."""
        where = next((where for where, _ in _texts(self._design(wanted.design), layer)), ())
        return self._of_design(wanted.design, where)

    def of_person(self, wanted: Wanted) -> Origin:
        """The person's layer in a design."""
        tree = self._design(wanted.design).tree
        subjects = [where for where, at in walk(tree) if isinstance(at, dict) and at.get("type") == "subject"]
        return self._of_design(wanted.design, subjects[0] if subjects else ())

    def _of_name(self, wanted: Wanted, group: str, name: str) -> Origin:
        if group == "copy":
            file, where = self._segments_file, self._of_copy(wanted.segment, name)
            return Origin(str(file.path), file.line(where), dotted(where, file.top))
        column = wanted.segment.columns.get(name, name)
        return Origin(str(self._campaign.catalogue_file), wanted.product.line, column)

    def _of_copy(self, segment: Segment, name: str) -> tuple[str | int, ...]:
        """The field of a text: the variant's own where it has one, else the segment's."""
        names = [each.name for each in self._campaign.segments]
        index = names.index(segment.name)
        variants = self._segments_file.data[index].get("variants", ())
        for at, variant in enumerate(variants):
            if variant["name"] == segment.variant and name in variant.get("copy", ()):
                return index, "variants", at, "copy", name
        return index, "copy", name

    def _of_design(self, name: str, where: Sequence[str | int]) -> Origin:
        told = self._design(name).error("", where)
        return Origin(told.file, told.line or 1, told.field or "layers")

    def _design(self, name: str) -> Design:
        if name not in self._designs:
            self._designs[name] = load_design(name, self._folders)
        return self._designs[name]

    @cached_property
    def _segments_file(self) -> YamlFile:
        return read_yaml(self._campaign.segments_file, top="segments")


def _texts(design: Design, layer: str) -> Iterator[tuple[Sequence[str | int], str]]:
    """(path, template) of every text that the text layers of this id may show, overrides included."""
    for where, at in walk(design.tree):
        if isinstance(at, dict) and at.get("type") in ("text", "price") and at.get("id", "") == layer:
            for inner, value in walk(at, where):
                if inner[-1] in ("text", "value") and isinstance(value, str):
                    yield inner, value


def _names(template: str) -> Iterator[tuple[str, str]]:
    """(group, name) of the fields that a template names: ("copy", "headline")."""
    for found in _NAMES.finditer(template):
        yield (found[1], found[2]) if found[1] else ("product", _OF_DISCOUNT)


def _value(wanted: Wanted, group: str, name: str) -> str:
    segment, product = wanted.segment, wanted.product
    value = segment.copy.get(name) if group == "copy" else product.fields.get(segment.columns.get(name, name))
    return "" if value is None else str(value)
