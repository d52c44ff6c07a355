"""Networks in an output store: kept whole, put in use by one person at a time, and taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from jobs.network import choose_network
from jobs.registry import (
    CURRENT,
    PREFIX,
    SHIPPED,
    Kind,
    Model,
    Overtaken,
    ensure_current,
    fetch_weights,
    list_models,
    move,
    read_current,
    read_model,
    register,
)
from pipeline.cutout import recipe_of
from pipeline.errors import JobError, StoreError
from pipeline.store import DirStore
from shm.checkpoint import WeightsError, default_weights, save, weights_id
from shm.engine import ENGINES, Engine
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig
from shm.tnet import TNetConfig

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Weights of three small networks; the first stands in for the shipped ones."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    model = SHM(TINY)
    return [save(folder / f"{n}.safetensors", model, data={"number": n}) for n in range(3)]


@pytest.fixture(autouse=True)
def shipped(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.registry.default_weights", lambda: files[0])


@pytest.fixture
def store(tmp_path: Path) -> DirStore:
    return DirStore(tmp_path / "out")


def kept(store: DirStore, file: Path) -> Model:
    return register(store, file, origin={"from": file.name}, now=NOW)


def promote(store: DirStore, model: Model, who: str = "Mei") -> None:
    move(store, ensure_current(store, NOW), model, Kind.PROMOTED, who=who, now=NOW)


def roll_back(store: DirStore) -> None:
    current = ensure_current(store, NOW)
    assert current.before is not None
    move(store, current, read_model(store, current.before.model), Kind.ROLLED_BACK, who="Mei", now=NOW)


def test_a_registered_model_has_its_weights_and_says_where_it_comes_from(
    store: DirStore, files: list[Path], tmp_path: Path
) -> None:
    model = kept(store, files[1])

    assert model.weights == weights_id(files[1])
    assert model.card["origin"] == {"from": "1.safetensors"}
    assert fetch_weights(store, model.id, model.weights, tmp_path).read_bytes() == files[1].read_bytes()
    assert list_models(store) == [model.id]


def test_registering_twice_keeps_the_first_card(store: DirStore, files: list[Path]) -> None:
    kept(store, files[1])

    again = register(store, files[1], origin={"from": "elsewhere"}, now=NOW)

    assert again.card["origin"] == {"from": "1.safetensors"}


def test_a_file_that_is_no_network_is_not_registered(store: DirStore, tmp_path: Path) -> None:
    (tmp_path / "page.safetensors").write_text("<html>")

    with pytest.raises(WeightsError, match="not a safetensors file"):
        kept(store, tmp_path / "page.safetensors")

    assert list(store.list(PREFIX)) == []


def test_weights_that_were_damaged_in_the_bucket_are_refused(
    store: DirStore, files: list[Path], tmp_path: Path
) -> None:
    model = kept(store, files[1])
    store.replace(f"{PREFIX}{model.id}/weights.safetensors", b"something else")

    with pytest.raises(StoreError, match="not the weights"):
        fetch_weights(store, model.id, model.weights, tmp_path)


def test_a_model_that_is_not_there_is_told_with_those_that_are(store: DirStore, files: list[Path]) -> None:
    model = kept(store, files[1])

    with pytest.raises(JobError, match=f"no model 0000.*{model.id}"):
        read_model(store, "0000")


def test_the_first_move_goes_from_the_shipped_weights(store: DirStore, files: list[Path]) -> None:
    promote(store, kept(store, files[1]))

    current = read_current(store)
    assert current is not None
    assert current.weights == weights_id(files[1])
    assert [(each.weights, each.who) for each in current.moves] == [
        (weights_id(files[0]), SHIPPED),
        (weights_id(files[1]), "Mei"),
    ]


def test_rolling_back_twice_goes_back_two_steps(store: DirStore, files: list[Path]) -> None:
    promote(store, kept(store, files[1]))
    promote(store, kept(store, files[2]))

    roll_back(store)
    once = ensure_current(store, NOW)
    roll_back(store)
    twice = ensure_current(store, NOW)

    assert (once.weights, twice.weights) == (weights_id(files[1]), weights_id(files[0]))
    assert twice.before is None


def test_who_moves_second_is_told_by_whom_and_nothing_is_moved(store: DirStore, files: list[Path]) -> None:
    seen = ensure_current(store, NOW)
    promote(store, kept(store, files[1]), who="Ana")

    with pytest.raises(Overtaken, match="Ana promoted"):
        move(store, seen, kept(store, files[2]), Kind.PROMOTED, who="Mei", now=NOW)

    assert ensure_current(store, NOW).weights == weights_id(files[1])


def test_of_many_promoters_at_once_exactly_one_wins_each_round(store: DirStore, files: list[Path]) -> None:
    models = [kept(store, files[1]), kept(store, files[2])]

    def attempt(number: int) -> bool:
        try:
            move(store, current, models[number % 2], Kind.PROMOTED, who=str(number), now=NOW)
        except Overtaken:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            current = ensure_current(store, NOW)
            assert sum(pool.map(attempt, range(4))) == 1

    assert len(ensure_current(store, NOW).moves) == 11


def test_a_damaged_pointer_stops_with_its_place(store: DirStore) -> None:
    store.put_new(CURRENT, b'{"moves": [')

    with pytest.raises(StoreError, match=r"current\.json: does not say which model is in use"):
        read_current(store)


def test_a_night_takes_the_model_in_use_and_knows_those_before(store: DirStore, files: list[Path]) -> None:
    promote(store, kept(store, files[1]))

    network = choose_network(None, "cpu", registry=store)

    engine = network.engine
    assert network.weights == weights_id(files[1])
    assert network.recipe == recipe_of(engine, weights_id(files[1]))
    assert recipe_of(engine, weights_id(files[0])) in network.earlier
    assert network.recipe not in network.earlier
    assert network.load().weights_id == weights_id(files[1])  # type: ignore[attr-defined]


def test_without_a_model_in_use_it_is_the_shipped_one(store: DirStore) -> None:
    network = choose_network(None, "cpu", registry=store)

    assert network.weights == weights_id(default_weights())


def test_a_night_knows_what_its_weights_made_on_other_kinds_of_machines() -> None:
    network = choose_network(None, "cpu", remote=True)

    others = {recipe_of(engine, network.weights) for engine in ENGINES if engine != network.engine}
    assert set(network.earlier) == others


def test_weights_that_are_named_come_before_the_model_in_use(store: DirStore, files: list[Path]) -> None:
    promote(store, kept(store, files[1]))

    assert choose_network(files[2], "cpu", registry=store).weights == weights_id(files[2])


def test_a_loader_finds_its_weights_in_another_process(store: DirStore, files: list[Path]) -> None:
    import pickle

    promote(store, kept(store, files[1]))
    network = choose_network(None, "cpu", registry=store)

    loaded = pickle.loads(pickle.dumps(network.load))()

    assert loaded.engine == Engine("cpu", network.engine.precision)
