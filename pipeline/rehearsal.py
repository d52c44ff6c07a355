"""A campaign rehearsed without photos or a network: its texts are set as the night would set them.

Every letter of every planned text is looked up in the fonts. Texts are laid out for at most `MOST_PRODUCTS`
products a segment, variant, design and size, those with the most demanding texts; one of these banners is
painted whole, with a dressmaker's dummy for the person. Documents that draw the same are set once.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline import compose, quality
from pipeline.campaign import Campaign
from pipeline.clusters import clean
from pipeline.demanding import most_demanding
from pipeline.document import Document
from pipeline.errors import Fault
from pipeline.fallback import missing, named
from pipeline.flaws import Flaw, Sighting, flaws_of
from pipeline.fonts import FontBook
from pipeline.items import Layout, Text
from pipeline.layout import lay_out
from pipeline.origin import Origins
from pipeline.price import price_parts
from pipeline.recipe import nodes_of
from pipeline.rendered import DocumentError
from pipeline.samples import dummy
from pipeline.sizing import Tree, resolve
from pipeline.types import Size
from pipeline.wanted import Wanted, template_folders

MOST_PRODUCTS = 60
"""With four segments, two designs and four sizes some 2,000 layouts, ten seconds of one processor."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was found. Texts were laid out for `laid_out` of the `planned` banners."""

    flaws: tuple[Flaw, ...]
    planned: int
    laid_out: int


@dataclass(frozen=True, slots=True)
class _Cue:
    """One planned banner: its layers and texts at its size."""

    wanted: Wanted
    size: Size
    tree: Tree
    texts: tuple[str, ...]


def rehearse(campaign: Campaign, wanted: Sequence[Wanted]) -> Rehearsal:
    """Set the texts of `wanted`. Raises `JobError` for what stops every banner of a design, such as an asset
    that is no picture.
    """
    stage = _Stage(campaign)
    sightings = [seen for each in wanted for seen in stage.unrendered(each)]
    laid_out = 0
    for group in _groups(wanted):
        sightings += [seen for cue in group for seen in stage.letters(cue)]
        chosen = [group[at] for at in most_demanding([cue.texts for cue in group], MOST_PRODUCTS)]
        laid_out += len(chosen)
        sightings += [seen for cue in chosen for seen in stage.texts(cue)]
        sightings += stage.picture(chosen)
    planned = sum(len(each.segment.sizes) for each in wanted)
    return Rehearsal(flaws_of(sightings), planned, laid_out)


def _groups(wanted: Sequence[Wanted]) -> Iterator[list[_Cue]]:
    """The banners that could be rendered, those of one segment, variant, design and size together."""
    groups: dict[tuple[str, str, str], list[tuple[Wanted, Tree]]] = {}
    for each in wanted:
        if not isinstance(each.document, DocumentError):
            known = groups.setdefault((each.segment.name, each.segment.variant, each.design), [])
            known.append((each, json.loads(str(each.document))))
    for same in groups.values():
        for size in same[0][0].segment.sizes:
            yield [_cue(each, size, resolve(tree, size)) for each, tree in same]


def _cue(wanted: Wanted, size: Size, tree: Tree) -> _Cue:
    return _Cue(wanted, size, tree, tuple(node["text"] for node in _text_nodes(tree)))


def _text_nodes(tree: Tree) -> list[Tree]:
    return [node for node in nodes_of(tree) if node["type"] == "text"]


def _prices(tree: Tree) -> Iterator[Tree]:
    """What the price layers write, as text layers: a font may lack the sign of a currency."""
    for node in nodes_of(tree):
        if node["type"] == "price":
            parts = price_parts(node["value"], tree["currency"], tree["locale"])
            yield node | {"text": "".join(text for text, _ in parts)}


