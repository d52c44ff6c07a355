"""One ONNX file per network: the same alpha as torch's on photos of any size, or no file."""

import shutil
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jobs import commands_model
from pipeline.errors import JobError
from shm.checkpoint import load_model, save, weights_id
from shm.model import SHM, SHMConfig
from shm.tnet import BACKBONES
from shm.train import graph
from shm.train.export import LARGEST, Exported, ExportError, export

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")


def weights_of(folder: Path, **changes: Any) -> Path:
    """A tiny network with random weights that differ enough for its alpha to vary over a photo."""
    values = SHMConfig.preset("starter").to_dict() | {"tnet_long_side": 64}
    values["mnet"] |= {"width": 1 / 16} | changes.pop("mnet", {})
    values["tnet"] |= {"head": 8, "refine": [8, 8]} | changes.pop("tnet", {})
    torch.manual_seed(0)
    return save(folder / "tiny.safetensors", SHM(SHMConfig.from_dict(values | changes)), licence="CC0-1.0")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Smooth noise of several sizes: sides that are multiples of 32 and sides that are not, wide and tall."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    sizes = ((96, 64), (64, 96), (70, 90), (33, 31), (128, 96))
    for height, width in sizes:
        noise = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{height}x{width}.png"), picture)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, photos: list[Path]) -> Exported:
    folder = tmp_path_factory.mktemp("network")
    return export(weights_of(folder), folder / "out" / "tiny.onnx", photos)


def test_the_graph_is_the_network_on_photos_of_every_size(exported: Exported, photos: list[Path]) -> None:
    assert [found.photo for found in exported.differences] == [photo.name for photo in photos]
    assert exported.largest < 1e-5
    assert f"greatest difference from torch: {exported.largest:.1e}" in exported.table()


def test_the_graph_takes_batches(exported: Exported) -> None:
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(1).random((2, 3, 64, 128), np.float32)

    alpha, trimap = session.run(None, {"photo": batch})

    with torch.inference_mode():
        wanted = load_model(exported.path.parent.parent / "tiny.safetensors")(torch.from_numpy(batch))
    np.testing.assert_allclose(alpha, wanted.alpha, atol=1e-5)
    assert trimap.shape == (2, 3, 64, 128)


def test_the_file_says_what_it_is(exported: Exported) -> None:
    model = onnx.load(exported.path)

    said = {entry.key: entry.value for entry in model.metadata_props}
    weights = exported.path.parent.parent / "tiny.safetensors"
    assert said == {"weights": weights_id(weights), "licence": "CC0-1.0"}
    assert "multiples of 32" in model.doc_string


def test_the_graph_needs_no_unpooling_operator(exported: Exported) -> None:
    operators = {node.op_type for node in onnx.load(exported.path).graph.node}

    assert "MaxUnpool" not in operators
    assert "BatchNormalization" not in operators


@pytest.mark.parametrize(
    "changes",
    [
        {"tnet_long_side": None},
        {"mnet": {"inputs": 4}},
        {"fusion": False},
        *({"tnet": {"backbone": name, "refine": []}} for name in sorted(BACKBONES)),
    ],
    ids=str,
)
def test_every_shape_of_network_can_be_exported(
    tmp_path: Path, photos: list[Path], changes: dict[str, Any]
) -> None:
    found = export(weights_of(tmp_path, **changes), tmp_path / "n.onnx", photos[:1])

    assert found.largest < 1e-5


def test_a_graph_that_computes_something_else_is_not_written(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "tnet_sides", lambda sides, long_side, stride: sides)

    with pytest.raises(ExportError, match=r"not written: on .*\.png the graph's alpha is off by"):
        export(weights_of(tmp_path), tmp_path / "n.onnx", photos[:1])

    assert list(tmp_path.glob("*n.onnx*")) == []


def test_a_graph_that_would_remember_a_photos_size_is_refused(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "tnet_sides", lambda sides, long_side, stride: torch.tensor(sides.tolist()))

    with pytest.raises(ExportError, match="no graph that is right for every size"):
        export(weights_of(tmp_path), tmp_path / "n.onnx", photos[:1])


def test_without_the_packages_the_message_says_how_to_get_them(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(ExportError, match=r"onnxruntime, which is not installed: pip install .*\[export\]"):
        export(weights_of(tmp_path), tmp_path / "n.onnx", photos)


@pytest.mark.parametrize("long_side", [None, 384, 500])
def test_t_net_sees_photos_at_the_same_size_in_the_graph(tmp_path: Path, long_side: int | None) -> None:
    model = load_model(weights_of(tmp_path, tnet_long_side=long_side))
    sides = [(height, width) for height in range(32, 1504, 61) for width in (32, 500, 592, height, 1500)]

    found = [graph.tnet_sides(torch.tensor(s), long_side, model.tnet.backbone.stride).tolist() for s in sides]

    assert found == [list(model.tnet_size(*s)) for s in sides]


def test_pooling_takes_the_first_of_equals_as_torch_does() -> None:
    x = torch.randint(0, 2, (2, 3, 8, 6), generator=torch.Generator().manual_seed(0)).float()
    pooled, indices = F.max_pool2d(x, 2, 2, return_indices=True)

    windows = graph._windows(x)
    found = graph._unpool(windows.amax(dim=2) + 5, windows.argmax(dim=2, keepdim=True))

    assert torch.equal(found, F.max_unpool2d(pooled + 5, indices, [2, 2], [2, 2]))


@pytest.mark.parametrize(("source", "target"), [(96, 64), (800, 384), (31, 32), (32, 96), (5, 5)])
def test_resizing_by_matrices_is_torchs_antialiased_one(source: int, target: int) -> None:
    x = torch.rand((1, 2, source, 40), generator=torch.Generator().manual_seed(0))

    found = graph._resizing(torch.tensor(source), torch.tensor(target)) @ x

    wanted = F.interpolate(x, (target, 40), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("source", [1, 2, 5, 6, 7, 24])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_pooling_by_matrices_is_torchs_adaptive_one(source: int, bins: int) -> None:
    x = torch.rand((1, 2, source, 1), generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(
        graph._pooling(torch.tensor(source), bins) @ x, F.adaptive_avg_pool2d(x, (bins, 1))
    )


def test_the_command_names_a_folder_without_photos(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no photos in it"):
        commands_model.export(tmp_path / "n.onnx", photos=tmp_path)


def test_the_command_writes_the_file_and_says_how_far_it_is_off(
    tmp_path: Path, photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(photos[0], tmp_path / "photos")

    commands_model.export(tmp_path / "n.onnx", weights_of(tmp_path), tmp_path / "photos")

    assert "greatest difference from torch" in capsys.readouterr().out
    assert (tmp_path / "n.onnx").is_file()


def test_the_tolerance_is_under_five_steps_of_an_eight_bit_alpha() -> None:
    assert LARGEST < 5.5 / 255
