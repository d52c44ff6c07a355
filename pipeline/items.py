"""What a painter paints: placed, measured values in banner pixels, hashable so that pictures can be cached.

Coordinates are float pixels, origin at the top left of the banner.
"""

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
    """A stroke: its colour and width in pixels."""

    color: Rgba
    width: float


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


@dataclass(frozen=True, slots=True)
class Picture:
    id: str
    area: Area
    asset: str
    digest: str
    fit: Literal["cover", "contain"]
    radius: float
    opacity: float
    turn: Turn | None


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


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the person goes. `frame` is the shape it is cut to, whole or (`frame_open`) only
    below its middle; `overhang` how much wider than the slot they may be, as a share of its width."""

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
    def slot(self) -> Slot | None:
        return next((item for item in self.items if isinstance(item, Slot)), None)
