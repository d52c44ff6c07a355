"""Two who train together learn what one learns alone, and a stage that stops getting better ends."""

import multiprocessing
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.distributed as dist

from shm.data.sources import Library, Person
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig
from shm.tnet import TNetConfig
from shm.train.history import Moment
from shm.train.labelled import Sample
from shm.train.loop import averaged, run_stage
from shm.train.patience import PatienceWatcher
from shm.train.recipe import BadRecipe, Stage
from shm.train.team import Team
from shm.train.watch import Watcher

TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)
STAGE = Stage(
    "together", train="end_to_end", steps=20, rate=1e-4, pixels=8192, accumulate=2, long_side=64, side=64,
    crops=(64,), frame=64, frozen_norm=True,
)  # fmt: skip


def library() -> Library:
    photo = np.full((160, 120, 3), 40, np.uint8)
    alpha = np.zeros((160, 120), np.uint8)
    cv2.circle(alpha, (60, 40), 20, 255, -1)
    cv2.rectangle(alpha, (30, 65), (90, 150), 255, -1)
    photo[alpha > 0] = (220, 180, 60)
    soft = cv2.GaussianBlur(alpha, (0, 0), 2)
    people = (
        Person("a", "masks", photo, alpha, photo, hard=True, natural=True),
        Person("b", "cutouts", photo, soft, photo, hard=False, natural=False),
    )
    return Library(people, (np.full((80, 80, 3), 120, np.uint8),), ())


class FirstGradients(Watcher):
    """Keeps the gradients of the first step."""

    def __init__(self, model: SHM) -> None:
        self.model, self.kept = model, torch.empty(0)

    def stepped(self, moment: Moment) -> None:
        if moment.step == 1:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            self.kept = torch.cat([gradient.reshape(-1) for gradient in gradients])


def train(folder: Path, team: Team, stage: Stage = STAGE) -> dict[str, Any]:
    """From the same weights, with the same batches: the first gradients, and how far the weights came."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = SHM(TINY)
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    watcher = FirstGradients(model)
    run_stage(
        model, averaged(model), library(), stage,
        seed=1, folder=folder, workers=0, precision="fp32", watchers=[watcher], team=team,
    )  # fmt: skip
    after = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    return {"gradients": watcher.kept, "update": after - before}


def member(rank: int, port: int, folder: Path) -> None:
    """One of two processes; what it found is left in `folder`."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    try:
        torch.save(train(folder / str(rank), Team(rank, 2)), folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    members = [context.Process(target=member, args=(rank, port, folder)) for rank in range(2)]
    for process in members:
        process.start()
    for process in members:
        process.join()
    assert [process.exitcode for process in members] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    threads = torch.get_num_threads()
    found = train(tmp_path_factory.mktemp("one"), Team())
    torch.set_num_threads(threads)
    return found


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative distance of two vectors."""
    return float((a - b).norm() / b.norm())


def test_the_first_gradients_of_two_are_those_of_one(one: dict[str, Any], two: list[dict[str, Any]]) -> None:
    assert one["gradients"].norm() > 0
    assert apart(two[0]["gradients"], one["gradients"]) < 1e-4


def test_after_twenty_steps_two_have_come_where_one_has(
    one: dict[str, Any], two: list[dict[str, Any]]
) -> None:
    assert one["update"].norm() > 0
    assert apart(two[0]["update"], one["update"]) < 0.01


def test_both_have_the_same_weights(two: list[dict[str, Any]]) -> None:
    assert torch.equal(two[0]["update"], two[1]["update"])


def test_batches_that_cannot_be_dealt_evenly_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="2 batches cannot be dealt to 3 workers; take a multiple of 3"):
        train(tmp_path, Team(0, 3))


# ── patience ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    alpha = np.zeros((64, 64), np.uint8)
    cv2.circle(alpha, (32, 32), 16, 255, -1)
    cv2.imwrite(str(tmp_path / "photo.png"), np.dstack([alpha] * 3))
    cv2.imwrite(str(tmp_path / "alpha.png"), alpha)
    return Sample("circle", tmp_path / "photo.png", tmp_path / "alpha.png")


def errors(monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """What the watched photos show, one look after another."""
    from types import SimpleNamespace

    waiting = iter(values)
    monkeypatch.setattr(
        "shm.train.patience.look_at", lambda network, samples: [SimpleNamespace(mad=next(waiting))]
    )


class Steps(Watcher):
    """How many there were."""

    def __init__(self) -> None:
        self.last = 0

    def stepped(self, moment: Moment) -> None:
        self.last = moment.step


def watch(folder: Path, sample: Sample, stage: Stage) -> tuple[int, SHM]:
    """Trains under watch; the last step and the averaged network."""
    torch.manual_seed(0)
    model, steps = SHM(TINY), Steps()
    average = averaged(model)
    run_stage(
        model, average, library(), stage, seed=1, folder=folder, workers=0, precision="fp32",
        watchers=[steps, PatienceWatcher(folder, [sample])],
    )  # fmt: skip
    return steps.last, average


TNET = replace(STAGE, train="tnet", accumulate=1, steps=8, look=1, frozen_norm=False)


def test_a_stage_ends_after_so_many_looks_without_a_better_one(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors(monkeypatch, 0.5, 0.4, 0.45, 0.4, 0.1)

    steps, _ = watch(tmp_path, sample, replace(TNET, patience=2))

    assert steps == 4


def test_it_ends_with_the_network_that_was_best(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors(monkeypatch, 0.4, 0.5, 0.6)

    _, ended = watch(tmp_path, sample, replace(TNET, patience=2))

    found = torch.load(tmp_path / "together.pt", weights_only=True)
    best = torch.load(tmp_path / "best-together.pt", weights_only=True)["network"]
    assert all(torch.equal(value, best[name]) for name, value in ended.state_dict().items())
    assert all(torch.equal(value, best[name]) for name, value in found["average"].items())
    assert not all(torch.equal(value, best[name]) for name, value in found["model"].items())


def test_without_patience_a_stage_runs_to_its_end(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors(monkeypatch, *[0.5] * 8)

    assert watch(tmp_path, sample, TNET)[0] == 8


def test_better_looks_renew_patience(tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    errors(monkeypatch, 0.5, 0.6, 0.4, 0.6, 0.3, 0.6, 0.2, 0.1)

    assert watch(tmp_path, sample, replace(TNET, patience=2))[0] == 8
