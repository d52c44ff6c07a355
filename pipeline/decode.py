"""Untrusted bytes in, upright sRGB pixels out, or a reason why not.

To be called where dying is harmless: in the child process of `pipeline.decoder`. The result depends on the
bytes alone: not on the file's name, nor on warning filters. The order is what keeps it safe: bytes counted,
header read, pixels counted, then decoded, and only then anything else read. A Pillow object that has raised
is never used again: a second `load()` after a failed one returns a partly decoded picture without an error.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

from pipeline import jpegfile, pngfile, webpfile
from pipeline.damage import check_png, check_png_chunks, check_png_rows, check_scans, decode_jpeg
from pipeline.errors import PhotoRejected, Reason, Transient
from pipeline.orientation import UPRIGHT, orientation
from pipeline.srgb import srgb_converter
from pipeline.types import Pixels

MAX_PHOTO_BYTES = 40_000_000
MAX_PHOTO_PIXELS = 50_000_000

ICON_PIXELS = 32 * 32
"""Up to here a PNG without its last bytes passes if every pixel is there: no banner is made of an icon."""

_PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported so that Pillow knows them: where it misses one it loads all forty, the risky ones included."""
FORMATS = ("JPEG", "PNG", "WEBP")
BAND_PIXELS = 2**20

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LAST_ROW_FIRST = (3, 4, 6, 7)
_ON_ITS_SIDE = (5, 6, 7, 8)

_LOOKS_LIKE = (
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\xd8", "the beginning of a JPEG without a header"),
    (b"\x89PNG", "the beginning of a PNG without a header"),
    (b"RIFF", "a RIFF file without a WebP header"),
    (b"<", "HTML, XML or SVG text"),
)


Room = Callable[[int, int], Pixels]
"""`room(height, width)`: an array of that size, uint8 (height, width, 3), for the result."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture as it is stored: `rows(top, bottom)` gives a part of it, of Pillow's `mode`.

    `ready` is all of it where it is sRGB and upright already: copies cost as much as decoding.
    """

    width: int
    height: int
    rows: Callable[[int, int], Image.Image]
    mode: str
    profile: bytes | None
    transparent: bool
    orientation: int
    ready: NDArray[np.uint8] | None = None


def _empty(height: int, width: int) -> Pixels:
    return np.empty((height, width, 3), np.uint8)


def decode(data: bytes, room: Room = _empty) -> Pixels:
    """The picture in `data`: uint8 (H, W, 3), sRGB, upright, contiguous, writable, in an array from `room`.

    JPEG (of an MPO the first picture), PNG and WebP, by content. Transparent parts become white.
    Raises `PhotoRejected` with too_large, too_many_pixels, unsupported_format, animated or damaged, and
    `Transient` where this machine has too little memory.
    """
    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoRejected(Reason.TOO_LARGE, f"{len(data):,} bytes, more than {MAX_PHOTO_BYTES:,}")
    with warnings.catch_warnings():
        # Whatever Pillow warns of is either refused below or harmless (odd EXIF, odd palettes).
        warnings.simplefilter("ignore")
        try:
            return _upright(_decode(data), room)
        except PhotoRejected:
            raise
        except UnidentifiedImageError as error:
            raise PhotoRejected(Reason.UNSUPPORTED_FORMAT, _sniff(data)) from error
        except Image.DecompressionBombError as error:
            raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"more than {MAX_PHOTO_PIXELS:,} pixels") from error
        except MemoryError as error:
            raise Transient("not enough memory to decode a photo") from error
        except Exception as error:
            # Decoders meet hostile bytes with every kind of exception: OSError, SyntaxError, struct.error, …
            raise PhotoRejected(Reason.DAMAGED, f"cannot be decoded: {error}") from error


def _decode(data: bytes) -> _Picture:
    if data.startswith(b"\xff\xd8"):
        return _decode_jpeg(data)
    if data.startswith(b"\x89PNG"):
        check_png_chunks(data)
    if data.startswith(b"RIFF"):
        _check_canvas(data)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image.width, image.height)
        if image.format == "PNG" and image.width * image.height > ICON_PIXELS:
            check_png(data)
        image.load()
        _check_frames(image)
        if image.format == "PNG":
            check_png_rows(data, image)
            _mend_clear_colour(image, pngfile.header(data).depth)
        return _picture(image, _orientation(image))


