"""The values that travel between steps. All frozen; pixels only where a field says so.

Coordinates are pixels, origin at the top left, boxes half-open: `left <= x < right`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""uint8 (H, W, 3), sRGB, upright."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, half-open."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A creative size in pixels, written `300x250`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as a bucket listing shows it. `etag` changes whenever the bytes do."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo in the bucket. `content` is the sha256 (hex) of its bytes, None until it was fetched once."""

    key: str
    etag: str
    size: int
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A checked, decoded photo. `pixels` uint8 (H, W, 3) sRGB, upright."""

    ref: PhotoRef
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Matte:
    """What the network says. `alpha` float32 (H, W) in [0, 1]; `confidence` in [0, 1]."""

    photo: Photo
    alpha: NDArray[np.float32]
    confidence: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the subject is, in pixels of the cut-out (not of the photo).

    `subject` tight box of alpha > 0.5; `head` box of the head, None where it is not in the picture;
    `cut` the photo's sides that cut the subject off, any of "left", "top", "right", "bottom";
    `people` how many separate people the silhouette shows.
    """

    width: int
    height: int
    subject: Box
    head: Box | None
    cut: tuple[str, ...]
    people: int = 1


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person without background, cropped to the person.

    `rgb` uint8 (h, w, 3) sRGB foreground colours, straight (not premultiplied); `alpha` uint8 (h, w).
    """

    rgb: Pixels
    alpha: NDArray[np.uint8]
    geometry: Geometry
    confidence: float


@dataclass(frozen=True, slots=True)
class CutoutRef:
    """A stored cut-out: everything about it except pixels."""

    key: str
    photo: PhotoRef
    geometry: Geometry
    confidence: float


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the catalogue. `photos` are keys in the photo bucket, in the catalogue's order.

    `fields` holds every column by its name, ready for rules and templates.
    """

    id: str
    photos: tuple[str, ...]
    fields: Mapping[str, Scalar]
    line: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several ways in which a segment is shown. `share` of its products in percent.

    `copy`, `designs` and `brand` are whole: where the variant says nothing, they are the segment's.
    """

    name: str
    share: float
    copy: Mapping[str, str]
    designs: tuple[str, ...]
    brand: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One customer segment: who it is for is the shop's business, what it sees is ours.

    `rule` is an SQL condition over the catalogue's columns. `copy` are the texts templates draw.
    `columns` names the catalogue column behind each template value, such as {"name": "name_ja"}.
    `valid_from` and `valid_to` are both included, None for no end; the campaign's own days count as well.
    `variants` are all ways in which it is shown, none where there is but one; `variant` is the name of the
    one that this is, "" for the segment itself (see `pipeline.variants`).
    """

    name: str
    locale: str
    currency: str
    rule: str
    order_by: str | None
    limit: int | None
    copy: Mapping[str, str]
    columns: Mapping[str, str]
    designs: tuple[str, ...]
    sizes: tuple[Size, ...]
    photo: str
    brand: str
    line: int
    valid_from: date | None = None
    valid_to: date | None = None
    variants: tuple[Variant, ...] = ()
    variant: str = ""

    def runs_on(self, day: date) -> bool:
        """Whether the segment's offer is valid on `day`."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)


class Status(StrEnum):
    """How one planned banner, or one photo, ended."""

    STORED = "stored"
    HELD = "held"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Unit:
    """One banner to be made. `document` is the rendered layout document for (design, segment, product).

    `key` is the banner's place in the output store; it contains the hash of everything drawn. `variant` is
    the segment's that the product has, "" where there are none; `second` another photo of the product, where
    there is one and this size shows a second person; `brief` see `pipeline.briefs`.
    """

    key: str
    recipe: str
    campaign: str
    segment: str
    product: str
    design: str
    size: Size
    locale: str
    cutout: CutoutRef
    document: str
    variant: str = ""
    second: CutoutRef | None = None
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Banner:
    """One finished banner: encoded bytes, what the gates measured, and its `pipeline.likeness`."""

    unit: Unit
    data: bytes
    media_type: str
    gates: Mapping[str, float]
    held: tuple[str, ...]
    likeness: str


@dataclass(frozen=True, slots=True)
class BannerRow:
    """One row of the manifest: what became of one planned banner. `likeness` see `pipeline.likeness`, `brief`
    see `pipeline.briefs`.

    Fields with a default came later than the first manifests, which are read as if they said so.
    """

    campaign: str
    run: str
    date: date
    segment: str
    product: str
    design: str
    size: str
    locale: str
    status: Status
    reason: str
    detail: str
    key: str
    recipe: str
    bytes: int
    photo_key: str
    photo_content: str
    cutout_key: str
    confidence: float
    seconds: float
    variant: str = ""
    likeness: str = ""
    second_photo_key: str = ""
    second_photo_content: str = ""
    second_cutout_key: str = ""
    brief: str = ""

    @property
    def photo_contents(self) -> tuple[str, ...]:
        """The contents of all photos that it shows."""
        return tuple(content for content, _ in self.photo_places)

    @property
    def photo_places(self) -> tuple[tuple[str, str], ...]:
        """Content and key of each photo that it shows."""
        second = ((self.second_photo_content, self.second_photo_key),) if self.second_photo_content else ()
        return ((self.photo_content, self.photo_key), *second)


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One row of the ledger: what became of one photo under one matting recipe."""

    key: str
    etag: str
    size: int
    content: str
    recipe: str
    status: Status
    reason: str
    detail: str
    cutout_key: str
    thumbnail_key: str
    confidence: float
    geometry: str
    seconds: float
