"""`banners train` and `evaluate`. `shm.train` does the work; torch comes only with the command."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.options import Device, DeviceOption, WeightsFile
from pipeline.errors import JobError

NETWORK = "network.safetensors"
_Folder = Annotated[Path, typer.Option("--data", metavar="DIR", help="Labelled photos.")]
_List = Annotated[Path, typer.Option("--list", metavar="FILE", help="Their names, one a line.")]


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The recipe's YAML file.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder that its sources lie in.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Checkpoints and network.")],
    stage: Annotated[list[str] | None, typer.Option(help="Only this stage; may be repeated.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare pictures.")] = 2,
) -> None:
    """Train a network by a recipe. Stopped and started again, it goes on from its last checkpoint."""
    from shm.checkpoint import save
    from shm.train.run import BadRecipe, read_recipe
    from shm.train.run import train as run

    try:
        network = run(read_recipe(config), data, output, workers=workers, stages=stage or ())
    except (BadRecipe, OSError) as error:
        raise JobError(str(error)) from error
    print(f"network: {save(output / NETWORK, network)}")


def evaluate(
    data: _Folder,
    names: _List,
    weights: WeightsFile = None,
    device: DeviceOption = Device.AUTO,
    negatives: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Photos with nobody in them, to be refused.")
    ] = None,
    negatives_list: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Which of them; all by default.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row per photo.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Summary and rows.")] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="A PNG of the worst photos.")] = None,
) -> None:
    """Compare a network's mattes with labelled photos: what it gets wrong, worst photos first."""
    from shm.train.evaluate import evaluate as judge
    from shm.train.labelled import ListError

    try:
        found = judge(
            data,
            names,
            weights=weights,
            device=device.value,
            negatives=negatives,
            negatives_list=negatives_list,
            csv=csv,
            json=json,
            sheet=sheet,
        )
    except ListError as error:
        raise JobError(str(error)) from error
    print(found.table())
