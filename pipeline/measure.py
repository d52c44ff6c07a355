"""How large layers want to be: lengths in pixels, texts fitted to their room, stacks shrunk to fit."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pipeline import document as schema
from pipeline.document import Document
from pipeline.document_fields import parse_colour
from pipeline.fonts import FontBook
from pipeline.formats import density
from pipeline.items import Area
from pipeline.price import price_row
from pipeline.sizing import pixels
from pipeline.spans import Span
from pipeline.text import TextBlock, TextStyle, fit
from pipeline.tracks import tracks
from pipeline.types import Size

SHRINK_STEPS = 6
"""Halvings of the search for a stack's scale: 1/64 of a text's size range, under a pixel for most."""

LEGIBLE = 9
"""Pixels per em below which Chinese characters fill in; no text is set smaller, whatever its design says."""


@lru_cache(maxsize=2048)
def _fit(
    text: str | tuple[Span, ...], style: TextStyle, width: int, height: int, fonts: FontBook
) -> TextBlock:
    return fit(text, style, width, height, fonts)


@dataclass(frozen=True)
class Measured:
    """A node with its natural size. `baseline` is that of its first text, from its own top.

    `cells`: where a grid's children lie, measured from inside its padding.
    """

    node: schema.Layer
    width: float
    height: float
    baseline: float | None = None
    children: "tuple[Measured, ...]" = ()
    block: TextBlock | None = None
    look: tuple[object, ...] = ()
    overflow: bool = False
    cells: tuple[Area, ...] = ()


class Measurer:
    """One document at one size: lengths in pixels, and the natural sizes of layers."""

    def __init__(self, document: Document, size: Size, fonts: FontBook) -> None:
        self.document, self.size, self.fonts = document, size, fonts
        self.side = 0.0
        """What 100va are, in pixels: see `Area.side`; of the top-level layer that is being placed."""

    def px(self, length: float | str, parent: float = 0) -> float:
        """`length` in pixels; `%` is of `parent`."""
        return pixels(length, self.size, self.document.reference, parent, self.side)

    def measure(self, node: schema.Layer, width: float, height: float, scale: float) -> Measured:
        """`node`'s natural size inside `width` x `height` with its texts at `scale` of their largest size."""
        if isinstance(node, schema.PriceLayer):
            node = price_row(node, self.document.currency, self.document.locale)
        if isinstance(node, schema.TextLayer):
            return self._measure_text(node, width, height, scale)
        if isinstance(node, schema.StackLayer):
            return _largest(lambda tried: self._stack_at(node, width, height, tried), width, height, scale)
        if isinstance(node, schema.GridLayer):
            return _largest(lambda tried: self._grid_at(node, width, height, tried), width, height, scale)
        return Measured(node, width, height)

    def _measure_text(self, node: schema.TextLayer, width: float, height: float, scale: float) -> Measured:
        role = self.document.fonts[node.font]
        floor = max(LEGIBLE * density(self.size), round(self.px(node.min_size)))
        largest = max(floor, round(self.px(node.size) * (scale if node.shrink else 1)))
        style = TextStyle(
            family=role.family,
            weight=role.weight,
            max_size=largest,
            min_size=floor,
            line_height=node.leading,
            letter_spacing=node.tracking,
            align=node.align,
            max_lines=node.lines,
            locale=self.document.locale,
            overflow=node.overflow,
            vertical=node.vertical,
        )
        text = node.text if node.text is not None else self._spans(node)
        room = (max(1, math.floor(width + 0.01)), max(1, math.floor(height + 0.01)))
        block = _fit(text, style, *room, self.fonts)
        top, bottom = _trimmed(block, node) if node.trim else (0, block.box.height)
        baseline = block.lines[0].baseline - top if block.lines and not node.vertical else None
        look = (text, style, *room)
        return Measured(
            node, block.box.width, bottom - top, baseline, block=block, look=look, overflow=block.overflow
        )

    def _spans(self, node: schema.TextLayer) -> tuple[Span, ...]:
        """The stretches of a rich text with the document's fonts."""
        spans = []
        for each in node.spans or ():
            role = self.document.fonts[each.font or node.font]
            colour = parse_colour(each.color) if each.color else None
            spans.append(
                Span(
                    each.text,
                    role.family,
                    role.weight,
                    each.scale,
                    each.rise,
                    each.tracking,
                    colour,
                    each.strike,
                )
            )
        return tuple(spans)

    def _stack_at(self, node: schema.StackLayer, width: float, height: float, scale: float) -> Measured:
        pad_x, pad_y = self.px(node.padding[0], width), self.px(node.padding[1], height)
        inner_w, inner_h = width - 2 * pad_x, height - 2 * pad_y
        children = []
        for child in node.children:
            wide = self.px(child.box.width, inner_w) if child.box.width is not None else inner_w
            tall = self.px(child.box.height, inner_h) if child.box.height is not None else inner_h
            children.append(self._sized(self.measure(child, wide, tall, scale), wide, tall))
        gaps = self.px(node.gap, inner_h) * max(0, len(children) - 1)
        widths, heights = [c.width for c in children], [c.height for c in children]
        if node.direction == "down":
            w, h = max(widths, default=0.0), sum(heights) + gaps
        else:
            w, h = sum(widths) + gaps, row_height(children, node.align)
        w, h = w + 2 * pad_x, h + 2 * pad_y
        baselines = [c.baseline + pad_y for c in children if c.baseline is not None]
        first = (baselines[0] if node.direction == "down" else max(baselines)) if baselines else None
        return Measured(node, w, h, first, tuple(children))

    def _grid_at(self, node: schema.GridLayer, width: float, height: float, scale: float) -> Measured:
        pad_x, pad_y = self.px(node.padding[0], width), self.px(node.padding[1], height)
        inner_w, inner_h = width - 2 * pad_x, height - 2 * pad_y
        gap_x, gap_y = self.px(node.gap[0], inner_w), self.px(node.gap[1], inner_h)
        across = [(child.cell.column - 1, child.cell.across) for child in node.children]
        down = [(child.cell.row - 1, child.cell.down) for child in node.children]

        def natural(child: schema.Layer, wide: float, tall: float = inner_h) -> Measured:
            box = child.box
            wide = self.px(box.width, wide) if box.width is not None else wide
            tall = self.px(box.height, tall) if box.height is not None else tall
            return self._sized(self.measure(child, wide, tall, scale), wide, tall)

        loose = [natural(child, inner_w).width for child in node.children]
        columns = tracks(self._track_lengths(node.columns, inner_w), across, loose, inner_w, gap_x)
        spans = [columns.span(*each) for each in across]
        # A column that took a text's own width needs a pixel for rounding, a row room for its line box.
        wide = [x + _own_track(node.columns, *each) for (_, x), each in zip(spans, across, strict=True)]
        tall = [natural(child, width).height for child, width in zip(node.children, wide, strict=True)]
        rows = tracks(self._track_lengths(node.rows, inner_h), down, tall, inner_h, gap_y)
        cells = [
            Area(x, y, width, high)
            for (x, width), (y, high) in zip(spans, (rows.span(*each) for each in down), strict=True)
        ]
        high = [
            inner_h if _own_track(node.rows, *each) else cell.height
            for cell, each in zip(cells, down, strict=True)
        ]
        children = tuple(map(natural, node.children, wide, high))
        crowded = any(
            child.width > cell.width + 0.5 or child.height > cell.height + 0.5
            for child, cell in zip(children, cells, strict=True)
        )
        w, h = columns.extent + 2 * pad_x, rows.extent + 2 * pad_y
        return Measured(node, w, h, children=children, cells=tuple(cells), overflow=crowded)

    def _track_lengths(self, given: Sequence[float | str], parent: float) -> list[float | str]:
        """`auto` and shares such as 1fr as they are, lengths in pixels."""
        kept = [str(t) if t == "auto" or str(t).endswith("fr") else self.px(t, parent) for t in given]
        return list(kept)

    def _sized(self, measured: Measured, width: float, height: float) -> Measured:
        """A stack's child with the extents that its own `box` fixes."""
        box = measured.node.box
        return replace(
            measured,
            width=width if box.width is not None else measured.width,
            height=height if box.height is not None else measured.height,
        )


