"""Photos, names and words of every bad kind, as rows 2 to 10 and 12 of the fault matrix have them. For
`faulty_mixture.py`, which says what they must come to.
"""

import csv
import io
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import faulty_network
import faulty_shop
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from pipeline.keys import is_safe_key

SECRET = "GPS-of-somebodys-home"
"""Stands in the metadata of photos, and must stand nowhere else."""
_DAMAGED = ("damaged", "unsupported_format")
_BOMBS = ("too_many_pixels", "too_large", "damaged")
_ANY = ("stored", "damaged", "unsupported_format", "too_many_pixels", "no_subject", "bad_matte", "too_small")
GREY = "grey"
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True, slots=True)
class Odd:
    """A photo of row `row`, and the outcomes that are right for it. `kind` within its row.

    `plain` is the number of the healthy photo that it shows: what it must look like where it is stored.
    """

    row: int
    key: str
    data: bytes = field(repr=False)
    right: tuple[str, ...]
    kind: str = ""
    plain: int | None = None


# ── the photos ────────────────────────────────────────────────────────────────────────────────────────────


def odd_photos(chance: random.Random, scaled: "Scaled") -> list[Odd]:
    """All of them; `scaled` turns the matrix's numbers into those of this bucket."""
    rows = (_bombs, _cut, _flipped, _misnamed, _turned, _colours, _secrets, _mattes, _named)
    return [odd for row in rows for odd in row(chance, scaled)]


class Scaled:
    """The matrix's number for 2,000 photos, for `photos` of them."""

    def __init__(self, photos: int) -> None:
        self._photos = photos

    def __call__(self, number: int) -> range:
        return range(max(2, round(number * self._photos / 2000)))


def _bombs(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(12):
        kind, data = (
            ("pixels", _huge_png(60_000, 40_000 + n)),
            ("text", _png_with(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26 + n)))),
            ("profile", _png_with(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**26 + n)))),
            ("frames", _film(n)),
        )[n % 4]
        yield Odd(2, f"o02-{n}.png", data, (*_BOMBS, "animated"), kind)


