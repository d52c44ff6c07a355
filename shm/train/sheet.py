"""A contact sheet for looking at mattes: photo, cut-out on green, and where it differs from the truth."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.foreground import estimate_foreground
from shm.matter import Matter
from shm.train.labelled import Sample, read_label, read_photo

TILE = 240
"""Pixels of a tile's longer side."""
COLUMNS = 4
_GREEN = (0, 200, 60)
"""Saturated, so that halos and holes show."""


def contact_sheet(samples: Sequence[Sample], matter: Matter, path: Path) -> None:
    """Writes a PNG to `path`. In the third picture of each three, red is missing and blue is too much."""
    tiles = [_tile(sample, matter) for sample in samples]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]
    done, data = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
    if not done:
        raise ValueError(f"{path}: cannot encode the contact sheet")
    path.write_bytes(bytes(data))


def _tile(sample: Sample, matter: Matter) -> NDArray[np.uint8]:
    photo = read_photo(sample.photo)
    truth = read_label(sample.label, photo.shape[:2])
    [alpha] = matter.matte([photo])
    a = alpha[..., None]
    cut = estimate_foreground(photo, alpha) * a + np.array(_GREEN) * (1 - a)
    grey = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2) * 0.5
    missing, excess = np.clip(truth - alpha, 0, 1), np.clip(alpha - truth, 0, 1)
    grey[..., 0] += 128 * missing
    grey[..., 2] += 128 * excess
    pictures = [_fit(picture.astype(np.uint8)) for picture in (photo, cut, grey)]
    tile = np.hstack(pictures)
    cv2.putText(
        tile, sample.name, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA
    )
    return tile


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = TILE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    square = np.zeros((TILE, TILE, 3), np.uint8)
    square[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return square
