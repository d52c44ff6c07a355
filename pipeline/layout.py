"""A layout document and a size become placed items: regions, stacks, and texts fitted to their room.

Nothing here looks at the photo: where the person goes inside its slot is `place`'s business. A stack that
is too tall or wide shrinks its texts together, down to each one's `min_size`; what then still does not
fit is marked as overflowing.
"""

import json
from dataclasses import replace
from typing import Literal

from pipeline import document as schema
from pipeline.document import Document, parse_colour
from pipeline.fonts import FontBook
from pipeline.items import Area, Item, Layout, Line, Picture, Ramp, Rgba, Shape, Slot, SoftShadow, Text, Turn
from pipeline.measure import Measured, Measurer, baseline_of, row_height
from pipeline.sizing import resolve
from pipeline.types import Size

BOLD = 700


def read_document(document: str, size: Size) -> Document:
    """The rendered document `document` (JSON) for one size."""
    return Document.model_validate(resolve(json.loads(document), size))


def lay_out(document: Document, size: Size, fonts: FontBook) -> Layout:
    """The placed items of `document` at `size`, back to front.

    Raises BannerFailed(MISSING_GLYPH) for text that the fonts cannot draw.
    """
    maker = _Maker(document, size, fonts)
    items: list[Item] = []
    for node in document.layers:
        items += maker.place(node)
    return Layout(_framed(document, items), maker.safe)


def _framed(document: Document, items: list[Item]) -> tuple[Item, ...]:
    """`items` with each slot's frame looked up by id."""
    shapes = {item.id: item for item in items if isinstance(item, Shape) and item.id}
    frames = [node.frame for node in document.layers if isinstance(node, schema.SubjectLayer)]
    wanted = iter(frames)
    return tuple(
        _with_frame(item, shapes, next(wanted)) if isinstance(item, Slot) else item for item in items
    )


def _with_frame(slot: Slot, shapes: dict[str, Shape], frame: schema.Frame | None) -> Slot:
    shape = shapes.get(frame.to) if frame else None
    return replace(slot, frame=shape, frame_open=bool(frame and frame.open))