def _cut(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(600):
        form = ("JPEG", "PNG", "WEBP")[n % 3]
        whole = encoded(picture(n), form)
        yield Odd(3, f"o03-{n}.{form.lower()}", whole[: chance.randrange(1, len(whole) - 2)], _DAMAGED, form)


def _flipped(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(600):
        form = ("JPEG", "PNG", "WEBP")[n % 3]
        data = bytearray(encoded(picture(n), form))
        start = data.index(b"IDAT") + 4 if form == "PNG" else len(data) // 4
        for at in chance.sample(range(start, len(data) - 14), 2):
            data[at] ^= 1 << chance.randrange(8)
        yield Odd(4, f"o04-{n}.{form.lower()}", bytes(data), _DAMAGED if form == "PNG" else _ANY, form)


def _misnamed(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(60):
        yield Odd(5, f"o05-{n}.jpg", encoded(picture(n), "PNG"), ("stored",), "another format", n)
        text = (b"<html>", b"%PDF-1.7", b"PK\3\4", b"GIF89a", b"<svg xmlns=", b"#!/bin/sh\n")[n % 6]
        other = text + chance.randbytes(400)
        yield Odd(5, f"o05-no-{n}.jpg", other, ("unsupported_format", "damaged"), "no photo")


def _turned(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(40):
        tag = (*range(1, 9), 0, 99)[n % 10]
        form = ("JPEG", "WEBP", "PNG")[n // 10 % 3]
        exif = Image.Exif()
        exif[0x0112] = tag
        upright = Image.fromarray(picture(n))
        turned = upright.transpose(_UNDONE[tag]) if tag in _UNDONE else upright
        yield Odd(
            6, f"o06-{n}.{form.lower()}", encoded(np.asarray(turned), form, exif=exif), ("stored",), form, n
        )


_UNDONE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""By EXIF's orientation: how an upright photo is stored so that its tag turns it upright again."""


def _colours(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(60):
        kind = ("CMYK", GREY, f"{GREY} and alpha", "palette", "profile", "RGBA")[n % 6]
        photo = Image.fromarray(picture(n))
        if kind == "CMYK":
            data = _saved(photo.convert("CMYK"), "JPEG", quality=95)
        elif kind == "profile":
            # One that says sRGB must change nothing; the decoder's tests have those that change colours.
            data = _saved(photo, "PNG", icc_profile=ImageCms.ImageCmsProfile(_SRGB).tobytes())
        else:
            mode = {GREY: "L", f"{GREY} and alpha": "LA", "RGBA": "RGBA"}.get(kind)
            data = _saved(photo.convert(mode) if mode else photo.quantize(256), "PNG")
        yield Odd(7, f"o07-{n}.{'jpg' if kind == 'CMYK' else 'png'}", data, ("stored",), kind, n)


def _secrets(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(40):
        kind = ("comment", "exif", "text", "behind")[n % 4]
        photo, secret = picture(n), SECRET.encode()
        exif = Image.Exif()
        exif[0x010E] = SECRET
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET)
        if kind in ("text", "behind"):
            data = encoded(photo, "PNG", **({"pnginfo": text} if kind == "text" else {}))
            data += b"<html>" + secret + b"</html>PK\3\4" if kind == "behind" else b""
        else:
            data = encoded(photo, "JPEG", **({"exif": exif} if kind == "exif" else {"comment": secret}))
        yield Odd(8, f"o08-{n}.{'png' if kind in ('text', 'behind') else 'jpg'}", data, ("stored",), kind, n)


def _mattes(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(60):
        kind = ("nobody", "everything", "NaN")[n % 3]
        backdrop = {"everything": faulty_network.FULL, "NaN": faulty_network.NOT_A_NUMBER}.get(kind)
        if backdrop:
            shown = picture(n)
            shown[0, 0] = backdrop
        else:
            shown = np.full((480, 360, 3), 200 + n % 50, np.uint8)
        right = ("no_subject",) if kind == "nobody" else ("bad_matte",)
        yield Odd(9, f"o09-{n}.png", encoded(shown, "PNG"), right, kind)


_NAMES = (
    "../up-{n}.png",
    "a/../../b-{n}.png",
    "%2e%2e/%2e%2e-{n}.png",
    "/root-{n}.png",
    "double//slash-{n}.png",
    "back\\slash-{n}.png",
    "new\nline-{n}.png",
    "bell\x07-{n}.png",
    "caf\u00e9-{n}.png",
    "cafe\u0301-{n}.png",
    "\u202egnp.{n}.png",
    "\u5927\u8863-{n}.png",
    "\U0001f9e5-{n}.png",
    "=cmd|'/C calc'!A{n}.png",
    '"quoted", and; comma-{n}.png',
    "<script>alert({n})</script>.png",
    "{{{{7*7}}}}-{n}.png",
    "line\u2028separator-{n}.png",
    "dot-{n}.",
    " blank -{n}.png ",
)


def _named(chance: random.Random, scaled: Scaled) -> Iterator[Odd]:
    for n in scaled(60):
        name = _NAMES[n % len(_NAMES)].format(n=n)
        if n >= 2 * len(_NAMES) and n % 5 == 0:
            name = f"{n}-".ljust(1024 - len("photos/"), "x")  # with its prefix as long as S3 allows
        yield Odd(10, name, encoded(picture(n), "PNG"), ("stored", "unsafe_key"), "name", n)


def picture(number: int) -> NDArray[np.uint8]:
    """The pixels of the healthy photo of this number, uint8 (480, 360, 3) RGB."""
    bgr = cv2.imdecode(np.frombuffer(faulty_shop.photo(number), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.ascontiguousarray(bgr[:, :, ::-1])


def encoded(pixels: NDArray[np.uint8], form: str, **options: object) -> bytes:
    """`pixels` uint8 (H, W, 3) RGB as a file: as good as the format can, so that pictures can be compared."""
    best: dict[str, object] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(
        form, {}
    )
    return _saved(Image.fromarray(pixels), form, **best, **options)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_with(name: bytes, data: bytes) -> bytes:
    plain = faulty_shop.photo(0)
    return plain[:33] + _chunk(name, data) + plain[33:]


def _huge_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _film(number: int) -> bytes:
    frames = [Image.new("RGB", (300, 300), (n, number, 0)) for n in range(60)]
    return _saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────────────

WORDS = (
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "{% for x in range(99999999) %}x{% endfor %}",
    "<svg onload=alert(1)>",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\U0001f9e5\U0001f469\u200d\U0001f4bb coat",
    "\u0645\u0639\u0637\u0641 \u0623\u0632\u0631\u0642",
    "x" * 10_000,
    "coat \U00010d00\u1f50\u2d95",
    "coat\u202etaoc",
    "a\u0300\u0301\u0302\u0303\u0304\u0305" * 20,
    "\u200b\u200b\u200b",
    "Caf\u00e9 & Co. \u2019s \u201ccoat\u201d",
)
"""Names that products may have: each is drawn as it is or its banner has a row that says why not."""


def write_catalogue(folder: Path, photos: int, odd: list[Odd], scaled: Scaled) -> str:
    """The shop's products, one for each odd photo that may be stored, and those with odd names."""
    name = "odd.csv"
    lines = (folder / "catalogue.csv").read_text(encoding="utf-8")
    with open(folder / name, "w", encoding="utf-8", newline="") as file:
        file.write(lines)
        table = csv.writer(file, lineterminator="\n")
        for n, each in enumerate(odd):
            if "stored" in each.right and is_written(each.key):
                table.writerow([f"O-{n}", f"Odd {n}", 100, n % 90 + 1, 5, each.key])
        for n in scaled(80):
            table.writerow([f"W-{n}", WORDS[n % len(WORDS)], 100, n % 90 + 1, 5, faulty_shop.photo_key(n)])
    return name


def is_written(key: str) -> bool:
    """Whether a catalogue can name this photo: blanks around a name, and what parts names, are lost there."""
    return is_safe_key(key) and key == key.strip() and ";" not in key
