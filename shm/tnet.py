"""T-Net: a pyramid-scene-parsing network that predicts a trimap (SHM §4.2; PSPNet, Zhao et al. 2017).

Three classes per pixel, in this order everywhere in the project: background, unknown, foreground.
`refine` is empty in the paper's network. The starter network, which works at a low resolution, adds
lateral connections that bring the logits from stride 16 to stride 4, so that thin limbs survive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, resnet18, resnet50

from shm.pretrained import start_backbone

BACKGROUND, UNKNOWN, FOREGROUND = 0, 1, 2


@dataclass(frozen=True)
class TNetConfig:
    """Shape of a T-Net. `backbone` names an entry of `BACKBONES`.

    `bins` are the pyramid's grid sizes, `head` the channels after it, `refine` the channels of the
    lateral connections at stride 8 and 4 (none in the paper), `auxiliary` adds PSPNet's training head.
    """

    backbone: str = "resnet50"
    bins: tuple[int, ...] = (1, 2, 3, 6)
    head: int = 512
    refine: tuple[int, ...] = ()
    auxiliary: bool = True


class Features(nn.Module):
    """A torchvision backbone without its classifier, giving features at strides 4, 8 and its last."""

    def __init__(self, blocks: list[nn.Module], channels: tuple[int, int, int, int], stride: int) -> None:
        super().__init__()
        self.at4, self.at8, self.middle, self.deep = blocks
        self.channels = channels
        self.stride = stride

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        at4 = self.at4(x)
        at8 = self.at8(at4)
        middle = self.middle(at8)
        return at4, at8, middle, self.deep(middle)


class DilatedBlock(nn.Module):
    """A residual block of two dilated 3x3 convolutions (He et al. 2016; dilation: Yu and Koltun 2016).
    It starts as the identity, so it can be put into a trained network without harm."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(channels, channels, 3, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.second(self.first(x))))


def _resnet50_dilated() -> Features:
    # Output stride 8: the last two stages trade their stride for dilation (PSPNet §4).
    net = resnet50(weights=None, replace_stride_with_dilation=[False, True, True])
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return Features([stem, net.layer2, net.layer3, net.layer4], (256, 512, 1024, 2048), 8)


def _resnet18_short() -> Features:
    # Without layer4, which holds three quarters of the weights and would not fit the shipped file.
    net = resnet18(weights=None)
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return Features([stem, net.layer2, net.layer3, nn.Identity()], (64, 128, 256, 256), 16)


def _resnet18_wide() -> Features:
    # layer3 alone sees 99 px of a 384 px photo, less than a pair of legs: dilated blocks see all of it.
    features = _resnet18_short()
    features.deep = nn.Sequential(DilatedBlock(256, 2), DilatedBlock(256, 4))
    return features


def _mobilenet_v3() -> Features:
    parts = mobilenet_v3_large(weights=None).features
    blocks = [parts[:4], parts[4:7], parts[7:13], parts[13:16]]
    return Features(list(blocks), (24, 40, 112, 160), 32)


BACKBONES: dict[str, Callable[[], Features]] = {
    "resnet50": _resnet50_dilated,
    "resnet18_short": _resnet18_short,
    "resnet18_wide": _resnet18_wide,
    "mobilenet_v3_large": _mobilenet_v3,
}


def conv_bn_relu(inputs: int, outputs: int, kernel: int, *, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PyramidPooling(nn.Module):
    """Context at several grid sizes, concatenated to the features (PSPNet Fig. 3)."""

    def __init__(self, channels: int, bins: tuple[int, ...]) -> None:
        super().__init__()
        each = channels // len(bins)
        self.bins = bins
        self.reduce = nn.ModuleList(conv_bn_relu(channels, each, 1) for _ in bins)
        self.channels = channels + each * len(bins)

    def forward(self, x: Tensor) -> Tensor:
        grids = [
            F.interpolate(reduce(F.adaptive_avg_pool2d(x, bins)), x.shape[-2:], mode="bilinear")
            for bins, reduce in zip(self.bins, self.reduce, strict=True)
        ]
        return torch.cat([x, *grids], dim=1)


class Refine(nn.Module):
    """One lateral step: twice the resolution, guided by the backbone's earlier features."""

    def __init__(self, inputs: int, lateral: int, outputs: int) -> None:
        super().__init__()
        self.lateral = conv_bn_relu(lateral, outputs, 1)
        self.fuse = conv_bn_relu(inputs + outputs, outputs, 3)

    def forward(self, x: Tensor, earlier: Tensor) -> Tensor:
        larger = F.interpolate(x, earlier.shape[-2:], mode="bilinear")
        return self.fuse(torch.cat([larger, self.lateral(earlier)], dim=1))  # type: ignore[no-any-return]


class TNet(nn.Module):
    """Photo to trimap logits."""

    def __init__(self, config: TNetConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = BACKBONES[config.backbone]()
        at4, at8, middle, deep = self.backbone.channels
        self.pyramid = PyramidPooling(deep, config.bins)
        self.head = nn.Sequential(conv_bn_relu(self.pyramid.channels, config.head, 3), nn.Dropout2d(0.1))
        inputs, steps = config.head, []
        for lateral, outputs in zip((at8, at4), config.refine, strict=False):
            steps.append(Refine(inputs, lateral, outputs))
            inputs = outputs
        self.refine = nn.ModuleList(steps)
        self.classify = nn.Conv2d(inputs, 3, 1)
        self.auxiliary = (
            nn.Sequential(conv_bn_relu(middle, config.head // 2, 3), nn.Conv2d(config.head // 2, 3, 1))
            if config.auxiliary
            else None
        )

    def forward(self, photo: Tensor) -> Tensor:
        """photo: float32 (N, 3, h, w), normalised by ImageNet's figures. -> logits (N, 3, h, w)."""
        return self.both(photo)[0]

    def both(self, photo: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits and, while training with an auxiliary head, that head's logits; both (N, 3, h, w)."""
        at4, at8, middle, deep = self.backbone(photo)
        x = self.head(self.pyramid(deep))
        for step, earlier in zip(self.refine, (at8, at4), strict=False):
            x = step(x, earlier)
        logits = _enlarge(self.classify(x), photo)
        if self.auxiliary is None or not self.training:
            return logits, None
        return logits, _enlarge(self.auxiliary(middle), photo)

    def load_backbone(self, file: Path) -> None:
        """Starts the backbone from its torchvision classifier's state dict. Raises
        `shm.pretrained.WrongWeights`."""
        start_backbone(self.backbone, self.config.backbone, file)


def _enlarge(logits: Tensor, photo: Tensor) -> Tensor:
    # Logits, not probabilities, are interpolated: softmax after it keeps them summing to one.
    return F.interpolate(logits.float(), photo.shape[-2:], mode="bilinear")
