"""Small pictures for the proof sheet, as data URIs.

Nothing here raises for a bad or missing picture: a sheet with one hole is worth more than no sheet.
A store that cannot be used at all fails where the sheet is written.
"""

import base64
import hashlib
import io
import math
from dataclasses import dataclass, field

from PIL import Image

from pipeline.decoder import Decoder
from pipeline.errors import BannersError, Reason
from pipeline.store import ObjectStore
from pipeline.types import PhotoRow

THUMBNAIL_AREA = 300 * 300
"""Pixels in a banner's thumbnail. A budget of area, not of side, keeps a 728x90 strip legible."""
LEAST_AREA = 160 * 160
SHEET_AREA = 300_000_000
"""Pixels in all thumbnails of a sheet: some 27 MB as files. 5,000 banners get 60,000 each."""
CARD_SIDE = 208
"""Long side of photos that are shown small only: twice the width of their place."""
DETAIL_SIDE = 480
"""Long side of the originals and cut-outs behind a banner."""
MAX_PICTURE_BYTES = 64_000_000
MAX_PICTURE_PIXELS = 50_000_000
FORMATS = ("JPEG", "WEBP", "PNG", "AVIF")

_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What Pillow raises for bytes that are no picture (SyntaxError comes from its PNG reader)."""

_DECODED_BEFORE = frozenset({"", Reason.NO_SUBJECT, Reason.BAD_MATTE, Reason.TOO_SMALL})
"""Photos that got through decoding tonight; bytes that damaged a worker are not opened here again."""


@dataclass(slots=True)
class Album:
    """Every picture of a sheet once, as data URIs, by its number."""

    uris: list[str] = field(default_factory=list)

    def add(self, uri: str) -> int | None:
        """The picture's number; None for "", which is no picture."""
        if not uri:
            return None
        self.uris.append(uri)
        return len(self.uris) - 1

    def pages(self, length: int) -> list[list[str]]:
        """The pictures in pages of `length`, the last one shorter."""
        return [self.uris[start : start + length] for start in range(0, len(self.uris), length)]


def thumbnail_area(banners: int) -> int:
    """Pixels in each thumbnail of a sheet with so many banners."""
    return max(LEAST_AREA, min(THUMBNAIL_AREA, SHEET_AREA // max(1, banners)))


def banner_picture(store: ObjectStore, key: str, area: int) -> tuple[str, str]:
    """A stored banner, scaled down to `area` pixels, as a WebP data URI, and the sha256 (hex) of its bytes;
    both "" where there is none.
    """
    data = _fetch(store, key)
    uri = _picture_uri(data, area) if data else ""
    return (uri, hashlib.sha256(data).hexdigest()) if uri else ("", "")


def original_uri(
    store: ObjectStore,
    photo_store: ObjectStore,
    photo: PhotoRow,
    decoder: Decoder,
    *,
    fetch: bool,
    side: int = DETAIL_SIDE,
) -> str:
    """A photo, long side at most `side`: its stored thumbnail, or else (`fetch`) its own bytes."""
    stored = _fetch(store, photo.thumbnail_key)
    small = _picture_uri(stored, side * side) if stored else ""
    if small or not fetch or photo.reason not in _DECODED_BEFORE:
        return small
    data = _fetch(photo_store, photo.key)
    try:
        return _uri(_fit(Image.fromarray(decoder.decode(data)), side)) if data else ""
    except BannersError:  # the photo was replaced since it was read
        return ""


def cutout_uri(store: ObjectStore, key: str) -> str:
    """A stored cut-out with transparency, long side at most DETAIL_SIDE; "" where there is none."""
    from pipeline.cutout import unpack  # imports of cut-outs cost time that a run without work must not pay

    data = _fetch(store, key)
    if not data:
        return ""
    try:
        cutout = unpack(data)
    except (BannersError, *_UNREADABLE):
        return ""
    picture = Image.fromarray(cutout.rgb)
    picture.putalpha(Image.fromarray(cutout.alpha))
    return _uri(_fit(picture, DETAIL_SIDE))


def _fetch(store: ObjectStore, key: str) -> bytes:
    if not key:
        return b""
    try:
        return store.get(key, max_bytes=MAX_PICTURE_BYTES)
    except BannersError:
        return b""


def _picture_uri(data: bytes, area: int) -> str:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PICTURE_PIXELS:
                return ""
            scale = min(1.0, math.sqrt(area / (picture.width * picture.height)))
            box = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture.draft("RGB", box)  # JPEG only: lets the decoder skip detail that scaling would drop
            return _uri(picture.convert("RGB").resize(box, Image.Resampling.LANCZOS, reducing_gap=3.0))
    except _UNREADABLE:
        return ""


def _fit(picture: Image.Image, side: int) -> Image.Image:
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=74, method=3)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode("ascii")
