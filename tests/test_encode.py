"""Files of every format under a weight limit, with nothing but the picture in them."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipeline import jpegscans
from pipeline.codecs import CODECS, Format
from pipeline.encode import EncodeLimits, encode, limits_for
from pipeline.jpegfile import header
from pipeline.types import Pixels, Size


def noise(side: int = 200) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)


def flat(side: int = 200) -> Pixels:
    return np.full((side, side, 3), (216, 30, 15), np.uint8)


def drawing(side: int = 200) -> Pixels:
    """Soft colours and an edge, as banners have them."""
    rows, columns = np.mgrid[0:side, 0:side]
    picture = np.stack([rows, columns, np.full_like(rows, 90)], axis=-1).astype(np.uint8)
    picture[side // 4 : side // 2, side // 4 :] = (216, 30, 15)
    return picture


def scans(data: bytes) -> int:
    return len(jpegscans.scans(data, header(data)))


WEBP_LOOP = {"background", "loop"}
"""What Pillow says of any WebP, whatever it holds."""


def test_a_light_picture_is_written_at_full_quality_with_full_colour() -> None:
    made = encode(flat(), EncodeLimits(max_bytes=20_000, quality=92))

    assert (made.media_type, made.quality, made.chroma) == ("image/jpeg", 92, "444")
    assert np.abs(simplejpeg.decode_jpeg(made.data).astype(int) - flat()).max() <= 2


def test_quality_goes_down_no_further_than_the_limit_needs() -> None:
    rich = noise()
    limit = len(encode(rich, EncodeLimits(quality=86)).data) + 10

    made = encode(rich, EncodeLimits(max_bytes=limit, quality=90))

    assert made.chroma == "444"
    assert made.quality in (86, 87)
    assert len(made.data) <= limit


def test_colour_resolution_goes_before_quality_does_too_far() -> None:
    rich = noise()
    limit = len(encode(rich, EncodeLimits(quality=90)).data) // 2

    made = encode(rich, EncodeLimits(max_bytes=limit, quality=90, floor=40))

    assert made.chroma == "420"
    assert len(made.data) <= limit


def test_a_picture_that_cannot_be_light_enough_comes_out_as_light_as_may_be() -> None:
    made = encode(noise(), EncodeLimits(max_bytes=3_000, floor=60))

    assert (made.quality, made.chroma) == (60, "420")
    assert len(made.data) > 3_000


def test_the_weight_limit_itself_is_allowed() -> None:
    exact = len(encode(noise(), EncodeLimits(quality=80)).data)

    assert encode(noise(), EncodeLimits(max_bytes=exact, quality=80)).quality == 80
    assert encode(noise(), EncodeLimits(max_bytes=exact - 1, quality=80)).quality < 80


def test_a_progressive_file_saves_a_banner_that_would_be_held_for_its_weight() -> None:
    drawn = drawing()
    lightest = len(encode(drawn, EncodeLimits(quality=60, floor=60)).data) * 3 // 5

    baseline = encode(drawn, EncodeLimits(max_bytes=lightest * 2, quality=60, floor=60))
    progressive = encode(drawn, EncodeLimits(max_bytes=lightest, quality=60, floor=60))

    assert (scans(baseline.data), scans(progressive.data) > 1) == (1, True)


# ── formats ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "suffix", "media_type"),
    [
        (Format.JPEG, "jpg", "image/jpeg"),
        (Format.WEBP, "webp", "image/webp"),
        (Format.AVIF, "avif", "image/avif"),
        (Format.PNG, "png", "image/png"),
    ],
)
def test_every_format_is_written_as_what_its_name_says(name: Format, suffix: str, media_type: str) -> None:
    limits = limits_for(Size(1080, 1080), format=name)

    made = encode(drawing(), limits)

    with Image.open(io.BytesIO(made.data)) as image:
        assert image.format == name.value.upper()
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - drawing()).mean() < 3
    assert (limits.suffix, made.media_type) == (suffix, media_type)


@pytest.mark.parametrize("name", list(Format))
def test_nothing_but_the_picture_is_written(name: Format) -> None:
    with Image.open(io.BytesIO(encode(flat(), limits_for(Size(200, 200), format=name)).data)) as image:
        assert dict(image.getexif()) == {}
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | WEBP_LOOP


@pytest.mark.parametrize("name", list(Format))
def test_the_same_pixels_give_the_same_bytes(name: Format) -> None:
    limits = limits_for(Size(200, 200), format=name)

    assert encode(drawing(), limits) == encode(drawing(), limits)


@pytest.mark.parametrize("name", [Format.WEBP, Format.AVIF])
def test_every_lossy_format_gives_up_quality_for_its_limit_and_stops_at_its_floor(name: Format) -> None:
    best = encode(noise(), limits_for(Size(1080, 1080), format=name))
    within = len(best.data) * 3 // 4

    lighter = encode(noise(), limits_for(Size(1080, 1080), max_bytes=within, format=name))
    lightest = encode(noise(), limits_for(Size(1080, 1080), max_bytes=1, format=name))

    assert len(lighter.data) <= within
    assert CODECS[name].quality == best.quality > lighter.quality > lightest.quality == CODECS[name].floor


def test_a_png_is_lossless_whatever_its_limit() -> None:
    made = encode(noise(), limits_for(Size(200, 200), max_bytes=1_000, quality=50, format=Format.PNG))

    with Image.open(io.BytesIO(made.data)) as image:
        assert np.array_equal(np.asarray(image), noise())
    assert len(made.data) > 1_000


@pytest.mark.parametrize(
    ("size", "expected"), [(Size(300, 250), 150_000), (Size(728, 90), 150_000), (Size(1080, 1080), None)]
)
def test_display_sizes_have_the_networks_limit(size: Size, expected: int | None) -> None:
    assert limits_for(size).max_bytes == expected


def test_a_campaigns_own_limit_goes_before_the_networks() -> None:
    assert limits_for(Size(300, 250), max_bytes=50_000).max_bytes == 50_000


def test_limits_describe_themselves_for_the_recipe() -> None:
    box = Size(300, 250)
    others = [limits_for(box, quality=80), *(limits_for(box, format=name) for name in Format)]

    assert len({limits.describe() for limits in others}) == 5


def test_a_jpegs_words_are_those_that_stored_banners_were_named_by() -> None:
    assert limits_for(Size(300, 250)).describe() == "jpeg q90-60 <=150000"
    assert limits_for(Size(1080, 1080), quality=50).describe() == "jpeg q50-50 <=None"
