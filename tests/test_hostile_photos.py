"""Photos made to harm: a row per class, decoded where the nightly run decodes them."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from pipeline import decode as decode_module
from pipeline import jpegfile
from pipeline.damage import MAX_PNG_CHUNKS, MAX_SCANS, decode_jpeg
from pipeline.decode import decode
from pipeline.decoder import Decoder
from pipeline.errors import PhotoRejected, Reason
from pipeline.jpegfile import MAX_SEGMENTS, MAX_STRAY_BYTES
from pipeline.jpegscans import MAX_MARKERS


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


def photo(mode: str = "RGB", size: tuple[int, int] = (160, 120)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 60, (size[1], size[0], 3))
    ramp = np.linspace(0, 195, size[0])[None, :, None]
    return Image.fromarray((noise + ramp).astype(np.uint8)).convert(mode)


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    photo(mode).save(file, form, **options)
    return file.getvalue()


JPEG, PNG, WEBP = encoded("JPEG"), encoded("PNG"), encoded("WEBP", lossless=True)


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(*segments: bytes) -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def with_stray(count: int) -> bytes:
    """Zeros behind the first segment, JFIF's."""
    return JPEG[:20] + bytes(count) + JPEG[20:]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunks(*chunks: bytes) -> bytes:
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def webp_with(name: bytes, data: bytes, flag: int) -> bytes:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (160, 120))
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([flag, 0, 0, 0]) + sides
    body = b"WEBP" + extended + WEBP[12:] + name + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def directory_bomb(size: int) -> bytes:
    """Exif of `size` bytes whose every entry claims all of them; a general reader fills gigabytes."""
    count = min(0xFFFF, (size - 10) // 12)
    entries = b"".join(struct.pack(">HHII", 0x9000 + n % 0x6000, 1, size - 8, 8) for n in range(count))
    return (b"MM\0*\0\0\0\x08" + struct.pack(">H", count) + entries).ljust(size, b"\0")


def of_size(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    at = next(s.start for s in jpegfile.header(data) if s.marker in (0xC0, 0xC2))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def many_scans(count: int) -> bytes:
    data = encoded("JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


HARMLESS = {
    "Exif bomb in a JPEG": with_segments(segment(0xE1, b"Exif\0\0" + directory_bomb(60_000))),
    "Exif bomb in many segments": with_segments(
        *[segment(0xE1, b"Exif\0\0" + directory_bomb(60_000)) for _ in range(40)]
    ),
    "picture table bomb": with_segments(segment(0xE2, b"MPF\0" + directory_bomb(60_000))),
    "Exif bomb in a PNG": with_chunks(chunk(b"eXIf", directory_bomb(900_000))),
    "Exif bomb in a WebP": webp_with(b"EXIF", directory_bomb(900_000), flag=8),
    "XMP that never ends": with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 20_000)),
    "Photoshop data": with_segments(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\xff\xff\xff" * 900)),
    "comment of HTML": with_segments(segment(0xFE, b"<script>alert(1)</script>")),
    "fill in the picture data": JPEG[:-2] + b"\xff" * 200_000 + b"\0" + JPEG[-2:],
    "film behind the picture": JPEG + b"\xff\xda\0\2" * (MAX_SCANS + 1),
    "archive behind the picture": PNG + b"PK\x03\x04" + bytes(100_000),
    "zeros behind the picture": PNG + bytes(12 * MAX_PNG_CHUNKS + 12),
    "profile of rubbish": with_segments(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000))),
    "profile in lost pieces": with_segments(segment(0xE2, b"ICC_PROFILE\0\7\xff" + bytes(100))),
}
REFUSED = {
    "heap of segments": (with_segments(*[b"\xff\xfe\0\2"] * (MAX_SEGMENTS + 1)), Reason.DAMAGED),
    "heap of padding": (JPEG[:2] + b"\xff" * (MAX_SEGMENTS + 9) + JPEG[2:], Reason.DAMAGED),
    "stray bytes": (with_stray(MAX_STRAY_BYTES + 1), Reason.DAMAGED),
    "header without end": (JPEG[:20] + bytes(MAX_STRAY_BYTES + 1), Reason.DAMAGED),
    "too many scans": (many_scans(MAX_SCANS), Reason.DAMAGED),
    "scans of too many pixels": (of_size(many_scans(20), 7000, 7000), Reason.DAMAGED),
    "pixel bomb": (of_size(JPEG, 65_500, 65_500), Reason.TOO_MANY_PIXELS),
    "pixels that are not there": (of_size(JPEG, 7000, 7000), Reason.DAMAGED),
    "heap of markers": (JPEG[:-2] + b"\xff\xfe\0\2" * (MAX_MARKERS + 1) + JPEG[-2:], Reason.DAMAGED),
    "heap of chunks": (with_chunks(chunk(b"teXt", b"") * MAX_PNG_CHUNKS), Reason.DAMAGED),
    "text bomb": (with_chunks(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))), Reason.DAMAGED),
    "profile bomb": (with_chunks(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**26)))), Reason.DAMAGED),
    "animation": (
        encoded("WEBP", save_all=True, append_images=[photo("L").convert("RGB")]),
        Reason.ANIMATED,
    ),
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS)
def test_what_stands_beside_the_picture_changes_nothing_and_costs_nothing(data: bytes) -> None:
    tracemalloc.start()
    pixels = decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    plain = {b"\xff\xd8": JPEG, b"\x89P": PNG, b"RI": WEBP}[data[:2]]
    assert np.array_equal(pixels, decode(plain))
    assert peak < 2**20 + 10 * len(data)


