"""The losses of SHM (Chen et al. 2018, §4.4, Eq. 5 and 6), as free functions of tensors.

`shm_loss` and `tnet_loss` are what the stages minimise: they return every part by name, and "total". Parts
are means, so that no weight depends on the size of a crop: the paper sums L_p over the image and L_t over
pixels without saying how the two are scaled to each other. What a recipe may change is in `LossWeights`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GAMMA = 0.5
"""Share of the alpha loss in L_p (Eq. 5)."""
LAMBDA = 0.01
"""Weight of L_t in L (Eq. 6)."""
AUXILIARY = 0.4
"""Weight of PSPNet's auxiliary head (Zhao et al. 2017, §4)."""
CHARBONNIER = 1e-6
"""DIM's epsilon (Xu et al. 2017). It stands squared under the root: unsquared it would add a thousandth to
every pixel, a quarter of the error that SHM ends with."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of a stage's terms; as they stand, the paper's loss and nothing else.

    `gamma`, `trimap`: Eq. 5 and 6; `epsilon`: Charbonnier instead of plain L1 in both parts of L_p
    (`CHARBONNIER` is DIM's), 0 for L1. `laplacian`, `band`: weights of those terms beside L_p. `overlap`:
    weight of soft Dice beside T-Net's cross-entropy in its own stage. `auxiliary`: of T-Net's training head.
    """

    gamma: float = GAMMA
    trimap: float = LAMBDA
    epsilon: float = 0.0
    laplacian: float = 0.0
    band: float = 0.0
    overlap: float = 0.0
    auxiliary: float = AUXILIARY


PAPER = LossWeights()


def tnet_loss(
    logits: Tensor,
    classes: Tensor,
    alpha: Tensor,
    *,
    auxiliary: Tensor | None = None,
    weights: LossWeights = PAPER,
) -> dict[str, Tensor]:
    """T-Net's own stage: L_t, and what `weights` add to it.

    logits, auxiliary: (N, 3, H, W), the second from PSPNet's training head; classes: int64 (N, H, W), 255
    where nothing is known; alpha: (N, 1, H, W) in [0, 1]. -> "trimap", "total", and "overlap" and "auxiliary"
    where they count.
    """
    parts = {"trimap": trimap_loss(logits, classes)}
    total = parts["trimap"]
    if weights.overlap:
        parts["overlap"] = overlap_loss(logits, alpha, (classes != 255)[:, None].float())
        total = total + weights.overlap * parts["overlap"]
    if auxiliary is not None:
        parts["auxiliary"] = trimap_loss(auxiliary, classes)
        total = total + weights.auxiliary * parts["auxiliary"]
    return {**parts, "total": total}


def shm_loss(
    alpha: Tensor,
    true_alpha: Tensor,
    foreground: Tensor,
    background: Tensor,
    *,
    alpha_raw: Tensor,
    unknown: Tensor,
    known: Tensor | None = None,
    logits: Tensor | None = None,
    classes: Tensor | None = None,
    weights: LossWeights = PAPER,
) -> dict[str, Tensor]:
    """L = L_p + lambda L_t (Eq. 6), and what `weights` add to it. Without `logits` and `classes` it is L_p
    alone, which M-Net is pre-trained with.

    alpha (fused, not clamped), true_alpha, alpha_raw: (N, 1, H, W); foreground, background: (N, 3, H, W),
    the true colours in [0, 1]; unknown: (N, 1, H, W), 1 where the trimap given to M-Net is unknown, else 0;
    known: (N, 1, H, W), 0 where the true alpha is not to be trusted, everywhere 1 if None; logits:
    (N, 3, h, w) and classes: int64 (N, h, w), at T-Net's own size. -> "alpha", "composition", "prediction"
    (L_p), "total", and "trimap", "laplacian" and "band" where they count.
    """
    known = torch.ones_like(true_alpha) if known is None else known
    parts = prediction_losses(
        alpha, true_alpha, foreground, background, known, gamma=weights.gamma, epsilon=weights.epsilon
    )
    total = parts["prediction"]
    if logits is not None and classes is not None:
        parts["trimap"] = trimap_loss(logits, classes)
        total = total + weights.trimap * parts["trimap"]
    if weights.laplacian:
        parts["laplacian"] = laplacian_loss(alpha * known, true_alpha * known)
        total = total + weights.laplacian * parts["laplacian"]
    if weights.band:
        # On the raw alpha: where T-Net is wrongly sure, the fused one gives M-Net no gradient at all.
        parts["band"] = band_loss(alpha_raw, true_alpha, unknown * known)
        total = total + weights.band * parts["band"]
    return {**parts, "total": total}


