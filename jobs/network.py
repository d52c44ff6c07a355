"""Which network a command uses: its recipe for planning, and a loader that can travel to another process."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.registry import Move, fetch_weights, read_current
from pipeline.cutout import Predictor, recipe_of
from pipeline.store import ObjectStore
from shm.checkpoint import weights_id
from shm.engine import ENGINES, Engine, choose
from shm.matter import Matter
from shm.process import single_thread


@dataclass(frozen=True, slots=True)
class Network:
    """A network by its file and engine; nothing is loaded before `load` is called. `earlier`: the recipes of
    its weights on other engines, and of the networks that were in use before it, the last first.
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
    current = read_current(registry) if registry is not None else None
    moves = current.moves if current is not None else ()
    if registry is not None and current is not None and weights is None:
        name = current.weights
        load = partial(_load_stored, registry, current.model, name, engine)
    else:
        name, load = weights_id(weights), partial(_load, weights, engine)
    return Network(recipe_of(engine, name), name, engine, load, _earlier(engine, name, moves))


def load_matter(store: ObjectStore, model: str, weights: str, engine: Engine) -> Matter:
    """A registered model's network. Raises `StoreError` and `WeightsError`."""
    with tempfile.TemporaryDirectory(prefix="banners-weights-") as folder:
        return Matter.load(fetch_weights(store, model, weights, Path(folder)), engine)


def _earlier(engine: Engine, weights: str, moves: Sequence[Move]) -> tuple[str, ...]:
    """Those of the same weights on other kinds of machines, too: a night on GPUs after one on processors
    makes every cut-out again, and where it may not, what there is has to stay.
    """
    used = dict.fromkeys([weights, *(move.weights for move in reversed(moves))])
    engines = dict.fromkeys([engine, *ENGINES])
    return tuple(recipe_of(each, name) for name in used for each in engines)[1:]


def _load(weights: Path | None, engine: Engine) -> Predictor:
    # Sums in another order round differently: one thread everywhere gives the same bytes everywhere.
    single_thread()
    return Matter.load(weights, engine)


def _load_stored(store: ObjectStore, model: str, weights: str, engine: Engine) -> Predictor:
    single_thread()
    return load_matter(store, model, weights, engine)
