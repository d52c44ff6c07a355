"""Matte to cut-out: refusals, crumbs, geometry from outlines, one object with the same bytes each time."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import cutout
from pipeline.errors import PhotoRejected, Reason
from pipeline.silhouette import cut_sides, head_box
from pipeline.thumbnail import thumbnail
from pipeline.types import Box, Cutout, Matte, Photo, PhotoRef
from shm.checkpoint import weights_id
from shm.engine import Engine
from shm.matter import Prediction

Alpha = NDArray[np.float32]
RED, GREEN = (200, 30, 30), (30, 200, 30)


def canvas(height: int = 400, width: int = 300) -> NDArray[np.uint8]:
    return np.zeros((height, width), np.uint8)


def standing(mask: NDArray[np.uint8], x: int = 150, top: int = 40, *, arms_up: bool = False) -> None:
    """Draws a person: head 44 wide and 56 high, neck, shoulders 110 wide, legs 300 px below the crown."""
    cv2.ellipse(mask, (x, top + 28), (22, 28), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (x - 9, top + 50), (x + 9, top + 70), 255, -1)
    cv2.ellipse(mask, (x, top + 82), (55, 22), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (x - 40, top + 80), (x + 40, top + 190), 255, -1)
    cv2.rectangle(mask, (x - 34, top + 180), (x - 6, top + 300), 255, -1)
    cv2.rectangle(mask, (x + 6, top + 180), (x + 34, top + 300), 255, -1)
    if arms_up:
        cv2.line(mask, (x - 48, top + 85), (x - 70, top - 30), 255, 16)
        cv2.line(mask, (x + 48, top + 85), (x + 70, top - 30), 255, 16)


def matte_of(mask: NDArray[np.uint8], confidence: float = 0.9) -> Matte:
    """A red person on green, with this mask as alpha."""
    alpha = mask.astype(np.float32) / 255
    pixels = np.rint(alpha[..., None] * RED + (1 - alpha[..., None]) * GREEN).astype(np.uint8)
    return Matte(Photo(PhotoRef("a.jpg", "e", 1, "c"), pixels), alpha, confidence)


@pytest.fixture
def person() -> Matte:
    mask = canvas()
    standing(mask)
    return matte_of(cv2.GaussianBlur(mask, (0, 0), 1.5))


# Refusals


def test_a_photo_without_anybody_is_refused_as_such() -> None:
    with pytest.raises(PhotoRejected) as refusal:
        cutout.make_cutout(matte_of(canvas()))

    assert refusal.value.reason is Reason.NO_SUBJECT


@pytest.mark.parametrize(
    "alpha",
    [
        np.ones((400, 300), np.float32),
        np.full((400, 300), np.nan, np.float32),
        np.full((400, 300), 1.5, np.float32),
        np.ones((300, 400), np.float32) * 0.5,
    ],
    ids=["everything", "nan", "out of range", "another size"],
)
def test_what_is_no_matte_is_refused_as_such(person: Matte, alpha: Alpha) -> None:
    with pytest.raises(PhotoRejected) as refusal:
        cutout.make_cutout(Matte(person.photo, alpha, 0.9))

    assert refusal.value.reason is Reason.BAD_MATTE


class Broken:
    def predict(self, photos: object) -> list[Prediction]:
        return [Prediction(np.full((400, 300), np.nan, np.float32), np.zeros((3, 1, 1), np.float32), 0.5)]


def test_a_network_that_returns_nan_is_caught_at_once(person: Matte) -> None:
    with pytest.raises(PhotoRejected, match="NaN"):
        cutout.matte(person.photo, Broken())


# The cut-out


def test_the_cut_out_is_cropped_to_the_person_with_a_small_margin(person: Matte) -> None:
    made = cutout.make_cutout(person)

    height, width = made.alpha.shape
    assert 300 < height < 330
    assert 110 < width < 140
    assert made.geometry.subject.top == pytest.approx(10, abs=4)


def test_no_green_is_left_at_the_edge(person: Matte) -> None:
    made = cutout.make_cutout(person)

    edge = (made.alpha > 20) & (made.alpha < 235)
    assert made.rgb[edge].mean(axis=0) == pytest.approx(RED, abs=8)


def test_crumbs_far_away_are_removed_with_their_fog(person: Matte) -> None:
    alpha = person.alpha.copy()
    alpha[380:386, 4:10] = 1
    alpha[376:390, 0:14] = np.maximum(alpha[376:390, 0:14], 0.05)

    cleaned = cutout.clean(alpha)

    assert cleaned[370:, :20].max() == 0
    assert (cleaned[:350] >= alpha[:350] - 0.02).all()


def test_a_bank_of_fog_does_not_outweigh_the_person(person: Matte) -> None:
    alpha = np.zeros((800, 1500), np.float32)
    alpha[:400, :300] = person.alpha
    alpha[:, 600:] = 0.3

    cleaned = cutout.clean(alpha)

    assert (cleaned[:400, :300] > 0.5).sum() == (person.alpha > 0.5).sum()
    assert cleaned[:, 600:].max() == 0


def test_what_is_close_to_the_person_stays(person: Matte) -> None:
    alpha = person.alpha.copy()
    alpha[120:126, 210:214] = 1

    assert (cutout.clean(alpha)[121:125, 211:213] == 1).all()


def test_several_people_are_kept_and_counted() -> None:
    mask = canvas(400, 600)
    standing(mask, 150)
    standing(mask, 450, 60)

    made = cutout.make_cutout(matte_of(mask))

    assert made.geometry.people == 2
    assert made.geometry.head is not None
    assert made.geometry.head.width > 300


def test_a_huge_photo_gives_a_cut_out_of_bounded_size(monkeypatch: pytest.MonkeyPatch, person: Matte) -> None:
    monkeypatch.setattr(cutout, "LONG_SIDE", 100)

    made = cutout.make_cutout(person)

    assert max(made.alpha.shape) == 100
    assert (made.geometry.height, made.geometry.width) == made.alpha.shape


# Geometry


def test_the_head_ends_at_the_neck(person: Matte) -> None:
    geometry = cutout.make_cutout(person).geometry

    assert geometry.head is not None
    assert geometry.head.top == pytest.approx(geometry.subject.top, abs=3)
    assert geometry.head.height == pytest.approx(56, abs=12)
    assert geometry.head.width == pytest.approx(44, abs=8)


def test_raised_arms_do_not_hide_the_head() -> None:
    mask = canvas()
    standing(mask, arms_up=True)

    head = head_box(mask > 0)

    assert head is not None
    assert (head.left + head.right) / 2 == pytest.approx(150, abs=5)
    assert head.top == pytest.approx(40, abs=4)
    assert head.height == pytest.approx(56, abs=12)


def test_a_wide_hat_belongs_to_the_head() -> None:
    mask = canvas()
    standing(mask)
    cv2.ellipse(mask, (150, 50), (40, 7), 0, 0, 360, 255, -1)

    head = head_box(mask > 0)

    assert head is not None
    assert head.bottom == pytest.approx(98, abs=14)


def test_long_hair_without_a_neck_still_gives_a_head() -> None:
    mask = canvas()
    standing(mask)
    cv2.ellipse(mask, (150, 85), (30, 48), 0, 0, 360, 255, -1)

    head = head_box(mask > 0)

    assert head is not None
    assert head.bottom == pytest.approx(96, abs=14)


def test_a_head_cut_off_by_the_photos_upper_edge_is_not_found() -> None:
    mask = canvas()
    standing(mask)

    assert head_box(mask[120:] > 0) is None


def test_a_cropped_forehead_is_still_a_head() -> None:
    mask = canvas()
    standing(mask)

    head = head_box(mask[58:] > 0)

    assert head is not None
    assert (head.top, head.bottom) == (0, pytest.approx(38, abs=10))


@pytest.mark.parametrize(
    ("crop", "sides"),
    [
        (Box(0, 0, 300, 400), ()),
        (Box(0, 0, 300, 250), ("bottom",)),
        (Box(150, 0, 300, 400), ("left",)),
        (Box(0, 0, 150, 400), ("right",)),
        (Box(0, 130, 300, 400), ("top",)),
        (Box(130, 130, 170, 200), ("left", "top", "right", "bottom")),
    ],
)
def test_the_sides_that_cut_the_person_are_named(crop: Box, sides: tuple[str, ...]) -> None:
    mask = canvas()
    standing(mask)
    part = np.ascontiguousarray(mask[crop.top : crop.bottom, crop.left : crop.right])
    part[-1, -1] = 0  # not everything is person

    found = cut_sides(part > 0, Box(0, 0, part.shape[1], part.shape[0]), part.shape)

    assert found == sides


def test_toes_that_touch_the_lower_edge_do_not_count_as_cut() -> None:
    mask = canvas()
    standing(mask, top=95)
    mask[396:] = 0
    mask[396:, 120:123] = 255

    assert cutout.make_cutout(matte_of(mask)).geometry.cut == ()


# The stored object


@pytest.fixture
def made(person: Matte) -> Cutout:
    return cutout.make_cutout(person)


def test_what_is_packed_comes_back(made: Cutout) -> None:
    back = cutout.unpack(cutout.pack(made))

    assert (back.geometry, back.confidence) == (made.geometry, made.confidence)
    assert (back.alpha == made.alpha).all()
    visible = made.alpha > 0
    assert np.abs(back.rgb[visible].astype(int) - made.rgb[visible]).mean() < 2


def test_the_same_cut_out_gives_the_same_bytes(made: Cutout) -> None:
    assert cutout.pack(made) == cutout.pack(made)


def test_any_zip_reader_can_look_inside(made: Cutout) -> None:
    with zipfile.ZipFile(io.BytesIO(cutout.pack(made))) as archive:
        dates = {entry.date_time for entry in archive.infolist()}
        assert archive.namelist() == ["meta.json", "rgb.jpg", "alpha.png"]
        assert dates == {(1980, 1, 1, 0, 0, 0)}


def repacked(data: bytes, **parts: bytes) -> bytes:
    """The object with some entries replaced; their names with _ for the dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name.replace(".", "_"), old.read(name)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "parts",
    [
        {"meta_json": b"{"},
        {"meta_json": b"[]"},
        {"meta_json": b'{"version": 1}'},
        {"meta_json": b'{"version": 99}'},
        {"rgb_jpg": b""},
        {"rgb_jpg": thumbnail(np.zeros((5, 5, 3), np.uint8))},
        {"alpha_png": b""},
        {"alpha_png": b"\x89PNG\r\n\x1a\n" + bytes(30)},
    ],
)
def test_a_wrong_entry_is_refused(made: Cutout, parts: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="not a cut-out"):
        cutout.unpack(repacked(cutout.pack(made), **parts))


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_object_is_refused(made: Cutout, share: float) -> None:
    data = cutout.pack(made)

    with pytest.raises(ValueError, match="not a cut-out"):
        cutout.unpack(data[: int(len(data) * share)])


