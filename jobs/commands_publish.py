"""`banners approve` and `prune`: what people decide about a night's banners, and what can go."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.options import CampaignFile, NightOption, night_of
from pipeline.approvals import ApprovalsFile, Verdict, check_name, choose, held, read_file, record
from pipeline.campaign import Campaign, load_campaign
from pipeline.errors import JobError
from pipeline.ledger import Ledger
from pipeline.manifest import RunId, latest_run, list_runs, read_banners
from pipeline.prune import Pruning, Superfluous, plan_pruning
from pipeline.prune import prune as remove
from pipeline.publish import Published, present_contents, publish
from pipeline.store import ObjectStore, open_store
from pipeline.yamlfile import did_you_mean

MOST_LINES = 20
"""Keys that are named of each kind."""


def approve(
    campaign: CampaignFile,
    who: Annotated[str, typer.Option(metavar="NAME", help="Who decides; it is written down.")],
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY…", help="Banners, by key or by file name.")
    ] = None,
    all_held: Annotated[bool, typer.Option("--all-held", help="Every banner that a gate held back.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Decisions in a JSON file, as a proof sheet saves them."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run that was looked at; the last finished one.")
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take approvals back, and keep these banners out.")
    ] = False,
    day: NightOption = None,
) -> None:
    """Let banners of CAMPAIGN go live that were held back or that wait for approval, or take that back.

    A decision belongs to a banner as it is drawn: it survives further runs, and a banner that changes has to
    be approved anew. The feed follows at once. Exit codes: 0 written down; 1 not, one line says why; 2 the
    command line is wrong.
    """
    _check_usage(keys, all_held, file, withdraw)
    name = _name(who)
    plan = load_campaign(campaign)
    night = night_of(day, plan)
    output = open_store(plan.output, must_exist=True)
    asked = read_file(file, plan.name) if file else ApprovalsFile("", {})
    looked_at = find_run(output, plan, run or asked.run)
    rows = read_banners(output, looked_at)
    verdict = Verdict.WITHDRAWN if withdraw else Verdict.APPROVED
    words = asked.verdicts or dict.fromkeys(held(rows) if all_held else keys or (), verdict)
    verdicts = dict(zip(choose(rows, words), words.values(), strict=True))
    record(output, plan.name, verdicts, who=name, run=looked_at.run, now=datetime.now(UTC))
    counts = Counter(verdicts.values())
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    print(f"banners: {told or 'none to decide'} by {name}")
    contents = present_contents(open_store(plan.photos, must_exist=True), Ledger.load(output))
    tell_published(publish(output, plan, night, contents))


def prune(
    campaign: CampaignFile,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it. Without, it is only listed.")] = False,
) -> None:
    """List what CAMPAIGN's output keeps of withdrawn photos and dropped plans; with --yes, remove it.

    Nothing that a feed names is ever removed, and no decision, manifest or proof sheet: those of earlier runs
    still show small pictures of withdrawn photos. Exit codes: 0 listed or removed; 1 not, one line says why.
    """
    plan = load_campaign(campaign)
    output = open_store(plan.output, must_exist=True)
    pruning = plan_pruning(open_store(plan.photos, must_exist=True), output, plan.name)
    _tell_pruning(pruning)
    if yes:
        remove(output, pruning)
    size = sum(each.size for each in pruning.superfluous)
    done = "removed" if yes else "to remove"
    hint = "" if yes or not pruning.superfluous else " (nothing was removed: add --yes)"
    print(f"{done}: {len(pruning.superfluous)} objects, {size:,} bytes{hint}")


def tell_published(published: Published) -> None:
    """How the feed stands, in one line."""
    moves = {"new": published.came, "changed": published.changed, "gone": published.left}
    told = ", ".join(f"{count} {name}" for name, count in moves.items() if count)
    print(f"live: {published.live} banners, {told or 'as before'}: {published.url}")


def _check_usage(keys: Sequence[str] | None, all_held: bool, file: Path | None, withdraw: bool) -> None:
    if sum((bool(keys), all_held, file is not None)) != 1:
        raise typer.BadParameter("say which banners: either KEY…, or --all-held, or --file FILE")
    if file is not None and withdraw:
        raise typer.BadParameter("the file says itself what is withdrawn", param_hint="--withdraw")


def _name(who: str) -> str:
    try:
        return check_name(who)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--who") from None


def find_run(output: ObjectStore, plan: Campaign, name: str) -> RunId:
    """The run of that name, the last finished one for "". Raises `JobError`, naming those that there are."""
    if not name:
        last = latest_run(output, plan.name)
        if last is None:
            raise JobError(f"{plan.output}: {plan.name} has no finished run yet; `banners run` makes one")
        return last
    runs = {run.run: run for run in list_runs(output, plan.name)}
    if name not in runs:
        raise JobError(f"there is no run {name} of {plan.name} ({did_you_mean(name, runs, 'runs')})")
    return runs[name]


def _tell_pruning(pruning: Pruning) -> None:
    kinds: dict[str, list[Superfluous]] = {}
    for each in pruning.superfluous:
        kinds.setdefault(each.kind, []).append(each)
    for kind, found in kinds.items():
        for each in found[:MOST_LINES]:
            print(f"  {each.key}")
        if len(found) > MOST_LINES:
            print(f"  … and {len(found) - MOST_LINES} more")
        print(f"{kind}: {len(found)}, {sum(each.size for each in found):,} bytes")
    if pruning.still_live:
        print(f"note: {pruning.still_live} banners that nobody plans are still live: run first, then prune")
    if pruning.of_others:
        print(f"note: {pruning.of_others} cut-outs and thumbnails stay: another campaign's last run had them")
