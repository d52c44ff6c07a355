"""`banners approve` and `prune`: what people decide about a night's banners, and what can go."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.options import CampaignFile, NightOption, named, night_of
from pipeline.approvals import Verdict, choose, held, read_approvals, record
from pipeline.approvals_file import ApprovalsFile, Sifted, Standing, read_file, sift
from pipeline.campaign import Campaign, load_campaign
from pipeline.errors import JobError
from pipeline.ledger import Ledger
from pipeline.manifest import RunId, latest_run, list_runs, read_banners, read_photos
from pipeline.present import look_up
from pipeline.prune import Pruning, Superfluous, plan_pruning
from pipeline.prune import prune as remove
from pipeline.publish import Published, publish
from pipeline.store import ObjectStore, open_store
from pipeline.yamlfile import did_you_mean

MOST_LINES = 20
"""Keys that are named of each kind."""
PARTLY = 3
"""Exit code where some decisions of a file were taken and some were not."""


def approve(
    campaign: CampaignFile,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY…", help="Banners, by key or by file name.")
    ] = None,
    who: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who decides; it is written down. A file may say it itself."),
    ] = None,
    all_held: Annotated[bool, typer.Option("--all-held", help="Every banner that a gate held back.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Decisions in a JSON file, as a proof sheet saves them."),
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
    be approved anew. Of a file, every decision that can be taken is taken, and a line tells of each other
    one. The feed follows at once. Exit codes: 0 written down; 1 nothing was, a line says why; 2 the command
    line is wrong; 3 some decisions of the file were written down and some were not.
    """
    _check_usage(keys, all_held, file, withdraw)
    name = None if file and who is None else _name(who)
    plan = load_campaign(campaign)
    night = night_of(day, plan)
    output = open_store(plan.output, must_exist=True)
    asked = read_file(file, plan.name) if file else ApprovalsFile("", "", {})
    name = name or _name(asked.who or None)
    looked_at = find_run(output, plan, run or asked.run)
    if file:
        sifted = _sift(output, plan, asked, looked_at)
    else:
        rows = read_banners(output, looked_at)
        verdict = Verdict.WITHDRAWN if withdraw else Verdict.APPROVED
        sifted = Sifted(dict.fromkeys(choose(rows, held(rows) if all_held else keys or ()), verdict), ())
    for problem in sifted.refused:
        print(f"banners: {problem}", file=sys.stderr)
    if sifted.refused and not sifted.good:
        raise typer.Exit(1)
    record(output, plan.name, sifted.good, who=name, run=looked_at.run, now=datetime.now(UTC))
    print(f"banners: {_told(sifted)} by {name}")
    last = latest_run(output, plan.name)
    present = look_up(
        open_store(plan.photos, must_exist=True),
        Ledger.load(output),
        lambda: read_photos(output, last) if last else (),
    )
    tell_published(publish(output, plan, night, present))
    if present.unread:
        print(f"note: {len(present.unread)} photos were added or changed since the last run: run again")
    if sifted.refused:
        raise typer.Exit(PARTLY)


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
    """How the feed stands, in one line; one more where banners hold back what is new."""
    moves = {"new": published.came, "changed": published.changed, "gone": published.left}
    told = ", ".join(f"{count} {name}" for name, count in moves.items() if count)
    print(f"live: {published.live} banners, {told or 'as before'}: {published.url}")
    if published.holding:
        who = "1 banner holds" if published.holding == 1 else f"{published.holding} banners hold"
        print(
            f"held: {who} back all that is new (--strict): decide with `banners approve`, or run without "
            "--strict"
        )


def _check_usage(keys: Sequence[str] | None, all_held: bool, file: Path | None, withdraw: bool) -> None:
    if sum((bool(keys), all_held, file is not None)) != 1:
        raise typer.BadParameter("say which banners: either KEY…, or --all-held, or --from FILE")
    if file is not None and withdraw:
        raise typer.BadParameter("the file says itself what is withdrawn", param_hint="--withdraw")


def _name(who: str | None) -> str:
    if who is None:
        raise typer.BadParameter("say who decides, with --who NAME", param_hint="--who")
    return named(who)


def _sift(output: ObjectStore, plan: Campaign, asked: ApprovalsFile, looked_at: RunId) -> Sifted:
    """What can be taken of the decisions about the run that was `looked_at`."""
    rows = read_banners(output, looked_at)
    last = latest_run(output, plan.name)
    now = rows if last in (None, looked_at) else read_banners(output, last)
    return sift(output, asked, Standing(rows, now, read_approvals(output, plan.name), plan.publish))


def _told(sifted: Sifted) -> str:
    counts = Counter(sifted.good.values())
    told = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    if sifted.refused:
        told.append(f"{len(sifted.refused)} not taken")
    return ", ".join(told) or "none to decide"


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