def test_a_flipped_byte_is_refused(made: Cutout) -> None:
    data = bytearray(cutout.pack(made))
    data[len(data) // 2] ^= 0xFF

    with pytest.raises(ValueError, match="not a cut-out"):
        cutout.unpack(bytes(data))


def test_parts_that_do_not_fit_together_are_not_packed(made: Cutout) -> None:
    with pytest.raises(ValueError, match="alpha is"):
        cutout.pack(Cutout(made.rgb, made.alpha[1:], made.geometry, made.confidence))


# For `banners matte`, reports and the ledger


def test_rgba_has_the_photos_size_and_no_colour_where_nothing_shows(person: Matte) -> None:
    picture = cutout.rgba(person)

    assert picture.shape == (400, 300, 4)
    assert (picture[..., 3] == cutout.grey(person)).all()
    assert (picture[picture[..., 3] == 0] == 0).all()


def test_the_recipe_follows_weights_engine_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("cpu", "fp32")
    recipes = [
        cutout.recipe_of(engine, "a"),
        cutout.recipe_of(engine, "b"),
        cutout.recipe_of(Engine("cpu", "bf16"), "a"),
    ]
    monkeypatch.setattr(cutout, "MATTING_VERSION", 99)
    recipes.append(cutout.recipe_of(engine, "a"))

    assert len(set(recipes)) == 4


def test_the_recipe_is_the_same_for_the_same_file_elsewhere(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    engine = Engine("cpu", "fp32")

    first, second = (cutout.recipe_of(engine, weights_id(tmp_path / name)) for name in ("a", "b"))
    assert first == second


@pytest.mark.parametrize("shape", [(63, 63), (1, 63), (1, 1)])
def test_a_photo_too_small_for_any_banner_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(PhotoRejected, match="at least 64 pixels on the long side") as refusal:
        cutout.make_cutout(matte_of(np.full(shape, 255, np.uint8)))

    assert refusal.value.reason is Reason.TOO_SMALL


def test_a_photo_just_large_enough_is_looked_at() -> None:
    mask = canvas(64, 48)
    mask[20:, 12:36] = 255

    assert cutout.make_cutout(matte_of(mask)).geometry.people == 1