class _Stage:
    """Sets banners, and remembers what it has set."""

    def __init__(self, campaign: Campaign) -> None:
        self._origins = Origins(campaign)
        self._folders = template_folders(campaign)
        self._fonts = FontBook.load(self._folders)
        self._lacking: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._layouts: dict[str, Layout] = {}

    def unrendered(self, wanted: Wanted) -> Iterator[Sighting]:
        """Why there is no document."""
        error = wanted.document
        if isinstance(error, DocumentError):
            origin = self._origins.of_problem(wanted, error.problem, error.where)
            yield Sighting(error.fault, origin, wanted, None, error.problem)

    def letters(self, cue: _Cue) -> Iterator[Sighting]:
        """Letters that no font has."""
        for node in (*_text_nodes(cue.tree), *_prices(cue.tree)):
            for letter in self._missing(node, cue):
                origin = self._origins.of_text(cue.wanted, node.get("id", ""), node["text"], letter)
                yield Sighting(Fault.MISSING_GLYPH, origin, cue.wanted, cue.size, named(letter))

    def texts(self, cue: _Cue) -> Iterator[Sighting]:
        """Texts that do not fit, or leave the safe area."""
        layout = self._layout(cue)
        for text in _to_blame(layout):
            origin = self._origins.of_text(cue.wanted, text.id, str(text.look[0]))
            yield Sighting(Fault.TEXT_OVERFLOW, origin, cue.wanted, cue.size, _what_fits(text, cue.size))
        for text in layout.texts:
            if quality.outside(text.area, layout.safe) > quality.LIMITS["outside_safe_area"].most:
                origin = self._origins.of_layer(cue.wanted, text.id)
                yield Sighting(Fault.OUT_OF_SAFE_AREA, origin, cue.wanted, cue.size)

    def picture(self, cues: Sequence[_Cue]) -> Iterator[Sighting]:
        """What shows only on a whole banner, here the first of `cues` whose texts fit."""
        cue = next((cue for cue in cues if self._fits(cue)), None)
        if cue is None:
            return
        banner = compose.render(
            str(cue.wanted.document), cue.size, dummy(), fonts=self._fonts, folders=self._folders
        )
        if Fault.LOW_CONTRAST in banner.held:
            origin = self._origins.of_layer(cue.wanted, banner.faintest)
            yield Sighting(Fault.LOW_CONTRAST, origin, cue.wanted, cue.size)
        for fault in (Fault.TEXT_OVER_HEAD, Fault.HEAD_CLIPPED):
            if fault in banner.held:
                yield Sighting(fault, self._origins.of_person(cue.wanted), cue.wanted, cue.size)

    def _missing(self, node: Tree, cue: _Cue) -> tuple[str, ...]:
        font = cue.tree["fonts"][node.get("font", "text")]
        key = (node["text"], font["family"], font.get("weight", 400), cue.wanted.segment.locale)
        if key not in self._lacking:
            chain = self._fonts.faces(*key[1:])
            self._lacking[key] = tuple(missing(clean(node["text"]).strip(), chain))
        return self._lacking[key]

    def _layout(self, cue: _Cue) -> Layout:
        """The banner's layout, without the letters that no font has."""
        tree: Tree = json.loads(json.dumps(cue.tree))
        for node in _text_nodes(tree):
            for letter in self._missing(node, cue):
                node["text"] = node["text"].replace(letter, "")
        key = f"{cue.size} {json.dumps(tree, sort_keys=True)}"
        if key not in self._layouts:
            self._layouts[key] = lay_out(Document.model_validate(tree), cue.size, self._fonts)
        return self._layouts[key]

    def _fits(self, cue: _Cue) -> bool:
        lacking = any(self._missing(node, cue) for node in _text_nodes(cue.tree))
        return not (lacking or any(text.overflow for text in self._layout(cue).texts))


def _to_blame(layout: Layout) -> list[Text]:
    """The texts that do not fit; of a stack that is too full as a whole, the longest."""
    overflowing = [text for text in layout.texts if text.overflow]
    own = [text for text in overflowing if text.block.overflow]
    return own or sorted(overflowing, key=lambda text: -len(str(text.look[0])))[:1]


def _what_fits(text: Text, size: Size) -> str:
    wanted = str(text.look[0])
    shown = sum(len(line.text) for line in text.block.lines) - 1  # the ellipsis
    fit = f"about {shown} fit" if text.block.shortened else "too many beside its neighbours"
    return f"of its {len(wanted)} characters {fit} at {size}"
