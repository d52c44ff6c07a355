"""Weights files: saved whole, loaded strictly, refused by name and reason."""

import json
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from shm.checkpoint import WeightsError, load_model, read_card, save, weights_id
from shm.model import SHM, SHMConfig

TINY = SHMConfig.from_dict(
    {
        **SHMConfig.preset("starter").to_dict(),
        "tnet": {**SHMConfig.preset("starter").to_dict()["tnet"], "head": 16, "refine": [8, 8]},
        "mnet": {**SHMConfig.preset("starter").to_dict()["mnet"], "width": 1 / 16},
    }
)


@pytest.fixture(scope="module")
def model() -> SHM:
    torch.manual_seed(0)
    return SHM(TINY).eval()


@pytest.fixture
def weights(model: SHM, tmp_path: Path) -> Path:
    return save(tmp_path / "w.safetensors", model, metrics={"iou": 0.9}, data={"street": 3}, licence="MIT")


def rewritten(weights: Path, **arrays: np.ndarray) -> Path:
    """The file with some tensors replaced, and those given as empty left out."""
    kept = {**load_file(weights), **arrays}
    header = json.loads(weights.read_bytes()[8 : 8 + int.from_bytes(weights.read_bytes()[:8], "little")])
    save_file({k: v for k, v in kept.items() if v.size}, weights, metadata=header["__metadata__"])
    return weights


def test_the_card_says_what_was_saved(weights: Path) -> None:
    card = read_card(weights)

    assert (card.metrics, card.data, card.licence) == ({"iou": 0.9}, {"street": 3}, "MIT")
    assert SHMConfig.from_dict(dict(card.config)) == TINY


def test_a_loaded_network_answers_as_the_saved_one_did(model: SHM, weights: Path) -> None:
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        difference = (load_model(weights)(photo).alpha - model(photo).alpha).abs().max()

    assert float(difference) < 0.01  # fp16 on disk


def test_weights_are_fp32_in_memory(weights: Path) -> None:
    dtypes = {t.dtype for t in load_model(weights).state_dict().values() if t.dtype.is_floating_point}

    assert dtypes == {torch.float32}


def test_the_id_follows_the_bytes(weights: Path) -> None:
    before = weights_id(weights)

    weights.write_bytes(weights.read_bytes() + b"\0")

    assert weights_id(weights) != before


def test_saving_leaves_no_other_file_behind(weights: Path) -> None:
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


def test_whoever_the_umask_lets_may_read_saved_weights(tmp_path: Path, model: SHM) -> None:
    before = os.umask(0o022)
    try:
        path = save(tmp_path / "w.safetensors", model)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failed_save_keeps_the_old_file(weights: Path, model: SHM) -> None:
    before = weights.read_bytes()
    broken = SHM(TINY)
    torch.nn.init.constant_(broken.mnet.alpha.weight, float("nan"))

    with pytest.raises(WeightsError, match="NaN"):
        save(weights, broken)

    assert weights.read_bytes() == before
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


def test_weights_too_large_for_fp16_are_not_saved(tmp_path: Path) -> None:
    broken = SHM(TINY)
    torch.nn.init.constant_(broken.mnet.alpha.weight, 1e6)

    with pytest.raises(WeightsError, match="fp16"):
        save(tmp_path / "w.safetensors", broken)


def test_a_missing_tensor_is_refused_by_name(weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"w\.safetensors: 1 missing tensors, such as mnet\.alpha\.bias"):
        load_model(rewritten(weights, **{"mnet.alpha.bias": np.empty(0, np.float32)}))


def test_an_unexpected_tensor_is_refused_by_name(weights: Path) -> None:
    with pytest.raises(WeightsError, match="1 unexpected tensors, such as extra"):
        load_model(rewritten(weights, extra=np.ones(1, np.float32)))


def test_a_misshapen_tensor_is_refused_by_name(weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"mnet\.alpha\.bias has shape \(2,\), wanted \(1,\)"):
        load_model(rewritten(weights, **{"mnet.alpha.bias": np.ones(2, np.float32)}))


def test_nan_is_refused_by_name(weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"mnet\.alpha\.bias holds NaN"):
        load_model(rewritten(weights, **{"mnet.alpha.bias": np.array([np.nan], np.float32)}))


@pytest.mark.parametrize("kept", [0, 4, 8, 200, -1])
def test_a_truncated_file_is_refused_by_name(weights: Path, kept: int) -> None:
    weights.write_bytes(weights.read_bytes()[:kept])

    with pytest.raises(WeightsError, match=r"w\.safetensors: .*cut short"):
        load_model(weights)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps({"weight": [1.0]}))

    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_model(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"weight": np.ones(3, np.float32)}, path)

    with pytest.raises(WeightsError, match="not weights of this project"):
        load_model(path)


@pytest.mark.parametrize("ask", [weights_id, read_card, load_model])
def test_a_missing_file_is_named(tmp_path: Path, ask: object) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors: no such weights file"):
        ask(tmp_path / "absent.safetensors")  # type: ignore[operator]


def test_the_error_survives_a_trip_between_processes() -> None:
    error = pickle.loads(pickle.dumps(WeightsError(Path("w"), "too old")))

    assert (str(error), error.path, error.problem) == ("w: too old", Path("w"), "too old")
