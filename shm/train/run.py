"""A whole training run from one YAML recipe: stages in order, each resumable, weights exported at the end."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import yaml

from shm.data.sources import load_library
from shm.model import SHM, SHMConfig
from shm.train.loop import Stage, averaged, run_stage
from shm.train.selflabel import write_labels


class BadRecipe(ValueError):
    """A training recipe is wrong; the message names the file and the field."""


@dataclass(frozen=True)
class TrainRecipe:
    """What a recipe file says. `lists` is the folder of fixed id lists beside it."""

    preset: str
    seed: int
    sources: dict[str, dict[str, Any]]
    stages: tuple[Stage, ...]
    lists: Path


def read_recipe(file: Path) -> TrainRecipe:
    """Raises BadRecipe, naming the field, for anything that is missing or unknown."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    missing = {"preset", "seed", "sources", "stages"} - content.keys()
    if missing:
        raise BadRecipe(f"{file}: missing {', '.join(sorted(missing))}")
    known = {f.name for f in fields(Stage)}
    stages = []
    for number, entry in enumerate(content["stages"]):
        unknown = entry.keys() - known
        if unknown:
            raise BadRecipe(f"{file}: stages[{number}]: unknown {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        stages.append(Stage(**values))
    return TrainRecipe(
        content["preset"], int(content["seed"]), content["sources"], tuple(stages), file.parent / "lists"
    )


def train(recipe: TrainRecipe, data: Path, folder: Path, *, workers: int, stages: Iterable[str] = ()) -> SHM:
    """Runs the stages (all, or those named) and returns the averaged network. Checkpoints go to `folder`."""
    torch.manual_seed(recipe.seed)
    model = SHM(SHMConfig.preset(recipe.preset))
    average = averaged(model)
    library, labels = None, folder / "no-self-labels"
    wanted = set(stages)
    for number, stage in enumerate(recipe.stages):
        if stage.self_label:
            library, labels = None, folder / f"self-labels-{stage.name}"
        if wanted and stage.name not in wanted:
            continue
        before = recipe.stages[:number]
        _start_from_before(model, average, before, folder)
        if stage.self_label and not labels.is_dir():
            _label(average, recipe, data, labels, before[-1].long_side)
        if library is None:
            library = load_library(data, recipe.sources, lists=recipe.lists, self_labels=labels)
        run_stage(model, average, library, stage, seed=recipe.seed + number, folder=folder, workers=workers)
    return average


def _label(model: SHM, recipe: TrainRecipe, data: Path, labels: Path, long_side: int) -> None:
    # A folder that a kill left half full must not pass for all of it.
    unfinished = labels.with_suffix(".partial")
    write_labels(model, data, recipe.sources, lists=recipe.lists, labels=unfinished, long_side=long_side)
    unfinished.rename(labels)


def _start_from_before(model: SHM, average: SHM, before: tuple[Stage, ...], folder: Path) -> None:
    """Takes each part from the latest stage that trained it; the average is what goes on."""
    for stage in before:
        file = folder / f"{stage.name}.pt"
        if not file.exists():
            raise BadRecipe(f"{file}: stage {stage.name!r} has to be trained first")
        state = torch.load(file, map_location="cpu", weights_only=True)["average"]
        prefix = {"tnet": "tnet.", "mnet": "mnet."}.get(stage.train, "")
        kept = {k: v for k, v in state.items() if k.startswith(prefix)}
        for network in (model, average):
            network.load_state_dict(network.state_dict() | kept)
