"""`banners submit-retrain` and, in the job that it submits, `banners retrain`."""

import hashlib
import json
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.commands_submit import Address, Cancel, Follow, Submission, start_job, stop_job
from jobs.head import Head, RayHead
from jobs.options import CampaignFile, Device, DeviceOption
from jobs.package import CAMPAIGN, RECIPE
from jobs.registry import Current, ensure_current, register
from pipeline.campaign import load_campaign
from pipeline.errors import JobError
from pipeline.store import open_store
from shm.engine import choose

if TYPE_CHECKING:
    from shm.train.recipe import TrainRecipe

START = "current"
"""A recipe's `start` that means the model in use."""
_RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The training recipe's YAML file.")]
_Data = Annotated[
    str, typer.Option("--data", metavar="s3://…|DIR", help="The folder that its sources lie in.")
]
_Workers = Annotated[int, typer.Option(min=1, help="Who train together; a GPU each with --device cuda.")]
_SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out what the label check finds.")]


def submit_retrain(
    campaign: CampaignFile,
    recipe: _RecipeFile,
    data: _Data,
    address: Address,
    workers: _Workers = 1,
    device: DeviceOption = Device.AUTO,
    skip_bad: _SkipBad = False,
    follow: Follow = False,
    cancel: Cancel = False,
) -> None:
    """Train RECIPE as a job of a Ray cluster; leaves a candidate among the models of CAMPAIGN's output.

    One job for each recipe with its lists, content of the data and model in use: with new annotations it may
    be submitted again. One that failed or was cancelled goes on from its last checkpoint when it is submitted
    again. Exit codes are those of `banners submit`.
    """
    plan, data = load_campaign(campaign), _place(data)
    current = ensure_current(open_store(plan.output), datetime.now(UTC))
    name = f"retrain-{_run_name(recipe, _read(recipe, workers), data, current)}"
    options = ["--data", data, "--workers", str(workers), "--device", device.value]
    options += ["--skip-bad"] * skip_bad
    submission = Submission(
        name=name,
        address=address,
        runs=["retrain", CAMPAIGN, RECIPE, "--address", "auto", *options],
        again=["submit-retrain", str(campaign), str(recipe), "--address", address, *options],
    )
    head = RayHead(address)
    if cancel:
        for job in _running(head, submission.name) or [submission.name]:
            stop_job(head, replace(submission, name=job))
    else:
        start_job(head, submission, plan, follow=follow, recipe=recipe)


def retrain(
    campaign: CampaignFile,
    recipe: _RecipeFile,
    data: _Data,
    workers: _Workers = 1,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster to join, such as auto; a local one by default.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    skip_bad: _SkipBad = False,
) -> None:
    """Train RECIPE with several workers of a Ray cluster; `start: current` in it is the model in use.

    The labels are checked first. The result becomes a candidate: `banners promote` decides. Exit codes: 0
    there is a candidate; 1 not, one line says why; 2 the command line is wrong.
    """
    try:
        from jobs import retrain as retraining
    except ImportError as error:
        raise JobError("retraining needs more packages: pip install 'shm-banners[train]'") from error

    plan, data = load_campaign(campaign), _place(data)
    output = open_store(plan.output)
    read, current = _read(recipe, workers), ensure_current(output, datetime.now(UTC))
    name = _run_name(recipe, read, data, current)
    start = retraining.Start(output, current.model, current.weights) if read.start == START else None
    with tempfile.TemporaryDirectory(prefix="banners-") as place:
        left_out = _checked(read, data, Path(place) / "data", skip_bad=skip_bad)
        runs_on = (
            device.value if address is not None and device is Device.CUDA else choose(device.value).device
        )
        task = retraining.Task(
            read, _lists(read), data, start, left_out, runs_on, loaders=1, save_every=retraining.SAVE_EVERY
        )
        retraining.join(address)
        trained = retraining.retrain(
            task, Path(place) / "result", name=name, storage=output.url("training"), workers=workers
        )
        report = trained.folder / "report.html"
        model = register(
            output,
            trained.folder / retraining.NETWORK,
            origin={"from": f"retraining {name}", "recipe": recipe.read_text(encoding="utf-8"), "data": data}
            | {"start": current.model if start else None, "workers": workers},
            now=datetime.now(UTC),
            metrics=trained.metrics,
            report=report.read_bytes() if report.is_file() else None,
        )
    print(f"candidate: {model.id} ({output.url('models/' + model.id)})")
    print(f"to put it in use: banners promote {campaign.name} {model.id} --data HELD_OUT --who NAME")


def _place(data: str) -> str:
    """A prefix, or a folder by its whole path: workers run in another one."""
    return data if "://" in data else str(Path(data).resolve())


def _read(file: Path, workers: int) -> "TrainRecipe":
    """The recipe, if `workers` can train it. Raises `JobError`."""
    from shm.train.recipe import BadRecipe, read_recipe

    try:
        recipe = read_recipe(file)
    except BadRecipe as error:
        raise JobError(str(error)) from error
    if recipe.start not in (None, START):
        raise JobError(
            f"{file}: start: a retraining starts from {START} or, without start, from scratch, not from "
            f"{recipe.start}"
        )
    for stage in recipe.stages:
        if stage.accumulate % workers:
            raise JobError(
                f"{file}: stage {stage.name}: accumulate: {stage.accumulate} batches cannot be dealt to "
                f"{workers} workers; take a multiple of {workers}"
            )
    return recipe


def _checked(recipe: "TrainRecipe", data: str, cache: Path, *, skip_bad: bool) -> frozenset[str]:
    """Photos to leave out, relative to the data folder. Raises `JobError` for faults that may not be."""
    from jobs.retrain import fetch
    from shm.data.check import check_sources
    from shm.data.sources import BadSource
    from shm.train.labelled import ListError
    from shm.train.watched import watched_samples

    try:
        local, root = fetch(recipe, data, cache)
        held_out = [sample.photo for sample in watched_samples(root, local.watch, local.lists)]
        found = check_sources(root, local.sources, lists=local.lists, held_out=held_out)
    except (BadSource, ListError, OSError) as error:
        raise JobError(str(error)) from error
    print(found.table(), flush=True)
    if found.faults and not skip_bad:
        raise JobError(f"{len(found.faults)} faults in the labels; mend them, or leave them out: --skip-bad")
    # The cache of a worker is another folder than this one.
    return frozenset(
        str(Path(photo).relative_to(cache)) if cache in Path(photo).parents else photo for photo in found.bad
    )


def _lists(recipe: "TrainRecipe") -> dict[str, str]:
    folder = recipe.lists
    files = sorted(folder.rglob("*.txt")) if folder.is_dir() else []
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files}


def _run_name(file: Path, recipe: "TrainRecipe", data: str, current: Current) -> str:
    """`<recipe>-<what is asked>-<what there is>`: the same for the same recipe, lists, data and model in use,
    so that it goes on instead of beginning anew; another one once there is more to learn. A job may come to
    another name than whoever submitted it, since it may see folders that they do not; it keeps its own.
    """
    from jobs.training_data import fingerprint

    stem = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "recipe"
    asked = _digest(file.read_text(encoding="utf-8"), data)
    there_is = _digest(_lists(recipe), fingerprint(data, recipe.sources), current.model)
    return f"{stem}-{asked}-{there_is}"


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _running(head: Head, name: str) -> list[str]:
    """Jobs that were asked for as the one of that `name` is, whatever there was when they were submitted."""
    asked = name.rpartition("-")[0] + "-"
    return [job.id for job in head.jobs() if job.id.startswith(asked) and not job.state.over]
