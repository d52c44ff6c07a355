"""An SHM taken apart: what each of its networks says of a photo, and M-Net with a trimap from elsewhere."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.fusion import fuse, trimap_probabilities
from shm.matter import Alpha, Frame, Pixels, to_frame
from shm.model import SHM
from shm.trimap import one_hot


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one photo, at its size: `trimap` float32 (3, H, W), probabilities of background, unknown,
    foreground; `alpha_raw` M-Net's own, clamped, and `alpha` the network's answer, float32 (H, W) in [0, 1].
    """

    trimap: NDArray[np.float32]
    alpha_raw: Alpha
    alpha: Alpha


class Parts:
    """A network in float32 on `device` ("cpu" or "cuda"), photos scaled as in the paper's test (§5.2)."""

    def __init__(self, model: SHM, device: str = "cpu") -> None:
        self._model = model.float().eval().to(device)
        self._device = device

    @property
    def inputs(self) -> int:
        """Channels that M-Net takes: 6, or 4 as in Deep Image Matting."""
        return self._model.config.mnet.inputs

    @torch.inference_mode()
    def look(self, photo: Pixels) -> Seen:
        """photo: uint8 (H, W, 3) sRGB."""
        frame = self._frame(photo)
        found = self._model(self._tensor(frame.pixels))
        trimap = trimap_probabilities(found.trimap_logits, self._model.config.temperature)
        size = photo.shape[:2]
        planes = [_back(plane, frame, size) for plane in trimap[0]]
        return Seen(
            np.stack(planes), _back(found.alpha_raw[0, 0], frame, size), _back(found.alpha[0, 0], frame, size)
        )

    @torch.inference_mode()
    def fill(self, photo: Pixels, trimap: NDArray[np.uint8]) -> Alpha:
        """M-Net with a hard trimap, uint8 (H, W) of classes: alpha is the trimap's where it is sure and
        M-Net's in between, which is Eq. 4 with one-hot maps. -> float32 (H, W) in [0, 1]."""
        frame = self._frame(photo)
        height, width = frame.pixels.shape[:2]
        small = cv2.resize(trimap, (frame.width, frame.height), interpolation=cv2.INTER_NEAREST)
        below, right = height - frame.height, width - frame.width
        padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
        maps = torch.from_numpy(one_hot(np.asarray(padded, np.uint8)))[None].to(self._device)
        raw = self._model.mnet(self._model.normalise(self._tensor(frame.pixels)), maps)
        return _back(fuse(maps, raw)[0, 0], frame, photo.shape[:2])

    def _frame(self, photo: Pixels) -> Frame:
        return to_frame(photo, self._model.config.mnet_long_side)

    def _tensor(self, pixels: Pixels) -> Tensor:
        return torch.from_numpy(pixels).to(self._device).permute(2, 0, 1)[None].float() / 255


def _back(plane: Tensor, frame: Frame, size: tuple[Any, ...]) -> Alpha:
    """A map (h, w) of a frame at the photo's size, in [0, 1]."""
    found: Alpha = plane[: frame.height, : frame.width].float().cpu().numpy()
    if found.shape != size:
        found = np.asarray(cv2.resize(found, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.clip(found, 0, 1)
