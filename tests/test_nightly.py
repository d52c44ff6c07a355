"""The same nights on Ray: the same bytes, and what happens when workers die."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import ray
from conftest import PHOTOS, Shop, figure, make_shop

from jobs.nightly import RayWorkers
from pipeline import manifest
from pipeline.errors import StoreError
from pipeline.order import exit_code
from pipeline.standin import StandIn
from pipeline.store import open_store
from pipeline.types import Pixels, Status
from shm.matter import OutOfMemory, Prediction

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning")]

DEADLY, ENDLESS, HUGE = (0, 0, 255), (255, 0, 0), (255, 0, 255)
"""Backdrops, in BGR, of photos that kill their worker, that never end, and that need too much memory."""


class Poisonable(StandIn):
    """A network that a photo's first pixel can crash or hang."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        if np.array_equal(photos[0][0, 0], DEADLY[::-1]):
            os._exit(1)
        if np.array_equal(photos[0][0, 0], ENDLESS[::-1]):
            time.sleep(600)
        if np.array_equal(photos[0][0, 0], HUGE[::-1]):
            raise OutOfMemory("no room for 1 photos")
        return super().predict(photos)


class Broken(StandIn):
    """A network that cannot be loaded."""

    def __init__(self) -> None:
        raise StoreError("weights.bin: cannot be read")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One local cluster for all tests here: two processors, and a GPU that is only pretended."""
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 2**20,
    )
    # The workers cannot import this file, so what it defines travels with the work.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.shutdown()


@pytest.fixture
def workers(cluster: None) -> RayWorkers:
    return RayWorkers(photo_seconds=5.0)


def test_ray_makes_the_same_bytes_as_one_process(shop: Shop, workers: RayWorkers, tmp_path: Path) -> None:
    twin = make_shop(tmp_path / "twin")
    twin.run()

    outcome = shop.run(workers)

    made = shop.files("banners") | shop.files("cutouts") | shop.files("thumbnails")
    assert made == twin.files("banners") | twin.files("cutouts") | twin.files("thumbnails")
    assert exit_code(outcome.photos, outcome.banners, 0.02) == 0


def test_a_photo_that_kills_its_worker_costs_only_itself(shop: Shop, workers: RayWorkers) -> None:
    shop.load_matter = Poisonable
    shop.add("deadly.png", figure((9, 9, 9), DEADLY))

    outcome = shop.run(workers)

    refused = {row.key: row.reason for row in outcome.photos if row.status is not Status.STORED}
    assert refused == {"deadly.png": "killed_worker", "empty.png": "no_subject"}
    assert sum(row.status is Status.STORED for row in outcome.banners) == 8


def test_a_photo_that_never_ends_is_cut_off(shop: Shop, workers: RayWorkers) -> None:
    shop.load_matter = Poisonable
    shop.add("endless.png", figure((9, 9, 9), ENDLESS))

    outcome = shop.run(workers)

    refused = {row.key: row.reason for row in outcome.photos if row.status is not Status.STORED}
    assert refused == {"endless.png": "timed_out", "empty.png": "no_subject"}


def test_a_network_that_cannot_be_loaded_stops_the_night_with_its_own_words(
    shop: Shop, workers: RayWorkers
) -> None:
    shop.load_matter = Broken

    with pytest.raises(StoreError, match=r"^weights\.bin: cannot be read$"):
        shop.run(workers)


def test_a_cluster_is_told_how_much_work_there_is_and_when_it_is_done(
    shop: Shop, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("jobs.nightly.request_resources", lambda *, num_cpus: asked.append(num_cpus))
    workers = RayWorkers(address="auto")

    shop.run(workers)
    workers.close()

    assert asked == [len(PHOTOS) + 1, 1, 0]  # two products, a cut-out each, for two workers on a processor


def test_a_local_cluster_is_asked_for_nothing(
    shop: Shop, workers: RayWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*, num_cpus: int) -> None:
        raise AssertionError(num_cpus)

    monkeypatch.setattr("jobs.nightly.request_resources", refuse)

    assert shop.run(workers).made


def test_a_network_on_a_gpu_of_its_own_makes_the_same_bytes(
    shop: Shop, cluster: None, tmp_path: Path
) -> None:
    twin = make_shop(tmp_path / "twin")
    twin.run()

    shop.run(RayWorkers(on_gpus=True))

    assert shop.files("cutouts") == twin.files("cutouts")


@pytest.mark.parametrize(
    ("backdrop", "reason"),
    [(DEADLY, "killed_worker"), (ENDLESS, "killed_worker"), (HUGE, "too_large_for_gpu")],
)
def test_a_photo_that_the_gpu_cannot_take_costs_only_itself(
    shop: Shop, cluster: None, backdrop: tuple[int, int, int], reason: str
) -> None:
    shop.load_matter = Poisonable
    shop.add("bad.png", figure((9, 9, 9), backdrop))

    outcome = shop.run(RayWorkers(on_gpus=True, gpu_seconds=3.0))

    refused = {row.key: row.reason for row in outcome.photos if row.status is not Status.STORED}
    assert refused == {"bad.png": reason, "empty.png": "no_subject"}


def test_asked_to_stop_it_stores_what_it_has_begun(shop: Shop, cluster: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        shop.run(RayWorkers(stop=(shop.output / "cutouts").exists))

    output = open_store(shop.output)
    [run] = manifest.list_runs(output, "test")
    noted = {row.cutout_key for row in manifest.read_photos(output, run) if row.status is Status.STORED}
    assert noted == set(shop.files("cutouts"))