class _Maker(Measurer):
    """Places the layers of one document at one size."""

    def __init__(self, document: Document, size: Size, fonts: FontBook) -> None:
        super().__init__(document, size, fonts)
        self.canvas = Area(0, 0, size.width, size.height)
        margins, w, h = document.safe, size.width, size.height
        left, top = self.px(margins.left, w), self.px(margins.top, h)
        self.safe = Area(
            left, top, w - left - self.px(margins.right, w), h - top - self.px(margins.bottom, h)
        )

    # regions

    def region(self, place: schema.Place) -> Area:
        base = self.safe if place.of == "safe" else self.canvas
        x, width = self._span(place.left, place.right, place.width, place.center_x, base.x, base.width)
        y, height = self._span(place.top, place.bottom, place.height, place.center_y, base.y, base.height)
        return Area(x, y, width, height)

    def _span(
        self,
        near: float | str | None,
        far: float | str | None,
        extent: float | str | None,
        center: float | str | None,
        start: float,
        length: float,
    ) -> tuple[float, float]:
        """(start, length) of a region along one axis."""
        before = self.px(near, length) if near is not None else None
        after = self.px(far, length) if far is not None else None
        if center is not None:
            wide = self.px(extent, length) if extent is not None else length
            return start + self.px(center, length) - wide / 2, wide
        if extent is not None:
            wide = self.px(extent, length)
            if before is None:
                before = length - wide - after if after is not None else 0
            return start + before, wide
        before, after = before or 0, after or 0
        return start + before, max(0.0, length - before - after)

    # placing

    def place(self, node: schema.Layer) -> list[Item]:
        """The items of a top-level layer."""
        region = self.region(node.box)
        if isinstance(node, schema.SubjectLayer):
            return [self._slot(node, region)]
        measured = self.measure(node, region.width, region.height, 1)
        if isinstance(node, schema.ShapeLayer | schema.ImageLayer):
            return self.arrange(measured, region, None, 1)
        width = region.width if node.x == "stretch" else measured.width
        x = region.x + _slack(node.x, region.width - width)
        height = region.height if node.y == "stretch" else measured.height
        y = region.y + _slack(node.y, region.height - height)
        return self.arrange(measured, Area(x, y, width, height), None, 1)

    def arrange(self, measured: Measured, area: Area, turn: Turn | None, opacity: float) -> list[Item]:
        """The items of a measured node whose place is `area`."""
        node = measured.node
        opacity *= node.opacity
        if node.rotate:
            turn = (node.rotate, area.x + area.width / 2, area.y + area.height / 2)
        if isinstance(node, schema.TextLayer):
            return [self._text(node, measured, area, turn, opacity)]
        if isinstance(node, schema.StackLayer):
            return self._arrange_stack(node, measured, area, turn, opacity)
        if isinstance(node, schema.ImageLayer):
            digest = self.document.assets.get(node.asset, "")
            radius = self.px(node.radius, min(area.width, area.height))
            return [Picture(node.id, area, node.asset, digest, node.fit, radius, opacity, turn)]
        if isinstance(node, schema.ShapeLayer):
            return [self._shape(node.id, node, area, turn, opacity)]
        return []

    def _arrange_stack(
        self, node: schema.StackLayer, measured: Measured, area: Area, turn: Turn | None, opacity: float
    ) -> list[Item]:
        items: list[Item] = []
        if node.figure is not None:
            items.append(self._shape(node.id, node.figure, area, turn, opacity))
        pad_x, pad_y = self.px(node.padding[0], area.width), self.px(node.padding[1], area.height)
        inner = Area(area.x + pad_x, area.y + pad_y, area.width - 2 * pad_x, area.height - 2 * pad_y)
        gap = self.px(node.gap, inner.height)
        places = _down(measured, inner, gap) if node.direction == "down" else _across(measured, inner, gap)
        for child, place in zip(measured.children, places, strict=True):
            items += self.arrange(child, place, turn, opacity)
        if measured.overflow:
            items = [replace(item, overflow=True) if isinstance(item, Text) else item for item in items]
        return items

    def _text(
        self, node: schema.TextLayer, measured: Measured, area: Area, turn: Turn | None, opacity: float
    ) -> Text:
        block = measured.block
        assert block is not None
        x = area.x + _slack(node.align, area.width - block.box.width) - block.box.left
        y = area.y - (block.ink.top if node.trim else 0)
        # Whole pixels: glyphs are hinted to the grid, and a cached mask must land on it.
        x, y = float(round(x)), float(round(y))
        ink = Area(x + block.ink.left, y + block.ink.top, block.ink.width, block.ink.height)
        strike = self._line(node.strike) if node.strike else None
        bold = self.document.fonts[node.font].weight >= BOLD
        color = parse_colour(node.color)
        return Text(
            node.id, x, y, ink, block, measured.look, bold, color, strike, opacity, turn, measured.overflow
        )

    def _shape(
        self, name: str, figure: schema.Figure, area: Area, turn: Turn | None, opacity: float
    ) -> Shape:
        fill: Rgba | Ramp | None = None
        if isinstance(figure.fill, str):
            fill = parse_colour(figure.fill)
        elif figure.fill is not None:
            colours = tuple(parse_colour(c) for c in figure.fill.colours)
            fill = Ramp(figure.fill.kind, colours, figure.fill.angle, figure.fill.center)
        return Shape(
            id=name,
            area=area,
            kind=figure.shape,
            radius=self.px(figure.radius, min(area.width, area.height)),
            points=figure.points,
            inner=figure.inner,
            path=tuple(figure.path),
            fill=fill,
            stroke=self._line(figure.stroke) if figure.stroke else None,
            shadow=self._shadow(figure.shadow) if figure.shadow else None,
            opacity=opacity,
            turn=turn,
        )

    def _line(self, stroke: schema.Stroke) -> Line:
        return Line(parse_colour(stroke.color), max(1.0, self.px(stroke.width)))

    def _shadow(self, shadow: schema.Shadow) -> SoftShadow:
        return SoftShadow(
            parse_colour(shadow.color), self.px(shadow.dx), self.px(shadow.dy), self.px(shadow.blur)
        )

    def _slot(self, node: schema.SubjectLayer, area: Area) -> Slot:
        drop, contact = node.shadow.drop, node.shadow.contact
        return Slot(
            area=area,
            pose=node.pose,
            head=node.head,
            headroom=node.headroom,
            ground=self.px(node.ground, area.height),
            overhang=node.overhang,
            frame=None,
            frame_open=False,
            drop=self._shadow(drop) if drop else None,
            contact=parse_colour(contact) if contact else None,
        )


def _slack(align: str, free: float) -> float:
    return {"center": free / 2, "end": free}.get(align, 0.0)


def _down(measured: Measured, inner: Area, gap: float) -> list[Area]:
    """Where a column's children go; a column taller than its content (a badge) centres it."""
    assert isinstance(measured.node, schema.StackLayer)
    content = sum(c.height for c in measured.children) + gap * max(0, len(measured.children) - 1)
    y = inner.y + max(0.0, inner.height - content) / 2
    places = []
    for child in measured.children:
        align = _own_align(child, measured.node.align)
        width = inner.width if align == "stretch" and child.node.box.width is None else child.width
        places.append(Area(inner.x + _slack(align, inner.width - width), y, width, child.height))
        y += child.height + gap
    return places


def _across(measured: Measured, inner: Area, gap: float) -> list[Area]:
    """Where a row's children go; a row wider than its content centres it."""
    node = measured.node
    assert isinstance(node, schema.StackLayer)
    content = sum(c.width for c in measured.children) + gap * max(0, len(measured.children) - 1)
    x = inner.x + max(0.0, inner.width - content) / 2
    row = row_height(measured.children, node.align)
    top = inner.y + max(0.0, inner.height - row) / 2
    above = max((baseline_of(c) for c in measured.children), default=0.0)
    places = []
    for child in measured.children:
        free = row - child.height
        y = above - baseline_of(child) if node.align == "baseline" else _slack(node.align, free)
        places.append(Area(x, top + y, child.width, child.height))
        x += child.width + gap
    return places


def _own_align(child: Measured, inherited: str) -> Literal["start", "center", "end", "stretch"]:
    own = child.node.x
    if own != "stretch":
        return own
    return inherited if inherited in ("start", "center", "end") else "stretch"  # type: ignore[return-value]
