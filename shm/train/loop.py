"""The one training loop: forward, loss, backward, clip, step, average, log.

A stage stops on time with its schedule finished, and goes on after a kill from its last checkpoint.
"""

import copy
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shm.data.sources import Library
from shm.data.stream import Batches, Recipe, loader
from shm.model import SHM
from shm.train.stages import STEPS


@dataclass(frozen=True)
class Stage:
    """One entry of a recipe's `stages`. Ends after `steps` or, where given, `minutes`, whichever comes first.
    The learning rate's cosine runs over the same span, so a stage cut short by time has still decayed;
    only a stage without `minutes` is the same run twice.

    `floor`: the rate that the cosine ends at, as a share of `rate`. `frozen_norm`: batch norms keep their
    statistics (end to end, where batches are small). `self_label`: before it starts, the network so far
    writes masks for the unlabelled photos on which it agrees with itself. `tnet_share`: T-Net's part of the
    rate end to end, where only composites are seen and would pull it away from photographs.
    """

    name: str
    train: str
    steps: int
    rate: float
    pixels: int
    minutes: float | None = None
    long_side: int = 320
    side: int = 256
    crops: tuple[int, ...] = (256, 384, 512)
    frame: int = 512
    natural: float = 0.42
    floor: float = 0.0
    decay: float = 0.02
    frozen_norm: bool = False
    self_label: bool = False
    tnet_share: float = 1.0


WARM_UP = 0.03
"""Share of a stage in which the learning rate rises."""
AVERAGE = 0.998
"""Decay of the weights' moving average, which is what is judged and exported."""
CLIP = 1.0
SAVE_EVERY = 120.0
"""Seconds between checkpoints: what a kill can cost."""


def run_stage(
    model: SHM, average: SHM, library: Library, stage: Stage, *, seed: int, folder: Path, workers: int
) -> None:
    """Trains `model` in place and keeps `average` beside it; resumes from `folder` if it holds a checkpoint
    of this stage."""
    part: nn.Module = {"tnet": model.tnet, "mnet": model.mnet}.get(stage.train, model)
    optimiser = torch.optim.AdamW(_groups(part, stage), lr=stage.rate)
    file = folder / f"{stage.name}.pt"
    step, elapsed = _resume(file, model, average, optimiser)
    recipe = Recipe(
        stage.train,
        seed,
        stage.long_side,
        stage.pixels,
        stage.side,
        tuple(stage.crops),
        stage.frame,
        stage.natural,
    )
    losses_of = STEPS[stage.train]
    started = saved = shown = time.monotonic()
    device = next(model.parameters()).device
    _mode(model, stage)
    for batch in loader(Batches(library, recipe), step, stage.steps, workers):
        now = time.monotonic()
        spent = elapsed + now - started
        progress = max(step / stage.steps, spent / (60 * stage.minutes) if stage.minutes else 0.0)
        if progress >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * stage.rate * schedule(progress, stage.floor)
        batch = type(batch)(*(t.to(device) for t in batch))
        with torch.autocast(device.type, torch.bfloat16):
            losses = losses_of(model, batch)  # type: ignore[operator]
        optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()
        norm = nn.utils.clip_grad_norm_(part.parameters(), CLIP)
        if bool(torch.isfinite(norm)):
            optimiser.step()
        step += 1
        follow(average, model, min(AVERAGE, (1 + step) / (10 + step)))
        if now - shown > 20:
            shown = now
            print(_line(stage, step, progress, spent, losses), flush=True)
        if now - saved > SAVE_EVERY:
            saved = now
            _save(file, model, average, optimiser, step, spent)
    _save(file, model, average, optimiser, step, elapsed + time.monotonic() - started)


def schedule(progress: float, floor: float) -> float:
    """Share of the peak rate: a short linear rise, then a cosine from 1 to `floor`."""
    if progress < WARM_UP:
        return progress / WARM_UP + 1e-3
    fall = (progress - WARM_UP) / (1 - WARM_UP)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * fall))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * model; counters are copied."""
    for kept, fresh in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(fresh, 1 - decay)
        else:
            kept.copy_(fresh)


def averaged(model: SHM) -> SHM:
    """A frozen copy to hold the moving average."""
    twin = copy.deepcopy(model).eval()
    return twin.requires_grad_(False)


def _groups(part: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    groups = []
    for name, parameter in part.named_parameters():
        # Norms and biases are not decayed: pulling a scale to zero is no regulariser.
        decay = stage.decay if parameter.ndim > 1 else 0.0
        share = stage.tnet_share if name.startswith("tnet.") else 1.0
        groups.append({"params": [parameter], "weight_decay": decay, "share": share})
    return groups


def _mode(model: SHM, stage: Stage) -> None:
    model.train()
    if stage.frozen_norm:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _line(stage: Stage, step: int, progress: float, spent: float, losses: dict[str, torch.Tensor]) -> str:
    parts = " ".join(f"{name} {value.item():.4f}" for name, value in losses.items())
    return f"{stage.name} step {step} {progress:.1%} {spent:.0f} s {parts}"


def _save(
    file: Path, model: SHM, average: SHM, optimiser: torch.optim.Optimizer, step: int, elapsed: float
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "elapsed": elapsed,
        # Dropout draws from it: without it a resumed run would not be the run that was killed.
        "random": torch.get_rng_state(),
        "config": model.config.to_dict(),
    }
    temporary = file.with_suffix(".partial")
    torch.save(state, temporary)
    os.replace(temporary, file)


def _resume(file: Path, model: SHM, average: SHM, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    if not file.exists():
        return 0, 0.0
    state = torch.load(file, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return int(state["step"]), float(state["elapsed"])
