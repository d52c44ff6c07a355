"""An SHM written in operations that ONNX has, for any size of photo. Same weights, same results.

Three things in the network have no ONNX counterpart for sizes that are not fixed:

- antialiased resizing to a size that depends on the photo's, and adaptive pooling: both are linear along each
  side, hence two products with matrices that the graph makes from the sizes;
- unpooling by indices. ONNX counts a max-pool's indices over the whole tensor, torch per plane, and few
  runtimes know MaxUnpool. Here each 2x2 window is laid out as four planes, its greatest is found with
  ArgMax (the first of equals, as torch takes it: after a ReLU most windows are all zero), and unpooling
  writes a value to that one of the four.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.onnx.operators import shape_as_tensor

from shm.fusion import trimap_probabilities
from shm.mnet import MNet
from shm.model import SHM, STRIDE
from shm.tnet import PyramidPooling


class Exportable(nn.Module):
    """A copy of an SHM to trace. float32 on the CPU, in eval mode."""

    def __init__(self, model: SHM) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).float().cpu().eval()
        self.mnet = _MNet(self.model.mnet)
        for parent in list(self.model.tnet.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, PyramidPooling):
                    setattr(parent, name, _Pyramid(child))

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """photo: float32 (N, 3, H, W), RGB in [0, 1], H and W multiples of 32. -> alpha (N, 1, H, W) in
        [0, 1]; trimap (N, 3, H, W), probabilities of background, unknown, foreground."""
        config = self.model.config
        normal = self.model.normalise(photo)
        sides = shape_as_tensor(photo)[-2:]
        seen = tnet_sides(sides, config.tnet_long_side, self.model.tnet.backbone.stride)
        rows, columns = _resizing(sides[0], seen[0]), _resizing(sides[1], seen[1])
        logits = self.model.tnet(rows @ normal @ columns.T)
        logits = F.interpolate(logits, photo.shape[-2:], mode="bilinear")
        trimap = trimap_probabilities(logits, config.temperature)
        return self.model.fused(trimap, self.mnet(normal, trimap)).clamp(0, 1), trimap


def tnet_sides(sides: Tensor, long_side: int | None, stride: int) -> Tensor:
    """`SHM.tnet_size` as tensors. sides: int64 (2,), height and width. -> int64 (2,)."""
    # In doubles and in the same order, so that every size rounds as it does there.
    exact = sides.double()
    scale = 0.5 if long_side is None else long_side / exact.max()
    return (torch.round(exact * scale / stride) * stride).clamp(min=STRIDE).long()


def _resizing(source: Tensor, target: Tensor) -> Tensor:
    """float32 (target, source): antialiased bilinear resizing of one side, each row a triangle as wide as one
    target pixel (at least one source pixel) over the source, summing to 1 also where an edge cuts it."""
    step = source.double() / target.double()
    centres = (_count(target).double() + 0.5) * step
    places = _count(source).double() + 0.5
    weights = (1 - (places[None] - centres[:, None]).abs() / step.clamp(min=1)).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def _pooling(source: Tensor, bins: int) -> Tensor:
    """float32 (bins, source): adaptive average pooling of one side. Bin i spans floor(i n / bins) to
    ceil((i + 1) n / bins); neighbours overlap where n is not a multiple of bins."""
    bin_, place = torch.arange(bins)[:, None], _count(source)[None]
    start = torch.div(bin_ * source, bins, rounding_mode="trunc")
    end = torch.div((bin_ + 1) * source + bins - 1, bins, rounding_mode="trunc")
    inside = ((place >= start) & (place < end)).float()
    return inside / (end - start).float()


def _count(numbers: Tensor) -> Tensor:
    """int64 (numbers,): 0, 1, 2 … A tensor as the end keeps it open in the graph."""
    return torch.arange(numbers)  # type: ignore[call-overload,no-any-return]


class _Pyramid(nn.Module):
    """`PyramidPooling` with pooling as products."""

    def __init__(self, pyramid: PyramidPooling) -> None:
        super().__init__()
        self.bins, self.reduce = pyramid.bins, pyramid.reduce

    def forward(self, x: Tensor) -> Tensor:
        sides = shape_as_tensor(x)[-2:]
        parts = [x]
        for bins, reduce in zip(self.bins, self.reduce, strict=True):
            grid = reduce(_pooling(sides[0], bins) @ x @ _pooling(sides[1], bins).T)
            parts.append(F.interpolate(grid, x.shape[-2:], mode="bilinear"))
        return torch.cat(parts, dim=1)


class _MNet(nn.Module):
    """`MNet` with pooling and unpooling by windows laid out as channels."""

    def __init__(self, mnet: MNet) -> None:
        super().__init__()
        self.inputs = mnet.config.inputs
        self.encoder, self.decoder, self.alpha = mnet.encoder, mnet.decoder, mnet.alpha

    def forward(self, photo: Tensor, trimap: Tensor) -> Tensor:
        if self.inputs == 4:
            trimap = trimap[:, 2:3] + 0.5 * trimap[:, 1:2]
        x = torch.cat([photo, trimap], dim=1)
        places = []
        for stage in self.encoder[:-1]:
            windows = _windows(stage(x))
            places.append(windows.argmax(dim=2, keepdim=True))
            x = windows.amax(dim=2)
        x = self.encoder[-1](x)
        for step in self.decoder[:-1]:
            x = _unpool(step(x), places.pop())
        return self.alpha(self.decoder[-1](x))  # type: ignore[no-any-return]


def _windows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 4, H/2, W/2): each 2x2 window's pixels, row by row."""
    # Not F.pixel_unshuffle: traced, it would write this very photo's sides into the graph.
    return torch.stack([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=2)


def _unpool(x: Tensor, places: Tensor) -> Tensor:
    """x (N, C, h, w), places (N, C, 1, h, w) in 0..3 -> (N, C, 2h, 2w), zero but where `places` says."""
    corners = torch.arange(4).view(1, 1, 4, 1, 1)
    return F.pixel_shuffle((x[:, :, None] * (places == corners)).flatten(1, 2), 2)
