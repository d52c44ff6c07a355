"""Untrusted bytes in, upright sRGB pixels out, or a reason why not.

The result depends on the bytes alone: not on the file's name, nor on warning filters.
The order is what keeps it safe: bytes counted, header read, pixels counted, then decoded, and only then
anything else read. A Pillow object that has raised is never used again: a second `load()` after a failed one
returns a partly decoded picture without an error.
"""

import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.damage import check_jpeg, check_png
from pipeline.errors import PhotoRejected, Reason, Transient
from pipeline.srgb import to_srgb
from pipeline.types import Pixels

MAX_PHOTO_BYTES = 40_000_000
MAX_PHOTO_PIXELS = 50_000_000

ICON_PIXELS = 32 * 32
"""Up to here a PNG without its last bytes passes if every pixel is there: no banner is made of an icon."""

FORMATS = ("JPEG", "PNG", "WEBP")

_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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


def decode(data: bytes) -> Pixels:
    """The picture in `data`: uint8 (H, W, 3), sRGB, upright, contiguous, writable.

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
            return _decode(data)
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


def thumbnail(pixels: Pixels, side: int = 160) -> bytes:
    """A JPEG of `pixels` (uint8 (H, W, 3) sRGB), its long side at most `side`; never enlarged."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def _decode(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image)
        if image.format in ("JPEG", "MPO"):
            check_jpeg(data)
        if image.format == "PNG" and image.width * image.height > ICON_PIXELS:
            check_png(data)
        image.load()
        _check_frames(image)
        turn = _UPRIGHT.get(_orientation(image))
        colours = to_srgb(image)
    upright = colours if turn is None else colours.transpose(turn)
    return np.array(upright, dtype=np.uint8, order="C")


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PHOTO_PIXELS:
        size = f"{image.width} x {image.height}"
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{size} pixels, more than {MAX_PHOTO_PIXELS:,} in all")


def _check_frames(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise PhotoRejected(Reason.ANIMATED, f"an animation of {frames} pictures, not a photo")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image; 1 if there is none, or none that can be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the pixels are all there by now, so broken EXIF costs no more than itself
        return 1
    return value if isinstance(value, int) else 1


def _sniff(data: bytes) -> str:
    beginning = data[:64].lstrip()
    if not data:
        return "the file is empty"
    if data[4:8] == b"ftyp":
        return "this is HEIC, AVIF or a film"
    kind = next((kind for magic, kind in _LOOKS_LIKE if beginning.startswith(magic)), "no picture")
    return f"this is {kind}"
