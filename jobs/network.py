"""Which network a command uses: its recipe for planning, and a loader that can travel to another process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.cutout import Predictor, photo_recipe
from shm.checkpoint import weights_id
from shm.engine import Engine, choose
from shm.matter import Matter, single_thread


@dataclass(frozen=True, slots=True)
class Network:
    """A network by its file and engine; nothing is loaded before `load` is called."""

    recipe: str
    weights: str
    engine: Engine
    load: Callable[[], Predictor]


def choose_network(weights: Path | None, device: str, *, remote: bool = False) -> Network:
    """The network in `weights` (the shipped one where None) on `device`: auto, cpu or cuda.

    `remote`: the workers run elsewhere, so that this machine need not have the GPU that they have. Raises
    `WeightsError` and `NoGpu`.
    """
    engine = Engine("cuda", "bf16") if remote and device == "cuda" else choose(device)
    return Network(
        photo_recipe(engine, weights), weights_id(weights), engine, partial(_load, weights, engine)
    )


def _load(weights: Path | None, engine: Engine) -> Predictor:
    # Sums in another order round differently: one thread everywhere gives the same bytes everywhere.
    single_thread()
    return Matter.load(weights, engine)
