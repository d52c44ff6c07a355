"""What a step of the paper's network costs: time, memory, and on a GPU its share of the matrix units' rate.

`python benchmarks/paper_steps.py`: takes each stage of `configs/paper.yaml` at the paper's sizes and batches,
by accumulation where the recipe says so, on generated people. A CPU makes one step of each stage, a GPU many;
on a GPU the last column is the step's operations against the card's own bf16 matrix product, measured in the
same run. Needs no data.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from shm.data.sources import Library, Person
from shm.data.strands import add_strands
from shm.engine import Engine, choose
from shm.model import SHM
from shm.train.history import Moment
from shm.train.loop import averaged, run_stage
from shm.train.recipe import Stage, read_recipe
from shm.train.watch import Watcher

ROOT = Path(__file__).parents[1]
GPU_STEPS, GPU_WARM_UP = 40, 10
MATRIX = 8192
"""Side of the square matrices whose product gives the card's rate."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", help="only this one")
    options = parser.parse_args()
    engine = choose()
    torch.set_num_threads(torch.get_num_threads() if engine.device == "cuda" else 2)
    recipe = read_recipe(ROOT / "configs" / "paper.yaml")
    peak = matrix_rate() if engine.device == "cuda" else None
    print(f"{engine}\n{'one step of':12} {'images':>7} {'seconds':>8} {'images/s':>9} {'TFLOP':>7} share")
    for stage in recipe.stages:
        if options.stage not in (None, stage.name):
            continue
        torch.manual_seed(recipe.seed)
        model, images = SHM(recipe.config).to(engine.device), batch(stage)
        work, seconds = operations(model, stage, engine), step_seconds(model, stage, engine)
        share = f"{work / seconds / peak:.0%}" if peak else "-"
        rate = images / seconds
        print(
            f"{stage.name:12} {images:7d} {seconds:8.2f} {rate:9.2f} {work / 1e12:7.2f} {share}", flush=True
        )
    print(f"peak memory: {peak_memory(engine):.1f} GiB")


def batch(stage: Stage) -> int:
    """Images of one step."""
    side = stage.long_side if stage.train == "tnet" else stage.side
    return stage.accumulate * round(stage.pixels / side**2)


def operations(model: SHM, stage: Stage, engine: Engine) -> float:
    """Floating-point operations of one step, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        run(model, replace(stage, steps=1), engine, _Clock())
    return float(counter.get_total_flops())


def step_seconds(model: SHM, stage: Stage, engine: Engine) -> float:
    """Of one step on a CPU; the mean after warming up on a GPU."""
    clock = _Clock()
    steps = GPU_STEPS if engine.device == "cuda" else 1
    run(model, replace(stage, steps=steps), engine, clock)
    skipped = GPU_WARM_UP if steps > GPU_WARM_UP else 0
    return float(np.mean(clock.seconds[skipped:]))


def run(model: SHM, stage: Stage, engine: Engine, clock: "_Clock") -> None:
    workers = 8 if engine.device == "cuda" else 0
    with tempfile.TemporaryDirectory() as folder:
        run_stage(
            model, averaged(model), people(), stage, seed=1, folder=Path(folder), workers=workers,
            precision=engine.precision, watchers=[clock],
        )  # fmt: skip


def people() -> Library:
    """Four generated people of 1024 px with hair, on two grounds."""
    drawn = []
    for number in range(4):
        rng = np.random.default_rng([9, number])
        ground = cv2.resize(rng.integers(0, 255, (32, 24, 3), np.uint8), (768, 1024))
        alpha, colour = np.zeros((1024, 768), np.uint8), np.full((1024, 768, 3), (140, 90, 60), np.uint8)
        cv2.ellipse(alpha, (384, 220), (90, 120), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(alpha, (384, 640), (190, 320), 0, 0, 360, 255, -1, cv2.LINE_AA)
        colour, alpha = add_strands(rng, colour, alpha)
        share = alpha[..., None] / 255
        photo = (share * colour + (1 - share) * ground).astype(np.uint8)
        drawn.append(Person(str(number), "drawn", photo, alpha, colour, hard=False, natural=True))
    grounds = tuple(person.photo[:, :150].copy() for person in drawn[:2])
    return Library(tuple(drawn), grounds, ())


def matrix_rate() -> float:
    """Operations a second of the card's bf16 matrix product."""
    a = torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16)
    for _ in range(5):
        a @ a
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(20):
        a @ a
    torch.cuda.synchronize()
    return 20 * 2 * MATRIX**3 / (time.perf_counter() - started)


def peak_memory(engine: Engine) -> float:
    """GiB that this process has held: the card's where there is one, else the machine's."""
    if engine.device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class _Clock(Watcher):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def begun(self, stage: Stage, step: int) -> None:
        self.last = time.perf_counter()

    def stepped(self, moment: Moment) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


if __name__ == "__main__":
    main()
