"""The file formats that banners are delivered in, and how each is written: pixels only, no metadata.

Chosen by measurement on 24 banners (the eight designs at six sizes with the demo's people, 10 MP; one core,
CPU ms and kB per megapixel, SSIM over red, green and blue, mean and least):

    JPEG 4:4:4 q90           4 ms   155 kB   0.982  0.945
    JPEG 4:2:0 q90           2 ms   123 kB   0.964  0.874
    JPEG 4:4:4 q82           4 ms   119 kB   0.970  0.915
    the same, progressive   19 ms   140 kB at 4:4:4 q90;  11 ms, 59 kB in place of 66 at 4:2:0 q60
    WebP q90                58 ms    69 kB   0.974  0.899
    AVIF 4:4:4 q70         138 ms    45 kB   0.991  0.981
    AVIF 4:2:0 q80         134 ms    56 kB   0.975  0.901
    PNG                     72 ms   356 kB   1      1

So full colour resolution pays: 4:4:4 at a lower quality beats 4:2:0 of the same weight, most of all where
small saturated type stands on colour, which the least figures show. WebP has 4:2:0 only. A progressive JPEG
takes five times as long and saves a tenth, which pays only where a banner would be held for its weight.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import simplejpeg
from PIL import Image, features

from pipeline.types import Pixels


class Format(StrEnum):
    """A file format, as campaigns name it."""

    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to write a format. `write` takes uint8 (H, W, 3) sRGB, C-contiguous, and a quality.

    Qualities are tried from the wanted one down by at most `drop`, or to the floor where that is None; with
    `last_resort` the floor alone. `chroma` is "444" or "420".
    """

    chroma: str
    write: Callable[[Pixels, int], bytes]
    drop: int | None = None
    last_resort: bool = False

    def span(self, quality: int, floor: int) -> tuple[int, int]:
        """The highest and the lowest quality to try."""
        if self.last_resort:
            return floor, floor
        return quality, floor if self.drop is None else max(floor, quality - self.drop)


@dataclass(frozen=True, slots=True)
class Codec:
    """How one format is written: its `ways` from the best to the lightest.

    `words` stand for the settings in a banner's recipe: they have to change whenever the bytes do. `quality`
    and `floor` are tried first and last unless a campaign says otherwise; without `lossy` there is none.
    """

    suffix: str
    media_type: str
    words: str
    ways: tuple[Way, ...]
    quality: int = 100
    floor: int = 100
    lossy: bool = True


def can_write(name: Format) -> bool:
    """Whether the installed Pillow was built with this format; its own wheels are."""
    return name not in (Format.WEBP, Format.AVIF) or bool(features.check(name))


def _baseline(chroma: str) -> Callable[[Pixels, int], bytes]:
    def write(rgb: Pixels, quality: int) -> bytes:
        return bytes(simplejpeg.encode_jpeg(rgb, quality=quality, colorspace="RGB", colorsubsampling=chroma))

    return write


def _progressive(rgb: Pixels, quality: int) -> bytes:
    return _saved(rgb, "JPEG", quality=quality, subsampling="4:2:0", progressive=True)


def _webp(rgb: Pixels, quality: int) -> bytes:
    return _saved(rgb, "WEBP", quality=quality, method=4)


def _avif(rgb: Pixels, quality: int) -> bytes:
    # One thread: the encoder cuts the picture into other tiles for other numbers of cores.
    return _saved(rgb, "AVIF", quality=quality, subsampling="4:4:4", speed=8, max_threads=1, autotiling=False)


def _png(rgb: Pixels, _: int) -> bytes:
    return _saved(rgb, "PNG", compress_level=6)


def _saved(rgb: Pixels, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, form, **options)
    return file.getvalue()


CODECS: Mapping[Format, Codec] = {
    Format.JPEG: Codec(
        "jpg",
        "image/jpeg",
        "jpeg",
        (
            Way("444", _baseline("444"), drop=8),
            Way("420", _baseline("420")),
            Way("420", _progressive, last_resort=True),
        ),
        quality=90,
        floor=60,
    ),
    Format.WEBP: Codec("webp", "image/webp", "webp m4", (Way("420", _webp),), quality=90, floor=60),
    Format.AVIF: Codec("avif", "image/avif", "avif 444 s8", (Way("444", _avif),), quality=70, floor=40),
    Format.PNG: Codec("png", "image/png", "png z6", (Way("444", _png),), lossy=False),
}
