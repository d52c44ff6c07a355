"""Batches by number: batch k is the same whoever makes it, so any number of workers gives the same run and
a resumed run goes on where it stopped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from shm.data.frames import Frame, any_frame, composite
from shm.data.sources import Library
from shm.tnet import UNKNOWN
from shm.trimap import one_hot, trimap_from_alpha

ASPECTS = ((1.0, 0.7), (1.0, 1.0), (0.7, 1.0), (1.0, 0.5))
"""Height and width in long sides: full and half length, squares, landscapes, narrow crops."""
ASPECT_SHARES = (0.55, 0.27, 0.1, 0.08)
HARD_BAND = 3
"""Half width of the unknown band round a hard mask, in pixels at 320 px: covers the labels' edge error
(2 to 4 px at 830 px) and what hair there is beyond the mask."""


class Trimaps(NamedTuple):
    """A T-Net batch. photo uint8 (N, 3, h, w); classes uint8 (N, h, w); alpha uint8 (N, 1, h, w)."""

    photo: Tensor
    classes: Tensor
    alpha: Tensor


class Details(NamedTuple):
    """An M-Net batch. All uint8: photo, foreground, background (N, 3, s, s), alpha (N, 1, s, s);
    trimap float32 (N, 3, s, s), soft-noised one-hot."""

    photo: Tensor
    foreground: Tensor
    background: Tensor
    alpha: Tensor
    trimap: Tensor


class Scenes(NamedTuple):
    """An end-to-end batch of whole frames, all uint8: photo, foreground, background (N, 3, h, w), alpha
    (N, 1, h, w); known (N, 1, h, w), 0 where the alpha is not to be trusted, else 1; classes at T-Net's scale
    (N, th, tw); crops int64 (N, 3): top, left and side of what M-Net sees."""

    photo: Tensor
    foreground: Tensor
    background: Tensor
    alpha: Tensor
    known: Tensor
    classes: Tensor
    crops: Tensor


@dataclass(frozen=True)
class Recipe:
    """What a stage draws. `long_side`: T-Net's scale; `pixels`: pixels per batch; `side`: M-Net's input;
    `crops`: the crops resized to it (SHM §5.1: 320, 480, 640 to 320); `frame`: long side of the picture that
    these are cut from; `natural`: share of the pictures that show a person where the photo was taken (never
    M-Net's alone: a coarse mask's edge teaches no detail); `square`: only square pictures, as in the paper.
    """

    stage: str
    seed: int
    long_side: int
    pixels: int
    side: int
    crops: tuple[int, ...]
    frame: int
    natural: float
    square: bool = False


Batch = Trimaps | Details | Scenes


class Batches(Dataset[Batch]):
    """`stage` is "tnet", "mnet" or "end_to_end"."""

    def __init__(self, library: Library, recipe: Recipe) -> None:
        self.library, self.recipe = library, recipe
        makers: dict[str, Callable[[np.random.Generator], Batch]] = {
            "tnet": self._trimaps,
            "mnet": self._details,
            "end_to_end": self._scenes,
        }
        self.make = makers[recipe.stage]

    def __getitem__(self, number: int) -> Batch:
        # One thread a worker: OpenCV's pool would fight the training's own threads.
        cv2.setNumThreads(0)
        return self.make(np.random.default_rng([self.recipe.seed, number]))

    def _trimaps(self, rng: np.random.Generator) -> Trimaps:
        long = self.recipe.long_side
        height, width = _frame_size(long, self._aspect(rng))
        frames = [
            any_frame(rng, self.library, height, width, self.recipe.natural)
            for _ in range(max(2, round(self.recipe.pixels / (height * width))))
        ]
        return Trimaps(
            _stack([f.photo for f in frames]),
            torch.from_numpy(np.stack([_classes(rng, f, long) for f in frames])),
            torch.from_numpy(np.stack([f.alpha for f in frames]))[:, None],
        )

    def _aspect(self, rng: np.random.Generator) -> tuple[float, float]:
        return (1.0, 1.0) if self.recipe.square else ASPECTS[rng.choice(len(ASPECTS), p=ASPECT_SHARES)]

    def _details(self, rng: np.random.Generator) -> Details:
        count = max(2, round(self.recipe.pixels / self.recipe.side**2))
        crops = [self._crop(rng) for _ in range(count)]
        photo, foreground, background = (_stack([c[k] for c in crops]) for k in range(3))
        return Details(
            photo,
            foreground,
            background,
            torch.from_numpy(np.stack([c[3] for c in crops]))[:, None],
            torch.from_numpy(np.stack([_noisy_trimap(rng, c[3]) for c in crops])),
        )

    def _crop(self, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        side, frame = self.recipe.side, self.recipe.frame
        whole = composite(rng, self.library, frame, frame)
        top, left, size = unknown_crop(rng, whole.alpha, self.recipe.crops)
        parts = (whole.photo, whole.foreground, whole.background, whole.alpha)
        return [
            cv2.resize(p[top : top + size, left : left + size], (side, side), interpolation=cv2.INTER_AREA)
            for p in parts
        ]

    def _scenes(self, rng: np.random.Generator) -> Scenes:
        long, aspect = self.recipe.long_side, self._aspect(rng)
        height, width = _frame_size(self.recipe.frame, aspect)
        small = _frame_size(long, aspect)[::-1]
        frames = [
            any_frame(rng, self.library, height, width, self.recipe.natural)
            for _ in range(max(2, round(self.recipe.pixels / self.recipe.side**2)))
        ]
        classes = [_classes(rng, _shrink(f, small), long) for f in frames]
        known = [_known(f, height / small[1]) for f in frames]
        return Scenes(
            _stack([f.photo for f in frames]),
            _stack([f.foreground for f in frames]),
            _stack([f.background for f in frames]),
            torch.from_numpy(np.stack([f.alpha for f in frames]))[:, None],
            torch.from_numpy(np.stack(known))[:, None],
            torch.from_numpy(np.stack(classes)),
            torch.tensor([unknown_crop(rng, f.alpha, self.recipe.crops) for f in frames]),
        )


def loader(batches: Batches, numbers: range, workers: int) -> DataLoader[Batch]:
    """The batches of those numbers, in order."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        # Its own generator: otherwise opening the loader draws from the one that dropout uses, and a
        # resumed run would differ from an unbroken one.
        generator=torch.Generator(),
    )


