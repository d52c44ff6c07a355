"""What one step of each stage computes: T-Net alone, M-Net alone, both end to end (SHM §4.5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from shm.data.stream import Details, Scenes, Trimaps
from shm.fusion import fuse, trimap_probabilities
from shm.losses import LAMBDA, band_loss, laplacian_loss, overlap_loss, prediction_losses, trimap_loss
from shm.model import SHM

AUXILIARY = 0.4
"""Weight of PSPNet's auxiliary head (Zhao et al. 2017, §4)."""

Losses = dict[str, Tensor]


def tnet_losses(model: SHM, batch: Trimaps) -> Losses:
    """Stage one: cross-entropy of the trimap, plus overlap."""
    alpha = batch.alpha.float() / 255
    logits, auxiliary = model.tnet.both(model.normalise(batch.photo.float() / 255))
    classes = batch.classes.long()
    losses = {
        "trimap": trimap_loss(logits, classes),
        "overlap": overlap_loss(logits, alpha, torch.ones_like(alpha)),
    }
    losses["total"] = losses["trimap"] + 0.5 * losses["overlap"]
    if auxiliary is not None:
        losses["auxiliary"] = trimap_loss(auxiliary, classes)
        losses["total"] = losses["total"] + AUXILIARY * losses["auxiliary"]
    return losses


def mnet_losses(model: SHM, batch: Details) -> Losses:
    """Stage two: L_p on the fused alpha from given trimaps."""
    photo = batch.photo.float() / 255
    alpha_raw = model.mnet(model.normalise(photo), batch.trimap).float()
    alpha = fuse(batch.trimap, alpha_raw)
    return _alpha_losses(alpha, alpha_raw, batch.trimap, batch.alpha, batch.foreground, batch.background)


def end_to_end_losses(model: SHM, batch: Scenes) -> Losses:
    """Stage three: T-Net sees the whole frame at its scale, M-Net a crop of it; L = L_p + λ L_t (Eq. 6)."""
    photo = batch.photo.float() / 255
    normal = model.normalise(photo)
    small = F.interpolate(normal, model.tnet_size(*photo.shape[-2:]), mode="bilinear", antialias=True)
    logits, _ = model.tnet.both(small)
    large = F.interpolate(logits, photo.shape[-2:], mode="bilinear")
    side = min(256, int(batch.crops[:, 2].min()))
    normal_crop = _crops(normal, batch.crops, side)
    trimap = trimap_probabilities(_crops(large, batch.crops, side), model.config.temperature)
    alpha_raw = model.mnet(normal_crop, trimap).float()
    alpha = fuse(trimap, alpha_raw)
    truth = [_crops(t.float(), batch.crops, side) for t in (batch.alpha, batch.foreground, batch.background)]
    losses = _alpha_losses(alpha, alpha_raw, trimap, *truth)
    losses["trimap"] = trimap_loss(logits, batch.classes.long())
    losses["total"] = losses["total"] + LAMBDA * losses["trimap"]
    return losses


def _alpha_losses(
    alpha: Tensor, alpha_raw: Tensor, trimap: Tensor, truth: Tensor, foreground: Tensor, background: Tensor
) -> Losses:
    """truth, foreground, background in 0..255."""
    truth = truth.float() / 255
    foreground, background = foreground.float() / 255, background.float() / 255
    parts = prediction_losses(alpha, truth, foreground, background, torch.ones_like(truth))
    parts["band"] = band_loss(alpha_raw, truth, (trimap[:, 1:2].detach() > 0.1).float())
    parts["laplacian"] = laplacian_loss(alpha, truth)
    parts["total"] = parts["prediction"] + 0.5 * parts["band"] + 0.2 * parts["laplacian"]
    return parts


def _crops(pictures: Tensor, crops: Tensor, side: int) -> Tensor:
    parts = [
        F.interpolate(
            p[None, :, top : top + size, left : left + size], (side, side), mode="bilinear", antialias=True
        )
        for p, (top, left, size) in zip(pictures, crops.tolist(), strict=True)
    ]
    return torch.cat(parts)


STEPS = {"tnet": tnet_losses, "mnet": mnet_losses, "end_to_end": end_to_end_losses}
