"""Decoding: what is accepted looks right, what is not is refused with its reason."""

import csv
import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline import decode as decode_module
from pipeline import webpfile
from pipeline.damage import MAX_SCANS
from pipeline.decode import MAX_PHOTO_BYTES, decode
from pipeline.errors import PhotoRejected, Reason, Transient
from pipeline.thumbnail import thumbnail

LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
CORPUS = Path(__file__).parents[2] / "shared" / "bad-images"

RED, GREEN, BLUE, GREY = (200, 30, 40), (20, 160, 60), (30, 50, 190), (128, 128, 128)


def scene() -> Image.Image:
    """48 x 32, four blocks of colour: no orientation looks like another."""
    image = Image.new("RGB", (48, 32), GREY)
    image.paste(RED, (0, 0, 24, 16))
    image.paste(GREEN, (24, 0, 48, 16))
    image.paste(BLUE, (0, 16, 24, 32))
    return image


def photo() -> Image.Image:
    """160 x 120 with detail everywhere, so that a change of any byte shows."""
    noise = np.random.default_rng(0).integers(0, 60, (120, 160, 3))
    ramp = np.linspace(0, 195, 160)[None, :, None]
    return Image.fromarray((noise + ramp).astype(np.uint8))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def reason_of(data: bytes) -> Reason:
    with pytest.raises(PhotoRejected) as caught:
        decode(data)
    return caught.value.reason


