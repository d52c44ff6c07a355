"""kill -9 in the middle of each stage: the losses that follow are those of a run that was never killed."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

STEPS = 10
SHARED = f"steps: {STEPS}, rate: 0.001, pixels: 8192, long_side: 64, side: 64, crops: [64, 80], frame: 96"
RECIPE = f"""
preset: starter
network: {{tnet: {{head: 16, refine: [8, 8]}}, mnet: {{width: 0.0625}}, tnet_long_side: 64}}
seed: 4
sources:
  people: {{kind: pairs, images: images, labels: alphas}}
  scenes: {{kind: grounds, images: grounds}}
stages:
  - {{name: tnet, train: tnet, {SHARED}, natural: 0.5}}
  - {{name: mnet, train: mnet, {SHARED}, natural: 0.5}}
  - {{name: end-to-end, train: end_to_end, {SHARED}, natural: 0.5, accumulate: 2, frozen_norm: true}}
"""
# Checkpoints every third step: a kill usually falls between two, and the steps after the last are done again.
DRIVER = """
import sys
from pathlib import Path
import torch
import shm.train.loop as loop
from shm.engine import Engine
from shm.train.recipe import read_recipe
from shm.train.run import train
from shm.train.watch import HistoryWatcher

class Every:
    steps = 0
    def __call__(self, clock, seconds):
        self.steps += 1
        return self.steps % 3 == 0

class Told(HistoryWatcher):
    def stepped(self, moment):
        super().stepped(moment)
        print(moment.stage, moment.step, flush=True)

torch.set_num_threads(1)
every = Every()
loop._Clock.due = lambda clock, seconds: every(clock, seconds)
data, folder = Path(sys.argv[1]), Path(sys.argv[2])
train(read_recipe(data / "recipe.yaml"), data, folder, workers=0,
      engine=Engine("cpu", "fp32"), watchers=[Told(folder)])
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("images", "alphas", "grounds"):
        (root / name).mkdir()
    rng = np.random.default_rng(0)
    for k in range(3):
        alpha = np.zeros((120, 90), np.uint8)
        cv2.ellipse(alpha, (45, 65), (22 + k, 50), 0, 0, 360, 255, -1, cv2.LINE_AA)
        photo = rng.integers(0, 120, (120, 90, 3), np.uint8)
        photo[alpha > 127] = (200, 160, 40 * k)
        cv2.imwrite(str(root / "images" / f"{k}.png"), photo)
        cv2.imwrite(str(root / "alphas" / f"{k}.png"), alpha)
    cv2.imwrite(str(root / "grounds" / "g.png"), rng.integers(0, 255, (120, 120, 3), np.uint8))
    (root / "recipe.yaml").write_text(RECIPE)
    return root


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict[str, float]]:
    folder = tmp_path_factory.mktemp("unbroken")
    _run(data, folder)
    return _losses(folder)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_killed_once_in_every_stage_has_the_losses_of_an_unbroken_one(
    seed: int, data: Path, unbroken: dict[tuple[str, int], dict[str, float]], tmp_path: Path
) -> None:
    draw = random.Random(seed)
    for stage in ("tnet", "mnet", "end-to-end"):
        _run(data, tmp_path, kill_at=(stage, draw.randint(1, STEPS - 1)))
    _run(data, tmp_path)

    found = _losses(tmp_path)
    assert found.keys() == unbroken.keys()
    assert len(found) == 3 * STEPS
    for moment, losses in unbroken.items():
        assert found[moment] == pytest.approx(losses, abs=1e-4), moment


def _run(data: Path, folder: Path, kill_at: tuple[str, int] | None = None) -> None:
    """Trains in a process of its own, to the end or until that stage's step was told; then kill -9."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(data), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        stage, step = line.split()
        if kill_at is not None and (stage, int(step)) == kill_at:
            process.send_signal(signal.SIGKILL)
            break
    code = process.wait()
    process.stdout.close()
    assert code == (0 if kill_at is None else -signal.SIGKILL)


def _losses(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return {(line["stage"], line["step"]): line["losses"] for line in lines}
