"""Contact sheets for looking at mattes: one network against the truth, or two against each other."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.foreground import estimate_foreground
from shm.matter import Alpha, Matter, Pixels
from shm.train.labelled import Sample, read_label, read_photo

TILE = 240
"""Pixels of a picture's longer side."""
COLUMNS = 4
PAIR_COLUMNS = 2
OLD_NEW_COLUMNS = 2
_GREEN = (0, 200, 60)
"""Saturated, so that halos and holes show."""

Draw = Callable[[Pixels, Alpha], Sequence[NDArray[np.uint8]]]
"""The pictures that stand side by side for one photo, uint8 (H, W, 3) RGB."""


def contact_sheet(samples: Sequence[Sample], matter: Matter, path: Path) -> None:
    """Writes a PNG to `path`: photo | cut-out on green | what differs from the truth, red where something is
    missing and blue where there is too much. Raises ListError, OSError."""

    def draw(photo: Pixels, truth: Alpha) -> Sequence[NDArray[np.uint8]]:
        [alpha] = matter.matte([photo])
        return photo, _cut_out(photo, alpha), _difference(photo, alpha, truth)

    _write(samples, draw, COLUMNS, path)


def pair_sheet(samples: Sequence[Sample], a: Matter, b: Matter, path: Path) -> None:
    """Writes a PNG to `path`: photo | cut-out by the true alpha | by `a` | by `b`, on green. Raises
    ListError, OSError."""

    def draw(photo: Pixels, truth: Alpha) -> Sequence[NDArray[np.uint8]]:
        alphas = (truth, a.matte([photo])[0], b.matte([photo])[0])
        return photo, *(_cut_out(photo, alpha) for alpha in alphas)

    _write(samples, draw, PAIR_COLUMNS, path)


def old_new_sheet(photos: Sequence[tuple[str, Pixels]], old: Matter, new: Matter, path: Path) -> None:
    """Writes a PNG to `path`: photo | cut-out by `old` | by `new`, on green, for photos without labels by
    their names; at least one. Those that changed most come first. Raises OSError."""
    found = []
    for name, photo in photos:
        [before], [after] = old.matte([photo]), new.matte([photo])
        pictures = (photo, _cut_out(photo, before), _cut_out(photo, after))
        found.append((float(np.abs(before - after).mean()), _named_tile(name, pictures)))
    found.sort(key=lambda each: -each[0])
    _write_tiles([tile for _, tile in found], OLD_NEW_COLUMNS, path)


def _write(samples: Sequence[Sample], draw: Draw, columns: int, path: Path) -> None:
    _write_tiles([_tile(sample, draw) for sample in samples], columns, path)


def _write_tiles(tiles: list[NDArray[np.uint8]], columns: int, path: Path) -> None:
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    done, data = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
    if not done:
        raise ValueError(f"{path}: cannot encode the contact sheet")
    path.write_bytes(bytes(data))


def _tile(sample: Sample, draw: Draw) -> NDArray[np.uint8]:
    photo = read_photo(sample.photo)
    truth = read_label(sample.label, photo.shape[:2])
    return _named_tile(sample.name, draw(photo, truth))


def _named_tile(name: str, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    tile = np.hstack([_fit(picture) for picture in pictures])
    cv2.putText(tile, name, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
    return tile


def _cut_out(photo: Pixels, alpha: Alpha) -> NDArray[np.uint8]:
    a = alpha[..., None]
    return np.asarray(estimate_foreground(photo, alpha) * a + np.array(_GREEN) * (1 - a), np.uint8)


def _difference(photo: Pixels, alpha: Alpha, truth: Alpha) -> NDArray[np.uint8]:
    grey = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2) * 0.5
    grey[..., 0] += 127 * np.clip(truth - alpha, 0, 1)
    grey[..., 2] += 127 * np.clip(alpha - truth, 0, 1)
    return grey.astype(np.uint8)


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = TILE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    square = np.zeros((TILE, TILE, 3), np.uint8)
    square[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return square
