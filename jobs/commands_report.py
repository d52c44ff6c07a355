"""`banners report`: the proof sheet of a run again, beside the run before or any other."""

from typing import Annotated

import typer

from jobs.commands_publish import find_run
from jobs.options import CampaignFile
from pipeline.beside import Beside, run_before
from pipeline.campaign import load_campaign
from pipeline.manifest import latest_run, read_banners, read_photos
from pipeline.report import build_report
from pipeline.store import open_store


def report(
    campaign: CampaignFile,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="Which run's sheet; the last finished one's.")
    ] = None,
    beside: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run to compare with; the finished one before it.")
    ] = None,
) -> None:
    """Build the proof sheet of a run of CAMPAIGN again, with what was decided since.

    Exit codes: 0 built; 1 not, one line says why.
    """
    plan = load_campaign(campaign)
    output = open_store(plan.output, must_exist=True)
    shown = find_run(output, plan, run or "")
    earlier = find_run(output, plan, beside) if beside else None
    key = build_report(
        output,
        shown,
        banners=read_banners(output, shown),
        photos=read_photos(output, shown),
        photo_store=open_store(plan.photos),
        publish=plan.publish,
        beside=Beside(earlier, read_banners(output, earlier)) if earlier else run_before(output, shown),
        newest=shown == latest_run(output, plan.name),
    )
    print(f"proof sheet: {output.url(key)}")
