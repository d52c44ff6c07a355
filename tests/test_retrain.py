"""`banners submit-retrain` and `retrain`: checked before anything is spent, finished whoever is lost."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Shop
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.head import Job, State
from jobs.package import RECIPE, Package
from jobs.registry import ensure_current, list_models, read_model
from pipeline.store import open_store
from shm.checkpoint import save
from shm.model import SHM
from shm.train.recipe import read_recipe

STEPS = 20
RECIPE_TEXT = f"""
preset: starter
network: {{tnet: {{head: 16, refine: [8, 8]}}, mnet: {{width: 0.0625}}, tnet_long_side: 64}}
start: current
seed: 4
sources:
  people: {{kind: pairs, images: images, labels: alphas, except: [held_out.txt]}}
  scenes: {{kind: grounds, images: grounds}}
watch: {{data: watched, list: watched.txt}}
stages:
  - {{name: last, train: end_to_end, steps: {STEPS}, rate: 0.0001, pixels: 8192, accumulate: 2, long_side: 64,
     side: 64, crops: [64], frame: 64, frozen_norm: true, look: 10, patience: 3}}
"""


@pytest.fixture(autouse=True)
def small_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the shipped weights: a network of the recipe's shape."""
    (tmp_path / "small.yaml").write_text(RECIPE_TEXT)
    torch.manual_seed(0)
    shipped = save(tmp_path / "shipped.safetensors", SHM(read_recipe(tmp_path / "small.yaml").config))
    monkeypatch.setattr("jobs.registry.default_weights", lambda: shipped)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Training data, and beside it the recipe with its list."""
    root = tmp_path / "data"
    for number in range(3):
        _pair(root, str(number), number)
    _pair(root / "watched", "w", 9)
    (root / "watched.txt").write_text("w\n")
    (root / "grounds").mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite(str(root / "grounds" / "g.png"), rng.integers(0, 255, (200, 200, 3), np.uint8))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "held_out.txt").write_text("2\n")
    return root


def _pair(root: Path, name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.zeros((280, 260), np.uint8)
    cv2.ellipse(alpha, (110 + 9 * seed, 140), (60, 120), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    photo = cv2.resize(rng.integers(0, 255, (14, 13, 3), np.uint8), (260, 280))
    photo[alpha > 127] = rng.integers(0, 255, 3)
    for folder, picture in (("images", photo), ("alphas", alpha)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / folder / f"{name}.png"), picture)


def banners(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


# ── submitting ────────────────────────────────────────────────────────────────────────────────────────────


class PretendedHead:
    """`jobs.head.Head` that keeps what was sent."""

    def __init__(self) -> None:
        self.known: list[Job] = []
        self.entrypoint = ""
        self.sent: dict[str, str] = {}

    def jobs(self) -> list[Job]:
        return self.known

    def submit(self, job: str, entrypoint: str, package: Package) -> bool:
        self.entrypoint = entrypoint
        folder = (package.code / RECIPE).parent
        self.sent = {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}
        self.known.append(Job(job, State.RUNNING, None, ""))
        return True

    def stop(self, job: str) -> None:
        self.known = [Job(each.id, State.STOPPED, None, "") for each in self.known]

    def tail(self, job: str) -> Iterator[str]:
        return iter(())


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> PretendedHead:
    pretended = PretendedHead()
    monkeypatch.setattr("jobs.commands_retrain.RayHead", lambda address: pretended)
    return pretended


def submit(shop: Shop, recipe: Path, *more: object) -> Result:
    words = ("--data", recipe.parent / "data", "--address", "http://head:8265")
    return banners("submit-retrain", shop.campaign, recipe, *words, *more)


def test_a_recipe_travels_with_its_lists(shop: Shop, data: Path, head: PretendedHead) -> None:
    result = submit(shop, data.parent / "small.yaml", "--workers", 2, "--device", "cuda")

    assert result.exit_code == 0, result.output
    assert head.sent == {"recipe.yaml": RECIPE_TEXT, "lists/held_out.txt": "2\n"}
    assert head.entrypoint == (
        f"python -m jobs retrain campaign/campaign.yaml {RECIPE} --address auto --data {data} "
        "--workers 2 --device cuda"
    )
    assert (
        f"to stop it: banners submit-retrain {shop.campaign} {data.parent / 'small.yaml'} "
        f"--address http://head:8265 --data {data} --workers 2 --device cuda --cancel"
    ) in result.output


def test_one_job_for_a_recipe_its_data_and_the_model_in_use(
    shop: Shop, data: Path, head: PretendedHead
) -> None:
    recipe = data.parent / "small.yaml"
    codes = [submit(shop, recipe, *more).exit_code for more in ((), (), ("--cancel",), ())]
    recipe.write_text(RECIPE_TEXT.replace("seed: 4", "seed: 5"))
    other = submit(shop, recipe)

    assert codes == [0, 4, 0, 0]
    assert other.exit_code == 0
    names = [job.id for job in head.known]
    assert names[1] == f"{names[0]}-2"
    assert names[0].startswith("retrain-small-")
    assert len({name.removesuffix("-2") for name in names}) == 2


def test_one_more_annotation_is_another_job(shop: Shop, data: Path, head: PretendedHead) -> None:
    recipe = data.parent / "small.yaml"
    first = submit(shop, recipe)

    _pair(data, "3", 3)
    second, third = submit(shop, recipe), submit(shop, recipe)

    assert (first.exit_code, second.exit_code, third.exit_code) == (0, 0, 4), second.output
    assert len({job.id for job in head.known}) == 2


@pytest.mark.parametrize("changed", ["lists/held_out.txt", "data/watched.txt", "data/alphas/1.png"])
def test_a_changed_list_or_picture_is_another_job(
    shop: Shop, data: Path, head: PretendedHead, changed: str
) -> None:
    recipe = data.parent / "small.yaml"
    submit(shop, recipe)

    (data.parent / changed).write_text("1\n")
    again = submit(shop, recipe)

    assert again.exit_code == 0, again.output
    assert len({job.id for job in head.known}) == 2


def test_another_kind_of_file_in_the_data_is_no_news(shop: Shop, data: Path, head: PretendedHead) -> None:
    recipe = data.parent / "small.yaml"
    submit(shop, recipe)

    (data / "fetched.json").write_text("{}")

    assert submit(shop, recipe).exit_code == 4


def test_a_folder_that_only_the_cluster_sees_counts_by_its_path(
    shop: Shop, data: Path, head: PretendedHead
) -> None:
    recipe, there = data.parent / "small.yaml", ("--data", "/mnt/cluster/training")

    codes = [submit(shop, recipe, *more).exit_code for more in (there, there, ())]

    assert codes == [0, 4, 0]


def test_a_job_can_be_cancelled_after_more_annotations_have_come(
    shop: Shop, data: Path, head: PretendedHead
) -> None:
    recipe = data.parent / "small.yaml"
    submit(shop, recipe)
    _pair(data, "3", 3)

    result = submit(shop, recipe, "--cancel")

    assert result.exit_code == 0, result.output
    assert [job.state for job in head.known] == [State.STOPPED]


def test_a_link_that_leads_back_is_not_followed_for_ever(shop: Shop, data: Path, head: PretendedHead) -> None:
    (data / "images" / "up").symlink_to(data)

    codes = [submit(shop, data.parent / "small.yaml").exit_code for _ in range(2)]

    assert codes == [0, 4]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("start: current", "start: starter"), "a retraining starts from current"),
        (("accumulate: 2", "accumulate: 3"), "3 batches cannot be dealt to 2 workers; take a multiple of 2"),
        (("seed: 4", "sed: 4"), "missing seed"),
    ],
)
def test_a_recipe_that_cannot_be_retrained_is_refused_before_it_is_sent(
    shop: Shop, data: Path, head: PretendedHead, change: tuple[str, str], problem: str
) -> None:
    recipe = data.parent / "small.yaml"
    recipe.write_text(RECIPE_TEXT.replace(*change))

    result = submit(shop, recipe, "--workers", 2)

    assert result.exit_code == 1
    assert problem in result.output
    assert head.known == []


def test_a_faulty_label_stops_a_retraining_before_it_begins(shop: Shop, data: Path) -> None:
    cv2.imwrite(str(data / "alphas" / "1.png"), np.zeros((10, 10), np.uint8))

    result = banners("retrain", shop.campaign, data.parent / "small.yaml", "--data", data, "--device", "cpu")

    assert result.exit_code == 1
    assert "1.png" in result.output
    assert "--skip-bad" in result.output


# ── training together ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cluster() -> Iterator[None]:
    """A local one of two processors more than there may be, since its workers mostly wait for each other."""
    import ray

    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 2**20,
    )
    yield
    ray.shutdown()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_run_that_loses_a_worker_makes_every_step_once_and_leaves_a_candidate(
    shop: Shop, data: Path, cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("jobs.retrain.SAVE_EVERY", 0.0)
    monkeypatch.setattr("jobs.retrain.join", lambda address: None)
    killer = threading.Thread(target=_kill_one, args=(shop.output / "training",), daemon=True)
    killer.start()

    result = banners(
        "retrain",
        shop.campaign,
        data.parent / "small.yaml",
        "--data",
        data,
        "--workers",
        2,
        "--device",
        "cpu",
    )

    assert result.exit_code == 0, result.output
    killer.join(1)
    assert not killer.is_alive()
    output = open_store(shop.output)
    current = ensure_current(output, None)  # type: ignore[arg-type]
    [candidate] = [model for model in list_models(output) if model != current.model]
    card = read_model(output, candidate).card
    assert f"candidate: {candidate}" in result.output
    assert (card["origin"]["start"], card["origin"]["workers"]) == (current.model, 2)
    last = max((shop.output / "training").rglob("history.jsonl"), key=lambda file: file.stat().st_mtime)
    steps = [json.loads(line)["step"] for line in last.read_text().splitlines()]
    assert steps == list(range(1, STEPS + 1))


def _kill_one(storage: Path) -> None:
    """kill -9 of one worker, once a checkpoint of some steps is stored."""
    while len(list(storage.rglob("history.jsonl"))) < 1 or not (workers := _workers()):
        time.sleep(0.2)
    os.kill(workers[-1], signal.SIGKILL)


def _workers() -> list[int]:
    """The processes of Ray Train's workers whose raylet this process started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title, raylet = (folder / "cmdline").read_text(), _parent(folder.name)
                if "RayTrainWorker" in title and _parent(raylet) == str(os.getpid()):
                    found.append(int(folder.name))
            except OSError:  # it has just ended
                continue
    return sorted(found)


def _parent(process: str) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
