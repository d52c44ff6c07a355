"""SHM's ablations (Table 5) in small: full, no end-to-end training, no fusion, no L_t; the same budget each.

`ablations.py --data DIR --tnet runs/starter/tnet-last.pt -o runs/ablations`: from one trained T-Net
and a fresh M-Net, each variant is trained for `--minutes` on one thread, with two seeds side by side,
and judged on composites of people and alphas that were left out of training. Prints the mean and each seed's
figures in the paper's units. Goes on where it stopped if it is killed. Needs the training data.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from composites import KINDS, frames

from shm.checkpoint import save
from shm.data.sources import Library, load_library
from shm.engine import Engine
from shm.matter import Matter
from shm.metrics import matte_errors
from shm.model import SHM
from shm.train.loop import averaged, run_stage
from shm.train.recipe import Stage, TrainRecipe, read_recipe
from shm.train.state import load_average
from shm.train.watch import HistoryWatcher

ROOT = Path(__file__).parents[1]
SEEDS = (1, 2)
MNET_SHARE = 1 / 3
"""Of the budget, for M-Net alone before both are trained together."""
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
    torch.set_num_threads(1)
    recipe = read_recipe(ROOT / "configs" / "starter.yaml")
    library = load_library(data, recipe.sources, lists=recipe.lists, self_labels=data / "none")
    figures = {}
    for variant in VARIANTS:
        folder = out / f"{variant.name.replace(' ', '-')}-{seed}"
        weights = folder / "weights.safetensors"
        if not weights.exists():
            save(weights, trained(recipe, library, variant, tnet, folder, minutes, seed))
        figures[variant.name] = judged(data, weights)
        print(
            f"seed {seed}, {variant.name}: {', '.join(f'{v:.2f}' for v in figures[variant.name])}", flush=True
        )
    return figures


def trained(
    recipe: TrainRecipe,
    library: Library,
    variant: Variant,
    tnet: Path,
    folder: Path,
    minutes: float,
    seed: int,
) -> SHM:
    """A variant after its budget, averaged."""
    torch.manual_seed(seed)
    model = SHM(replace(recipe.config, fusion=variant.fusion))
    start = {k: v for k, v in load_average(tnet, model).items() if k.startswith("tnet.")}
    model.load_state_dict(model.state_dict() | start)
    average = averaged(model)
    for stage in stages(recipe, variant, minutes):
        model.load_state_dict(average.state_dict())
        run_stage(
            model, average, library, stage, seed=seed, folder=folder, workers=0,
            precision=Engine("cpu", "bf16").precision, watchers=[HistoryWatcher(folder)],
        )  # fmt: skip
    return average


def stages(recipe: TrainRecipe, variant: Variant, minutes: float) -> Iterator[Stage]:
    """The recipe's M-Net and last stages, cut to the budget."""
    mnet, last = (next(s for s in recipe.stages if s.train == part) for part in ("mnet", "end_to_end"))
    alone = minutes * (MNET_SHARE if variant.end_to_end else 1.0)
    yield replace(mnet, minutes=alone, steps=10**6)
    if variant.end_to_end:
        losses = last.losses if variant.trimap_loss else replace(last.losses, trimap=0.0)
        yield replace(last, minutes=minutes - alone, steps=10**6, losses=losses)


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
