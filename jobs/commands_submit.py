"""`banners submit`: a campaign's night as a job of a Ray cluster."""

import shlex
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs import submit as jobs
from jobs.head import Head, RayHead
from jobs.options import CampaignFile, Device, DeviceOption, MostNew, NightOption, night_of
from jobs.package import CAMPAIGN, pack
from jobs.registry import ensure_current
from pipeline.campaign import Campaign, load_campaign
from pipeline.store import open_store

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it: the job goes on."""
CANCEL_SECONDS = 120.0
Address = Annotated[
    str,
    typer.Option("--address", metavar="http://HEAD:8265", help="The Ray dashboard of the head."),
]
Follow = Annotated[bool, typer.Option("--follow", help="Show what it prints; end as it ends.")]
Cancel = Annotated[bool, typer.Option("--cancel", help="Stop the job instead.")]


def submit(
    campaign: CampaignFile,
    address: Address,
    day: NightOption = None,
    max_new_mattes: MostNew = None,
    device: DeviceOption = Device.AUTO,
    follow: Follow = False,
    cancel: Cancel = False,
) -> None:
    """Run a night of CAMPAIGN as a job of a Ray cluster: one job for each campaign and date.

    A job that failed or was cancelled may be submitted again, and goes on where it broke off. With GPUs on
    other machines than the head say --device cuda. Exit codes: 0 submitted; with --follow those of `banners
    run`, whatever became of the connection; 1 not submitted, one line says why; 2 the command line is wrong;
    4 there is such a job already; 5 with --follow: it was cancelled or lost; 130 Ctrl-C while following: the
    job goes on.
    """
    plan = load_campaign(campaign)
    night = night_of(day, plan)
    words = ["run", CAMPAIGN, "--date", night.isoformat(), "--address", "auto", "--device", device.value]
    if max_new_mattes is not None:
        words += ["--max-new-mattes", str(max_new_mattes)]
    name = f"banners-{plan.name}-{night}"
    head = RayHead(address)
    if cancel:
        stop_job(head, name)
    else:
        start_job(head, address, name, plan, words, follow=follow)


def start_job(
    head: Head,
    address: str,
    name: str,
    plan: Campaign,
    words: Sequence[str],
    *,
    follow: bool,
    recipe: Path | None = None,
) -> None:
    """Submit `banners <words>` for `plan`, tell what was sent, and leave with the exit codes of `submit`."""
    current = ensure_current(open_store(plan.output), datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="banners-") as folder:
        package = pack(plan, Path(folder), recipe)
        print(f"sending: {package}; weights stay in the bucket ({current.model})", flush=True)
        for place in (plan.photos, plan.output):
            if not place.startswith("s3://"):
                print(f"note: {place} is a folder, which every machine of the cluster has to see")
        try:
            job = jobs.submit(
                head, name, shlex.join(["python", "-m", "jobs", *words]), package, address=address
            )
        except jobs.Already as error:
            typer.echo(f"banners: {error}", err=True)
            raise typer.Exit(jobs.ALREADY) from None
    print(f"submitted: {job}; follow it: {jobs.follow_words(job, address)}", flush=True)
    if follow:
        follow_job(head, job)


def follow_job(head: Head, job: str) -> None:
    """Show what it prints and leave with its exit code."""
    try:
        ended = jobs.follow(head, job, lambda chunk: print(chunk, end="", flush=True))
    except KeyboardInterrupt:
        print(f"{job} goes on; to stop it: the same command with --cancel")
        raise typer.Exit(STOPPED) from None
    code = jobs.exit_code(ended)
    if code == jobs.NEVER_ENDED:
        print(f"{job}: {ended.state}: {ended.message}; submit it again to go on")
    raise typer.Exit(code)


def stop_job(head: Head, name: str) -> None:
    """Cancel the job of that name."""
    job = jobs.cancel(head, name, seconds=CANCEL_SECONDS)
    print(f"{job.id}: {job.state}; what is stored stays: submit it again to go on")
