"""A layout document and a size become placed items: regions, stacks, and texts fitted to their room.

Nothing here looks at the photo: where the person goes inside its slot is `place`'s business. A stack that
is too tall or wide shrinks its texts together, down to each one's `min_size`; what then still does not
fit is marked as overflowing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline import document as schema
from pipeline.document import Document
from pipeline.document_fields import Figure, Shadow, Stroke, parse_colour
from pipeline.fonts import FontBook, language, rtl
from pipeline.items import Area, Item, Layout, Line, Picture, Ramp, Rgba, Shape, Slot, SoftShadow, Text, Turn
from pipeline.measure import Measured, Measurer, baseline_of, row_height
from pipeline.regions import Regions, flipped
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
    items = [item for index in range(len(document.layers)) for item in maker.layer(index)]
    return Layout(_outlined(document, items), maker.regions.safe)


def _outlined(document: Document, items: list[Item]) -> tuple[Item, ...]:
    """`items` with the shapes looked up that people and pictures are cut to."""
    shapes = {item.id: item for item in items if isinstance(item, Shape) and item.id}
    subjects = iter(node for node in document.layers if isinstance(node, schema.SubjectLayer))
    masks = {n.id: n.mask for n in document.layers if isinstance(n, schema.ImageLayer) and n.mask}
    outlined: list[Item] = []
    for item in items:
        if isinstance(item, Slot):
            frame = next(subjects).frame
            shape = shapes.get(frame.to) if frame else None
            item = replace(item, frame=shape, frame_open=bool(frame and frame.open))
        elif isinstance(item, Picture) and item.id in masks:
            item = replace(item, mask=shapes.get(masks[item.id]))
        outlined.append(item)
    return tuple(outlined)


class _Maker(Measurer):
    """Places the layers of one document at one size."""

    def __init__(self, document: Document, size: Size, fonts: FontBook) -> None:
        super().__init__(document, size, fonts)
        self.regions = Regions(document, size, self._placed)
        # Where reading begins at the right, what comes first lies there.
        self._mirrored = rtl(language(document.locale))
        self._layers: dict[int, tuple[list[Item], Area]] = {}

    def layer(self, index: int) -> list[Item]:
        """The items of a top-level layer."""
        if index not in self._layers:
            self._layers[index] = self._place(self.document.layers[index])
        return self._layers[index][0]

    def _placed(self, name: str) -> Area | None:
        """What the layer `name` takes up, as a layout that reads from the left would place it."""
        index = next((at for at, node in enumerate(self.document.layers) if node.id == name), None)
        if index is None:
            return None
        self.layer(index)
        return self._layers[index][1]

    # placing

    def _place(self, node: schema.Layer) -> tuple[list[Item], Area]:
        region = self.regions.region(node.box)
        # Other layers may be placed in the meantime, so the unit of this one is set last.
        self.side = region.side
        if isinstance(node, schema.SubjectLayer):
            return [self._slot(node, self._facing(region))], region
        measured = self.measure(node, region.width, region.height, 1)
        taken = region
        if not isinstance(node, schema.ShapeLayer | schema.ImageLayer | schema.LogoLayer):
            taken = _aligned(measured, region, node.x, node.y)
        return self.arrange(measured, self._facing(taken), None, 1), taken

    def _facing(self, area: Area) -> Area:
        """`area` where the reader of this locale finds it."""
        return flipped(area, self.regions.canvas) if self._mirrored else area

    def _toward(self, align: str) -> str:
        """`start` and `end` as the left-to-right arithmetic of the placing takes them."""
        return {"start": "end", "end": "start"}.get(align, align) if self._mirrored else align

    def arrange(self, measured: Measured, area: Area, turn: Turn | None, opacity: float) -> list[Item]:
        """The items of a measured node whose place is `area`."""
        node = measured.node
        opacity *= node.opacity
        if node.rotate:
            degrees = -node.rotate if self._mirrored else node.rotate
            turn = (degrees, area.x + area.width / 2, area.y + area.height / 2)
        if isinstance(node, schema.TextLayer):
            return [self._text(node, measured, area, turn, opacity)]
        if isinstance(node, schema.StackLayer):
            return self._arrange_stack(node, measured, area, turn, opacity)
        if isinstance(node, schema.GridLayer):
            return self._arrange_grid(node, measured, area, turn, opacity)
        if isinstance(node, schema.ImageLayer):
            digest = self.document.assets.get(node.asset, "")
            radius = self.px(node.radius, min(area.width, area.height))
            return [Picture(node.id, area, node.asset, digest, node.fit, radius, opacity, turn, node.blend)]
        if isinstance(node, schema.LogoLayer):
            return self._logo(node, area, turn, opacity)
        if isinstance(node, schema.ShapeLayer):
            return [self._shape(node.id, node, node, area, turn, opacity)]
        return []

    def _logo(self, node: schema.LogoLayer, area: Area, turn: Turn | None, opacity: float) -> list[Item]:
        asset = self.document.logo or node.asset
        if not asset:
            return []
        digest = self.document.assets.get(asset, "")
        share = {"start": 0.0, "end": 1.0}
        place = (share.get(self._toward(node.x), 0.5), share.get(node.y, 0.5))
        clear = node.clear * area.height
        return [
            Picture(node.id, area, asset, digest, "contain", 0, opacity, turn, node.blend, None, clear, place)
        ]

    def _arrange_stack(
        self, node: schema.StackLayer, measured: Measured, area: Area, turn: Turn | None, opacity: float
    ) -> list[Item]:
        inner = self._inside(node, area)
        gap = self.px(node.gap, inner.height)
        places = (
            _down(measured, inner, gap, self._toward)
            if node.direction == "down"
            else _across(measured, inner, gap, reverse=self._mirrored)
        )
        return self._furnished(node, measured, area, places, turn, opacity)

    def _arrange_grid(
        self, node: schema.GridLayer, measured: Measured, area: Area, turn: Turn | None, opacity: float
    ) -> list[Item]:
        inner = self._inside(node, area)
        places = []
        for child, cell in zip(measured.children, measured.cells, strict=True):
            cell = Area(inner.x + cell.x, inner.y + cell.y, cell.width, cell.height)
            cell = flipped(cell, inner) if self._mirrored else cell
            # A child that fixes its own extent does not stretch.
            x = "start" if child.node.x == "stretch" and child.node.box.width is not None else child.node.x
            y = "start" if child.node.y == "stretch" and child.node.box.height is not None else child.node.y
            places.append(_aligned(child, cell, self._toward(x), y))
        return self._furnished(node, measured, area, places, turn, opacity)

    def _inside(self, node: schema.StackLayer | schema.GridLayer, area: Area) -> Area:
        pad_x, pad_y = self.px(node.padding[0], area.width), self.px(node.padding[1], area.height)
        return Area(area.x + pad_x, area.y + pad_y, area.width - 2 * pad_x, area.height - 2 * pad_y)

    def _furnished(
        self,
        node: schema.StackLayer | schema.GridLayer,
        measured: Measured,
        area: Area,
        places: Sequence[Area],
        turn: Turn | None,
        opacity: float,
    ) -> list[Item]:
        """The figure and children of a stack or grid, the children at `places`."""
        items: list[Item] = []
        if node.figure is not None:
            items.append(self._shape(node.id, node.figure, node, area, turn, opacity))
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
        x = area.x + _slack(self._toward(node.align), area.width - block.box.width) - block.box.left
        y = area.y - (block.ink.top if node.trim else block.box.top)
        # Whole pixels: glyphs are hinted to the grid, and a cached mask must land on it.
        x, y = float(round(x)), float(round(y))
        ink = Area(x + block.ink.left, y + block.ink.top, block.ink.width, block.ink.height)
        strike = self._line(node.strike) if node.strike else None
        bold = self.document.fonts[node.font].weight >= BOLD
        color = parse_colour(node.color)
        return Text(
            node.id, x, y, ink, block, measured.look, bold, color, strike, opacity, turn, measured.overflow,
            node.blend,
        )  # fmt: skip

    def _shape(
        self,
        name: str,
        figure: Figure,
        node: schema.Node,
        area: Area,
        turn: Turn | None,
        opacity: float,
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
            path=tuple((1 - x, y) if self._mirrored else (x, y) for x, y in figure.path),
            fill=fill,
            stroke=self._line(figure.stroke) if figure.stroke else None,
            shadow=self._shadow(figure.shadow) if figure.shadow else None,
            opacity=opacity,
            turn=turn,
            blend=node.blend,
        )

    def _line(self, stroke: Stroke) -> Line:
        return Line(parse_colour(stroke.color), max(1.0, self.px(stroke.width)), self.px(stroke.dash))

    def _shadow(self, shadow: Shadow) -> SoftShadow:
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
            who=node.who,
            mirror=node.mirror,
        )


def _slack(align: str, free: float) -> float:
    return {"center": free / 2, "end": free}.get(align, 0.0)


def _aligned(measured: Measured, region: Area, x: str, y: str) -> Area:
    """Where a measured node goes in `region`: all of it where it stretches, else at its own size."""
    width = region.width if x == "stretch" else min(measured.width, region.width)
    height = region.height if y == "stretch" else measured.height
    left = region.x + _slack(x, region.width - width)
    return Area(left, region.y + _slack(y, region.height - height), width, height)


def _down(measured: Measured, inner: Area, gap: float, toward: Callable[[str], str]) -> list[Area]:
    """Where a column's children go; a column taller than its content (a badge) centres it."""
    assert isinstance(measured.node, schema.StackLayer)
    content = sum(c.height for c in measured.children) + gap * max(0, len(measured.children) - 1)
    y = inner.y + max(0.0, inner.height - content) / 2
    places = []
    for child in measured.children:
        align = toward(child.node.x if child.node.x != "stretch" else measured.node.align)
        fill = align not in ("start", "center", "end") and child.node.box.width is None
        width = inner.width if fill else child.width
        places.append(Area(inner.x + _slack(align, inner.width - width), y, width, child.height))
        y += child.height + gap
    return places


def _across(measured: Measured, inner: Area, gap: float, *, reverse: bool) -> list[Area]:
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
    return [flipped(place, inner) for place in places] if reverse else places
