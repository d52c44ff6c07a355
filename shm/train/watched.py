"""Fixed labelled photos that every report of a training run shows: what should it look like by now?"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from shm import metrics
from shm.fusion import trimap_probabilities
from shm.model import SHM, STRIDE
from shm.train.labelled import Sample, read_label, read_photo

LONG_SIDE = 512
"""Photos are looked at this small: a look must cost seconds on a CPU."""
GREEN = (0, 200, 60)
TRIMAP_COLOURS = np.array([(20, 20, 20), (230, 160, 30), (240, 240, 240)], np.float32)
"""Of background, unknown and foreground."""

Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """One photo as the network sees it, uint8 RGB or grey pictures of one size, and its figures against the
    label: IoU at alpha 0.5, mean absolute difference."""

    name: str
    photo: Array
    trimap: Array
    alpha_raw: Array
    alpha: Array
    cut_out: Array
    iou: float
    mad: float


def look_at(network: SHM, samples: list[Sample]) -> list[Look]:
    """In eval mode, whatever mode the network is in; leaves it as it was. Raises
    `shm.train.labelled.ListError`."""
    training = network.training
    network.eval()
    try:
        return [_look(network, sample) for sample in samples]
    finally:
        network.train(training)


@torch.inference_mode()
def _look(network: SHM, sample: Sample) -> Look:
    whole = read_photo(sample.photo)
    label = read_label(sample.label, whole.shape[:2])
    scale = LONG_SIDE / max(whole.shape[:2])
    height, width = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in whole.shape[:2])
    photo = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    truth = cv2.resize(label, (width, height), interpolation=cv2.INTER_AREA)
    device = next(network.parameters()).device
    picture: Tensor = torch.from_numpy(photo).permute(2, 0, 1)[None].to(device).float() / 255
    found = network(picture)
    logits = F.interpolate(found.trimap_logits.float(), (height, width), mode="bilinear")
    trimap = trimap_probabilities(logits, network.config.temperature)[0].permute(1, 2, 0).cpu().numpy()
    alpha = found.alpha[0, 0].float().cpu().numpy()
    cut_out = photo * alpha[..., None] + np.array(GREEN) * (1 - alpha[..., None])
    return Look(
        sample.name,
        photo,
        _bytes(trimap @ TRIMAP_COLOURS / 255),
        _bytes(found.alpha_raw[0, 0].float().cpu().numpy()),
        _bytes(alpha),
        _bytes(cut_out / 255),
        metrics.iou(alpha, truth),
        metrics.mad(alpha, truth),
    )


def watched_samples(data: Path, watch: dict[str, str], lists: Path) -> list[Sample]:
    """`watch` is a recipe's: `data`, a folder in the data folder; `list`, a file of ids in it or in `lists`;
    `most`, how many of them. Raises `shm.train.labelled.ListError`."""
    from shm.train.labelled import read_list

    if not watch:
        return []
    file = lists / watch["list"]
    samples = read_list(data / watch["data"], file if file.is_file() else data / watch["list"])
    return samples[: int(watch.get("most", 8))]


def _bytes(picture: NDArray[np.floating]) -> Array:
    found: Array = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return found
