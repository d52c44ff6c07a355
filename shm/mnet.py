"""M-Net: VGG16's thirteen convolutions as encoder, unpooling decoder (SHM §4.3, Fig. 3).

Detail travels from encoder to decoder only through the four max-pools' indices; there are no skip
connections, no pool5 and no conv6. The last convolution is bare: alpha_raw is not confined to [0, 1].
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm.pretrained import start_from

ENCODER = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of 3x3 convolutions per stage (VGG16, configuration D)."""
DECODER = (512, 256, 128, 64, 64)
"""Channels of deconv5 .. deconv1, each 5x5 (SHM Fig. 3)."""


@dataclass(frozen=True)
class MNetConfig:
    """Shape of an M-Net. `width` scales every channel count; `inputs` is 6 (RGB + trimap) or 4 (RGB + U)."""

    width: float = 1.0
    inputs: int = 6


def _conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class MNet(nn.Module):
    """RGB and trimap to raw alpha."""

    def __init__(self, config: MNetConfig) -> None:
        super().__init__()
        self.config = config
        stages, inputs = [], config.inputs
        for channels, count in ENCODER:
            layers: list[nn.Module] = []
            for _ in range(count):
                outputs = round(channels * config.width)
                layers += _conv(inputs, outputs, 3)
                inputs = outputs
            stages.append(nn.Sequential(*layers))
        self.encoder = nn.ModuleList(stages)
        steps = []
        for channels in DECODER:
            outputs = round(channels * config.width)
            steps.append(nn.Sequential(*_conv(inputs, outputs, 5)))
            inputs = outputs
        self.decoder = nn.ModuleList(steps)
        self.alpha = nn.Conv2d(inputs, 1, 5, padding=2)
        self.apply(_xavier)

    def forward(self, photo: Tensor, trimap: Tensor) -> Tensor:
        """photo: float32 (N, 3, H, W) normalised; trimap: float32 (N, 3, H, W) probabilities in the
        order background, unknown, foreground. H, W multiples of 16. -> alpha_raw (N, 1, H, W)."""
        if self.config.inputs == 4:
            # DIM's form: one map, 0 background, 0.5 unknown, 1 foreground.
            trimap = trimap[:, 2:3] + 0.5 * trimap[:, 1:2]
        x = torch.cat([photo, trimap], dim=1)
        indices = []
        for stage in self.encoder[:-1]:
            x, index = F.max_pool2d(stage(x), 2, 2, return_indices=True)
            indices.append(index)
        x = self.encoder[-1](x)
        for step in self.decoder[:-1]:
            x = F.max_unpool2d(step(x), indices.pop(), [2, 2], [2, 2])
        return self.alpha(self.decoder[-1](x))  # type: ignore[no-any-return]

    def load_encoder(self, file: Path) -> None:
        """Starts the encoder from torchvision's `vgg16_bn` state dict; the trimap's input channels start at
        zero. Raises `shm.pretrained.WrongWeights`, also where this M-Net is narrower than VGG16."""
        start_from(self.encoder, _names_in_vgg16(), file, "vgg16_bn")


def _names_in_vgg16() -> dict[str, str]:
    """What the encoder's tensors are called in `vgg16_bn`, which counts convolutions, norms, activations and
    pools in one row."""
    names: dict[str, str] = {}
    row = 0
    for stage, (_, count) in enumerate(ENCODER):
        for layer in range(3 * count):
            kinds = (("weight", "bias"), ("weight", "bias", "running_mean", "running_var"), ())[layer % 3]
            names |= {f"{stage}.{layer}.{kind}": f"features.{row + layer}.{kind}" for kind in kinds}
        row += 3 * count + 1
    return names


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
