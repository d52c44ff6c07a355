"""Any photo in, an alpha of its size out; and a confidence that falls where mattes go wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shm.checkpoint import WeightsError, save
from shm.engine import Engine, NoGpu
from shm.matter import LONG_SIDE, STRIDE, Maps, Matter, OutOfMemory, confidence, to_frame
from shm.model import SHM, SHMConfig

CPU, CUDA = Engine("cpu", "fp32"), Engine("cuda", "bf16")


class GreenIsPerson:
    """A network that calls every pixel a person as far as it is green. Remembers what it was given, and has
    room for `room` photos at a time."""

    def __init__(self, room: int = 100) -> None:
        self.batches: list[tuple[int, ...]] = []
        self._room = room

    def infer(self, batch: NDArray[np.uint8]) -> Maps:
        if len(batch) > self._room:
            raise OutOfMemory("no room")
        self.batches.append(batch.shape)
        alpha = batch[..., 1].astype(np.float32) / 255
        coarse = alpha[:, ::4, ::4]
        return Maps(alpha, np.stack([1 - coarse, np.zeros_like(coarse), coarse], axis=1))


def matter_of(network: GreenIsPerson, engine: Engine = CPU) -> Matter:
    return Matter(network, engine=engine, weights_id="fake")


def green(height: int, width: int, value: int = 255) -> NDArray[np.uint8]:
    photo = np.zeros((height, width, 3), np.uint8)
    photo[..., 1] = value
    return photo


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = SHMConfig.preset("starter").to_dict()
    values["mnet"]["width"] = 1 / 16
    torch.manual_seed(0)
    return save(tmp_path_factory.mktemp("w") / "w.safetensors", SHM(SHMConfig.from_dict(values)))


@pytest.fixture(scope="module")
def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 700), (700, 1), (31, 33), (32, 32), (800, 592), (1500, 20), (1501, 1000), (3000, 4)],
)
def test_every_alpha_has_its_photos_size(size: tuple[int, int]) -> None:
    [alpha] = matter_of(GreenIsPerson()).matte([green(*size)])

    assert alpha.shape == size
    assert alpha.dtype == np.float32
    assert (alpha == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (33, 500), (1500, 1500), (1501, 4000), (9000, 3)])
def test_the_network_sees_multiples_of_32_and_no_long_side_beyond_its_limit(size: tuple[int, int]) -> None:
    network = GreenIsPerson()

    matter_of(network).matte([green(*size)])

    [(_, height, width, _)] = network.batches
    assert (height % STRIDE, width % STRIDE) == (0, 0)
    assert max(height, width) < LONG_SIDE + STRIDE


def test_padding_repeats_the_photos_edge() -> None:
    frame = to_frame(green(40, 40))

    assert frame.pixels.shape == (64, 64, 3)
    assert (frame.pixels == green(64, 64)).all()


def test_places_are_kept_when_a_large_photo_is_scaled_down_and_its_alpha_up_again() -> None:
    photo = green(3000, 2000, 0)
    photo[600:2400, 500:1500, 1] = 255

    [alpha] = matter_of(GreenIsPerson()).matte([photo])

    assert np.abs(alpha - photo[..., 1] / 255.0).mean() < 0.001


def test_on_a_cpu_photos_go_through_one_at_a_time() -> None:
    network = GreenIsPerson()

    matter_of(network).matte([green(32, 32)] * 3)

    assert network.batches == [(1, 32, 32, 3)] * 3


def test_on_a_gpu_photos_of_one_shape_go_together_and_come_back_in_order() -> None:
    network = GreenIsPerson()
    photos = [green(32, 32, 255), green(64, 32, 51), green(30, 31, 102)]

    alphas = matter_of(network, CUDA).matte(photos)

    assert sorted(network.batches) == [(1, 64, 32, 3), (2, 32, 32, 3)]
    assert [round(float(alpha.mean()), 2) for alpha in alphas] == [1.0, 0.2, 0.4]


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    network = GreenIsPerson(room=2)

    alphas = matter_of(network, CUDA).matte([green(32, 32)] * 7)

    assert len(alphas) == 7
    assert [batch[0] for batch in network.batches] == [1, 2, 2, 2]


def test_a_photo_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(OutOfMemory):
        matter_of(GreenIsPerson(room=0), CUDA).matte([green(32, 32)])


def test_no_photos_give_no_alphas() -> None:
    assert matter_of(GreenIsPerson()).matte([]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_photo_is_refused(wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="a photo is uint8"):
        matter_of(GreenIsPerson()).matte([wrong])


def test_real_weights_give_alphas_in_range(weights: Path, noise: NDArray[np.uint8]) -> None:
    [found] = Matter.load(weights, CPU).predict([noise])

    assert found.alpha.shape == (70, 50)
    assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
    assert found.trimap.shape == (3, 18, 13)
    np.testing.assert_allclose(found.trimap.sum(axis=0), 1, atol=1e-5)


def test_the_same_photo_gives_the_same_bytes_whoever_runs_beside_it(
    weights: Path, noise: NDArray[np.uint8]
) -> None:
    matter = Matter.load(weights, CPU)

    alone = matter.matte([noise])[0]
    beside = matter.matte([green(90, 90), noise, noise])

    assert [alpha.tobytes() == alone.tobytes() for alpha in beside[1:]] == [True, True]


def test_bf16_stays_close_to_fp32(weights: Path, noise: NDArray[np.uint8]) -> None:
    [exact] = Matter.load(weights, CPU).matte([noise])
    [quick] = Matter.load(weights, Engine("cpu", "bf16")).matte([noise])

    assert np.abs(exact - quick).mean() < 0.005


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="absent"):
        Matter.load(tmp_path / "absent.safetensors", "cpu")


def test_a_missing_gpu_is_an_error(weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shm.engine._DEV", tmp_path)

    with pytest.raises(NoGpu):
        Matter.load(weights, "cuda")


# Confidence: a disc as person, in ever worse mattes.


def disc(height: int = 64, radius: float = 20) -> NDArray[np.float32]:
    y, x = np.mgrid[:height, :height] - (height - 1) / 2
    return np.clip(radius - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)


def maps(alpha: NDArray[np.float32], unknown: NDArray[np.float32] | None = None) -> tuple[NDArray, NDArray]:
    u = np.zeros_like(alpha) if unknown is None else unknown
    large = cv2.resize(alpha, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    return np.stack([(1 - alpha) * (1 - u), u, alpha * (1 - u)]), large


def clear() -> tuple[NDArray, NDArray]:
    return maps(disc())


def with_a_band() -> tuple[NDArray, NDArray]:
    return maps(disc(), ((disc(radius=23) > 0) & (disc(radius=17) < 1)).astype(np.float32))


def with_fog_inside() -> tuple[NDArray, NDArray]:
    return maps(disc() * (1 - 0.5 * disc(radius=8)))


def all_fog() -> tuple[NDArray, NDArray]:
    return maps(disc() * 0.5)


def unknown_all_over() -> tuple[NDArray, NDArray]:
    return maps(disc(), np.ones((64, 64), np.float32))


def nobody() -> tuple[NDArray, NDArray]:
    return maps(disc() * 0)


@pytest.mark.parametrize(
    ("case", "low", "high"),
    [
        (clear, 0.95, 1),
        (with_a_band, 0.9, 1),
        (with_fog_inside, 0.6, 0.93),
        (all_fog, 0, 0.2),
        (unknown_all_over, 0, 0.2),
        (nobody, 0, 0),
    ],
)
def test_confidence_falls_as_mattes_get_worse(
    case: Callable[[], Sequence[NDArray[np.float32]]], low: float, high: float
) -> None:
    trimap, alpha = case()

    assert low <= confidence(trimap, alpha) <= high
