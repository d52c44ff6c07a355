"""The Fusion Module: trimap probabilities and raw alpha to the final alpha (SHM §4.4)."""

import torch
from torch import Tensor


def fuse(trimap: Tensor, alpha_raw: Tensor) -> Tensor:
    """`alpha = F_s + U_s * alpha_r` (Eq. 4), an exact identity of Eq. 3 because F_s + B_s = 1 - U_s.

    trimap: (N, 3, H, W) probabilities in the order background, unknown, foreground; alpha_raw: (N, 1, H, W).
    -> (N, 1, H, W), unconfined: clamping here would stop the gradients of raw values outside [0, 1].
    """
    return trimap[:, 2:3] + trimap[:, 1:2] * alpha_raw


def trimap_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Eq. 2's softmax over the three classes. (N, 3, H, W) -> (N, 3, H, W).

    A temperature below one hardens the trimap towards the one-hot maps of M-Net's pre-training.
    """
    return torch.softmax(logits.float() / temperature, dim=1)
