"""The campaign file: one YAML that names everything a night's run needs. Checked before anything is spent.

Paths are relative to the campaign file. Loading a campaign loads its catalogue and segments too, so that
whatever is wrong with any of the three is told at once, with file, line and field.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.catalogue import load_catalogue
from pipeline.codecs import Format, can_write
from pipeline.fields import Designs, PhotoRule, Sizes, SizeText
from pipeline.segments import SegmentDefaults, load_segments
from pipeline.types import Product, Segment, Size
from pipeline.yamlfile import Day, Filled, Slug, StrictModel, YamlFile, read_yaml

DEFAULT_MAX_REJECTED_SHARE = 0.02
"""A catalogue's ordinary share of unusable photos is below this; above it something is broken."""

Publish = Literal["auto", "approved"]
"""What goes live by itself: every banner that passed its gates, or none before somebody approved it."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the campaign asks of its banners' files. `formats` holds the sizes that are not in `format`;
    `quality` None, or a size without `max_bytes`: the encoder's own default.
    """

    format: Format
    formats: Mapping[Size, Format]
    quality: int | None
    max_bytes: Mapping[Size, int]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A checked campaign with its products and segments.

    `photos` and `output` are an absolute directory or `s3://bucket/prefix`; `valid_from` and `valid_to` are
    both included; `timezone` an IANA name; `photo` the default choice of a product's photo (see
    `choose_photo`); `max_rejected_share` in 0..1; `brand` "" for none; `publish` see `Publish`.
    """

    name: str
    file: Path
    photos: str
    output: str
    catalogue_file: Path
    segments_file: Path
    products: tuple[Product, ...]
    segments: tuple[Segment, ...]
    designs: tuple[str, ...]
    sizes: tuple[Size, ...]
    templates: Path | None
    valid_from: date | None
    valid_to: date | None
    timezone: str
    photo: str
    max_rejected_share: float
    brand: str
    files: FileSettings
    publish: Publish

    def runs_on(self, day: date) -> bool:
        """Whether the campaign's offer is valid on `day`."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)

    def today(self, now: datetime) -> date:
        """The day that the moment `now` (with its zone) falls on where the campaign runs."""
        return now.astimezone(ZoneInfo(self.timezone)).date()


def load_campaign(path: str | Path) -> Campaign:
    """Read a campaign file, its catalogue and its segments; raises `InvalidInput` for the first thing
    wrong.
    """
    file = read_yaml(Path(path))
    if not isinstance(file.data, dict):
        raise file.error("must be a mapping of fields to values, such as name: spring-sale", ())
    read = file.validated(_CampaignDocument)
    if read.valid_from and read.valid_to and read.valid_to < read.valid_from:
        raise file.error(f"{read.valid_to} is before valid_from", ("valid_to",))
    photos = _place(file, "photos", read.photos)
    output = _place(file, "output", read.output)
    _keep_apart(file, photos, output)
    catalogue_file = _file(file, "catalogue", read.catalogue)
    segments_file = _file(file, "segments", read.segments)
    products = load_catalogue(catalogue_file)
    defaults = SegmentDefaults(tuple(read.designs), tuple(read.sizes), read.photo, read.brand or "")
    return Campaign(
        name=read.name,
        file=file.path,
        photos=photos,
        output=output,
        catalogue_file=catalogue_file,
        segments_file=segments_file,
        products=products,
        segments=load_segments(segments_file, defaults, products),
        designs=defaults.designs,
        sizes=defaults.sizes,
        templates=_folder(file, "templates", read.templates) if read.templates else None,
        valid_from=read.valid_from,
        valid_to=read.valid_to,
        timezone=read.timezone,
        photo=read.photo,
        max_rejected_share=read.max_rejected_share,
        brand=defaults.brand,
        files=FileSettings(
            read.files.format, dict(read.files.formats), read.files.quality, dict(read.files.max_bytes)
        ),
        publish=read.publish,
    )


def _zone(name: str) -> str:
    try:
        # A zone is a file below the system's folder of zones: nothing that leads out of it gets so far.
        if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
            raise ValueError
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no such zone, or a folder of zones
        raise ValueError(f"{name} is no time zone; write one such as Asia/Taipei or UTC") from None
    return name


def _address(text: str) -> str:
    if "://" in text:
        bucket = text.removeprefix("s3://").split("/", 1)[0]
        if not text.startswith("s3://") or not bucket:
            raise ValueError("must be a folder or s3://bucket/prefix")
    return text


_Address = Annotated[Filled, AfterValidator(_address)]


def _format(name: object) -> Format:
    if name not in set(Format):
        raise ValueError("must be jpeg, webp, avif or png")
    found = Format(str(name))
    if not can_write(found):
        raise ValueError(f"the installed Pillow cannot write {name}; its wheels from PyPI can")
    return found


_Format = Annotated[Format, BeforeValidator(_format)]


class _FilesDocument(StrictModel):
    format: _Format = Format.JPEG
    formats: dict[SizeText, _Format] = Field(default_factory=dict)
    quality: Annotated[int, Field(ge=40, le=95)] | None = None
    max_bytes: dict[SizeText, Annotated[int, Field(ge=2_000)]] = Field(default_factory=dict)


class _CampaignDocument(StrictModel):
    name: Slug
    photos: _Address
    output: _Address
    catalogue: Filled
    segments: Filled
    designs: Designs
    sizes: Sizes
    templates: Filled | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    photo: PhotoRule = "first"
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = DEFAULT_MAX_REJECTED_SHARE
    brand: Slug | None = None
    files: _FilesDocument = Field(default_factory=_FilesDocument)
    publish: Publish = "auto"


def _place(file: YamlFile, field: str, text: str) -> str:
    """An address as it is, or a folder relative to the campaign file as an absolute path."""
    if text.startswith("s3://"):
        return text.rstrip("/")
    folder = (file.path.parent / text).resolve()
    if field == "photos":
        _check_there(file, field, folder, S_ISDIR)
    elif os.path.isfile(folder):  # unlike Path's own, it takes a name that is too long
        raise file.error(f"{folder} is a file, not a folder", (field,))
    return str(folder)


def _keep_apart(file: YamlFile, photos: str, output: str) -> None:
    if f"{output}/".startswith(f"{photos}/"):
        # The next night would list last night's banners as photos.
        raise file.error("must not be the folder of the photos, nor inside it", ("output",))


def _file(file: YamlFile, field: str, text: str) -> Path:
    return _check_there(file, field, file.path.parent / text, S_ISREG)


def _folder(file: YamlFile, field: str, text: str) -> Path:
    return _check_there(file, field, file.path.parent / text, S_ISDIR)


def _check_there(file: YamlFile, field: str, path: Path, right: Callable[[int], bool]) -> Path:
    what = "file" if right is S_ISREG else "folder"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise file.error(f"there is no {what} {path}: {error.strerror}", (field,)) from error
    if not right(mode):
        raise file.error(f"{path} is no {what}", (field,))
    return path