def trimap_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """L_t: cross-entropy, a mean over the pixels of which something is known.

    logits: (N, 3, H, W); classes: int64 (N, H, W), 255 where nothing is known. Where that is everywhere, 0.
    """
    # A mean over no pixels is NaN, and one NaN would be in every weight after the next step.
    count = (classes != 255).sum().clamp_min(1)
    return F.cross_entropy(logits.float(), classes, ignore_index=255, reduction="sum") / count


def overlap_loss(logits: Tensor, alpha: Tensor, known: Tensor) -> Tensor:
    """Soft Dice between F + U / 2 and alpha; not in the paper.

    Cross-entropy alone is content with a thin limb lost; this is not. (N, 3, H, W), (N, 1, H, W) twice.
    """
    p = torch.softmax(logits.float(), dim=1)
    person = (p[:, 2:3] + 0.5 * p[:, 1:2]) * known
    target = alpha * known
    both = (person * target).sum((1, 2, 3))
    # The constant keeps photos with nobody in them from dividing by almost nothing.
    return (1 - (2 * both + 50) / (person.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 50)).mean()


def prediction_losses(
    alpha: Tensor,
    true_alpha: Tensor,
    foreground: Tensor,
    background: Tensor,
    weight: Tensor,
    *,
    gamma: float = GAMMA,
    epsilon: float = 0.0,
) -> dict[str, Tensor]:
    """L_p's parts over the entire image (Eq. 5): alpha_p against alpha_g, and the picture composited with
    alpha_p from the true foreground and background against the one with alpha_g.

    alpha, true_alpha, weight: (N, 1, H, W); foreground, background: (N, 3, H, W) in [0, 1]. `weight` is 0
    where the label is not to be trusted (a hard mask's edge). `epsilon` over 0 takes DIM's
    sqrt(d^2 + epsilon^2) for |d|. -> {"alpha", "composition", "prediction", "total"}, the last two the same.
    """
    scale = weight.mean().clamp_min(1e-6)
    # In 32 bits: an epsilon of 1e-6 squared is zero in half precision.
    difference = alpha.float() - true_alpha.float()
    alpha_part = (_distance(difference, epsilon) * weight).mean() / scale
    # c_p - c_g = (alpha_p - alpha_g)(F - B), whatever the alphas are.
    colour = difference * (foreground.float() - background.float())
    composition = (_distance(colour, epsilon) * weight).mean() / scale
    prediction = gamma * alpha_part + (1 - gamma) * composition
    return {"alpha": alpha_part, "composition": composition, "prediction": prediction, "total": prediction}


def band_loss(alpha: Tensor, true_alpha: Tensor, unknown: Tensor) -> Tensor:
    """Mean absolute error of alpha inside the unknown region only (DIM's weighting); not in the paper's L_p.
    All (N, 1, H, W). 0 where nothing is unknown."""
    return ((alpha - true_alpha).abs() * unknown).sum() / unknown.sum().clamp_min(1.0)


def laplacian_loss(alpha: Tensor, true_alpha: Tensor, levels: int = 4) -> Tensor:
    """L1 between Laplacian pyramids, each level weighted by 2^level (as Forte & Pitié 2020, F, B, Alpha
    Matting, do, here with 2x2 means for Gaussians); not in the paper's L_p. The lowest level, which L_p sees
    already, is left out. Both (N, 1, H, W), H and W multiples of 2^levels."""
    total = alpha.new_zeros(())
    difference = alpha - true_alpha
    for level in range(levels):
        smaller = F.avg_pool2d(difference, 2)
        detail = difference - F.interpolate(smaller, scale_factor=2, mode="bilinear")
        total = total + 2**level * detail.abs().mean()
        difference = smaller
    return total


def _distance(difference: Tensor, epsilon: float) -> Tensor:
    return (difference**2 + epsilon**2).sqrt() if epsilon else difference.abs()
