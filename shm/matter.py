"""Photos in, mattes out: sizing, padding, batching and confidence round the network.

Needs no torch until `Matter.load`. On a CPU photos go through one at a time, so that a matte's bytes
never depend on who ran beside whom (and batching would gain at most 4 % there).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.checkpoint import default_weights, load_model, weights_id
from shm.engine import Engine, choose

Pixels = NDArray[np.uint8]
Alpha = NDArray[np.float32]

STRIDE = 32
"""The network's photos have sides that are multiples of this."""
TRIMAP_STRIDE = 4
"""`Maps.trimap` has a quarter of the photo's resolution: T-Net, which made it, saw no more than that."""
LONG_SIDE = 1500
"""Longer photos are scaled down for the network and their alpha up again (SHM §5.2)."""
_BATCH_PIXELS = 12_000_000
"""On a GPU: enough to keep it busy, few enough that the starter network needs about 10 GB."""


@dataclass(frozen=True, slots=True)
class Maps:
    """What a network says of a batch: alpha float32 (N, H, W) in [0, 1]; trimap float32 (N, 3, H/4, W/4)
    class probabilities in the order background, unknown, foreground."""

    alpha: Alpha
    trimap: NDArray[np.float32]


class Network(Protocol):
    """The seam for engines: torch now, others later."""

    def infer(self, batch: Pixels) -> Maps:
        """batch: uint8 (N, H, W, 3) sRGB, H and W multiples of 32. May raise `shm.matter.OutOfMemory`."""
        ...


class OutOfMemory(RuntimeError):
    """The device has no room for this batch; a smaller one may fit."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One photo's matte. `alpha` float32 (H, W) in [0, 1] at the photo's size; `trimap` float32 (3, h, w)
    probabilities of background, unknown, foreground, coarse; `confidence` in [0, 1], see `confidence()`."""

    alpha: Alpha
    trimap: NDArray[np.float32]
    confidence: float


class Matter:
    """A network with its weights, ready for photos of any size."""

    def __init__(
        self, network: Network, *, engine: Engine, weights_id: str, long_side: int = LONG_SIDE
    ) -> None:
        self.network, self.engine, self.weights_id = network, engine, weights_id
        self._long_side = long_side

    @classmethod
    def load(cls, weights: Path | str | None = None, device: str | Engine = "auto") -> "Matter":
        """The network in the file `weights` (the shipped one where None) on `device`.

        Raises `shm.checkpoint.WeightsError` and `shm.engine.NoGpu`.
        """
        engine = device if isinstance(device, Engine) else choose(device)
        path = Path(weights) if weights is not None else default_weights()
        model = load_model(path)
        from shm.runtime import TorchNetwork  # torch is imported here at the latest

        long_side = model.config.mnet_long_side
        return cls(
            TorchNetwork(model, engine), engine=engine, weights_id=weights_id(path), long_side=long_side
        )

    def matte(self, photos: Sequence[Pixels]) -> list[Alpha]:
        """photos: uint8 (H, W, 3) sRGB, any sizes. -> float32 (H, W) in [0, 1], each at its photo's size."""
        return [prediction.alpha for prediction in self.predict(photos)]

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `matte`, with the trimap and the confidence. Raises ValueError for anything but photos."""
        for photo in photos:
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
                raise ValueError(f"a photo is uint8 (H, W, 3), not {photo.dtype} {photo.shape}")
        results: dict[int, Prediction] = {}
        frames = [to_frame(photo, self._long_side) for photo in photos]
        for group in self._groups([frame.pixels.shape for frame in frames]):
            maps = self._infer([frames[i].pixels for i in group])
            for i, (alpha, trimap) in zip(group, maps, strict=True):
                results[i] = frames[i].back(alpha, trimap, photos[i].shape[:2])
        return [results[i] for i in range(len(photos))]

    def _groups(self, shapes: list[tuple[int, ...]]) -> Iterator[list[int]]:
        """Indices of photos that go through together: alone on a CPU, by equal shape on a GPU."""
        if self.engine.device == "cpu":
            yield from ([i] for i in range(len(shapes)))
            return
        buckets = defaultdict(list)
        for i, shape in enumerate(shapes):
            buckets[shape].append(i)
        for (height, width, _), members in buckets.items():
            most = max(1, _BATCH_PIXELS // (height * width))
            yield from (members[at : at + most] for at in range(0, len(members), most))

    def _infer(self, frames: list[Pixels]) -> list[tuple[Alpha, NDArray[np.float32]]]:
        try:
            maps = self.network.infer(np.stack(frames))
        except OutOfMemory:
            if len(frames) == 1:
                raise
            half = len(frames) // 2
            return self._infer(frames[:half]) + self._infer(frames[half:])
        return list(zip(maps.alpha, maps.trimap, strict=True))


@dataclass(frozen=True, slots=True)
class Frame:
    """A photo as the network sees it: `pixels` uint8, sides multiples of 32; the photo fills its
    top-left `height` x `width`, the rest repeats the photo's edge."""

    pixels: Pixels
    height: int
    width: int

    def back(self, alpha: Alpha, trimap: NDArray[np.float32], size: tuple[int, int]) -> Prediction:
        """The network's maps of this frame as a prediction at the photo's own `size` (height, width)."""
        alpha = alpha[: self.height, : self.width]
        coarse = trimap[:, : -(-self.height // TRIMAP_STRIDE), : -(-self.width // TRIMAP_STRIDE)]
        if alpha.shape != size:
            alpha = np.asarray(cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        alpha = np.clip(alpha, 0, 1)
        return Prediction(alpha, coarse, confidence(coarse, alpha))


def to_frame(photo: Pixels, long_side: int = LONG_SIDE) -> Frame:
    """photo: uint8 (H, W, 3). Scaled down to `long_side`, then padded at the right and below."""
    height, width = photo.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        # Area averaging in uint8: no aliasing, and cheaper than any float resize.
        photo = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    below, right = -height % STRIDE, -width % STRIDE
    padded = cv2.copyMakeBorder(photo, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return Frame(np.asarray(padded, np.uint8), height, width)


def confidence(trimap: NDArray[np.float32], alpha: Alpha) -> float:
    """How far to trust a matte: 1 - (doubtful area / person's area), in [0, 1]; 0 where nobody is seen.

    trimap: float32 (3, h, w) probabilities; alpha: float32 (H, W). Doubt is where T-Net hesitates between
    person and background, `2 min(F, B)`, and where the matte itself is undecided over more than an edge's
    width: half-transparent areas that survive an erosion. Edges and hair are thin and cost nothing.
    """
    background, unknown, foreground = trimap
    size = (trimap.shape[2], trimap.shape[1])
    coarse = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    person = float(np.maximum(foreground, coarse).sum())
    if person < 1:
        return 0.0
    undecided = 1 - np.abs(2 * coarse - 1)
    wide = cv2.erode(undecided, np.ones((3, 3), np.uint8))
    # An unknown band is as wide as T-Net's trimaps are; only its inside, past that width, is doubt.
    lost = cv2.erode(unknown, np.ones((9, 9), np.uint8))
    doubt = np.maximum(np.maximum(2 * np.minimum(foreground, background), wide), lost)
    return float(np.clip(1 - doubt.sum() / person, 0, 1))