def _decode_jpeg(data: bytes) -> _Picture:
    segments = jpegfile.header(data)
    turned = orientation(jpegfile.exif(data, segments), jpegfile.xmp(data, segments))
    with Image.open(io.BytesIO(jpegfile.without_tables(data, segments)), formats=FORMATS) as image:
        _check_size(image.width, image.height)
        check_scans(data, segments, image.width * image.height)
        pixels = decode_jpeg(data, segments, image.mode)
        if pixels is None or pixels.shape[:2] != (image.height, image.width):
            image.load()
            return _picture(image, turned)
        return _picture(image, turned, pixels)


def _picture(image: Image.Image, turned: int, pixels: NDArray[np.uint8] | None = None) -> _Picture:
    """`image` once loaded; or else what its header says, with `pixels` uint8 (H, W, C)."""

    def rows(top: int, bottom: int) -> Image.Image:
        if pixels is None:
            return image.crop((0, top, image.width, bottom))
        part = pixels[top:bottom]
        return Image.fromarray(part[..., 0] if image.mode == "L" else part, image.mode)

    profile = image.info.get("icc_profile")
    return _Picture(
        image.width,
        image.height,
        rows,
        image.mode,
        profile,
        image.has_transparency_data,
        turned,
        pixels if image.mode == "RGB" and not profile and turned == UPRIGHT else None,
    )


def _upright(picture: _Picture, room: Room) -> Pixels:
    """The picture in sRGB, the way up that it was taken."""
    sideways = picture.orientation in _ON_ITS_SIDE
    result = room(*((picture.width, picture.height) if sideways else (picture.height, picture.width)))
    if picture.ready is not None:
        result[...] = picture.ready
        return result
    across = result.swapaxes(0, 1) if sideways else result
    convert = srgb_converter(picture.mode, picture.profile, transparent=picture.transparent)
    step = max(1, BAND_PIXELS // picture.width)
    for top in range(0, picture.height, step):
        bottom = min(top + step, picture.height)
        band = convert(picture.rows(top, bottom))
        if picture.orientation != UPRIGHT:
            band = band.transpose(_TURNS[picture.orientation])
        first = picture.height - bottom if picture.orientation in _LAST_ROW_FIRST else top
        turned = np.asarray(band)
        across[first : first + bottom - top] = turned.swapaxes(0, 1) if sideways else turned
    return result


def _mend_clear_colour(image: Image.Image, depth: int) -> None:
    """Pillow scales a PNG's samples to 8 bits and leaves the colour that is clear as the file has it.

    Of 16-bit colours only the high bytes are left: all that look like the clear one are clear. A palette's
    alphas beyond the 256th are for no pixel, but Pillow would fail on them.
    """
    match image.mode, image.info.get("transparency"):
        case "L", int(grey) if depth < 8:
            image.info["transparency"] = grey * 255 // (2**depth - 1)
        case "RGB", tuple(colour) if depth == 16:
            image.info["transparency"] = tuple(sample >> 8 for sample in colour)
        case "P", bytes(alphas):
            image.info["transparency"] = alphas[:256]


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PHOTO_PIXELS:
        size = f"{width} x {height}"
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{size} pixels, more than {MAX_PHOTO_PIXELS:,} in all")


def _check_canvas(data: bytes) -> None:
    """Of a WebP, before libwebp makes room for it. Pillow copies a row of 2**24 pixels a thousand times."""
    width, height = webpfile.canvas(data) or (0, 0)
    _check_size(width, height)
    if max(width, height) > webpfile.MAX_SIDE:
        raise PhotoRejected(Reason.ANIMATED, f"an animation of {width} x {height} pixels, not a photo")


def _check_frames(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise PhotoRejected(Reason.ANIMATED, f"an animation of {frames} pictures, not a photo")


def _orientation(image: Image.Image) -> int:
    """Of a loaded PNG or WebP. Some programs write a PNG's Exif data as text, in lines of hexadecimal."""
    texts = (image.info.get(f"Raw profile type {kind}") for kind in ("exif", "APP1"))
    exif = image.info.get("exif") or next((_from_hexadecimal(text) for text in texts if text), b"")
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    return orientation(exif, xmp.encode() if isinstance(xmp, str) else xmp)


def _from_hexadecimal(text: str) -> bytes:
    """Empty if it is none. Three lines in front say what follows and how long it is."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _sniff(data: bytes) -> str:
    beginning = data[:64].lstrip()
    if not data:
        return "the file is empty"
    if data[4:8] == b"ftyp":
        return "this is HEIC, AVIF or a film"
    kind = next((kind for magic, kind in _LOOKS_LIKE if beginning.startswith(magic)), "no picture")
    return f"this is {kind}"