def unknown_crop(
    rng: np.random.Generator, alpha: NDArray[np.uint8], sizes: tuple[int, ...]
) -> tuple[int, int, int]:
    """A square (top, left, side) centred on a soft pixel (DIM §5) or on a hard mask's edge; anywhere if there
    is neither."""
    size = int(rng.choice(sizes))
    height, width = alpha.shape
    size = min(size, height, width)
    ys, xs = np.nonzero((alpha > 8) & (alpha < 247))
    if not len(ys):
        ys, xs = np.nonzero(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    if len(ys):
        k = rng.integers(len(ys))
        y, x = int(ys[k]), int(xs[k])
    else:
        y, x = int(rng.integers(height)), int(rng.integers(width))
    top = int(np.clip(y - size // 2, 0, height - size))
    left = int(np.clip(x - size // 2, 0, width - size))
    return top, left, size


def _classes(rng: np.random.Generator, frame: Frame, long: int) -> NDArray[np.uint8]:
    if frame.hard:
        radius = max(1, round(HARD_BAND * long / 320))
    else:
        radius = max(1, round(int(rng.integers(1, 4)) * long / 320))
    return trimap_from_alpha(frame.alpha, dilate=radius, erode=radius)


def _known(frame: Frame, scale: float) -> NDArray[np.uint8]:
    """1 where the alpha may teach detail: all of it but a hard mask's edge. `scale`: frame's pixels per pixel
    of T-Net's."""
    if not frame.hard:
        return np.ones(frame.alpha.shape, np.uint8)
    radius = max(1, round(HARD_BAND * scale))
    known: NDArray[np.uint8] = trimap_from_alpha(frame.alpha, dilate=radius, erode=radius) != UNKNOWN
    return known.astype(np.uint8)


def _shrink(frame: Frame, size: tuple[int, int]) -> Frame:
    """Its alpha alone, at T-Net's scale. `size`: width and height."""
    return replace(frame, alpha=cv2.resize(frame.alpha, size, interpolation=cv2.INTER_AREA))


def _frame_size(long: int, aspect: tuple[float, float]) -> tuple[int, int]:
    """Height and width, multiples of 16 (every backbone's stride but one divides it)."""
    height, width = (round(long * side / 16) * 16 for side in aspect)
    return height, width


def _noisy_trimap(rng: np.random.Generator, alpha: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A hard trimap with kernels drawn at random (DIM §4: crucial), softened as T-Net's softmax softens:
    without that M-Net meets maps in the end-to-end stage that it has never seen."""
    trimap = trimap_from_alpha(alpha, dilate=int(rng.integers(1, 16)), erode=int(rng.integers(1, 16)))
    maps = one_hot(trimap)
    blur = float(rng.uniform(0.0, 4.0))
    if blur > 0.8:
        maps = np.stack([cv2.GaussianBlur(m, (0, 0), blur) for m in maps])
    noise = rng.uniform(0, 0.06)
    noisy: NDArray[np.float32] = (maps * (1 - noise) + noise / 3).astype(np.float32)
    return noisy


def _stack(pictures: list[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
