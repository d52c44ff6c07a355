"""JPEGs under a weight limit, with nothing but the picture in them."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipeline.encode import EncodeLimits, encode, limits_for
from pipeline.types import Pixels, Size


def noise(side: int = 200) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)


def flat(side: int = 200) -> Pixels:
    return np.full((side, side, 3), (216, 30, 15), np.uint8)


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


def test_nothing_but_the_picture_is_written() -> None:
    with Image.open(io.BytesIO(encode(flat(), EncodeLimits()).data)) as image:
        assert image.getexif() == {}
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(
    ("size", "expected"), [(Size(300, 250), 150_000), (Size(728, 90), 150_000), (Size(1080, 1080), None)]
)
def test_display_sizes_have_the_networks_limit(size: Size, expected: int | None) -> None:
    assert limits_for(size).max_bytes == expected


def test_a_campaigns_own_limit_goes_before_the_networks() -> None:
    assert limits_for(Size(300, 250), max_bytes=50_000).max_bytes == 50_000


def test_limits_describe_themselves_for_the_recipe() -> None:
    assert limits_for(Size(300, 250)).describe() != limits_for(Size(300, 250), quality=80).describe()
