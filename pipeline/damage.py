"""Whether a file's picture data is whole, as far as the format lets anyone know.

Ordinary decoders fill in what is missing and say nothing: with two bytes changed, 71 % of a photo's pixels
were wrong and Pillow, OpenCV and libvips all passed it. For a JPEG only a decoder that stops at its first
warning tells. But it also stops at oddities between the header's segments, which harm no pixel and are common
in files that were edited by hand. So the header is cleaned first, and what is left has to decode without a
warning. (A JPEG has no checksum: of files with one flipped bit this found 27 of 60, with eight 60 of 60.)
"""

import zlib
from itertools import islice
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from pipeline import jpegfile, jpegscans, pngfile
from pipeline.errors import PhotoRejected, Reason

MAX_SCANS = 500
"""Far more than any encoder writes (about 10)."""
MAX_SCANNED_PIXELS = 1_000_000_000
"""Pixels times scans, each a pass over all pixels: 50 megapixels of CMYK in 18 scans take 2 s."""
MAX_PNG_CHUNKS = 100_000
"""The largest PNG in the smallest usual chunks has half as many. Pillow takes 5 us for each."""

_COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_SMALL = {"min_height": 1, "min_width": 1, "min_factor": 8}
"""An eighth of the size: all data is parsed as for the full size, in two thirds of the time."""
_WARNINGS = ("corrupt jpeg data", "premature end", "inconsistent progression")
_SPARE_BYTES = "extraneous bytes before marker 0xd9"
"""Between the last pixel and EOI: padding, with which every pixel is there, or the rest of damaged data."""


def check_scans(data: bytes, segments: list[jpegfile.Segment], pixels: int) -> None:
    """Return if the scans are all there and a sensible number; otherwise raise `PhotoRejected(DAMAGED)`."""
    scans = jpegscans.scans(data, segments)
    if len(scans) > MAX_SCANS or len(scans) * pixels > MAX_SCANNED_PIXELS:
        raise PhotoRejected(
            Reason.DAMAGED, f"the JPEG has {len(scans):,} scans, more than any encoder writes"
        )
    if jpegscans.lack(scans, data, segments):
        raise PhotoRejected(Reason.DAMAGED, "the JPEG ends before its last scans")


def decode_jpeg(data: bytes, segments: list[jpegfile.Segment], mode: str) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG whose picture data is whole, uint8 (H, W, C), bit for bit those of Pillow.

    `mode` is Pillow's: L, RGB or CMYK; inks count as Adobe writes them, inverted. None where this decoder
    does not know the kind of JPEG: then Pillow's verdict stands. So it does where colours are sampled in an
    unusual way, such as 4 x 2, 3 x 1 or each in its own: of such a file, which no camera writes, damaged
    picture data is not noticed. Raises `PhotoRejected(DAMAGED)`.
    """
    exactly = {"colorspace": _COLOURS[mode], "fastdct": False, "fastupsample": False}
    pixels = _strictly(jpegfile.bare_picture(data, segments), exactly)
    if pixels is None:
        # It may have been what the header says of the colours; the picture data is looked at all the same.
        _strictly(jpegfile.bare_picture(data, segments, colours=False), _SMALL)
        return None
    return np.invert(pixels, out=pixels) if mode == "CMYK" else pixels


def check_png(data: bytes) -> None:
    """Return if every chunk that matters is whole, up to the last; else raise `PhotoRejected(DAMAGED)`."""
    for chunk in pngfile.chunks(data):
        if chunk.end > len(data):
            break
        content, checksum = data[chunk.start + 4 : chunk.end - 4], data[chunk.end - 4 : chunk.end]
        # Critical chunks begin with a capital. Pillow passes a file that ends in its last 22 bytes.
        if chunk.name[:1].isupper() and zlib.crc32(content) != int.from_bytes(checksum, "big"):
            raise PhotoRejected(Reason.DAMAGED, f"a PNG chunk {chunk.name!r} does not match its checksum")
        if chunk.name == b"IEND":
            return
    raise PhotoRejected(Reason.DAMAGED, "the PNG ends before its last chunk")


def check_png_chunks(data: bytes) -> None:
    """Return if a PNG has a sensible number of chunks; otherwise raise `PhotoRejected(DAMAGED)`."""
    if any(islice(pngfile.chunks(data), MAX_PNG_CHUNKS, None)):
        raise PhotoRejected(Reason.DAMAGED, f"the PNG has more than {MAX_PNG_CHUNKS:,} chunks")


def check_png_rows(data: bytes, image: Image.Image) -> None:
    """Return if a PNG, which Pillow has decoded to `image`, has all its rows; else raise `PhotoRejected`.

    Pillow takes picture data that ends early, but cleanly, for all there is and leaves what is missing zero.
    So only pictures whose last row is zero need their bytes counted, and interlaced ones: rows that a late
    pass lacks lie anywhere.
    """
    last = image.crop((0, image.height - 1, image.width, image.height))
    may_lack_rows = pngfile.header(data).interlaced or not np.asarray(last).any()
    if may_lack_rows and not pngfile.has_all_rows(data):
        raise PhotoRejected(Reason.DAMAGED, "the PNG has fewer rows than it says")


def _strictly(picture: bytes, how: dict[str, Any]) -> NDArray[np.uint8] | None:
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(picture, strict=True, **how)
    except ValueError as error:
        complaint = str(error).lower()
        if complaint.endswith(_SPARE_BYTES) and (rest := jpegscans.without_padding(picture)) != picture:
            return _strictly(rest, how)
        if complaint.startswith(_WARNINGS):
            raise PhotoRejected(Reason.DAMAGED, f"the picture data is damaged: {error}") from error
        return None
    return pixels
