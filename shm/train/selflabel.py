"""Self-training: masks for unlabelled photos, kept only where the network agrees with itself.

A network that is sure and wrong teaches itself its errors, so a photo counts only if T-Net says the same of
it and of its mirror image, and M-Net too, once that has been trained. The looks are at the scale that the
network was trained at: a T-Net trained at 224 px agreed with its own look at 320 px on 3 of 56 half-length
photos, with its mirror look on 37.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from shm.data.sources import read_rgb, source_files
from shm.fusion import trimap_probabilities
from shm.model import SHM

AGREEMENT = 0.93
"""Least IoU between the looks. At 0.93 the masks that pass are right but for their edges (looked at)."""
MATTE_SIDE = 832
"""Long side at which M-Net looks: that of the frames it was trained on."""
LEAST, MOST = 0.03, 0.85
"""Share of the photo that a plausible person covers."""


def write_labels(
    model: SHM,
    data: Path,
    sources: Mapping[str, Mapping[str, Any]],
    *,
    lists: Path,
    labels: Path,
    long_side: int,
    both: bool,
) -> None:
    """Writes a mask PNG per agreed photo to `labels`/<source>/; prints how many passed. `long_side` is the
    scale that T-Net was trained at; `both`: M-Net is trained too and has to agree with it."""
    model.eval()
    for name, source in sources.items():
        if source["kind"] != "unlabelled":
            continue
        folder = labels / name
        folder.mkdir(parents=True, exist_ok=True)
        kept = tried = 0
        for file in source_files(data, source, lists):
            tried += 1
            mask = agreed_mask(model, read_rgb(file), long_side, both=both)
            if mask is not None:
                kept += 1
                cv2.imwrite(str(folder / f"{file.stem}.png"), mask)
        print(f"self-labels {name}: {kept} of {tried} photos agreed", flush=True)


@torch.inference_mode()
def agreed_mask(
    model: SHM, photo: NDArray[np.uint8], long_side: int, *, both: bool
) -> NDArray[np.uint8] | None:
    """uint8 (H, W, 3) RGB -> mask uint8 (H, W), 0 or 255, of T-Net's two looks; None where these disagree or,
    with `both`, where the alpha that M-Net makes of them says something else."""
    height, width = photo.shape[:2]
    looks = [_look(model, photo, long_side, mirror) for mirror in (False, True)]
    masks = [look > 0.5 for look in looks]
    if both:
        masks.append(_matte(model, photo, looks[0].shape) > 0.5)
    both, any_ = np.logical_and.reduce(masks).sum(), np.logical_or.reduce(masks).sum()
    share = masks[0].mean()
    if any_ == 0 or both / any_ < AGREEMENT or not LEAST < share < MOST:
        return None
    mean = cv2.resize(np.mean(looks, axis=0), (width, height), interpolation=cv2.INTER_LINEAR)
    mask: NDArray[np.uint8] = (mean > 0.5).astype(np.uint8) * 255
    return mask


def _look(model: SHM, photo: NDArray[np.uint8], long: int, mirror: bool) -> NDArray[np.float32]:
    """F + U / 2 at 320 px, from one look at the photo."""
    picture = _picture(photo, long)
    picture = picture.flip(-1) if mirror else picture
    with torch.autocast(picture.device.type, torch.bfloat16):
        logits = model.tnet(model.normalise(picture))
    logits = logits.flip(-1) if mirror else logits
    full = [max(32, round(side * 320 / max(photo.shape[:2]))) for side in photo.shape[:2]]
    probabilities = trimap_probabilities(F.interpolate(logits, full, mode="bilinear"))[0].numpy()
    person: NDArray[np.float32] = probabilities[2] + 0.5 * probabilities[1]
    return person


def _matte(model: SHM, photo: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.float32]:
    """The whole network's alpha, at `size` (height, width)."""
    picture = _picture(photo, min(MATTE_SIDE, max(photo.shape[:2])))
    with torch.autocast(picture.device.type, torch.bfloat16):
        alpha = model(picture).alpha.float()
    shrunk: NDArray[np.float32] = F.interpolate(alpha, size, mode="bilinear", antialias=True)[0, 0].numpy()
    return shrunk


def _picture(photo: NDArray[np.uint8], long: int) -> Tensor:
    """float32 (1, 3, h, w) in [0, 1]: sides that are multiples of 32, the longer one about `long`."""
    scale = long / max(photo.shape[:2])
    height, width = (max(32, round(side * scale / 32) * 32) for side in photo.shape[:2])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