def png(
    width: int, height: int, *, depth: int, colour: int, rows: bytes, extra: bytes = b"", passes: int = 0
) -> bytes:
    """A PNG of raw scanlines (each with its filter byte), for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, passes)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body


def scanlines(pixels: NDArray[np.uint8]) -> bytes:
    """`pixels`: uint8 (H, W, C)."""
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def interlaced_scanlines(pixels: NDArray[np.uint8]) -> bytes:
    """Adam7: seven pictures, each finer than the one before. `pixels`: uint8 (H, W, C)."""
    coarse = [pixels[::8, ::8], pixels[::8, 4::8], pixels[4::8, ::4], pixels[::4, 2::4]]
    fine = [pixels[2::4, ::2], pixels[::2, 1::2], pixels[1::2]]
    return b"".join(scanlines(part) for part in (*coarse, *fine) if part.size)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def matrix_profile(colorants: list[tuple[float, float, float]], gamma: float) -> bytes:
    """A display profile: D50 colorants and one gamma."""
    tags = {name: xyz(values) for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))
    return profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve(gamma)})


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """ICC.1 version 2: header, tag table, tags."""
    text = b"test\0"
    named = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": named, b"wtpt": xyz((0.9642, 1.0, 0.8249)), **tags}
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += padded
    header = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return header.ljust(128, b"\0") + table + body


def xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def adobe_rgb_to_srgb(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """By the published matrices (D50), without a colour management system."""
    to_xyz = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
    srgb_to_xyz = np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    )
    linear = (values / 255.0) ** (563 / 256) @ to_xyz.T @ np.linalg.inv(srgb_to_xyz).T
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


# What is accepted


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 3),
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
    ],
)
def test_a_photo_comes_back_as_it_was(form: str, options: dict[str, object], tolerance: int) -> None:
    pixels = decode(encoded(scene(), form, **options))
    difference = np.abs(pixels.astype(int) - np.asarray(scene()))
    assert (pixels.shape, pixels.dtype) == ((32, 48, 3), np.uint8)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert difference.mean() <= tolerance


def test_the_same_bytes_give_the_same_pixels() -> None:
    data = encoded(photo(), "JPEG")
    assert np.array_equal(decode(data), decode(data))


def test_of_an_mpo_the_first_picture_counts() -> None:
    data = encoded(scene(), "MPO", save_all=True, append_images=[photo()], quality=95, subsampling=0)
    assert np.abs(decode(data).astype(int) - np.asarray(scene())).max() <= 4


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2000, 1), (1, 2000)])
def test_smallness_is_not_the_decoders_business(size: tuple[int, int]) -> None:
    assert decode(encoded(Image.new("RGB", size), "PNG")).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (Image.new("L", (4, 4), 77), (77, 77, 77)),
        (Image.new("LA", (4, 4), (77, 255)), (77, 77, 77)),
        (Image.new("LA", (4, 4), (0, 128)), (127, 127, 127)),
        (Image.new("RGBA", (4, 4), (*RED, 255)), RED),
        (Image.new("RGBA", (4, 4), (*RED, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (255, 0, 0, 51)), (255, 204, 204)),
        (Image.new("P", (4, 4), 3), (9, 10, 11)),
        (Image.new("I;16", (4, 4), 0x8080), (128, 128, 128)),
    ],
    ids=["1", "L", "LA opaque", "LA half", "opaque", "transparent", "fifth", "palette", "16 bit"],
)
def test_every_mode_becomes_rgb_on_white(image: Image.Image, expected: tuple[int, int, int]) -> None:
    if image.mode == "P":
        image.putpalette(range(256))
    assert decode(encoded(image, "PNG"))[1, 2].tolist() == list(expected)


@pytest.mark.parametrize("transparency", [0, b"\x00\xff\xff"], ids=["one colour", "alpha per colour"])
def test_transparent_palette_colours_are_white(transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    pixels = decode(encoded(image, "PNG", transparency=transparency))
    assert [pixels[0, 0].tolist(), pixels[1, 1].tolist()] == [[40, 50, 60], [255, 255, 255]]


def test_a_transparent_colour_of_an_rgb_png_is_white() -> None:
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), BLUE)
    pixels = decode(encoded(image, "PNG", transparency=RED))
    assert pixels[0].tolist() == [[255, 255, 255], list(BLUE)]


@pytest.mark.parametrize(
    ("depth", "samples", "clear", "expected"),
    [
        (1, b"\x80", 0, [255, 255]),
        (2, b"\x90", 1, [170, 255]),
        (4, b"\x76", 6, [119, 255]),
        (8, b"\x07\x06", 6, [7, 255]),
        (16, b"\x06\x07\x06\x06", 0x0606, [6, 255]),
        (2, b"\x90", 0xFFFF, [170, 85]),
        (8, b"\x07\x06", 0xFFFF, [7, 6]),
    ],
)
def test_a_transparent_grey_is_white_at_every_depth(
    depth: int, samples: bytes, clear: int, expected: list[int]
) -> None:
    extra = chunk(b"tRNS", struct.pack(">H", clear))
    data = png(2, 1, depth=depth, colour=0, rows=b"\0" + samples, extra=extra)
    assert decode(data)[0, :, 0].tolist() == expected


def test_a_transparent_colour_of_a_16_bit_png_is_white() -> None:
    samples = np.array([[0x1234, 0x5678, 0x9ABC], [0x1334, 0x5678, 0x9ABC]])
    extra = chunk(b"tRNS", samples[0].astype(">u2").tobytes())
    data = png(2, 1, depth=16, colour=2, rows=b"\0" + samples.astype(">u2").tobytes(), extra=extra)
    assert decode(data)[0].tolist() == [[255, 255, 255], [0x13, 0x56, 0x9A]]


def test_alphas_that_no_palette_colour_has_are_ignored() -> None:
    extra = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])) + chunk(b"tRNS", b"\0\x80" + bytes(298))
    data = png(2, 1, depth=8, colour=3, rows=b"\0\0\1", extra=extra)
    assert decode(data)[0].tolist() == [[255, 255, 255], [147, 152, 157]]


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 256).astype(">u2")
    data = png(256, 1, depth=16, colour=0, rows=b"\0" + values.tobytes())
    assert decode(data)[0, :, 0].tolist() == list(range(256))


def test_sixteen_bit_colour_keeps_its_high_byte() -> None:
    row = b"\0" + np.array([[0xC8C8, 0x1E1E, 0x2828]], dtype=">u2").tobytes()
    assert decode(png(1, 1, depth=16, colour=2, rows=row))[0, 0].tolist() == list(RED)


@pytest.mark.parametrize(
    ("inks", "expected"),
    [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))],
)
def test_cmyk_is_not_inverted(inks: tuple[int, int, int, int], expected: tuple[int, int, int]) -> None:
    data = encoded(Image.new("CMYK", (16, 16), inks), "JPEG", quality=95)
    assert np.abs(decode(data)[8, 8].astype(int) - expected).max() <= 3


# Colour profiles


def test_a_wide_profile_is_converted_to_srgb() -> None:
    profile = matrix_profile(
        [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
        gamma=563 / 256,
    )
    given = np.array([[[120, 130, 90], [180, 150, 140], [60, 70, 90]]], dtype=np.uint8)
    pixels = decode(encoded(Image.fromarray(given), "PNG", icc_profile=profile))
    assert np.abs(pixels.astype(int) - adobe_rgb_to_srgb(given)).max() <= 1


def test_a_grey_profile_is_applied_to_grey() -> None:
    data = encoded(Image.new("L", (4, 4), 128), "PNG", icc_profile=grey_profile(gamma=1.0))
    assert np.abs(decode(data)[0, 0].astype(int) - 188).max() <= 1


@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "LA"), ("PNG", "I;16"), ("JPEG", "L")])
def test_a_profile_for_rgb_is_applied_to_grey(form: str, mode: str) -> None:
    linear = matrix_profile(
        [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)], gamma=1.0
    )
    value = {"L": 128, "LA": (128, 255), "I;16": 0x8080}[mode]
    pixels = decode(encoded(Image.new(mode, (4, 4), value), form, icc_profile=linear))
    assert np.abs(pixels[0, 0].astype(int) - 188).max() <= 1


def test_a_profile_counts_under_transparency_too() -> None:
    half = Image.new("LA", (4, 4), (128, 128))
    pixels = decode(encoded(half, "PNG", icc_profile=grey_profile(gamma=1.0)))
    assert np.abs(pixels[0, 0].astype(int) - round(188 * 128 / 255 + 255 * 127 / 255)).max() <= 1


@pytest.mark.parametrize(
    "profile",
    [b"rubbish", b"", bytes(128), LAB.tobytes(), grey_profile(gamma=1.0)],
    ids=["rubbish", "empty", "zeros", "Lab", "grey"],
)
def test_a_profile_that_does_not_fit_counts_as_srgb(profile: bytes) -> None:
    pixels = decode(encoded(scene(), "PNG", icc_profile=profile))
    assert np.array_equal(pixels, np.asarray(scene()))


# Orientation

TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


TURNED = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
"""Exif data: one directory of one entry, a quarter turn."""


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0}
    pixels = decode(encoded(scene(), form, exif=exif, **options))
    assert np.abs(pixels.astype(int) - TURNS[orientation](np.asarray(scene()))).max() <= 4


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize(
    "segments",
    [
        [b"http://ns.adobe.com/xap/1.0/\0" + XMP],
        [b"Exif\0\0", b"Exif\0\0" + TURNED],
        [b"Exif\0\0" + TURNED[:20], b"Exif\0\0" + TURNED[20:]],
        [b"http://ns.adobe.com/xap/1.0/\0" + XMP.replace(b"6", b"3"), b"Exif\0\0" + TURNED],
    ],
    ids=["XMP", "an empty segment first", "in pieces", "Exif goes before XMP"],
)
def test_wherever_a_jpeg_says_how_it_was_turned_it_is_heard(segments: list[bytes]) -> None:
    data = FILES["baseline"]
    written = b"".join(b"\xff\xe1" + struct.pack(">H", len(text) + 2) + text for text in segments)
    assert np.array_equal(decode(data[:20] + written + data[20:]), np.rot90(decode(data), -1))


def test_exif_that_is_labelled_in_a_png_is_heard() -> None:
    data = FILES["PNG"]
    labelled = data[:33] + chunk(b"eXIf", b"Exif\0\0" + TURNED) + data[33:]
    assert np.array_equal(decode(labelled), np.rot90(decode(data), -1))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode(encoded(scene(), "PNG", exif=exif)), np.asarray(scene()))


@pytest.mark.parametrize(
    "exif", [b"rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_costs_nothing_but_itself(exif: bytes) -> None:
    assert np.array_equal(decode(encoded(scene(), "PNG", exif=exif)), np.asarray(scene()))


# What is refused


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (b"hello, this is no picture", "no picture"),
        (b"<html><body>404</body></html>", "HTML"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"\n\n  <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"PK\x03\x04" + bytes(30), "ZIP"),
        (b"\0\0\0\x20ftypheic" + bytes(20), "HEIC"),
        (b"\xff\xd8\xff", "beginning of a JPEG"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "RIFF"),
        (bytes(100), "no picture"),
        (encoded(scene(), "GIF"), "GIF"),
        (encoded(scene(), "BMP"), "BMP"),
        (encoded(scene(), "TIFF"), "TIFF"),
    ],
)
def test_what_is_no_jpeg_png_or_webp_is_unsupported_and_named(data: bytes, told: str) -> None:
    with pytest.raises(PhotoRejected, match=told) as caught:
        decode(data)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_animations_are_refused(form: str) -> None:
    data = encoded(scene(), form, save_all=True, append_images=[photo().resize((48, 32))])
    assert reason_of(data) is Reason.ANIMATED


def test_bytes_are_counted_before_anything_is_read() -> None:
    padded = encoded(scene(), "JPEG").ljust(MAX_PHOTO_BYTES, b"\0")
    assert decode(padded).shape == (32, 48, 3)
    assert reason_of(padded + b"\0") is Reason.TOO_LARGE


def test_pixels_are_accepted_at_the_limit_and_refused_above(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(scene(), "PNG")
    monkeypatch.setattr(decode_module, "MAX_PHOTO_PIXELS", 48 * 32)
    assert decode(data).shape == (32, 48, 3)
    monkeypatch.setattr(decode_module, "MAX_PHOTO_PIXELS", 48 * 32 - 1)
    assert reason_of(data) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    ("width", "height"), [(7072, 7071), (10_000, 10_000), (50_000, 50_000), (2**31 - 1, 1)]
)
def test_a_header_alone_condemns_a_bomb(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("pixels were decoded"))
    assert reason_of(png(width, height, depth=8, colour=2, rows=b"")) is Reason.TOO_MANY_PIXELS


def webp(kind: bytes, content: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(content)) + content + bytes(100)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_canvas(width: int, height: int, flags: int) -> bytes:
    return webp(
        b"VP8X", bytes([flags, 0, 0, 0]) + b"".join((n - 1).to_bytes(3, "little") for n in (width, height))
    )


def webp_headers(width: int, height: int) -> list[bytes]:
    """One of each kind, for pictures of `width` x `height` that are not there."""
    return [
        webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)),
        webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14)),
        webp_canvas(width, height, flags=0),
        webp_canvas(width, height, flags=2),
    ]


@pytest.mark.parametrize("data", [*webp_headers(7072, 7071), *webp_headers(16_383, 16_383)])
def test_a_webp_canvas_is_measured_before_room_is_made_for_it(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("Pillow opened it"))
    assert reason_of(data) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("form", [{"quality": 80}, {"lossless": True}, {"quality": 80, "exif": b"MM"}])
def test_a_webp_header_says_the_size_that_pillow_finds(form: dict[str, object]) -> None:
    assert webpfile.canvas(encoded(photo().crop((0, 0, 77, 33)), "WEBP", **form)) == (77, 33)


@pytest.mark.parametrize("data", webp_headers(77, 33))
def test_a_webp_header_that_is_cut_says_no_size(data: bytes) -> None:
    assert {webpfile.canvas(data[:cut]) for cut in range(25)} == {None}
    assert webpfile.canvas(data) == (77, 33)


@pytest.mark.parametrize("data", [webp(b"VP8 ", b"\xff" * 10), webp(b"VP8L", b"\xff" * 10)])
def test_a_webp_header_that_is_rubbish_is_damage(data: bytes) -> None:
    assert webpfile.canvas(data) is None
    assert reason_of(data) is Reason.DAMAGED


@pytest.mark.parametrize(("width", "height"), [(2**24, 1), (1, 2**24), (16_385, 1)])
def test_a_canvas_that_only_an_animation_may_have_is_refused(width: int, height: int) -> None:
    assert reason_of(webp_canvas(width, height, flags=2)) is Reason.ANIMATED


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_text_bomb_is_refused(name: bytes) -> None:
    bomb = chunk(name, b"a\0\0" + zlib.compress(bytes(64 * 2**20)))
    data = png(1, 1, depth=8, colour=2, rows=bytes(4), extra=bomb)
    assert reason_of(data) is Reason.DAMAGED


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photo(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("pixels were decoded"))
    assert reason_of(data[:-2] + scan * MAX_SCANS + b"\xff\xd9") is Reason.DAMAGED


# Damage

FILES = {
    "baseline": encoded(photo(), "JPEG"),
    "progressive": encoded(photo(), "JPEG", progressive=True),
    "grey": encoded(photo().convert("L"), "JPEG"),
    "PNG": encoded(photo(), "PNG"),
    "palette": encoded(photo().quantize(64), "PNG"),
    "WebP": encoded(photo(), "WEBP"),
    "lossless": encoded(photo(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_a_cut_file_is_refused_wherever_it_is_cut(data: bytes) -> None:
    cuts = [*range(0, len(data) - 40, 37), *range(len(data) - 40, len(data))]
    reasons = {reason_of(data[:cut]) for cut in cuts}
    assert reasons <= {Reason.DAMAGED, Reason.UNSUPPORTED_FORMAT}


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_a_block_of_other_bytes_in_a_jpeg_is_noticed(kind: str) -> None:
    data = bytearray(FILES[kind])
    data[-2000:-1488] = random.Random(0).randbytes(512)
    assert reason_of(bytes(data)) is Reason.DAMAGED


SCANS = [found.start() for found in re.finditer(b"\xff\xda", FILES["progressive"])]


@pytest.mark.parametrize("scan", range(1, len(SCANS)))
def test_a_progressive_jpeg_without_its_last_scans_is_refused(scan: int) -> None:
    assert reason_of(FILES["progressive"][: SCANS[scan]] + b"\xff\xd9") is Reason.DAMAGED


def test_a_jpeg_without_its_colours_is_refused() -> None:
    """A scan for each component; two of them are lost. Ordinary decoders show a grey photo."""
    luminance = FILES["grey"]
    frame, scan = luminance.index(b"\xff\xc0"), luminance.index(b"\xff\xda")
    three = struct.pack(">HBHHB", 17, 8, 120, 160, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    data = luminance[: frame + 2] + three + luminance[frame + 13 : scan] + luminance[scan:]
    assert decode(luminance).shape == (120, 160, 3)
    assert reason_of(data) is Reason.DAMAGED


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_in_a_png_never_passes(seed: int) -> None:
    data = bytearray(FILES["PNG"])
    at = random.Random(seed).randrange(data.index(b"IDAT"), len(data) - 12)
    data[at] ^= 1 << seed % 8
    assert reason_of(bytes(data)) in {Reason.DAMAGED, Reason.UNSUPPORTED_FORMAT}


ROWS, INTERLACED = scanlines(np.asarray(photo())), interlaced_scanlines(np.asarray(photo()))


@pytest.mark.parametrize(
    ("rows", "passes"),
    [
        (ROWS[:-1], 0),
        (ROWS[: len(ROWS) // 2], 0),
        (b"", 0),
        (INTERLACED[:-1], 1),
        (INTERLACED[: len(INTERLACED) // 2], 1),
    ],
    ids=["a byte", "half", "all", "a byte, interlaced", "half, interlaced"],
)
def test_a_png_whose_picture_data_ends_early_is_refused(rows: bytes, passes: int) -> None:
    assert reason_of(png(160, 120, depth=8, colour=2, rows=rows, passes=passes)) is Reason.DAMAGED


@pytest.mark.parametrize("side", range(1, 10))
def test_a_small_interlaced_png_has_all_its_rows(side: int) -> None:
    pixels = np.asarray(photo())[:side, :side]
    rows = interlaced_scanlines(pixels)
    assert np.array_equal(decode(png(side, side, depth=8, colour=2, rows=rows, passes=1)), pixels)
    assert reason_of(png(side, side, depth=8, colour=2, rows=rows[:-1], passes=1)) is Reason.DAMAGED


@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 4), (16, 6)])
def test_a_black_png_has_all_its_rows(depth: int, colour: int) -> None:
    rows = bytes(5 * (1 + (9 * depth * {0: 1, 4: 2, 6: 4}[colour] + 7) // 8))
    assert decode(png(9, 5, depth=depth, colour=colour, rows=rows)).shape == (5, 9, 3)
    assert reason_of(png(9, 5, depth=depth, colour=colour, rows=rows[:-1])) is Reason.DAMAGED


@pytest.mark.parametrize("kind", FILES)
def test_no_flipped_bit_escapes_as_another_exception(kind: str) -> None:
    choose = random.Random(kind)
    for _ in range(60):
        data = bytearray(FILES[kind])
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        try:
            decode(bytes(data))
        except PhotoRejected as refused:
            assert refused.detail  # noqa: PT017 (both outcomes are right; other exceptions are not)


@pytest.mark.parametrize(
    "stray",
    [
        b"\0",
        b"\xff\xfe\x00\x1a<script>alert(1)</script>"[:28],
        b"\xff\xfe\x00\x04hi!",
        b"\xff\xe2\x00\x10ICC_PROFILE\0\x07\x02",
        b"\xff\xff\xff",
    ],
    ids=["a byte", "a comment", "a comment cut short", "half a profile", "padding"],
)
def test_oddities_in_the_header_of_a_jpeg_harm_nothing(stray: bytes) -> None:
    data = FILES["baseline"]
    at = data.index(b"\xff\xdb")
    assert np.array_equal(decode(data[:at] + stray + data[at:]), decode(data))


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
@pytest.mark.parametrize("padding", [b"\0", bytes(5000), b"\xff", b"\0\0\xff\xff"])
def test_padding_before_the_end_of_a_jpeg_harms_nothing(kind: str, padding: bytes) -> None:
    data = FILES[kind]
    assert np.array_equal(decode(data[:-2] + padding + data[-2:] + b"behind it"), decode(data))


def test_padding_does_not_take_the_last_byte_of_a_jpeg_with_it() -> None:
    noise = (np.random.default_rng(seed).integers(0, 255, (16, 16), np.uint8) for seed in range(1000))
    files = (encoded(Image.fromarray(pixels), "JPEG", quality=90) for pixels in noise)
    data = next(file for file in files if file.endswith(b"\xff\0\xff\xd9"))
    assert np.array_equal(decode(data[:-2] + bytes(9) + data[-2:]), decode(data))


@pytest.mark.parametrize("spare", [b"\x55" * 20, bytes(20) + b"\x55", b"\x55" * 20 + bytes(20)])
def test_other_bytes_before_the_end_of_a_jpeg_are_damage(spare: bytes) -> None:
    data = FILES["baseline"]
    assert reason_of(data[:-2] + spare + data[-2:]) is Reason.DAMAGED


@pytest.mark.parametrize("count", [1, 2, 100, 5000])
def test_zeros_in_place_of_the_last_bytes_of_a_jpeg_are_damage(count: int) -> None:
    data = FILES["baseline"]
    assert reason_of(data[: -2 - count] + bytes(count + 8) + data[-2:]) is Reason.DAMAGED


def test_damage_behind_an_odd_header_is_still_noticed() -> None:
    data = bytearray(FILES["baseline"])
    data[-2000:-1488] = bytes(512)
    at = data.index(b"\xff\xdb")
    assert reason_of(bytes(data[:at] + b"\0" + data[at:])) is Reason.DAMAGED


def test_what_follows_the_picture_does_not_matter() -> None:
    data = FILES["baseline"]
    assert np.array_equal(decode(data + b"PK\x03\x04<html>" + bytes(100)), decode(data))


@pytest.mark.parametrize(
    "data", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 50, b"\xff\xd8\xff\xe0\0\0"]
)
def test_a_jpeg_without_a_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoRejected):
        decode(data)


def test_too_little_memory_is_not_the_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decode_module, "srgb_converter", no_memory)
    with pytest.raises(Transient):
        decode(FILES["PNG"])


# Thumbnails


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((120, 160), 80, (80, 60)),
        ((160, 120), 80, (60, 80)),
        ((20, 10), 80, (10, 20)),
        ((1, 5000), 80, (80, 1)),
    ],
)
def test_a_thumbnail_fits_and_never_grows(
    shape: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    small = Image.open(io.BytesIO(thumbnail(np.zeros((*shape, 3), np.uint8), side)))
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", expected)


def test_a_thumbnail_carries_pixels_only() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    data = encoded(photo(), "JPEG", exif=exif, comment=b"<script>")
    small = thumbnail(decode(data))
    assert b"secret" in data
    assert not any(word in small for word in (b"secret", b"script", b"Exif", b"ICC_PROFILE"))


# The corpus, where it is at hand


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of bad images is not beside this checkout")
def test_the_corpus_is_judged_as_its_manifest_says() -> None:
    with (CORPUS / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["path"]: row["expected"].split("|") for row in csv.DictReader(file)}
    found = {path: verdict((CORPUS / path).read_bytes()) for path in expected}
    assert {path: (got, expected[path]) for path, got in found.items() if got not in expected[path]} == {}
    strict = [path for path, got in found.items() if got == "damaged" and "accept" in expected[path]]
    assert len(strict) <= 8


def verdict(data: bytes) -> str:
    try:
        decode(data)
    except PhotoRejected as refused:
        return refused.reason.value
    return "accept"
