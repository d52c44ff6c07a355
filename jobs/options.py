"""Options that several commands share."""

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.webhook import check_url
from pipeline.approvals import check_name
from pipeline.campaign import Campaign
from pipeline.errors import Reason
from pipeline.fields import parse_size as read_size
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


def _sendable(url: str | None) -> str | None:
    if url is not None:
        try:
            check_url(url)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--webhook") from None
    return url


CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's YAML file.")]
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where the network runs; cuda without a GPU is an error.")
]
NightOption = Annotated[
    str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The night it is for; today's by default.")
]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Another network than the shipped one.")
]
MostNew = Annotated[
    int | None,
    typer.Option(
        "--max-new-mattes",
        metavar="N",
        min=0,
        help="Cut out at most so many photos, new ones first; the others wait or keep their cut-outs.",
    ),
]
Retry = Annotated[
    list[Reason] | None,
    typer.Option("--retry", metavar="REASON", help="Try photos again that were refused for this reason."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Make at most so many cut-outs and banners.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Publish nothing new as long as a gate holds any banner of this run."),
]
Webhook = Annotated[
    str | None,
    typer.Option(
        "--webhook",
        metavar="URL",
        callback=_sendable,
        help="Where to tell how it ended; signed with BANNERS_WEBHOOK_SECRET of the environment.",
    ),
]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Who decides; it is written down.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the last lines.")]


def named(who: str) -> str:
    """A person's name as it is written down; a usage error where it is none."""
    try:
        return check_name(who)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--who") from None


def night_of(day: str | None, plan: Campaign) -> date:
    """`2026-11-22` as a day, today where the campaign runs if None; a usage error otherwise."""
    if day is None:
        return plan.today(datetime.now(UTC))
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter(
            f"{day} is no day; write one such as 2026-11-22", param_hint="--date"
        ) from None


def parse_size(text: str) -> Size:
    """`300x250` as a size; a usage error otherwise."""
    try:
        return read_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None
