"""Which network a command uses: its recipe for planning, and a loader that can travel to another process."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.registry import Current, fetch_weights, read_current
from pipeline.cutout import Predictor, photo_recipe, recipe_of
from pipeline.store import ObjectStore
from shm.checkpoint import weights_id
from shm.engine import Engine, choose
from shm.matter import Matter
from shm.process import single_thread


@dataclass(frozen=True, slots=True)
class Network:
    """A network by its file and engine; nothing is loaded before `load` is called. `earlier`: the recipes of
    the networks that were in use before it, the last first.
    """

    recipe: str
    weights: str
    engine: Engine
    load: Callable[[], Predictor]
    earlier: tuple[str, ...] = ()


def choose_network(
    weights: Path | None, device: str, *, remote: bool = False, registry: ObjectStore | None = None
) -> Network:
    """The network in the file `weights`; where None the one that `registry` has in use; without either the
    shipped one. On `device`: auto, cpu or cuda.

    `remote`: the workers run elsewhere, so that this machine need not have the GPU that they have. Raises
    `WeightsError`, `NoGpu` and what the store raises.
    """
    engine = Engine("cuda", "bf16") if remote and device == "cuda" else choose(device)
    current = read_current(registry) if registry is not None and weights is None else None
    if registry is None or current is None:
        load = partial(_load, weights, engine)
        return Network(photo_recipe(engine, weights), weights_id(weights), engine, load)
    load_stored = partial(_load_stored, registry, current.model, current.weights, engine)
    return Network(
        recipe_of(engine, current.weights), current.weights, engine, load_stored, _earlier(engine, current)
    )


def load_matter(store: ObjectStore, model: str, weights: str, engine: Engine) -> Matter:
    """A registered model's network. Raises `StoreError` and `WeightsError`."""
    with tempfile.TemporaryDirectory(prefix="banners-weights-") as folder:
        return Matter.load(fetch_weights(store, model, weights, Path(folder)), engine)


def _earlier(engine: Engine, current: Current) -> tuple[str, ...]:
    used = dict.fromkeys(move.weights for move in reversed(current.moves))
    return tuple(recipe_of(engine, weights) for weights in used if weights != current.weights)


def _load(weights: Path | None, engine: Engine) -> Predictor:
    # Sums in another order round differently: one thread everywhere gives the same bytes everywhere.
    single_thread()
    return Matter.load(weights, engine)


def _load_stored(store: ObjectStore, model: str, weights: str, engine: Engine) -> Predictor:
    single_thread()
    return load_matter(store, model, weights, engine)
