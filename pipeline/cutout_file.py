"""A cut-out as one object: a stored ZIP of rgb.jpg (4:4:4, quality 95), alpha.png (lossless) and meta.json.

The same cut-out gives the same bytes: entries have fixed dates and order. An RGBA PNG would cost about
178 ms a photo to write, nearly as much as the starter network.
"""

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pipeline.types import Box, Cutout, Geometry

CUTOUT_VERSION = 1
CUTOUT_MEDIA_TYPE = "application/zip"
_QUALITY = 95
_MOST_PIXELS = 50_000_000
_MOST_BYTES = 100_000_000
_NAMES = ("meta.json", "rgb.jpg", "alpha.png")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]


def pack(cutout: Cutout) -> bytes:
    """The cut-out as bytes. Raises ValueError where its parts do not fit together."""
    _check(cutout)
    meta = {
        "version": CUTOUT_VERSION,
        "confidence": cutout.confidence,
        "geometry": asdict(cutout.geometry),
    }
    rgb = simplejpeg.encode_jpeg(
        np.ascontiguousarray(cutout.rgb), quality=_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    parts = (json.dumps(meta, sort_keys=True).encode(), rgb, _png(cutout.alpha))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(_NAMES, parts, strict=True):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3  # the same byte on every platform
            archive.writestr(entry, data)
    return buffer.getvalue()


def unpack(data: bytes) -> Cutout:
    """The cut-out in `data`. Raises ValueError, naming what is wrong, for what `pack` did not write."""
    try:
        meta, rgb, alpha = _entries(data)
        fields = json.loads(meta)
        if fields["version"] != CUTOUT_VERSION:
            raise ValueError(f"version {fields['version']}, wanted {CUTOUT_VERSION}")
        geometry = _geometry(fields["geometry"])
        _check_sizes(rgb, alpha, geometry)
        pixels = simplejpeg.decode_jpeg(rgb, colorspace="RGB", strict=True)
        grey = cv2.imdecode(np.frombuffer(alpha, np.uint8), cv2.IMREAD_UNCHANGED)
        if grey is None:
            raise ValueError("alpha.png is damaged")
        cutout = Cutout(pixels, np.asarray(grey), geometry, float(fields["confidence"]))
        _check(cutout)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"not a cut-out: {error}") from error
    return cutout


def _entries(data: bytes) -> list[bytes]:
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{len(data)} bytes, at most {_MOST_BYTES}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if tuple(entry.filename for entry in entries) != _NAMES:
            raise ValueError(f"entries {[entry.filename for entry in entries]}, wanted {list(_NAMES)}")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed entries")
        return [archive.read(entry) for entry in entries]


def _check_sizes(rgb: bytes, alpha: bytes, geometry: Geometry) -> None:
    """Compares both pictures' headers with the geometry before anything is decoded."""
    size = (geometry.height, geometry.width)
    if not 0 < geometry.width * geometry.height <= _MOST_PIXELS:
        raise ValueError(f"{geometry.width} x {geometry.height} pixels")
    if tuple(simplejpeg.decode_jpeg_header(rgb)[:2]) != size:
        raise ValueError("rgb.jpg has another size than the geometry")
    header = (int.from_bytes(alpha[20:24], "big"), int.from_bytes(alpha[16:20], "big"))
    if header != size:
        raise ValueError("alpha.png has another size than the geometry")


def _geometry(fields: dict[str, Any]) -> Geometry:
    head = fields["head"]
    return Geometry(
        width=int(fields["width"]),
        height=int(fields["height"]),
        subject=Box(**fields["subject"]),
        head=None if head is None else Box(**head),
        cut=tuple(fields["cut"]),
        people=int(fields["people"]),
    )


def _check(cutout: Cutout) -> None:
    size = (cutout.geometry.height, cutout.geometry.width)
    if cutout.rgb.dtype != np.uint8 or cutout.rgb.shape != (*size, 3):
        raise ValueError(f"colours are {cutout.rgb.dtype} {cutout.rgb.shape}, wanted uint8 {(*size, 3)}")
    if cutout.alpha.dtype != np.uint8 or cutout.alpha.shape != size:
        raise ValueError(f"alpha is {cutout.alpha.dtype} {cutout.alpha.shape}, wanted uint8 {size}")
    if not 0 <= cutout.confidence <= 1:
        raise ValueError(f"confidence {cutout.confidence} is not in [0, 1]")


def _png(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", picture, _PNG)
    if not done:
        raise ValueError(f"cannot encode a PNG of {picture.shape}")
    return bytes(data)
