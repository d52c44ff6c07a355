"""Grounds to set a cut-out on: scenes, pieces of streets, and the plain grounds of studios."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.sources import Library

Array = NDArray[np.uint8]


def ground(rng: np.random.Generator, library: Library, height: int, width: int) -> Array:
    """A ground without people. uint8 (height, width, 3) RGB."""
    kind = rng.random()
    if kind < 0.42:
        return studio(rng, height, width)
    if kind < 0.72 and library.grounds:
        return _crop(rng, library.grounds[rng.integers(len(library.grounds))], height, width)
    return street(rng, library, height, width)


def studio(rng: np.random.Generator, height: int, width: int) -> Array:
    """A plain ground: mostly light, a gradient, often darker towards the corners, sometimes a floor line."""
    light = rng.random() < 0.65
    base = rng.uniform(185, 255) + rng.normal(0, 6, 3) if light else rng.uniform(15, 245, 3)
    y, x = np.mgrid[0:1:64j, 0:1:64j].astype(np.float32)
    shade = rng.normal(0, 18) * (y - 0.5) + rng.normal(0, 12) * (x - 0.5)
    shade -= rng.uniform(0, 45) * ((x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.2, 0.7)) ** 2)
    if rng.random() < 0.3:
        shade -= rng.uniform(3, 30) * (y > rng.uniform(0.6, 0.95))
    small = np.clip(base + shade[..., None], 0, 255).astype(np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    grained: Array = np.clip(smooth + rng.normal(0, 1.0, smooth.shape), 0, 255).astype(np.uint8)
    return grained


def street(rng: np.random.Generator, library: Library, height: int, width: int) -> Array:
    """A piece of a photo beside its person; a scene or a studio when none is large enough."""
    natural = [p for p in (_any(rng, library) for _ in range(4)) if p is not None]
    for photo, alpha in natural:
        full_height, full_width = alpha.shape
        for _ in range(4):
            piece_height = int(full_height * rng.uniform(0.2, 0.5))
            piece_width = min(full_width - 1, int(piece_height * width / height))
            top = int(rng.integers(0, full_height - piece_height))
            left = int(rng.integers(0, full_width - piece_width))
            cut = slice(top, top + piece_height), slice(left, left + piece_width)
            if alpha[cut].max() < 128:
                resized: Array = cv2.resize(photo[cut], (width, height), interpolation=cv2.INTER_LINEAR)
                return resized
    return studio(rng, height, width)


def _any(rng: np.random.Generator, library: Library) -> tuple[Array, Array] | None:
    person = library.people[rng.integers(len(library.people))]
    return (person.photo, person.alpha) if person.natural else None


def _crop(rng: np.random.Generator, picture: Array, height: int, width: int) -> Array:
    """A random part of the picture at the asked-for aspect, sometimes out of focus as behind a portrait."""
    largest = min(picture.shape[0] / height, picture.shape[1] / width)
    scale = largest * rng.uniform(0.45, 1.0)
    h, w = int(height * scale), int(width * scale)
    top = int(rng.integers(0, picture.shape[0] - h + 1))
    left = int(rng.integers(0, picture.shape[1] - w + 1))
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    part: Array = cv2.resize(picture[top : top + h, left : left + w], (width, height), interpolation=method)
    if rng.random() < 0.3:
        part = cv2.GaussianBlur(part, (0, 0), rng.uniform(1, 5) * height / 320)
    return np.ascontiguousarray(part[:, ::-1]) if rng.random() < 0.5 else part
