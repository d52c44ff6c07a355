"""`banners evaluate` and `export`. `shm.train` does the work; torch comes only with the command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from jobs.options import Device, DeviceOption, WeightsFile
from pipeline.errors import JobError

_Folder = Annotated[Path, typer.Option("--data", metavar="DIR", help="Labelled photos.")]
_List = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="Their names, one a line; all by default.")
]
EXAMPLES = Path("examples/demo/photos")


def evaluate(
    data: _Folder,
    names: _List = None,
    weights: WeightsFile = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A second network, compared photo by photo.")
    ] = None,
    paper_tables: Annotated[
        bool, typer.Option("--paper-tables", help="Tables 3, 4 and 5 of the SHM paper; needs soft alphas.")
    ] = False,
    checkpoint: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="A network for a line of the tables.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    negatives: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Photos with nobody in them, to be refused.")
    ] = None,
    negatives_list: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Which of them; all by default.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row per photo.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Summary and rows.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A PNG of the worst photos, or of those that changed.")
    ] = None,
) -> None:
    """Compare a network's mattes with labelled photos: what it gets wrong, worst photos first.

    With --against, two networks side by side; with --paper-tables, every method of the SHM paper's tables.
    """
    from shm.train.classical import NoPymatting
    from shm.train.compare import compare
    from shm.train.evaluate import evaluate as judge
    from shm.train.labelled import ListError
    from shm.train.tables import TablesError

    try:
        if paper_tables:
            _refuse("--paper-tables", against=against, negatives=negatives, csv=csv, sheet=sheet)
            print(_tables(data, names, weights, checkpoint or [], device, json))
            return
        if checkpoint:
            raise JobError("--checkpoint is for --paper-tables; a second network to compare: --against")
        files = {"negatives": negatives, "negatives_list": negatives_list}
        files |= {"csv": csv, "json": json, "sheet": sheet}
        if against is not None:
            found = compare(data, names, weights=weights, against=against, device=device.value, **files)
            print(found.table())
        else:
            print(judge(data, names, weights=weights, device=device.value, **files).table())
    except (ListError, TablesError, NoPymatting, OSError) as error:
        raise JobError(str(error)) from error


def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The ONNX file to write.")],
    weights: Annotated[
        Path | None, typer.Argument(metavar="WEIGHTS", help="The network; the shipped one by default.")
    ] = None,
    photos: Annotated[
        Path, typer.Option(metavar="DIR", help="Photos on which the graph has to agree with torch.")
    ] = EXAMPLES,
) -> None:
    """Write a network as ONNX, photo to alpha, and check it against torch on photos.

    Takes sRGB photos in 0..1 as (N, 3, H, W), sides in multiples of 32. Nothing is written where it differs.
    """
    from shm.train.export import ExportError
    from shm.train.export import export as write
    from shm.train.labelled import ListError, photos_in

    try:
        print(write(weights, output, photos_in(photos)).table())
    except (ExportError, ListError, OSError) as error:
        raise JobError(str(error)) from error


def _tables(
    data: Path,
    names: Path | None,
    weights: Path | None,
    checkpoint: list[str],
    device: Device,
    json: Path | None,
) -> str:
    from shm.train.tables import paper_tables, read_checkpoints

    terminal = Console(stderr=True)
    found = paper_tables(
        data,
        names,
        weights=weights,
        checkpoints=read_checkpoints(checkpoint),
        device=device.value,
        json=json,
        progress=lambda photos: track(photos, "photos", console=terminal, disable=not terminal.is_terminal),
    )
    return found.text()


def _refuse(option: str, **others: Path | None) -> None:
    given = [f"--{name}" for name, value in others.items() if value is not None]
    if given:
        raise JobError(f"{option} does not go with {', '.join(given)}")
