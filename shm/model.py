"""SHM: T-Net, M-Net and fusion as one network (Chen et al., Semantic Human Matting, ACM MM 2018).

Two presets of one model: `paper` is the published network; `starter` has the same three parts,
small enough for a laptop's CPU, and is what the shipped weights are for.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm.fusion import fuse, trimap_probabilities
from shm.mnet import MNet, MNetConfig
from shm.tnet import TNet, TNetConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STRIDE = 32
"""Photos come in multiples of this, so that every pooling and backbone stage divides evenly."""


@dataclass(frozen=True)
class SHMConfig:
    """Everything that shapes an SHM.

    `tnet_long_side`: T-Net sees the photo with its long side at this many pixels, the scale that it was
    trained at; None means half scale, the paper's 800 px crop seen at 400 px.
    `mnet_long_side`: longer photos are scaled down to this before M-Net (SHM §5.2: 1500).
    `temperature`: see `fusion.trimap_probabilities`; 1 is the paper.
    `fusion`: without it M-Net's raw alpha is the alpha, as in the paper's ablation (Table 5).
    """

    tnet: TNetConfig = field(default_factory=TNetConfig)
    mnet: MNetConfig = field(default_factory=MNetConfig)
    tnet_long_side: int | None = None
    mnet_long_side: int = 1500
    temperature: float = 1.0
    fusion: bool = True

    @classmethod
    def preset(cls, name: str) -> "SHMConfig":
        """`paper` or `starter`. Raises KeyError with the known names otherwise."""
        if name not in PRESETS:
            raise KeyError(f"no preset named {name!r}; there are: {', '.join(PRESETS)}")
        return PRESETS[name]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SHMConfig":
        tnet: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["tnet"].items()}
        rest = {k: v for k, v in values.items() if k not in ("tnet", "mnet")}
        return cls(tnet=TNetConfig(**tnet), mnet=MNetConfig(**values["mnet"]), **rest)


PRESETS = {
    "paper": SHMConfig(),
    "starter": SHMConfig(
        tnet=TNetConfig(backbone="resnet18_wide", head=128, refine=(64, 48), auxiliary=False),
        mnet=MNetConfig(width=0.25),
        tnet_long_side=384,
        temperature=0.5,
    ),
}


class SHMOutput(NamedTuple):
    """trimap_logits (N, 3, H, W) in the order background, unknown, foreground; alpha_raw (N, 1, H, W)
    unconfined; alpha (N, 1, H, W), clamped to [0, 1] unless training."""

    trimap_logits: Tensor
    alpha_raw: Tensor
    alpha: Tensor


class SHM(nn.Module):
    """The whole network. Children `tnet` and `mnet`."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: SHMConfig) -> None:
        super().__init__()
        self.config = config
        self.tnet = TNet(config.tnet)
        self.mnet = MNet(config.mnet)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, photo: Tensor) -> SHMOutput:
        """photo: float32 (N, 3, H, W), RGB in [0, 1], H and W multiples of 32. Normalised in here."""
        normal = self.normalise(photo)
        small = F.interpolate(normal, self.tnet_size(*photo.shape[-2:]), mode="bilinear", antialias=True)
        logits = F.interpolate(self.tnet(small), photo.shape[-2:], mode="bilinear")
        trimap = trimap_probabilities(logits, self.config.temperature)
        alpha_raw = self.mnet(normal, trimap).float()
        alpha = self.fused(trimap, alpha_raw)
        return SHMOutput(logits, alpha_raw, alpha if self.training else alpha.clamp(0, 1))

    def fused(self, trimap: Tensor, alpha_raw: Tensor) -> Tensor:
        """The Fusion Module, or M-Net's word alone where the configuration has none."""
        return fuse(trimap, alpha_raw) if self.config.fusion else alpha_raw

    def normalise(self, photo: Tensor) -> Tensor:
        """RGB in [0, 1] to ImageNet's mean and deviation, as both backbones' pre-training expects."""
        return (photo - self.mean) / self.std

    def tnet_size(self, height: int, width: int) -> tuple[int, int]:
        """The size at which T-Net sees a photo of this size: multiples of its backbone's stride, aspect kept
        nearly. SHM's 800 px crops give 400 px."""
        long = max(height, width)
        scale = 0.5 if self.config.tnet_long_side is None else self.config.tnet_long_side / long
        stride = self.tnet.backbone.stride
        return _multiple(height * scale, stride), _multiple(width * scale, stride)


def _multiple(pixels: float, stride: int) -> int:
    return max(STRIDE, round(pixels / stride) * stride)
