"""What one batch of each stage computes: T-Net alone, M-Net alone, both end to end (SHM §4.5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from shm.data.stream import Details, Scenes, Trimaps
from shm.fusion import trimap_probabilities
from shm.losses import shm_loss, tnet_loss
from shm.model import SHM
from shm.train.recipe import Stage

Losses = dict[str, Tensor]
UNSURE = 0.1
"""Where T-Net gives the unknown class more than this, M-Net has a say, and is taught to use it."""


def tnet_losses(model: SHM, batch: Trimaps, stage: Stage) -> Losses:
    """Stage one: L_t."""
    logits, auxiliary = model.tnet.both(model.normalise(batch.photo.float() / 255))
    return tnet_loss(
        logits, batch.classes.long(), batch.alpha.float() / 255, auxiliary=auxiliary, weights=stage.losses
    )


def mnet_losses(model: SHM, batch: Details, stage: Stage) -> Losses:
    """Stage two: L_p on the fused alpha from given trimaps."""
    alpha_raw = model.mnet(model.normalise(batch.photo.float() / 255), batch.trimap).float()
    return shm_loss(
        model.fused(batch.trimap, alpha_raw),
        *(t.float() / 255 for t in (batch.alpha, batch.foreground, batch.background)),
        alpha_raw=alpha_raw,
        unknown=_unsure(batch.trimap),
        weights=stage.losses,
    )


def end_to_end_losses(model: SHM, batch: Scenes, stage: Stage) -> Losses:
    """Stage three: T-Net sees the whole frame at its scale, M-Net a crop of it; L = L_p + λ L_t (Eq. 6)."""
    normal = model.normalise(batch.photo.float() / 255)
    small = F.interpolate(normal, batch.classes.shape[-2:], mode="bilinear", antialias=True)
    logits, _ = model.tnet.both(small)
    large = F.interpolate(logits, normal.shape[-2:], mode="bilinear")
    trimap = trimap_probabilities(_crops(large, batch.crops, stage.side), model.config.temperature)
    alpha_raw = model.mnet(_crops(normal, batch.crops, stage.side), trimap).float()
    truth, foreground, background = (
        _crops(t.float() / 255, batch.crops, stage.side)
        for t in (batch.alpha, batch.foreground, batch.background)
    )
    # A crop's resizing blurs the border of what is known: what it touches is not known either.
    known = (_crops(batch.known.float(), batch.crops, stage.side) > 0.99).float()
    return shm_loss(
        model.fused(trimap, alpha_raw),
        truth,
        foreground,
        background,
        alpha_raw=alpha_raw,
        unknown=_unsure(trimap),
        known=known,
        logits=logits,
        classes=batch.classes.long(),
        weights=stage.losses,
    )


def _unsure(trimap: Tensor) -> Tensor:
    return (trimap[:, 1:2].detach() > UNSURE).float()


def _crops(pictures: Tensor, crops: Tensor, side: int) -> Tensor:
    parts = [
        F.interpolate(
            p[None, :, top : top + size, left : left + size], (side, side), mode="bilinear", antialias=True
        )
        for p, (top, left, size) in zip(pictures, crops.tolist(), strict=True)
    ]
    return torch.cat(parts)


STEPS = {"tnet": tnet_losses, "mnet": mnet_losses, "end_to_end": end_to_end_losses}
