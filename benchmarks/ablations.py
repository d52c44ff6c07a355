"""SHM's ablations (Table 5) in small: full, no end-to-end training, no fusion, no L_t; the same budget each.

`ablations.py --data DIR --tnet CHECKPOINT -o runs/ablations`: from one trained T-Net and a fresh M-Net, each
variant is trained for `--minutes` of one core, two seeds side by side: a third of it M-Net alone (once for
the variants that train it alike), the rest as its row says. Judged on composites of people and alphas that
were left out of training; prints the mean and each seed's figures in the paper's units. Minutes are turned
into steps by timing some first, so that whatever else the machine does takes nothing from one variant alone.
Goes on where it stopped if it is killed. Needs the training data.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from left_out import KINDS, frames

from shm.checkpoint import load_model, save
from shm.data.sources import load_library
from shm.engine import Engine
from shm.matter import Matter
from shm.metrics import matte_errors
from shm.model import SHM
from shm.train.loop import averaged, run_stage
from shm.train.recipe import Stage, read_recipe
from shm.train.state import load_average
from shm.train.watch import HistoryWatcher

ROOT = Path(__file__).parents[1]
SEEDS = (1, 2)
ALONE = 1 / 3
"""Share of the budget in which M-Net is trained alone, before the variants part."""
TIMED = 16
"""Steps from whose time the budget's steps follow."""
COMPOSITES = 40
"""Of each kind."""
MEASURES = ("SAD e-3", "MSE e-3", "Grad e-5", "Conn e-5")


@dataclass(frozen=True)
class Variant:
    """What a row of the table leaves out."""

    name: str
    end_to_end: bool = True
    fusion: bool = True
    trimap_loss: bool = True


VARIANTS = (
    Variant("full"),
    Variant("no end-to-end", end_to_end=False),
    Variant("no fusion", fusion=False),
    Variant("no L_t", trimap_loss=False),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tnet", type=Path, required=True, help="checkpoint of a T-Net stage")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    jobs = [(options.data, options.tnet, options.out, options.minutes, seed) for seed in SEEDS]
    with ProcessPoolExecutor(len(SEEDS), mp_context=get_context("spawn")) as pool:
        figures = list(pool.map(one_seed, *zip(*jobs, strict=True)))
    print(f"{'':16}" + "".join(f"{name:>26}" for name in MEASURES))
    for variant in VARIANTS:
        each = np.array([found[variant.name] for found in figures])
        cells = [f"{each[:, k].mean():8.2f} ({', '.join(f'{v:.2f}' for v in each[:, k])})" for k in range(4)]
        print(f"{variant.name:16}" + "".join(f"{cell:>26}" for cell in cells))
    (options.out / "ablations.json").write_text(json.dumps(dict(zip(map(str, SEEDS), figures, strict=True))))


def one_seed(data: Path, tnet: Path, out: Path, minutes: float, seed: int) -> dict[str, list[float]]:
    """The four figures of every variant."""
    trainer = Trainer(data, tnet, out, minutes, seed)
    figures = {}
    for variant in VARIANTS:
        figures[variant.name] = judged(data, trainer.weights(variant))
        told = ", ".join(f"{value:.2f}" for value in figures[variant.name])
        print(f"seed {seed}, {variant.name}: {told}", flush=True)
    return figures


class Trainer:
    """Trains the variants of one seed, each for the same time of one core."""

    def __init__(self, data: Path, tnet: Path, out: Path, minutes: float, seed: int) -> None:
        torch.set_num_threads(1)
        self.recipe = read_recipe(ROOT / "configs" / "starter.yaml")
        self.library = load_library(
            data, self.recipe.sources, lists=self.recipe.lists, self_labels=data / "none"
        )
        self.tnet, self.out, self.seed = tnet, out, seed
        self.mnet, self.last = (
            next(s for s in self.recipe.stages if s.train == part) for part in ("mnet", "end_to_end")
        )
        self.steps = self._steps(minutes)

    def weights(self, variant: Variant) -> Path:
        """Those after the variant's budget, averaged."""
        alone = "mnet" if variant.fusion else "mnet-no-fusion"
        first = self._trained(alone, replace(self.mnet, steps=self.steps["alone"]), self._fresh(variant))
        return self._trained(variant.name.replace(" ", "-"), self._stage(variant), load_model(first))

    def _fresh(self, variant: Variant) -> SHM:
        torch.manual_seed(self.seed)
        model = SHM(replace(self.recipe.config, fusion=variant.fusion))
        start = {k: v for k, v in load_average(self.tnet, model).items() if k.startswith("tnet.")}
        model.load_state_dict(model.state_dict() | start)
        return model

    def _stage(self, variant: Variant) -> Stage:
        if not variant.end_to_end:
            return replace(self.mnet, steps=self.steps["mnet"])
        losses = self.last.losses if variant.trimap_loss else replace(self.last.losses, trimap=0.0)
        return replace(self.last, steps=self.steps["end_to_end"], losses=losses)

    def _trained(self, name: str, stage: Stage, model: SHM) -> Path:
        folder = self.out / f"{name}-{self.seed}"
        weights = folder / "weights.safetensors"
        if not weights.exists():
            average = averaged(model)
            self._run(model, average, replace(stage, minutes=None), folder)
            save(weights, average)
        return weights

    def _run(self, model: SHM, average: SHM, stage: Stage, folder: Path) -> None:
        # Pictures follow from seed and step: the second part of a budget is not to see the first's again.
        seed = self.seed + 100 * folder.name.startswith("mnet")
        run_stage(
            model, average, self.library, stage, seed=seed, folder=folder, workers=0,
            precision=Engine("cpu", "bf16").precision, watchers=[HistoryWatcher(folder)],
        )  # fmt: skip

    def _steps(self, minutes: float) -> dict[str, int]:
        """Steps of M-Net alone, and of either kind of second stage, that take their share of the budget."""
        file = self.out / f"steps-{self.seed}.json"
        if not file.exists():
            mnet, last = (self._processor_seconds(stage) for stage in (self.mnet, self.last))
            alone, rest = 60 * minutes * ALONE, 60 * minutes * (1 - ALONE)
            steps = {"alone": alone / mnet, "mnet": rest / mnet, "end_to_end": rest / last}
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({name: round(count) for name, count in steps.items()}))
        found: dict[str, int] = json.loads(file.read_text())
        print(f"seed {self.seed}, steps: {found}", flush=True)
        return found

    def _processor_seconds(self, stage: Stage) -> float:
        """Of one step of `stage`."""
        model = self._fresh(VARIANTS[0])
        with tempfile.TemporaryDirectory() as scratch:
            for steps in (TIMED // 4, TIMED):
                started = time.process_time()
                timed = replace(stage, steps=steps, minutes=None)
                self._run(model, averaged(model), timed, Path(scratch) / str(steps))
        return (time.process_time() - started) / TIMED


def judged(data: Path, weights: Path) -> list[float]:
    """The paper's four figures, means over the left-out composites."""
    matter = Matter.load(weights, device="cpu")
    rows = []
    for sources in KINDS.values():
        for frame in frames(data, sources, COMPOSITES):
            alpha = matter.matte([frame.photo])[0]
            rows.append(astuple(matte_errors(alpha, frame.alpha.astype(np.float32) / 255).paper))
    return [float(value) for value in np.mean(rows, axis=0)]


if __name__ == "__main__":
    main()
