"""What a stage needs to go on after a kill as if there had been none: written atomically, read back whole."""

import os
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from shm.model import SHM


class BadCheckpoint(ValueError):
    """A checkpoint belongs to another network; the message names the file."""


def save_state(
    file: Path, model: SHM, average: SHM, optimiser: Optimizer, *, step: int, elapsed: float
) -> None:
    """`step` is also the sampler's position (a batch is drawn by its number) and, with `elapsed` seconds, the
    schedule's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "elapsed": elapsed,
        # Dropout draws from it: without it a resumed run would not be the run that was killed.
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "config": model.config.to_dict(),
    }
    temporary = file.with_suffix(".partial")
    torch.save(state, temporary)
    os.replace(temporary, file)


def resume(file: Path, model: SHM, average: SHM, optimiser: Optimizer) -> tuple[int, float]:
    """Loads the state into all three and returns (step, elapsed seconds); (0, 0.0) where there is no file.
    Raises BadCheckpoint if it is of a network of another shape."""
    if not file.exists():
        return 0, 0.0
    state = torch.load(file, map_location="cpu", weights_only=True)
    _same_shape(file, state, model)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    if state.get("random_cuda") and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random_cuda"])
    return int(state["step"]), float(state["elapsed"])


def load_average(file: Path, model: SHM) -> dict[str, torch.Tensor]:
    """The averaged weights of a finished stage. Raises BadCheckpoint as `resume` does."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    _same_shape(file, state, model)
    average: dict[str, torch.Tensor] = state["average"]
    return average


def _same_shape(file: Path, state: dict[str, Any], model: SHM) -> None:
    own, found = model.state_dict(), state["average"]
    if own.keys() != found.keys() or any(own[k].shape != found[k].shape for k in own):
        raise BadCheckpoint(
            f"{file}: a checkpoint of another network than the recipe's; move it away or correct the recipe"
        )
