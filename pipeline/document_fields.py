"""What the fields of a layout document may say: colours, lengths, places, fills, outlines."""

import re
from typing import Annotated, Literal

from PIL import ImageColor
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from pipeline.sizing import parse_length
from pipeline.yamlfile import nearest

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_TAG = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_CALL = re.compile(r"(?<![\w.])(range|dict|lipsum|cycler|joiner|namespace)\s*\(")
"""Calls of Jinja2's own functions. Designs have none of them, and "range is missing", which is what rendering
says, would send people to look for a column of that name."""


def is_template(value: object) -> bool:
    """True for a string that Jinja2 would change."""
    return isinstance(value, str) and _TEMPLATE.search(value) is not None


def called(template: str) -> str | None:
    """The first of Jinja2's own functions that `template` calls; None if it calls none."""
    calls = (_CALL.search(_QUOTED.sub("", tag)) for tag in _TAG.findall(template))
    return next((call[1] for call in calls if call), None)


GARMENT = {
    "garment": "#8C7B6B",
    "garment-pale": "#EFEAE4",
    "garment-soft": "#D8CEC3",
    "garment-deep": "#3D342C",
    "on-garment": "#FFFFFF",
}
"""Colours that a banner takes from its own cut-out, with those that stand in where there is none yet."""


def parse_colour(value: str) -> tuple[int, int, int, int]:
    """(red, green, blue, alpha), each 0..255, straight sRGB. Raises ValueError."""
    if value == "transparent":
        return (0, 0, 0, 0)
    value = GARMENT.get(value, value)
    try:
        rgba = ImageColor.getcolor(value, "RGBA")
    except ValueError:
        # A design is full of templates, which are no slips of the pen: to compare each takes a second in all.
        near = None if is_template(value) else nearest(value, (*ImageColor.colormap, *GARMENT))
        meant = f"did you mean {near}? " if near else ""
        raise ValueError(
            f"'{value}' is no colour: {meant}write #E5002B, #E5002B80, a CSS name, or one of "
            f"{', '.join(GARMENT)}"
        ) from None
    return rgba  # type: ignore[return-value]  # Pillow types it as int | tuple; RGBA always gives four


def _colour(value: str) -> str:
    parse_colour(value)
    return value


def _length(value: float | str) -> float | str:
    parse_length(value)
    return value


Colour = Annotated[str, AfterValidator(_colour)]
Length = Annotated[float | str, AfterValidator(_length)]
Share = Annotated[float, Field(ge=0, le=1)]
Align = Literal["start", "center", "end"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Place(Model):
    """A region of the parent. No field: all of it. `of` measures from something else: `safe` or `canvas`,
    one of the design's `areas`, or another layer by its id. `side` takes what is beside that instead.
    """

    of: str = "parent"
    side: Literal["inside", "above", "below", "before", "after"] = "inside"
    left: Length | None = None
    right: Length | None = None
    width: Length | None = None
    center_x: Length | None = None
    top: Length | None = None
    bottom: Length | None = None
    height: Length | None = None
    center_y: Length | None = None

    @model_validator(mode="after")
    def _not_twice(self) -> "Place":
        for names in (("left", "right", "width", "center_x"), ("top", "bottom", "height", "center_y")):
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) > 2 or set(given) in ({names[0], names[3]}, {names[1], names[3]}):
                raise ValueError(f"{', '.join(given)} contradict each other: give two of {', '.join(names)}")
        return self


class Gradient(Model):
    """Colours at equal steps. `angle` in degrees for linear (0 = to the right, 90 = downwards)."""

    kind: Literal["linear", "radial"] = "linear"
    colours: Annotated[list[Colour], Field(min_length=2, max_length=8)]
    angle: float = 90
    center: tuple[Share, Share] = (0.5, 0.5)


FILL_KINDS = ("flat", "ramp")


def _fill_kind(value: object) -> str:
    return "flat" if isinstance(value, str) else "ramp"


Fill = Annotated[Annotated[Colour, Tag("flat")] | Annotated[Gradient, Tag("ramp")], Discriminator(_fill_kind)]
"""A colour or a gradient. Told apart by kind, so that a fault is told once and of the right one."""


class Stroke(Model):
    """A line along an outline, in dashes of `dash` with gaps as long if that is given."""

    color: Colour
    width: Length
    dash: Length = 0


class Shadow(Model):
    """A soft shadow. Offsets and blur are lengths; `color` carries its own opacity, as #00000059."""

    color: Colour = "#00000040"
    dx: Length = 0
    dy: Length = 0
    blur: Length = 0


class Cell(Model):
    """Where in a grid a layer lies: 1-based, and how many columns and rows it takes."""

    column: Annotated[int, Field(ge=1, le=12)] = 1
    row: Annotated[int, Field(ge=1, le=12)] = 1
    across: Annotated[int, Field(ge=1, le=12)] = 1
    down: Annotated[int, Field(ge=1, le=12)] = 1


Blend = Literal[
    "normal", "multiply", "screen", "overlay", "soft-light", "darken", "lighten", "color-dodge", "difference"
]


class Figure(Model):
    """An outline with its fill. `path` is a polygon in shares of the region.

    `points`: spikes of a burst, rays, dots or stripes across. `inner`: how deep a burst's or a ribbon's
    notches go and how large a ticket's are, or the share that rays, dots and stripes fill.
    """

    shape: Literal[
        "rect", "ellipse", "arch", "burst", "polygon", "rays", "dots", "stripes", "ribbon", "ticket"
    ] = "rect"
    radius: Length = 0
    points: Annotated[int, Field(ge=3, le=96)] = 16
    inner: Share = 0.86
    path: list[tuple[float, float]] = []
    fill: Fill | None = None
    stroke: Stroke | None = None
    shadow: Shadow | None = None
