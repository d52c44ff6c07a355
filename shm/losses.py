"""The losses of SHM (Chen et al. 2018, §4.4, Eq. 5 and 6), as free functions that return named parts.

All are means, so that no weight depends on the size of a crop. The paper sums L_p over the image and L_t
over pixels without saying how the two are scaled to each other.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

GAMMA = 0.5
"""Share of the alpha loss in L_p (Eq. 5)."""
LAMBDA = 0.01
"""Weight of L_t in L (Eq. 6)."""


def trimap_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """L_t: cross-entropy. logits (N, 3, H, W); classes int64 (N, H, W), 255 where nothing is known."""
    return F.cross_entropy(logits.float(), classes, ignore_index=255)


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
    alpha: Tensor, true_alpha: Tensor, foreground: Tensor, background: Tensor, weight: Tensor
) -> dict[str, Tensor]:
    """L_p's parts over the entire image (Eq. 5): alpha_p against alpha_g, and the picture composited with
    alpha_p from the true foreground and background against the one with alpha_g.

    alpha, true_alpha, weight: (N, 1, H, W); foreground, background: (N, 3, H, W) in [0, 1]. `weight` is 0
    where the label is not to be trusted (a hard mask's edge). -> {"alpha", "composition", "prediction"}.
    """
    scale = weight.mean().clamp_min(1e-6)
    difference = (alpha - true_alpha) * weight
    alpha_part = difference.abs().mean() / scale
    # c_p - c_g = (alpha_p - alpha_g)(F - B), whatever the alphas are.
    composition = (difference * (foreground - background)).abs().mean() / scale
    return {
        "alpha": alpha_part,
        "composition": composition,
        "prediction": GAMMA * alpha_part + (1 - GAMMA) * composition,
    }


def band_loss(alpha: Tensor, true_alpha: Tensor, unknown: Tensor) -> Tensor:
    """Mean absolute error of alpha inside the unknown region only (DIM's weighting); not in the paper's L_p.
    All (N, 1, H, W)."""
    return ((alpha - true_alpha).abs() * unknown).sum() / unknown.sum().clamp_min(1.0)


def laplacian_loss(alpha: Tensor, true_alpha: Tensor, levels: int = 4) -> Tensor:
    """L1 between Laplacian pyramids, each level weighted by 2^level (Forte & Pitié, F, B, Alpha Matting,
    2020, §3.2); not in the paper's L_p. Both (N, 1, H, W), H and W multiples of 2^levels."""
    total = alpha.new_zeros(())
    difference = alpha - true_alpha
    for level in range(levels):
        smaller = F.avg_pool2d(difference, 2)
        detail = difference - F.interpolate(smaller, scale_factor=2, mode="bilinear")
        total = total + 2**level * detail.abs().mean()
        difference = smaller
    return total
