"""`banners submit`: a campaign's night as a job of a Ray cluster."""

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs import submit as jobs
from jobs.head import Head, RayHead
from jobs.options import (
    CampaignFile,
    Device,
    DeviceOption,
    Limit,
    MostNew,
    NightOption,
    Retry,
    Strict,
    Webhook,
    night_of,
)
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
    retry: Retry = None,
    limit: Limit = None,
    max_new_mattes: MostNew = None,
    strict: Strict = False,
    device: DeviceOption = Device.AUTO,
    webhook: Webhook = None,
    follow: Follow = False,
    cancel: Cancel = False,
) -> None:
    """Run a night of CAMPAIGN as a job of a Ray cluster: one job for each campaign and date.

    A job that failed or was cancelled may be submitted again, and goes on where it broke off. With GPUs on
    other machines than the head say --device cuda. The secret for --webhook, BANNERS_WEBHOOK_SECRET, has to
    be in the head's environment: all that is submitted can be read on its dashboard. Exit codes: 0 submitted;
    with --follow those of `banners run`, whatever became of the connection; 1 not submitted, one line says
    why; 2 the command line is wrong; 4 there is such a job already; 5 with --follow: it was cancelled or
    lost; 130 Ctrl-C while following: the job goes on.
    """
    plan = load_campaign(campaign)
    night = night_of(day, plan)
    options = ["--date", night.isoformat(), "--device", device.value]
    options += [word for reason in retry or () for word in ("--retry", reason.value)]
    for name, value in (("limit", limit), ("max-new-mattes", max_new_mattes), ("webhook", webhook)):
        options += [] if value is None else [f"--{name}", str(value)]
    options += ["--strict"] if strict else []
    submission = Submission(
        name=f"banners-{plan.name}-{night}",
        address=address,
        runs=["run", CAMPAIGN, "--address", "auto", *options],
        again=["submit", str(campaign), "--address", address, *options],
    )
    head = RayHead(address)
    if cancel:
        stop_job(head, submission)
    else:
        start_job(head, submission, plan, follow=follow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job to be: its name, the words after `banners` that it runs, and those that submit it again, on any
    day.
    """

    name: str
    address: str
    runs: Sequence[str]
    again: Sequence[str]

    @property
    def entrypoint(self) -> str:
        """What Ray is told to run."""
        return shlex.join(["python", "-m", "jobs", *self.runs])

    @property
    def to_go_on(self) -> str:
        """The command that submits it again."""
        return shlex.join(["banners", *self.again])

    @property
    def to_stop(self) -> str:
        """The command that cancels it."""
        return f"{self.to_go_on} --cancel"


def start_job(
    head: Head, submission: Submission, plan: Campaign, *, follow: bool, recipe: Path | None = None
) -> None:
    """Submit it for `plan`, tell what was sent, and leave with the exit codes of `submit`.

    Raises `JobError` where it cannot be sent, `typer.Exit` where there is such a job or it was followed.
    """
    current = ensure_current(open_store(plan.output), datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="banners-") as folder:
        package = pack(plan, Path(folder), recipe)
        print(f"sending: {package}; weights stay in the bucket ({current.model})", flush=True)
        for place in (plan.photos, plan.output):
            if not place.startswith("s3://"):
                print(f"note: {place} is a folder, which every machine of the cluster has to see")
        try:
            job = jobs.submit(
                head, submission.name, submission.entrypoint, package, address=submission.address
            )
        except jobs.Already as error:
            typer.echo(f"banners: {error}", err=True)
            raise typer.Exit(jobs.ALREADY) from None
    print(f"submitted: {job}; follow it: {jobs.follow_words(job, submission.address)}")
    print(f"to stop it: {submission.to_stop}", flush=True)
    if follow:
        follow_job(head, job, submission)


def follow_job(head: Head, job: str, submission: Submission) -> None:
    """Show what it prints and leave with its exit code: raises `typer.Exit`, or `JobError` where the head
    stays away.
    """
    try:
        ended = jobs.follow(head, job, lambda chunk: print(chunk, end="", flush=True))
    except KeyboardInterrupt:
        print(f"{job} goes on; to stop it: {submission.to_stop}")
        raise typer.Exit(STOPPED) from None
    code = jobs.exit_code(ended)
    if code == jobs.NEVER_ENDED:
        print(f"{job}: {ended.state}: {ended.message}; to go on: {submission.to_go_on}")
    raise typer.Exit(code)


def stop_job(head: Head, submission: Submission) -> None:
    """Cancel it, and wait until it is over. Raises `JobError` where it does not run or does not stop."""
    job = jobs.cancel(head, submission.name, seconds=CANCEL_SECONDS)
    print(f"{job.id}: {job.state}; what is stored stays; to go on: {submission.to_go_on}")
