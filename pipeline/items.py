"""What a painter paints: placed, measured values in banner pixels, hashable so that pictures can be cached.

Coordinates are float pixels, origin at the top left of the banner.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from pipeline.text import TextBlock

Rgba = tuple[int, int, int, int]
"""Straight sRGB and alpha, each 0..255."""

Turn = tuple[float, float, float]
"""Degrees clockwise, and the point (x, y) that is turned about."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in float pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def side(self) -> float:
        """The geometric mean of width and height: what a length of 100va is."""
        return math.sqrt(max(0.0, self.width) * max(0.0, self.height))

    def meets(self, other: "Area") -> bool:
        """True when the two share more than an edge."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )


@dataclass(frozen=True, slots=True)
class Ramp:
    """A gradient over the area it fills; colours at equal steps."""

    kind: Literal["linear", "radial"]
    colours: tuple[Rgba, ...]
    angle: float
    center: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SoftShadow:
    color: Rgba
    dx: float
    dy: float
    blur: float


@dataclass(frozen=True, slots=True)
class Line:
    """A stroke: its colour, its width and its dashes in pixels; 0 for a line without gaps."""

    color: Rgba
    width: float
    dash: float = 0


@dataclass(frozen=True, slots=True)
class Shape:
    id: str
    area: Area
    kind: str
    radius: float
    points: int
    inner: float
    path: tuple[tuple[float, float], ...]
    fill: Rgba | Ramp | None
    stroke: Line | None
    shadow: SoftShadow | None
    opacity: float
    turn: Turn | None
    blend: str = "normal"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture beside the design, cut to `mask`. `clear`: pixels round it that texts and heads stay out of;
    such a picture, a logo, gives `place`, where in its area it lies (shares of the room that is left).
    """

    id: str
    area: Area
    asset: str
    digest: str
    fit: Literal["cover", "contain", "tile"]
    radius: float
    opacity: float
    turn: Turn | None
    blend: str = "normal"
    mask: Shape | None = None
    clear: float = 0
    place: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Text:
    """A fitted text. `x`, `y` is where the block's own origin lands; `area` its ink, in banner pixels.

    `look` stands for everything that decides the block's pixels, so that equality need not compare glyphs.
    """

    id: str
    x: float
    y: float
    area: Area
    block: TextBlock = field(compare=False, repr=False)
    look: tuple[object, ...]
    bold: bool
    color: Rgba
    strike: Line | None
    opacity: float
    turn: Turn | None
    overflow: bool
    blend: str = "normal"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a person goes: the `first` or the `second` of a banner. `frame` is the shape it is cut to, whole
    or (`frame_open`) only below its middle; `overhang` how much wider than the slot they may be, as a share
    of its width.
    """

    area: Area
    pose: Literal["auto", "full", "half", "bust"]
    head: float
    headroom: float
    ground: float
    overhang: float
    frame: Shape | None
    frame_open: bool
    drop: SoftShadow | None
    contact: Rgba | None
    who: Literal["first", "second"] = "first"
    mirror: bool = False


Item = Shape | Picture | Text | Slot


@dataclass(frozen=True, slots=True)
class Layout:
    """A banner's items, back to front, and the area that text keeps to."""

    items: tuple[Item, ...]
    safe: Area

    @property
    def texts(self) -> tuple[Text, ...]:
        return tuple(item for item in self.items if isinstance(item, Text))

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(item for item in self.items if isinstance(item, Slot))

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(item for item in self.items if isinstance(item, Picture))
