"""Who trains together: one process, or several that deal a step's batches among them.

A step takes `accumulate` batches by number, whoever makes them: member r of n takes every n-th, and the mean
of the members' gradients is the gradient that one process gets from all of them. So the number of processes
changes how long a run takes, not what it learns, and a run may go on with another number than it began with.
(Batch norms that learn are the exception: the first member's statistics are kept. Recipes that retrain freeze
them.)
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """Member `rank` of `size`. `device` is what its collectives work on: "cuda" for NCCL, "cpu" for gloo."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every gradient becomes its mean over the members."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        # One message instead of hundreds: the time of small ones is all latency.
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()

    def mean(self, values: dict[str, Tensor]) -> dict[str, float]:
        """The mean of each over the members, who all have the same names."""
        if self.size > 1:
            together = torch.stack([value.float() for value in values.values()])
            dist.all_reduce(together)
            values = dict(zip(values, together / self.size, strict=True))
        return {name: float(value) for name, value in values.items()}

    def share(self, module: nn.Module) -> None:
        """Every member gets the first one's weights and statistics."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def first(self, value: float) -> float:
        """What the first member says: clocks differ, decisions must not."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(told, src=0)
        return float(told)


ALONE = Team()
