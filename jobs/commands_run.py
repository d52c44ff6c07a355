"""`banners run`: a campaign's night."""

import gc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs import console
from jobs.commands_publish import tell_published
from jobs.ending import Ending
from jobs.network import choose_network
from jobs.observe import observing
from jobs.options import (
    CampaignFile,
    Device,
    DeviceOption,
    Limit,
    MostNew,
    NightOption,
    Quiet,
    Retry,
    RunnerKind,
    Strict,
    Webhook,
    WeightsFile,
    night_of,
)
from jobs.stopping import Stop
from pipeline.campaign import Campaign, load_campaign
from pipeline.manifest import latest_run
from pipeline.night import forecast, run_night
from pipeline.order import Order, Progress, exit_code
from pipeline.present import NOBODY
from pipeline.publish import publish
from pipeline.runner import Deferred, LocalWorkers, Workers
from pipeline.store import open_store
from pipeline.trace import Tell
from pipeline.units import banners_prefix

STOPPED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it."""


def run(
    campaign: CampaignFile,
    day: NightOption = None,
    runner: Annotated[
        RunnerKind, typer.Option(help="ray: all processors, or a cluster. local: one process.")
    ] = RunnerKind.RAY,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster to join, such as auto or ray://host:10001.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")
    ] = False,
    retry: Retry = None,
    limit: Limit = None,
    max_new_mattes: MostNew = None,
    strict: Strict = False,
    device: DeviceOption = Device.AUTO,
    weights: WeightsFile = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Add a JSON line for each photo and banner to FILE."),
    ] = None,
    webhook: Webhook = None,
    quiet: Quiet = False,
) -> None:
    """Make every banner of CAMPAIGN that is not there yet.

    Exit codes: 0 everything that can be made is there; 1 it could not run, one line says why; 2 the command
    line is wrong; 3 what is good is stored, but too many photos were refused (more than the campaign's
    max_rejected_share; "nobody in the picture" does not count), or something failed, or with --strict a gate
    holds banners that nobody has decided on; 130 stopped by Ctrl-C or SIGTERM: what is stored is in the
    manifest, run again to go on. (SIGTERM lets what is being made be finished first, for up to a minute.)

    With --strict such banners hold back all that is new: the feed stays as it was, but for what may no longer
    be shown, until `banners approve` has a word on each of them or until a run without --strict.
    """
    with Ending(None if dry_run else webhook, campaign) as ending:
        plan = load_campaign(campaign)
        night = night_of(day, plan)
        ending.of(plan.name, night)
        if not plan.runs_on(night):
            _tell_not_valid(plan, night, dry_run=dry_run)
            return
        registry = open_store(plan.output)
        network = choose_network(weights, device, remote=address is not None, registry=registry)
        order = Order(
            plan,
            night,
            network.recipe,
            network.weights,
            network.load,
            frozenset(retry or ()),
            limit,
            network.earlier,
            max_new_mattes,
            strict,
        )
        if dry_run:
            _tell_forecast(order)
            return
        order = order.after(latest_run(registry, plan.name, finished=False))
        stop = Stop()
        watched = console.progress_for(quiet=quiet)
        with observing(watched, order.run, log) as observers, stop.listening():
            on_gpus = network.engine.device == "cuda"
            workers = _workers(runner, address, on_gpus, stop, observers.see)
            _make(order, workers, observers, ending, quiet=quiet)


def _tell_not_valid(plan: Campaign, night: date, *, dry_run: bool) -> None:
    """An offer that is over, or still to come, leaves the feed, and nothing is made."""
    print(f"nothing to do: {plan.name} is not valid on {night} (from {plan.valid_from} to {plan.valid_to})")
    if not dry_run:
        tell_published(publish(open_store(plan.output), plan, night, NOBODY))


def _make(order: Order, workers: Workers, progress: Progress, ending: Ending, *, quiet: bool) -> None:
    """Run the night, tell what it came to, and leave with its exit code."""
    plan = order.campaign
    # A night makes hundreds of thousands of small objects that live as long as it does. At the usual 700 the
    # collector walks through all of them again and again, for a third of the time of planning.
    gc.set_threshold(100_000)
    try:
        outcome = ending.outcome = run_night(order, workers, progress, _now)
    except KeyboardInterrupt:
        print("stopped: what is stored is in the manifest; run again to go on", flush=True)
        raise typer.Exit(STOPPED) from None
    finally:
        workers.close()
    stored_in = open_store(plan.output).url(banners_prefix(plan.name).rstrip("/"))
    tell_published(outcome.published)
    console.tell(outcome, stored_in, quiet=quiet)
    holding = outcome.published.holding
    raise typer.Exit(
        exit_code(outcome.photos, outcome.banners, plan.max_rejected_share, outcome.alarms, holding)
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _workers(runner: RunnerKind, address: str | None, on_gpus: bool, stop: Stop, tell: Tell) -> Workers:
    if runner is RunnerKind.LOCAL:
        return LocalWorkers(stop, tell)

    def start() -> Workers:
        from jobs.nightly import RayWorkers  # Ray takes seconds to import and start: only if there is work

        return RayWorkers(address=address, on_gpus=on_gpus, stop=stop, tell=tell)

    return Deferred(start)


def _tell_forecast(order: Order) -> None:
    coming = forecast(order, _now)
    console.tell_notices(coming.notices)
    print(f"photos to cut out: {coming.cutouts}")
    print(f"banners: {coming.planned} planned, {coming.make} to make (dry run: nothing was made)")
