"""The one training loop: forward, loss, backward, clip, step, average, tell.

A stage stops on time with its schedule finished, and goes on after a kill from its last checkpoint.
"""

import copy
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shm.data.sources import Library
from shm.data.stream import Batch, Batches, Recipe, loader
from shm.model import SHM
from shm.train.history import Moment
from shm.train.recipe import BadRecipe, Stage
from shm.train.stages import STEPS
from shm.train.state import resume, save_state
from shm.train.team import ALONE, Team
from shm.train.watch import Watcher

WARM_UP = 0.03
"""Share of a stage in which the learning rate rises."""
AVERAGE = 0.998
"""Decay of the weights' moving average, which is what is judged and exported."""
CLIP = 1.0
SAVE_EVERY = 120.0
"""Seconds between checkpoints: what a kill can cost."""
_MANY = 1_000_003
"""More than a stage has batches: seeds of dropout never meet."""


def run_stage(
    model: SHM,
    average: SHM,
    library: Library,
    stage: Stage,
    *,
    seed: int,
    folder: Path,
    workers: int,
    precision: str,
    watchers: Iterable[Watcher] = (),
    team: Team = ALONE,
    save_every: float = SAVE_EVERY,
) -> None:
    """Trains `model` in place and keeps `average` beside it; resumes from `folder` if it holds a checkpoint
    of this stage. The networks' device is where it trains; `precision` is an engine's, "fp32" or "bf16".

    In a `team` every member calls it with the same networks, and each has a folder of its own. Raises
    BadRecipe where a step's batches cannot be dealt evenly.
    """
    if stage.accumulate % team.size:
        raise BadRecipe(
            f"stage {stage.name}: accumulate: {stage.accumulate} batches cannot be dealt to {team.size} "
            f"workers; take a multiple of {team.size}"
        )
    watchers = tuple(watchers)
    part: nn.Module = {"tnet": model.tnet, "mnet": model.mnet}.get(stage.train, model)
    optimiser = torch.optim.AdamW(_groups(part, stage), lr=stage.rate)
    file = folder / f"{stage.name}.pt"
    step, elapsed = resume(file, model, average, optimiser)
    _set_mode(model, stage)
    for watcher in watchers:
        watcher.begun(stage, step)
    first, last = step * stage.accumulate, stage.steps * stage.accumulate
    numbers = range(first + team.rank, last, team.size)
    stream = zip(numbers, loader(Batches(library, _pictures(stage, seed)), numbers, workers), strict=True)
    clock = _Clock(elapsed)
    for batches in _groups_of(stage.accumulate // team.size, stream):
        spent = team.first(clock.spent)
        progress = max(step / stage.steps, spent / (60 * stage.minutes) if stage.minutes else 0.0)
        if progress >= 1:
            break
        rate = stage.rate * schedule(progress, stage.floor)
        _set_rate(optimiser, rate)
        losses = _step(model, part, optimiser, stage, batches, precision, seed, team)
        step += 1
        follow(average, model, min(AVERAGE, (1 + step) / (10 + step)))
        pictures = team.size * sum(len(batch[0]) for _, batch in batches)
        moment = Moment(stage.name, step, progress, clock.spent, pictures / clock.lap(), rate, losses)
        for watcher in watchers:
            watcher.stepped(moment)
        if team.first(clock.due(save_every)):
            save_state(file, model, average, optimiser, step=step, elapsed=clock.spent)
            _tell_saved(watchers, stage, step, clock.spent)
        if step % stage.look == 0:
            _look(watchers, stage, average)
            if team.first(any(watcher.enough(stage) for watcher in watchers)):
                break
    if step * stage.accumulate > first:
        for network in (model, average):
            team.share(network)
        save_state(file, model, average, optimiser, step=step, elapsed=clock.spent)
        _tell_saved(watchers, stage, step, clock.spent)
        if step % stage.look:
            _look(watchers, stage, average)
    for watcher in watchers:
        watcher.ended(stage)


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


def _step(
    model: SHM,
    part: nn.Module,
    optimiser: torch.optim.Optimizer,
    stage: Stage,
    batches: tuple[tuple[int, Batch], ...],
    precision: str,
    seed: int,
    team: Team,
) -> dict[str, float]:
    """One optimiser step over all `batches` of the team, each with its number. -> each loss, its mean."""
    device = next(model.parameters()).device
    optimiser.zero_grad(set_to_none=True)
    totals: dict[str, Tensor] = {}
    for number, batch in batches:
        # Dropout by the batch's number: it is the same whoever takes the batch, and after a kill.
        torch.manual_seed(seed * _MANY + number)
        there = type(batch)(*(t.to(device, non_blocking=True) for t in batch))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            losses = STEPS[stage.train](model, there, stage)  # type: ignore[operator]
        (losses["total"] / len(batches)).backward()
        for name, value in losses.items():
            totals[name] = totals.get(name, 0) + value.detach() / len(batches)
    team.average(part.parameters())
    norm = nn.utils.clip_grad_norm_(part.parameters(), CLIP)
    # One batch that overflows must not end a night's training: its step is left out.
    if bool(torch.isfinite(norm)):
        optimiser.step()
    return team.mean(totals)


def _pictures(stage: Stage, seed: int) -> Recipe:
    names = {f.name for f in fields(Recipe)} - {"seed", "stage"}
    return Recipe(stage=stage.train, seed=seed, **{name: getattr(stage, name) for name in names})


def _groups_of(count: int, stream: Iterable[tuple[int, Batch]]) -> Iterator[tuple[tuple[int, Batch], ...]]:
    batches = iter(stream)
    while group := tuple(islice(batches, count)):
        yield group


def _groups(part: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    groups = []
    for name, parameter in part.named_parameters():
        # Norms and biases are not decayed: pulling a scale to zero is no regulariser.
        decay = stage.decay if parameter.ndim > 1 else 0.0
        share = stage.tnet_share if name.startswith("tnet.") else 1.0
        groups.append({"params": [parameter], "weight_decay": decay, "share": share})
    return groups


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = group["share"] * rate


def _set_mode(model: SHM, stage: Stage) -> None:
    model.train()
    if stage.frozen_norm:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def _tell_saved(watchers: Iterable[Watcher], stage: Stage, step: int, seconds: float) -> None:
    for watcher in watchers:
        watcher.saved(stage, step, seconds)


def _look(watchers: Iterable[Watcher], stage: Stage, average: SHM) -> None:
    for watcher in watchers:
        watcher.looked(stage, average)


class _Clock:
    """Seconds of a stage, those before a kill included."""

    def __init__(self, elapsed: float) -> None:
        self.started = time.monotonic() - elapsed
        self.last = self.saved = time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.monotonic()
        lap, self.last = now - self.last, now
        return max(lap, 1e-6)

    def due(self, seconds: float) -> bool:
        """True once every `seconds`."""
        now = time.monotonic()
        if now - self.saved < seconds:
            return False
        self.saved = now
        return True
