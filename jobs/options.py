"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.segments import parse_size as read_size
from pipeline.types import Size


class RunnerKind(StrEnum):
    """Who does the work."""

    RAY = "ray"
    LOCAL = "local"


class Device(StrEnum):
    """Where the network runs. cuda without a GPU is an error, never a silent fall-back."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's YAML file.")]
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where the network runs; cuda without a GPU is an error.")
]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Another network than the shipped one.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the last lines.")]


def parse_size(text: str) -> Size:
    """`300x250` as a size; a usage error otherwise."""
    try:
        return read_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None
