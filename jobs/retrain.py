"""A recipe trained by several workers of a cluster, whichever of them are lost, to a network and its report.

Ray Train starts the workers, and starts them again when one is lost; each then takes up the last checkpoint,
which lies under `training/<name>/` in the output store. They run `shm.train`, step for step as one process
would (`shm.train.team`).
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray import train as ray_train
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from jobs.registry import fetch_weights
from jobs.training_console import LineWatcher
from jobs.training_data import fetch_prefix, fetch_sources
from pipeline.errors import JobError
from pipeline.store import ObjectStore
from shm.checkpoint import save
from shm.engine import choose
from shm.train.patience import PatienceWatcher
from shm.train.recipe import Stage, TrainRecipe
from shm.train.report import ReportWatcher
from shm.train.run import train
from shm.train.team import Team
from shm.train.watch import HistoryWatcher, Watcher
from shm.train.watched import look_at, watched_samples

NETWORK = "network.safetensors"
SAVE_EVERY = 300.0
"""Seconds between checkpoints: what a lost worker can cost. Each is an upload of some 100 MB."""
MAX_FAILURES = 3
"""Workers that may be lost to faults; spot machines that are taken back do not count."""
_KEPT = 2
_PLAIN_UPLOADS = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
"""For pyarrow, which writes Ray Train's checkpoints: by default it uploads without a length, so that a
checksum can follow, and many servers of S3's protocol (Ceph's, for one) refuse that with 411."""


@dataclass(frozen=True, slots=True)
class Start:
    """The registered model that training goes on from; `weights` the sha256 (hex) of its file."""

    store: ObjectStore
    model: str
    weights: str


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker is told; small and picklable. `lists` the recipe's id lists by name, `data` a folder
    that all machines see or an `s3://` prefix, `left_out` photos with faulty labels (in the cache where their
    path is no absolute one), `loaders` processes that prepare pictures.
    """

    recipe: TrainRecipe
    lists: Mapping[str, str]
    data: str
    start: Start | None
    left_out: frozenset[str]
    device: str
    loaders: int
    save_every: float

    def open(self, cache: Path) -> tuple[TrainRecipe, Path]:
        """The recipe with everything it names in this machine's folder `cache`, and its data folder."""
        cache.mkdir(parents=True, exist_ok=True)
        recipe, root = fetch(self.recipe, self.data, cache)
        for name, text in self.lists.items():
            (cache / "lists" / name).parent.mkdir(parents=True, exist_ok=True)
            (cache / "lists" / name).write_text(text, encoding="utf-8")
        start = None
        if self.start is not None:
            start = str(fetch_weights(self.start.store, self.start.model, self.start.weights, cache))
        return replace(recipe, lists=cache / "lists", start=start), root


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out, in `folder`: the network and the report. `metrics` of the last look."""

    folder: Path
    metrics: Mapping[str, Any]


def retrain(task: Task, folder: Path, *, name: str, storage: str, workers: int) -> Trained:
    """Train on the cluster that this process has joined; goes on where a run of that `name` broke off.

    `storage`: a folder that all machines see, or `s3://bucket/prefix`. The result is copied to `folder`.
    Raises `JobError` where training fails more often than `MAX_FAILURES`.
    """
    trainer = TorchTrainer(
        work,
        train_loop_config={"task": task, "name": name},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=task.device == "cuda",
            resources_per_worker={"CPU": 1} | ({"GPU": 1} if task.device == "cuda" else {}),
        ),
        run_config=RunConfig(
            name=name,
            storage_path=storage,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=_KEPT),
        ),
    )
    try:
        result = trainer.fit()
    except ray_train.TrainingFailedError as error:
        raise JobError(f"training failed: {_first_cause(error)}") from error
    assert result.checkpoint is not None
    result.checkpoint.to_directory(str(folder))
    return Trained(folder, dict(result.metrics or {}))


def join(address: str | None) -> None:
    """The cluster at `address`; a local one where None."""
    environment = {"env_vars": _PLAIN_UPLOADS}
    if address is not None:
        ray.init(address=address, log_to_driver=True, runtime_env=environment)
    else:
        # Ray Train asks the dashboard whether its controller lives, and without one complains every second.
        ray.init(address="local", include_dashboard=True, runtime_env=environment)


def work(config: Mapping[str, Any]) -> None:
    """What each worker does."""
    task: Task = config["task"]
    context = ray_train.get_context()
    rank, engine = context.get_world_rank(), choose(task.device)
    # By name and place, so that a worker that is started again on its machine finds what it had fetched.
    cache = Path(tempfile.gettempdir()) / f"banners-{config['name']}-{context.get_local_rank()}"
    with tempfile.TemporaryDirectory(prefix="banners-training-") as place:
        folder = Path(place)
        _take_up(folder)
        recipe, root = task.open(cache)
        samples = watched_samples(root, recipe.watch, recipe.lists)
        team = Team(rank, context.get_world_size(), engine.device)
        watchers: list[Watcher] = [_Reporter(folder, rank)]
        if rank == 0:
            watchers[:0] = [
                HistoryWatcher(folder),
                ReportWatcher(folder, samples),
                PatienceWatcher(folder, samples),
                LineWatcher(),
            ]
        network = train(
            recipe,
            root,
            folder,
            workers=task.loaders,
            left_out=frozenset(str(cache / name) for name in task.left_out),
            engine=engine,
            watchers=watchers,
            team=team,
            save_every=task.save_every,
        )
        metrics: dict[str, Any] = {}
        if rank == 0:
            looks = look_at(network, samples)
            metrics = {"watched": {look.name: {"iou": look.iou, "mad": look.mad} for look in looks}}
            save(folder / NETWORK, network, metrics=metrics)
        _report(folder, rank, metrics)


def fetch(recipe: TrainRecipe, data: str, cache: Path) -> tuple[TrainRecipe, Path]:
    """The recipe and its data folder with everything that lies in a bucket copied to `cache`."""
    root = fetch_prefix(data, cache / "data").folder if data.startswith("s3://") else Path(data)
    sources, _ = fetch_sources(recipe.sources, cache / "data")
    return replace(recipe, sources=sources), root


class _Reporter(Watcher):
    """Makes every checkpoint one of Ray's: all workers come, the first one's folder is stored."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._folder, self._rank = folder, rank

    def saved(self, stage: Stage, step: int, seconds: float) -> None:
        _report(self._folder, self._rank, {"stage": stage.name, "step": step})


def _report(folder: Path, rank: int, metrics: Mapping[str, Any]) -> None:
    checkpoint = Checkpoint.from_directory(str(folder)) if rank == 0 else None
    ray_train.report(dict(metrics), checkpoint=checkpoint)


def _take_up(folder: Path) -> None:
    """The last checkpoint's files, where there is one."""
    checkpoint = ray_train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)


def _first_cause(error: BaseException) -> str:
    """What a worker said, without Ray's account of it."""
    failures: Iterable[BaseException] = getattr(error, "worker_failures", {}).values()
    cause: BaseException = next(iter(failures), error)
    while (inner := getattr(cause, "cause", None) or cause.__cause__) is not None:
        cause = inner
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return lines[-1] if lines else type(cause).__name__
