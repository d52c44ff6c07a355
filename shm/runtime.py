"""The network in torch, made ready to serve: batch norms folded away, channels last, bf16 where it pays.

This is one way to run the network; `shm.matter.Network` is the seam that others (ONNX, OpenVINO) fill.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from shm.engine import Engine
from shm.fusion import trimap_probabilities
from shm.matter import TRIMAP_STRIDE, Maps, OutOfMemory
from shm.model import SHM


class TorchNetwork:
    """An SHM behind the `Network` seam."""

    def __init__(self, model: SHM, engine: Engine) -> None:
        """Takes `model` over: folds its batch norms in place and moves it to the engine's device."""
        self._engine = engine
        self._device = torch.device(engine.device)
        fold_batch_norms(model.eval())
        self._model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def infer(self, batch: NDArray[np.uint8]) -> Maps:
        """batch: uint8 (N, H, W, 3) sRGB, H and W multiples of 32. Raises OutOfMemory."""
        try:
            return self._infer(batch)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory(f"no room for {len(batch)} photos of {batch.shape[1:3]}") from error

    @torch.inference_mode()
    def _infer(self, batch: NDArray[np.uint8]) -> Maps:
        # (N, H, W, 3) permuted is channels-last already: no copy on the way in.
        photo = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2).float().div_(255)
        half = self._engine.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
            output = self._model(photo)
        trimap = trimap_probabilities(output.trimap_logits, self._model.config.temperature)
        return Maps(
            alpha=_array(output.alpha[:, 0]),
            trimap=_array(F.avg_pool2d(trimap, TRIMAP_STRIDE)),
        )


def fold_batch_norms(model: nn.Module) -> None:
    """Merges every batch norm into the convolution that is registered right before it, in place.

    An exact identity in eval mode up to rounding. Networks here, and torchvision's, register each batch
    norm right behind its convolution; a test compares outputs before and after for both presets.
    """
    for parent in list(model.modules()):
        for (first, conv), (second, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(conv, norm))
                setattr(parent, second, nn.Identity())


def _array(maps: Tensor) -> NDArray[np.float32]:
    return maps.float().cpu().numpy()