def test_counting_the_rows_of_a_bomb_takes_little_memory() -> None:
    rows = bytes(3000 * (1 + 3 * 6000))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 6000, 4000, 8, 2, 0, 0, 0))
    data = PNG[:8] + head + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    tracemalloc.start()
    with pytest.raises(PhotoRejected, match="fewer rows"):
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22 + 3 * len(data)


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_would_keep_a_decoder_busy_is_refused(decoder: Decoder, data: bytes, reason: Reason) -> None:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(data)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "name", ["heap of segments", "heap of padding", "stray bytes", "header without end", "heap of chunks"]
)
def test_a_heap_is_refused_before_pillow_walks_through_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("Pillow opened it"))
    with pytest.raises(PhotoRejected):
        decode(REFUSED[name][0])


@pytest.mark.parametrize(
    "data",
    [
        with_segments(*[b"\xff\xfe\0\2"] * (MAX_SEGMENTS - 30)),
        with_stray(MAX_STRAY_BYTES),
        with_chunks(chunk(b"teXt", b"") * (MAX_PNG_CHUNKS - 30)),
    ],
    ids=["segments", "stray bytes", "chunks"],
)
def test_just_below_a_limit_a_photo_is_accepted(decoder: Decoder, data: bytes) -> None:
    assert decoder.decode(data).shape == (120, 160, 3)


# What the two decoders and the bands have to agree on


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"subsampling": 0}),
        ("RGB", {"subsampling": 1}),
        ("RGB", {"subsampling": 2}),
        ("RGB", {"progressive": True, "quality": 40}),
        ("RGB", {"keep_rgb": True}),
        ("RGB", {"restart_marker_blocks": 3}),
        ("L", {}),
        ("L", {"progressive": True}),
        ("CMYK", {}),
        ("CMYK", {"progressive": True}),
    ],
    ids=str,
)
def test_the_strict_decoder_gives_pillows_pixels(mode: str, options: dict[str, object]) -> None:
    data = encoded("JPEG", mode, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image)
    pixels = decode_jpeg(data, jpegfile.header(data), mode)
    assert pixels is not None
    assert np.array_equal(pixels.squeeze(), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("form", "mode"), [("JPEG", "CMYK"), ("PNG", "RGBA"), ("WEBP", "RGB")])
def test_bands_leave_no_trace(
    form: str, mode: str, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(form, mode, exif=exif)
    whole = decode(data)
    monkeypatch.setattr(decode_module, "BAND_PIXELS", 160 * 7)
    assert np.array_equal(decode(data), whole)


@pytest.mark.parametrize("kind", [b"exif", b"APP1"])
def test_exif_that_a_png_holds_as_text_turns_it_upright(kind: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    written = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    text = f"\nexif\n{len(written):8}\n{written.hex()}\n".encode("latin-1")
    data = with_chunks(chunk(b"tEXt", b"Raw profile type " + kind + b"\0" + text))
    assert np.array_equal(decode(data), np.rot90(decode(PNG), -1))


def test_hexadecimal_that_is_none_leaves_a_png_as_it_is() -> None:
    data = with_chunks(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nnot hex\n"))
    assert np.array_equal(decode(data), decode(PNG))
