"""The layout document: what a design's template.yaml may say, checked field by field.

A design is checked twice with this one schema: at load, when faults of strings that still hold `{{ … }}`
are passed over, and after rendering, when nothing passes that is not a colour, a length or a choice.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from pipeline.document_fields import (
    Align,
    Blend,
    Cell,
    Colour,
    Figure,
    Length,
    Model,
    Place,
    Shadow,
    Share,
    Stroke,
)
from pipeline.money import to_number
from pipeline.sizing import parse_length


class Node(Model):
    """What every layer has besides `visible` and `at`. `x`, `y`: where smaller content sits in its region.

    `blend` as in CSS; a stack or grid blends as one picture with what is behind it layer by layer.
    """

    id: str = ""
    box: Place = Place()
    cell: Cell = Cell()
    blend: Blend = "normal"
    x: Literal["start", "center", "end", "stretch"] = "stretch"
    y: Literal["start", "center", "end", "stretch"] = "start"
    opacity: Share = 1
    rotate: float = 0
    shrink: bool = True


class ShapeLayer(Node, Figure):
    type: Literal["shape"]


class ImageLayer(Node):
    """A photo or texture beside the design, cut to the outline of layer `mask` if that is given."""

    type: Literal["image"]
    asset: str
    fit: Literal["cover", "contain", "tile"] = "cover"
    radius: Length = 0
    mask: str = ""


class LogoLayer(Node):
    """The brand kit's logo, whole, at the `x` and `y` of its region; without a kit's own, `asset` or nothing.

    `clear`: how far texts and heads keep away, as a share of the logo's height.
    """

    type: Literal["logo"]
    asset: str = ""
    clear: Annotated[float, Field(ge=0, le=2)] = 0.5


class TextSpan(Model):
    """A stretch of a rich text. What is not given is the layer's; `scale` is a share of its size, `rise` how
    far the baseline is lifted, likewise (0.36 with a scale of 0.5 makes superior figures).
    """

    text: str
    font: str | None = None
    scale: Annotated[float, Field(ge=0.2, le=1)] = 1
    rise: Annotated[float, Field(ge=-0.5, le=1)] = 0
    tracking: Annotated[float, Field(ge=-0.1, le=1)] | None = None
    color: Colour | None = None
    strike: bool = False


def _positive(value: float | str) -> float | str:
    number, unit = parse_length(value)
    if number <= 0:
        raise ValueError(f"{number:g}{unit} is no size for letters: it must be more than 0")
    return value


def _up_to_size(value: float | str, info: ValidationInfo) -> float | str:
    (least, unit), (most, other) = parse_length(value), parse_length(info.data.get("size", value))
    if unit == other and least > most:
        raise ValueError(
            f"the smallest size, {least:g}{unit}, is above size, {most:g}{unit}, the largest that is tried"
        )
    return value


LetterSize = Annotated[Length, AfterValidator(_positive)]
SmallestSize = Annotated[LetterSize, AfterValidator(_up_to_size)]


class TextLayer(Node):
    """`size` is the largest size tried, `min_size` the smallest that is still good design.

    Either `text`, or `spans` that follow each other in one paragraph. `vertical`: columns from right to left.
    """

    type: Literal["text"]
    text: str | None = None
    spans: Annotated[list[TextSpan], Field(min_length=1, max_length=16)] | None = None
    font: str = "text"
    size: LetterSize
    min_size: SmallestSize
    lines: Annotated[int, Field(ge=1, le=12)] = 1
    color: Colour
    align: Align = "start"
    leading: Annotated[float, Field(ge=0.8, le=2.5)] = 1.25
    tracking: Annotated[float, Field(ge=-0.1, le=1)] = 0
    trim: bool = False
    strike: Stroke | None = None
    overflow: Literal["hold", "ellipsis"] = "hold"
    vertical: bool = False

    @model_validator(mode="after")
    def _one_text(self) -> "TextLayer":
        if (self.text is None) == (self.spans is None):
            raise ValueError("a text layer has either text or spans")
        if self.vertical and self.strike is not None:
            raise ValueError("a vertical text is struck by its spans: {text: …, strike: true}")
        return self


def _number(value: str) -> str:
    to_number(value)
    return value


class PriceLayer(Node):
    """A price set as shops set it: the currency small, decimals raised, in the locale's order.

    `value` is the number; `mark` the size of currency and decimals as a share of the figures'.
    """

    type: Literal["price"]
    value: Annotated[str, AfterValidator(_number)]
    font: str = "text"
    size: LetterSize
    min_size: SmallestSize
    color: Colour
    mark: Annotated[float, Field(ge=0.2, le=1)] = 0.5


Repeat = Annotated[int, Field(ge=0, le=24)]


class StackLayer(Node):
    """Children one after another, `gap` apart, on an optional figure with `padding` [x, y].

    `repeat` draws all children so many times; their texts may name `item`, which counts from 0.
    """

    type: Literal["stack"]
    repeat: Repeat = 1
    direction: Literal["down", "across"] = "down"
    gap: Length = 0
    align: Literal["start", "center", "end", "stretch", "baseline"] = "stretch"
    padding: tuple[Length, Length] = (0, 0)
    figure: Figure | None = None
    children: list["Layer"]


def _track(value: float | str) -> float | str:
    if value != "auto" and not (isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?fr", value)):
        try:
            parse_length(value)
        except ValueError as error:
            raise ValueError(f"{error}, 1fr for a share of what is left, or auto") from None
    return value


Track = Annotated[float | str, AfterValidator(_track)]
Tracks = Annotated[list[Track], Field(min_length=1, max_length=12)]


class GridLayer(Node):
    """Children in the cells of `columns` and `rows`: lengths, `auto` for their content, `1fr` of the rest.

    A column or row whose children are all hidden takes no room, nor a gap.
    """

    type: Literal["grid"]
    repeat: Repeat = 1
    columns: Tracks = ["1fr"]
    rows: Tracks = ["1fr"]
    gap: tuple[Length, Length] = (0, 0)
    padding: tuple[Length, Length] = (0, 0)
    figure: Figure | None = None
    children: list["Layer"]

    @model_validator(mode="after")
    def _inside(self) -> "GridLayer":
        for child in self.children:
            cell = child.cell
            last = (cell.column + cell.across - 1, cell.row + cell.down - 1)
            if last[0] > len(self.columns) or last[1] > len(self.rows):
                raise ValueError(
                    f"'{child.id or child.type}' lies in column {last[0]}, row {last[1]} of a grid with "
                    f"{len(self.columns)} columns and {len(self.rows)} rows"
                )
        return self


class Frame(Model):
    """What the subject is cut to: the outline of layer `to`; left open above its middle if `open` is set."""

    to: str
    open: bool = False


class SubjectShadow(Model):
    """`drop` falls behind the person; `contact` darkens the ground, and only under feet that are seen."""

    drop: Shadow | None = None
    contact: Colour | None = None


class SubjectLayer(Node):
    """The person. `box` is the region it may fill; its lower edge is the ground it stands on.

    `pose`: how much of the person is shown; auto shows the most that keeps the head at `head` of the
    region's height or more. `headroom` is the share of the region kept free above the head; `overhang`
    lets a wide person be wider than the region by that share, for regions whose sides are cut by a frame.
    `who`: the second person is another one where there is one, else the first once more, seen differently.
    `mirror` turns them round, never where a garment may carry letters.
    """

    type: Literal["subject"]
    who: Literal["first", "second"] = "first"
    mirror: bool = False
    pose: Literal["auto", "full", "half", "bust"] = "auto"
    head: Share = 0.16
    headroom: Share = 0.04
    ground: Length = 0
    overhang: Share = 0
    frame: Frame | None = None
    shadow: SubjectShadow = SubjectShadow()


Layer = Annotated[
    ShapeLayer | ImageLayer | LogoLayer | TextLayer | PriceLayer | StackLayer | GridLayer | SubjectLayer,
    Field(discriminator="type"),
]


class FontRole(Model):
    family: str
    weight: Annotated[int, Field(ge=100, le=900)] = 400


class Safe(Model):
    """Margins that text keeps clear of; lengths."""

    left: Length = 0.0
    top: Length = 0.0
    right: Length = 0.0
    bottom: Length = 0.0


class Document(Model):
    """One design for one size: overrides are applied already (see `sizing.resolve`)."""

    name: str
    description: str = ""
    locale: str = "en"
    currency: str = "USD"
    unsupported: list[str] = []
    reference: Annotated[float, Field(gt=0)] = 1080
    safe: Safe = Safe()
    palette: dict[str, Colour] = {}
    fonts: dict[str, FontRole]
    assets: dict[str, str] = {}
    logo: str = ""
    areas: dict[str, Place] = {}
    layers: Annotated[list[Layer], Field(min_length=1)]