def _own_track(given: Sequence[float | str], first: int, count: int) -> bool:
    """Whether the tracks of a cell are as long as their content."""
    return all(track == "auto" for track in given[first : first + count])


def _largest(at: Callable[[float], Measured], width: float, height: float, scale: float) -> Measured:
    """`at(scale)`, or what fits at the largest smaller scale; at scale 0 and overflowing if nothing does."""
    measured = at(scale)
    if _fits(measured, width, height):
        return measured
    low, high = 0.0, scale
    best = at(low)
    if not _fits(best, width, height):
        return replace(best, overflow=True)
    for _ in range(SHRINK_STEPS):
        middle = (low + high) / 2
        tried = at(middle)
        if _fits(tried, width, height):
            low, best = middle, tried
        else:
            high = middle
    return best


def _fits(measured: Measured, width: float, height: float) -> bool:
    inside = measured.width <= width + 0.5 and measured.height <= height + 0.5
    return inside and not _overflows(measured)


def _overflows(measured: Measured) -> bool:
    return measured.overflow or any(_overflows(child) for child in measured.children)


def row_height(children: Sequence[Measured], align: str) -> float:
    if align != "baseline":
        return max((c.height for c in children), default=0.0)
    above = max((baseline_of(c) for c in children), default=0.0)
    return above + max((c.height - baseline_of(c) for c in children), default=0.0)


def baseline_of(measured: Measured) -> float:
    return measured.height if measured.baseline is None else measured.baseline


def _trimmed(block: TextBlock, node: schema.TextLayer) -> tuple[int, int]:
    """(top, bottom) of a text without the air of its line box: from its ink to its last baseline.

    Descenders hang below, as in print, so that Navy and Denim sit at the same height; Chinese characters
    reach a tenth of their size below the baseline. Columns have no baseline: they end with their ink.
    """
    if not block.lines:
        return 0, 0
    if node.vertical:
        return block.ink.top, block.ink.bottom
    hanging = block.lines[-1].baseline + round(block.size * 0.1)
    return block.ink.top, min(block.ink.bottom, hanging)
