"""What the networks learn from: sources, repair, composites, strands, batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from shm.data.bags import add_bag
from shm.data.frames import blend, composite, natural, nobody, over
from shm.data.repair import repair_mask
from shm.data.sources import (
    BadSource,
    Library,
    load_library,
    remote_places,
    source_files,
    with_folders,
)
from shm.data.strands import add_strands
from shm.data.stream import Batches, Recipe, loader, unknown_crop

SOURCES: Mapping[str, Mapping[str, Any]] = {
    "street": {"kind": "masks", "images": "photos", "labels": "masks", "except": ["left_out.txt"]},
    "hair": {"kind": "cutouts", "images": "rgba"},
    "scenes": {"kind": "grounds", "images": "grounds"},
    "garments": {"kind": "garments", "images": "garments"},
}


def draw_person(height: int = 300, width: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    photo = rng.integers(90, 160, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, 60), (25, 32), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (width // 2 - 40, 95), (width // 2 + 40, 280), 255, -1)
    photo[mask > 0] = (180, 60, 50)
    return photo, mask


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("photos", "masks", "rgba", "grounds", "garments", "lists"):
        (root / name).mkdir()
    photo, mask = draw_person()
    for k in range(3):
        cv2.imwrite(str(root / "photos" / f"p{k}.png"), np.roll(photo, 5 * k, axis=1))
        cv2.imwrite(str(root / "masks" / f"p{k}.png"), np.roll(mask, 5 * k, axis=1))
    soft = cv2.GaussianBlur(mask, (0, 0), 3)
    cv2.imwrite(str(root / "rgba" / "h.png"), np.dstack([photo, soft]))
    cv2.imwrite(str(root / "grounds" / "g.png"), np.full((200, 300, 3), (200, 120, 40), np.uint8))
    garment = np.full((200, 200, 3), 240, np.uint8)
    garment[60:160, 50:150] = (120, 40, 30)
    cv2.imwrite(str(root / "garments" / "shirt.png"), garment)
    (root / "lists" / "left_out.txt").write_text("p2\n")
    return root


@pytest.fixture(scope="module")
def library(data: Path) -> Library:
    return load_library(data, SOURCES, lists=data / "lists", self_labels=data / "none")


def test_left_out_photos_are_not_loaded(library: Library) -> None:
    assert sorted(p.name for p in library.people) == ["h", "p0", "p1"]


@pytest.mark.parametrize(
    ("lists", "names"),
    [
        ({}, ["p0", "p1", "p2"]),
        ({"except": ["left_out.txt"]}, ["p0", "p1"]),
        ({"drop": ["left_out.txt"]}, ["p0", "p1"]),
        ({"lists": ["left_out.txt"]}, ["p2"]),
        ({"lists": ["left_out.txt"], "drop": ["left_out.txt"]}, []),
    ],
)
def test_lists_say_which_photos_are_trained_on(data: Path, lists: dict[str, Any], names: list[str]) -> None:
    found = source_files(data, {"images": "photos", **lists}, data / "lists")

    assert [file.stem for file in found] == names


def test_photos_named_by_their_path_are_left_out(data: Path) -> None:
    bad = frozenset({str(data / "photos" / "p1.png"), str(data / "grounds" / "g.png")})

    library = load_library(data, SOURCES, lists=data / "lists", self_labels=data, left_out=bad)

    assert sorted(p.name for p in library.people) == ["h", "p0"]
    assert library.grounds == ()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "photos", "images": "photos"}, "kind 'photos' is none of masks, pairs"),
        ({"kind": "masks", "images": "photos"}, "masks need labels"),
        ({"kind": "grounds", "images": "nowhere"}, "nowhere: no such folder"),
        ({"kind": "grounds", "images": "grounds", "lists": ["no.txt"]}, "no.txt: no such list"),
        ({"kind": "grounds", "images": "s3://shop/grounds"}, "s3://shop/grounds: is in a bucket"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(data: Path, source: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSource, match=words):
        load_library(data, {"bad": source}, lists=data / "lists", self_labels=data)


def test_a_cut_out_of_16_bits_a_channel_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((300, 300, 4), 40000, np.uint16))

    with pytest.raises(BadSource, match=r"deep\.png: a cut-out must be RGBA with 8 bits"):
        load_library(
            tmp_path, {"cut": {"kind": "cutouts", "images": "."}}, lists=tmp_path, self_labels=tmp_path
        )


def test_folders_in_a_bucket_are_named_once_and_replaced_by_what_was_fetched() -> None:
    sources = {
        "a": {"kind": "masks", "images": "s3://shop/a", "labels": "s3://shop/masks", "weight": 2},
        "b": {"kind": "masks", "images": "here", "labels": "s3://shop/masks"},
    }

    local = with_folders(sources, {place: Path("/cache") / place[10:] for place in remote_places(sources)})

    assert remote_places(sources) == ["s3://shop/a", "s3://shop/masks"]
    assert local == {
        "a": {"kind": "masks", "images": "/cache/a", "labels": "/cache/masks", "weight": 2},
        "b": {"kind": "masks", "images": "here", "labels": "/cache/masks"},
    }


def test_an_unlabelled_source_is_empty_until_masks_were_written(data: Path, tmp_path: Path) -> None:
    sources = {"more": {"kind": "unlabelled", "images": "photos"}}
    before = load_library(data, sources, lists=data, self_labels=tmp_path)
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "p2.png"), draw_person()[1])
    after = load_library(data, sources, lists=data, self_labels=tmp_path)
    assert [p.name for p in before.people] == []
    assert [(p.name, p.hard) for p in after.people] == [("p2", True)]


def test_a_label_of_another_size_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "p0.png"), np.zeros((10, 10), np.uint8))
    sources = {"bad": {"kind": "masks", "images": str(data / "photos"), "labels": "masks"}}
    with pytest.raises(BadSource, match=r"p0\.png: is 10x10, its photo 200x300"):
        load_library(tmp_path, sources, lists=tmp_path, self_labels=tmp_path)


def test_repair_fills_small_holes_keeps_the_gap_under_an_arm_and_drops_specks() -> None:
    mask = draw_person()[1]
    mask[150:153, 95:99] = 0
    mask[200:240, 70:90] = 0
    mask[10:13, 10:13] = 255
    repaired = repair_mask(mask)
    assert repaired[151, 97] == 255
    assert repaired[220, 80] == 0
    assert repaired[11, 11] == 0


def test_the_garment_is_found_on_its_plain_ground(library: Library) -> None:
    _, alpha = library.garments[0]
    assert alpha[110, 100] == 255
    assert alpha[10, 10] == 0


def test_a_composite_is_alpha_times_foreground_plus_the_rest_of_the_ground() -> None:
    foreground, ground = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4, 3), 100, np.uint8)
    assert (blend(foreground, np.full((4, 4), 51, np.uint8), ground) == 120).all()


def test_two_foregrounds_join_as_dim_joins_them() -> None:
    white, black = np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8)
    half = np.full((2, 2), 128, np.uint8)
    colour, alpha = over(white, half, black, half)
    assert alpha[0, 0] == pytest.approx(255 * 0.752, abs=2)
    assert colour[0, 0, 0] == pytest.approx(255 * 0.668, abs=2)


@pytest.mark.parametrize("make", [natural, composite])
def test_frames_hold_somebody_and_have_the_asked_size(make: Any, library: Library) -> None:
    frame = make(np.random.default_rng(0), library, 96, 64)
    assert frame.photo.shape == (96, 64, 3)
    assert frame.alpha.shape == (96, 64)
    assert (frame.alpha > 127).mean() > 0.03


def test_an_empty_frame_has_no_alpha_anywhere(library: Library) -> None:
    assert nobody(np.random.default_rng(0), library, 96, 64).alpha.max() == 0


def test_strands_add_soft_detail_above_the_outline_and_nothing_inside() -> None:
    photo, mask = draw_person()
    _, grown = add_strands(np.random.default_rng(1), photo, mask)
    soft = (grown > 0) & (grown < 255)
    assert soft.sum() > 100
    assert (grown[mask == 255] == 255).all()


def standing(width: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo (300, 200, 3) and the mask of somebody 240 px tall and `width` px wide."""
    photo = np.full((300, 200, 3), 120, np.uint8)
    mask = np.zeros((300, 200), np.uint8)
    cv2.rectangle(mask, (100 - width // 2, 30), (100 + width // 2, 269), 255, -1)
    return photo, mask


@pytest.mark.parametrize("seed", range(8))
def test_a_bag_hangs_from_the_outline_as_part_of_the_person(seed: int) -> None:
    photo, mask = standing(width=60)
    held, grown = add_bag(np.random.default_rng(seed), photo, mask)
    changed = (held != photo).any(axis=2)
    assert (grown >= mask).all()
    assert (changed & (grown > 127)).sum() > 100
    assert not (changed & (grown == 0)).any()
    assert cv2.connectedComponents((grown > 127).astype(np.uint8))[0] == 2
    assert (photo == 120).all()
    assert not mask[:30].any()


def test_somebody_who_is_not_shown_at_full_length_gets_no_bag() -> None:
    photo, mask = standing(width=160)
    held, grown = add_bag(np.random.default_rng(0), photo, mask)
    assert (held == photo).all()
    assert (grown == mask).all()


def test_crops_are_centred_on_soft_pixels() -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[150, 60] = 128
    top, left, size = unknown_crop(np.random.default_rng(0), alpha, (64,))
    assert (top + size // 2, left + size // 2) == (150, 60)


@pytest.mark.parametrize("stage", ["tnet", "mnet", "end_to_end"])
def test_a_batch_depends_on_its_number_alone(stage: str, library: Library) -> None:
    recipe = Recipe(
        stage, seed=5, long_side=64, pixels=2 * 64 * 64, side=64, crops=(64, 96), frame=96, natural=0.5
    )
    alone = [Batches(library, recipe)[k] for k in range(3)]
    by_workers = list(loader(Batches(library, recipe), range(3), workers=2))
    for one, other in zip(alone, by_workers, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(alone[0][0][:1, :, :8, :8], alone[1][0][:1, :, :8, :8])
