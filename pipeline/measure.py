"""How large layers want to be: lengths in pixels, texts fitted to their room, stacks shrunk to fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pipeline import document as schema
from pipeline.document import Document
from pipeline.fonts import FontBook
from pipeline.sizing import pixels
from pipeline.text import TextBlock, TextStyle, fit
from pipeline.types import Size

SHRINK_STEPS = 6
"""Halvings of the search for a stack's scale: 1/64 of a text's size range, under a pixel for most."""


@lru_cache(maxsize=2048)
def _fit(text: str, style: TextStyle, width: int, height: int, fonts: FontBook) -> TextBlock:
    return fit(text, style, width, height, fonts)


@dataclass(frozen=True)
class Measured:
    """A node with its natural size. `baseline` is that of its first text, from its own top."""

    node: schema.Layer
    width: float
    height: float
    baseline: float | None = None
    children: "tuple[Measured, ...]" = ()
    block: TextBlock | None = None
    look: tuple[object, ...] = ()
    overflow: bool = False


class Measurer:
    """One document at one size: lengths in pixels, and the natural sizes of layers."""

    def __init__(self, document: Document, size: Size, fonts: FontBook) -> None:
        self.document, self.size, self.fonts = document, size, fonts

    def px(self, length: float | str, parent: float = 0) -> float:
        """`length` in pixels; `%` is of `parent`."""
        return pixels(length, self.size, self.document.reference, parent)

    def measure(self, node: schema.Layer, width: float, height: float, scale: float) -> Measured:
        """`node`'s natural size inside `width` x `height` with its texts at `scale` of their largest size."""
        if isinstance(node, schema.TextLayer):
            return self._measure_text(node, width, height, scale)
        if isinstance(node, schema.StackLayer):
            return self._measure_stack(node, width, height, scale)
        return Measured(node, width, height)

    def _measure_text(self, node: schema.TextLayer, width: float, height: float, scale: float) -> Measured:
        role = self.document.fonts[node.font]
        floor = max(1, round(self.px(node.min_size)))
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
        )
        room = (max(1, math.floor(width + 0.01)), max(1, math.floor(height + 0.01)))
        block = _fit(node.text, style, *room, self.fonts)
        top, bottom = _trimmed(block) if node.trim else (0, block.box.height)
        baseline = block.lines[0].baseline - top if block.lines else 0.0
        look = (node.text, style, *room)
        return Measured(
            node, block.box.width, bottom - top, baseline, block=block, look=look, overflow=block.overflow
        )

    def _measure_stack(self, node: schema.StackLayer, width: float, height: float, scale: float) -> Measured:
        """The stack at `scale`, or at the largest smaller one at which it fits."""
        measured = self._stack_at(node, width, height, scale)
        if _fits(measured, width, height):
            return measured
        low, high = 0.0, scale
        best = self._stack_at(node, width, height, low)
        if not _fits(best, width, height):
            return replace(best, overflow=True)
        for _ in range(SHRINK_STEPS):
            middle = (low + high) / 2
            tried = self._stack_at(node, width, height, middle)
            if _fits(tried, width, height):
                low, best = middle, tried
            else:
                high = middle
        return best

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
        baseline = next((c.baseline + pad_y for c in children if c.baseline is not None), None)
        return Measured(node, w, h, baseline, tuple(children))

    def _sized(self, measured: Measured, width: float, height: float) -> Measured:
        """A stack's child with the extents that its own `box` fixes."""
        box = measured.node.box
        return replace(
            measured,
            width=width if box.width is not None else measured.width,
            height=height if box.height is not None else measured.height,
        )


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


def _trimmed(block: TextBlock) -> tuple[int, int]:
    """(top, bottom) of a text without the air of its line box: from its ink to its last baseline.

    Descenders hang below, as in print, so that Navy and Denim sit at the same height; Chinese characters
    reach a tenth of their size below the baseline.
    """
    if not block.lines:
        return 0, 0
    hanging = block.lines[-1].baseline + round(block.size * 0.1)
    return block.ink.top, min(block.ink.bottom, hanging)
