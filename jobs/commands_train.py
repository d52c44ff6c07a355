"""`banners train`. `shm.train` does the work; torch comes only with the command."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.options import Device, DeviceOption, Quiet
from pipeline.errors import JobError

if TYPE_CHECKING:
    from shm.train.labelled import Sample
    from shm.train.recipe import TrainRecipe
    from shm.train.watch import Watcher

NETWORK = "network.safetensors"
CHECK = "check.html"
CACHE = "data"
"""What of the data lies in a bucket is copied here, once."""


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The recipe's YAML file.")],
    data: Annotated[
        str, typer.Option("--data", metavar="DIR|s3://…", help="The folder that its sources lie in.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Checkpoints and network.")],
    stage: Annotated[list[str] | None, typer.Option(help="Only this stage; may be repeated.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look for faults in the labels.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what the check finds.")] = False,
    pretrained_backbone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="torchvision's ImageNet weights for T-Net's backbone.")
    ] = None,
    pretrained_vgg16: Annotated[
        Path | None, typer.Option(metavar="FILE", help="torchvision's VGG16 weights for M-Net's encoder.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Curves for TensorBoard too.")] = False,
    device: DeviceOption = Device.AUTO,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare pictures.")] = 2,
    quiet: Quiet = False,
) -> None:
    """Train a network by a recipe. Stopped and started again, it goes on from its last checkpoint."""
    from shm.checkpoint import save
    from shm.data.sources import BadSource
    from shm.engine import choose
    from shm.pretrained import WrongWeights
    from shm.train.labelled import ListError
    from shm.train.recipe import BadRecipe, read_recipe
    from shm.train.run import train as run
    from shm.train.state import BadCheckpoint
    from shm.train.watched import watched_samples

    try:
        recipe, root = _fetched(read_recipe(config), data, output / CACHE)
        watched = watched_samples(root, recipe.watch, recipe.lists)
        left_out = _checked(recipe, root, watched, output, skip_bad=skip_bad)
        if check:
            return
        _tell_start(recipe, pretrained_backbone, pretrained_vgg16)
        network = run(
            recipe,
            root,
            output,
            workers=workers,
            stages=stage or (),
            left_out=left_out,
            backbone=pretrained_backbone,
            encoder=pretrained_vgg16,
            engine=choose(device.value),
            watchers=_watchers(watched, output, quiet=quiet, tensorboard=tensorboard),
        )
    except (BadRecipe, BadSource, BadCheckpoint, WrongWeights, ListError, OSError) as error:
        raise JobError(str(error)) from error
    print(f"network: {save(output / NETWORK, network)}")
    print(f"report: {output / 'report.html'}")


def _checked(
    recipe: "TrainRecipe", root: Path, watched: "list[Sample]", output: Path, *, skip_bad: bool
) -> frozenset[str]:
    """The photos to leave out: those with faulty labels, if they may be. Raises JobError if they may not."""
    from shm.data.check import check_sources, write_check_report

    held_out = [sample.photo for sample in watched]
    found = check_sources(root, recipe.sources, lists=recipe.lists, held_out=held_out)
    output.mkdir(parents=True, exist_ok=True)
    write_check_report(found, output / CHECK)
    print(found.table())
    print(f"label check: {output / CHECK}")
    if found.faults and not skip_bad:
        raise JobError(f"{len(found.faults)} faults in the labels; mend them, or leave them out: --skip-bad")
    return frozenset(found.bad)


def _tell_start(recipe: "TrainRecipe", backbone: Path | None, encoder: Path | None) -> None:
    """Which parts start from what: a network trained from scratch by mistake costs days."""
    if recipe.start is not None:
        print(f"T-Net and M-Net go on from {recipe.start}")
        return
    print(f"T-Net starts from {backbone or 'scratch'}, M-Net from {encoder or 'scratch'}")


def _fetched(recipe: "TrainRecipe", data: str, cache: Path) -> tuple["TrainRecipe", Path]:
    """The recipe and the data folder with everything that lies in a bucket copied to `cache`."""
    from jobs.training_data import fetch_prefix, fetch_sources

    root, fetched = Path(data), []
    if data.startswith("s3://"):
        fetched.append(fetch_prefix(data, cache))
        root = fetched[0].folder
    sources, more = fetch_sources(recipe.sources, cache)
    for one in (*fetched, *more):
        print(one)
        for line in one.refused:
            print(f"refused: {line}")
    return replace(recipe, sources=sources), root


def _watchers(watched: "list[Sample]", output: Path, *, quiet: bool, tensorboard: bool) -> list["Watcher"]:
    from jobs.training_console import console_watcher
    from shm.train.report import ReportWatcher
    from shm.train.watch import HistoryWatcher, TensorBoardWatcher

    watchers: list[Watcher] = [HistoryWatcher(output), ReportWatcher(output, watched)]
    if tensorboard:
        try:
            watchers.append(TensorBoardWatcher(output))
        except ImportError as error:
            raise JobError("--tensorboard needs the package: pip install 'shm-banners[train]'") from error
    return watchers if quiet else [*watchers, console_watcher()]
