"""`banners export-hard-cases` and `import-annotations`: what the network was not sure of, and corrections."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands_publish import find_run
from jobs.network import choose_network
from jobs.options import CampaignFile, Device, DeviceOption, Who, named
from pipeline.campaign import load_campaign
from pipeline.errors import JobError
from pipeline.manifest import read_photos
from pipeline.store import open_store

MOST = 50
"""Photos a time by default: about a day of an annotator's work."""


def export_hard_cases(
    campaign: CampaignFile,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run that was not sure; the last finished one.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to; without, they are listed."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many, the least sure first.")] = MOST,
    nobody: Annotated[
        bool, typer.Option("--nobody", help="Photos in which nobody was found too, before all others.")
    ] = False,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Hand out the photos of a run of CAMPAIGN whose mattes were not sure, each with its alpha to correct.

    Correct DIR/alphas in any picture editor, then `banners import-annotations DIR`. Exit codes: 0 handed out,
    or there are none; 1 not, one line says why; 2 the command line is wrong.
    """
    from jobs.hard_cases import export_cases, hard_cases

    plan = load_campaign(campaign)
    store = open_store(plan.output, must_exist=True)
    seen = find_run(store, plan, run or "")
    rows = hard_cases(read_photos(store, seen), nobody=nobody)
    for row in rows[:most]:
        print(f"{row.confidence:.3f} {row.key}" + (f" ({row.reason})" if row.reason else ""))
    if output is None or not rows:
        print(f"hard cases of {seen.run}: {len(rows)}" + (" (to hand them out: -o DIR)" if rows else ""))
        return
    photos, network = open_store(plan.photos, must_exist=True), choose_network(None, device, registry=store)
    done = export_cases(rows[:most], photos, network.load(), output, run=seen, weights=network.weights)
    for line in done.gone:
        print(f"left out: {line}")
    print(f"hard cases of {seen.run}: {len(done.written)} of {len(rows)} in {output}")


def import_annotations(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of export-hard-cases, corrected.")],
    to: Annotated[
        str, typer.Option("--to", metavar="DIR|s3://…", help="The training data that they are added to.")
    ],
    who: Who,
    held_out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos to judge by: nothing trained on may resemble them."),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what the check finds.")] = False,
) -> None:
    """Add the corrected alphas of DIR to the training data at --to, with who corrected them and when.

    Alphas that nobody has changed are left out. The labels are checked as before training, and with a fault
    none is added. Exit codes: 0 added; 1 not, one line says why; 2 the command line is wrong.
    """
    from jobs.hard_cases import add_to_training, read_edited
    from shm.data.sources import BadSource
    from shm.train.labelled import ListError, photos_in

    name = named(who)
    try:
        judged_by = photos_in(held_out) if held_out is not None else []
        found = read_edited(folder, judged_by)
    except (BadSource, ListError, OSError) as error:
        raise JobError(str(error)) from error
    print(found.table)
    if found.faults and not skip_bad:
        raise JobError(f"{len(found.faults)} faulty labels; mend them, or leave them out: --skip-bad")
    add_to_training(found.good, found.cases, folder, open_store(to), who=name, now=datetime.now(UTC))
    untouched = len(found.cases.cases) - len(found.edited)
    left_out = f"left out: {untouched} unchanged, {len(found.faults)} faulty"
    print(f"added: {len(found.good)} to {to} by {name}; {left_out}")
