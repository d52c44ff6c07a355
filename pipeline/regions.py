"""Where boxes lie: in the canvas, the safe area, a named area, or in or beside another layer."""

from collections.abc import Callable

from pipeline.document import Document
from pipeline.document_fields import Place
from pipeline.items import Area
from pipeline.sizing import pixels
from pipeline.types import Size


def flipped(area: Area, within: Area) -> Area:
    """`area` mirrored inside `within`."""
    return Area(within.x + within.right - area.right, area.y, area.width, area.height)


class Regions:
    """The regions of one document at one size. `placed` gives the area that a layer has come to take."""

    def __init__(self, document: Document, size: Size, placed: Callable[[str], Area | None]) -> None:
        self._document, self._size, self._placed = document, size, placed
        self.canvas = Area(0, 0, size.width, size.height)
        margins = document.safe
        self.safe = self._inset(margins.left, margins.top, margins.right, margins.bottom)

    def region(self, place: Place) -> Area:
        """The region of `place` in banner pixels, for a layout that reads from the left."""
        base = self._beside(self._base(place.of), place.side)
        x, width = self._span(place.left, place.right, place.width, place.center_x, base.x, base.width, base)
        y, height = self._span(
            place.top, place.bottom, place.height, place.center_y, base.y, base.height, base
        )
        return Area(x, y, width, height)

    def _base(self, of: str) -> Area:
        if of == "safe":
            return self.safe
        if of in self._document.areas:
            return self.region(self._document.areas[of])
        # What hangs on a layer that a condition hides keeps to the safe area.
        return self.canvas if of in ("parent", "canvas") else self._placed(of) or self.safe

    def _beside(self, base: Area, side: str) -> Area:
        safe = self.safe
        if side == "below":
            return Area(base.x, base.bottom, base.width, max(0.0, safe.bottom - base.bottom))
        if side == "above":
            return Area(base.x, safe.y, base.width, max(0.0, base.y - safe.y))
        if side == "before":
            return Area(safe.x, base.y, max(0.0, base.x - safe.x), base.height)
        if side == "after":
            return Area(base.right, base.y, max(0.0, safe.right - base.right), base.height)
        return base

    def _inset(self, left: float | str, top: float | str, right: float | str, bottom: float | str) -> Area:
        w, h = self.canvas.width, self.canvas.height
        x, y = self._px(left, w, self.canvas), self._px(top, h, self.canvas)
        width = max(0.0, w - x - self._px(right, w, self.canvas))
        return Area(x, y, width, max(0.0, h - y - self._px(bottom, h, self.canvas)))

    def _span(
        self,
        near: float | str | None,
        far: float | str | None,
        extent: float | str | None,
        center: float | str | None,
        start: float,
        length: float,
        base: Area,
    ) -> tuple[float, float]:
        """(start, length) of a region along one axis."""
        before = self._px(near, length, base) if near is not None else None
        after = self._px(far, length, base) if far is not None else None
        if center is not None:
            wide = self._px(extent, length, base) if extent is not None else length
            return start + self._px(center, length, base) - wide / 2, wide
        if extent is not None:
            wide = self._px(extent, length, base)
            if before is None:
                before = length - wide - after if after is not None else 0
            return start + before, wide
        before, after = before or 0, after or 0
        return start + before, max(0.0, length - before - after)

    def _px(self, length: float | str, parent: float, base: Area) -> float:
        return pixels(length, self._size, self._document.reference, parent, base.side)
