"""A whole training run: stages in order, each resumable; the averaged network comes out at the end."""

from collections.abc import Iterable
from pathlib import Path

import torch

from shm.checkpoint import load_model
from shm.data.sources import load_library
from shm.engine import Engine
from shm.model import SHM
from shm.train.loop import SAVE_EVERY, averaged, follow, run_stage
from shm.train.recipe import BadRecipe, Stage, TrainRecipe
from shm.train.selflabel import write_labels
from shm.train.state import load_average
from shm.train.team import ALONE, Team
from shm.train.watch import Watcher


def train(
    recipe: TrainRecipe,
    data: Path,
    folder: Path,
    *,
    workers: int,
    stages: Iterable[str] = (),
    left_out: frozenset[str] = frozenset(),
    backbone: Path | None = None,
    encoder: Path | None = None,
    engine: Engine,
    watchers: Iterable[Watcher] = (),
    team: Team = ALONE,
    save_every: float = SAVE_EVERY,
) -> SHM:
    """Runs the stages (all, or those named) and returns the averaged network, mixed with the one that it
    began as by the recipe's `keep`. Checkpoints and what watchers see are not mixed; they go to `folder`.

    `backbone`, `encoder`: ImageNet weights of torchvision's classifiers to start T-Net's backbone and M-Net's
    VGG16 from. `team`, `save_every`: see `shm.train.loop.run_stage`. Raises BadRecipe,
    `shm.data.sources.BadSource`, `shm.train.state.BadCheckpoint`.
    """
    torch.manual_seed(recipe.seed)
    model = first_network(recipe, backbone, encoder).to(engine.device)
    average = averaged(model)
    library, labels = None, folder / "no-self-labels"
    wanted = set(stages)
    unknown = wanted - {stage.name for stage in recipe.stages}
    if unknown:
        raise BadRecipe(f"no stage named {', '.join(sorted(unknown))}")
    for number, stage in enumerate(recipe.stages):
        if stage.self_label:
            library, labels = None, folder / f"self-labels-{stage.name}"
        if wanted and stage.name not in wanted:
            continue
        before = recipe.stages[:number]
        _start_from_before(model, average, before, folder)
        if stage.self_label and not labels.is_dir():
            _label(average, recipe, data, labels, stage, before)
        if library is None:
            library = load_library(
                data, recipe.sources, lists=recipe.lists, self_labels=labels, left_out=left_out
            )
        run_stage(
            model,
            average,
            library,
            stage,
            seed=recipe.seed + number,
            folder=folder,
            workers=workers,
            precision=engine.precision,
            watchers=watchers,
            team=team,
            save_every=save_every,
        )
    if recipe.keep:
        follow(average, first_network(recipe, backbone, encoder).to(engine.device), 1 - recipe.keep)
    return average


def first_network(recipe: TrainRecipe, backbone: Path | None, encoder: Path | None) -> SHM:
    """What the first stage starts from: the recipe's `start` weights, else random, else pre-trained parts.
    Raises BadRecipe if the start weights are of another shape."""
    if recipe.start is None:
        model = SHM(recipe.config)
        if backbone is not None:
            model.tnet.load_backbone(backbone)
        if encoder is not None:
            model.mnet.load_encoder(encoder)
        return model
    model = load_model(None if recipe.start == "starter" else Path(recipe.start))
    if model.config != recipe.config:
        raise BadRecipe(f"start: {recipe.start} is a network of another shape than the recipe's preset")
    return model


def _label(
    model: SHM, recipe: TrainRecipe, data: Path, labels: Path, stage: Stage, before: tuple[Stage, ...]
) -> None:
    # T-Net's looks are at the scale of the last stage that trained it.
    scales = [earlier.long_side for earlier in before if earlier.train != "mnet"]
    # A folder that a kill left half full must not pass for all of it.
    unfinished = labels.with_suffix(".partial")
    write_labels(
        model,
        data,
        recipe.sources,
        lists=recipe.lists,
        labels=unfinished,
        long_side=scales[-1] if scales else stage.long_side,
        both=any(earlier.train != "tnet" for earlier in before),
    )
    unfinished.rename(labels)


def _start_from_before(model: SHM, average: SHM, before: tuple[Stage, ...], folder: Path) -> None:
    """Takes each part from the latest stage that trained it; the average is what goes on."""
    for stage in before:
        file = folder / f"{stage.name}.pt"
        if not file.exists():
            raise BadRecipe(f"{file}: stage {stage.name!r} has to be trained first")
        state = load_average(file, model)
        prefix = {"tnet": "tnet.", "mnet": "mnet."}.get(stage.train, "")
        kept = {k: v for k, v in state.items() if k.startswith(prefix)}
        for network in (model, average):
            network.load_state_dict(network.state_dict() | kept)
