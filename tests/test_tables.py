"""The paper's tables: which methods run on what, their units, and what is said of those that do not run."""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jobs import commands_model
from pipeline.errors import JobError
from shm.checkpoint import WeightsError, load_model, save
from shm.engine import Engine
from shm.matter import Matter
from shm.metrics import matte_errors
from shm.model import SHM, SHMConfig
from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN
from shm.train import classical
from shm.train.classical import NoPymatting, Solved, solve
from shm.train.labelled import ListError
from shm.train.parts import Parts
from shm.train.published import TABLES
from shm.train.tables import CHECKPOINTS, PaperTables, TablesError, paper_tables, read_checkpoints
from shm.train.truth import BAND, is_soft, true_trimap

Array = NDArray[np.uint8]
SIDE = 96


def disc() -> NDArray[np.float32]:
    """An alpha whose edge is 8 px wide."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.clip((28 - np.hypot(x, y)) / 8, 0, 1).astype(np.float32)


def scene() -> Array:
    """The disc in yellow on blue, RGB."""
    alpha = disc()[..., None]
    return np.uint8(np.round(alpha * (240, 220, 40) + (1 - alpha) * (20, 40, 160)))


def weights_of(file: Path, *, seed: int = 0, **mnet: Any) -> Path:
    values = SHMConfig.preset("starter").to_dict() | {"tnet_long_side": 64}
    values["mnet"] |= {"width": 1 / 16} | mnet
    values["tnet"] |= {"backbone": "resnet18_short", "head": 8, "refine": [8, 8]}
    torch.manual_seed(seed)
    return save(file, SHM(SHMConfig.from_dict(values)))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network per name, all with different random weights."""
    folder = tmp_path_factory.mktemp("networks")
    return {
        name: weights_of(folder / f"{name}.safetensors", seed=seed, inputs=4 if name == "dim" else 6)
        for seed, name in enumerate(("shm", *CHECKPOINTS))
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("images", "alphas"):
        (tmp_path / folder).mkdir()
    for name, picture in (("one", scene()), ("two", scene()[:, ::-1])):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), picture[..., ::-1])
        cv2.imwrite(str(tmp_path / "alphas" / f"{name}.png"), np.uint8(disc() * 255))
    return tmp_path


@pytest.fixture
def without_pymatting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed-form says 1 where the trimap is unknown, KNN 0: quick, and each other's opposite."""

    def answer(method: str, photo: Array, trimap: Array) -> Solved:
        given = trimap / np.float32(2)
        given[trimap == UNKNOWN] = method == "closed-form"
        return Solved(given, "" if method == "knn" else "no end")

    monkeypatch.setattr(classical, "solve", answer)
    monkeypatch.setattr(classical, "load", lambda: None)


def made(data: Path, networks: dict[str, Path], *names: str) -> PaperTables:
    given = {name: networks[name] for name in names}
    return paper_tables(
        data, weights=networks["shm"], checkpoints=given, device="cpu", json=data / "tables.json"
    )


def line_of(found: PaperTables, table: int, method: str) -> dict[str, Any]:
    [line] = [line for line in found.content()["tables"][str(table)] if line["method"] == method]
    return dict(line)


@pytest.mark.usefixtures("without_pymatting")
def test_every_method_whose_networks_are_given_is_run_on_every_photo(
    data: Path, networks: dict[str, Path]
) -> None:
    found = made(data, networks, *CHECKPOINTS)

    ours = {line.run for table in TABLES for line in table.lines if line.run}
    assert set(found.results) == ours
    assert {len(results) for results in found.results.values()} == {2}
    assert found.text().count("not run: no implementation here") == 4


@pytest.mark.usefixtures("without_pymatting")
def test_what_was_not_given_is_not_run_and_says_what_it_needs(data: Path, networks: dict[str, Path]) -> None:
    text = made(data, networks).text()

    for name in ("dim", "no-end-to-end", "no-fusion", "no-trimap-loss"):
        assert f"not run: --checkpoint {name} " in text
    assert "T-Net of the network judged" in text


@pytest.mark.usefixtures("without_pymatting")
def test_lines_are_what_their_words_say(data: Path, networks: dict[str, Path]) -> None:
    found = made(data, networks, "no-fusion")

    truth = np.float32(np.uint8(disc() * 255)) / 255
    seen = Parts(load_model(networks["shm"])).look(scene())
    predicted = seen.trimap.argmax(axis=0)
    true = true_trimap(truth)
    other = Parts(load_model(networks["no-fusion"])).look(scene())
    alphas = {
        "shm": seen.alpha,
        "segmentation": np.float32(predicted != BACKGROUND),
        "regression": seen.trimap[FOREGROUND] + seen.trimap[UNKNOWN] / 2,
        "true closed-form": np.float32(true != BACKGROUND),
        "true knn": np.float32(true == FOREGROUND),
        "no-fusion": other.alpha_raw,
    }
    wanted = {name: matte_errors(alpha, truth).paper for name, alpha in alphas.items()}
    assert {name: found.results[name][0] for name in alphas} == wanted


@pytest.mark.usefixtures("without_pymatting")
def test_other_networks_make_the_trimap_and_the_regression_where_given(
    data: Path, networks: dict[str, Path]
) -> None:
    alone, helped = made(data, networks), made(data, networks, "tnet", "regression")

    assert helped.results["shm"] == alone.results["shm"]
    assert helped.results["regression"] != alone.results["regression"]
    assert "T-Net of the network given as tnet" in helped.text()
    assert "T-Net of the network given as regression" in helped.text()


@pytest.mark.usefixtures("without_pymatting")
def test_the_papers_figures_stand_beside_ours(data: Path, networks: dict[str, Path]) -> None:
    found = made(data, networks)

    line = line_of(found, 3, "SHM")
    assert list(line["paper"].values()) == [3.833, 1.534, 5.179, 36.513]
    assert line["here"]["sad_e3"] == pytest.approx(np.mean([u.sad_e3 for u in found.results["shm"]]))
    assert json.loads((data / "tables.json").read_text()) == found.content()


@pytest.mark.usefixtures("without_pymatting")
def test_the_notes_say_how_far_figures_can_be_read(data: Path, networks: dict[str, Path]) -> None:
    text = made(data, networks).text()

    for word in (
        "F + U / 2",
        f"within {BAND} px",
        f"at {classical.LONG_SIDE} px",
        "97 times",
        "wrong by ten",
    ):
        assert word in text
    assert "closed-form, true trimap: no end" in text


@pytest.mark.usefixtures("without_pymatting")
def test_photos_scaled_down_for_the_slow_methods_are_counted(
    data: Path, networks: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classical, "LONG_SIDE", SIDE - 1)

    assert "2 of 2 photos were scaled down" in made(data, networks).text()


@pytest.mark.usefixtures("without_pymatting")
def test_masks_are_refused_before_any_work(data: Path, networks: dict[str, Path]) -> None:
    cv2.imwrite(str(data / "alphas" / "two.png"), np.uint8(disc() > 0.5) * 255)

    with pytest.raises(ListError, match=r"two\.png: a mask, not a soft alpha"):
        made(data, networks)


@pytest.mark.usefixtures("without_pymatting")
def test_dim_takes_four_channels(data: Path, networks: dict[str, Path]) -> None:
    with pytest.raises(TablesError, match=r"shm\.safetensors: its M-Net takes 6 channels; dim takes 4"):
        made(data, networks | {"dim": networks["shm"]}, "dim")


@pytest.mark.usefixtures("without_pymatting")
def test_a_network_that_is_not_there_is_named(data: Path, networks: dict[str, Path]) -> None:
    with pytest.raises(WeightsError, match="absent: no such weights file"):
        made(data, networks | {"dim": data / "absent"}, "dim")


def test_without_pymatting_the_message_says_how_to_get_it(
    data: Path, networks: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)

    with pytest.raises(NoPymatting, match=r"pip install 'shm-banners\[evaluate\]'"):
        made(data, networks)


def test_networks_are_given_by_name() -> None:
    assert read_checkpoints(["dim=a.safetensors", "no-fusion=b=c"]) == {
        "dim": Path("a.safetensors"),
        "no-fusion": Path("b=c"),
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["fusion=a"], "--checkpoint fusion=a: wanted NAME=FILE with one of the names\n  tnet: "),
        (["dim"], "--checkpoint dim: wanted NAME=FILE"),
        (["dim=a", "dim=b"], "--checkpoint dim is given twice: a and b"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(words: list[str], problem: str) -> None:
    with pytest.raises(TablesError, match=problem):
        read_checkpoints(words)


@pytest.mark.usefixtures("without_pymatting")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"paper_tables": True, "csv": Path("a"), "against": Path("b")},
            "--paper-tables does not go with --against, --csv",
        ),
        ({"checkpoint": ["dim=a"]}, "--checkpoint is for --paper-tables"),
        ({"paper_tables": True, "checkpoint": ["x=a"]}, "wanted NAME=FILE with one of the names"),
        ({"paper_tables": True}, "nowhere.images"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_options(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(JobError, match=problem):
        commands_model.evaluate(Path("nowhere"), **options)


# The parts.


def test_the_network_taken_apart_is_the_network(networks: dict[str, Path]) -> None:
    photo = scene()[:70, :90]
    [wanted] = Matter.load(networks["shm"], Engine("cpu", "fp32")).predict([photo])

    seen = Parts(load_model(networks["shm"])).look(photo)

    np.testing.assert_allclose(seen.alpha, wanted.alpha, atol=1e-5)
    assert (seen.trimap.shape, seen.alpha_raw.shape) == ((3, 70, 90), (70, 90))
    np.testing.assert_allclose(seen.trimap.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["shm", "dim"])
@pytest.mark.parametrize("long_side", [1500, 64])
def test_m_net_fills_in_only_what_a_trimap_leaves_open(
    networks: dict[str, Path], name: str, long_side: int
) -> None:
    values = SHMConfig.to_dict(load_model(networks[name]).config) | {"mnet_long_side": long_side}
    torch.manual_seed(1)
    network = Parts(SHM(SHMConfig.from_dict(values)))
    trimap = np.full((SIDE, SIDE), UNKNOWN, np.uint8)
    trimap[:40], trimap[60:] = FOREGROUND, BACKGROUND

    alpha = network.fill(scene(), trimap)

    assert (alpha[:38] == 1).all()
    assert (alpha[62:] == 0).all()
    assert ((alpha[42:58] > 0) & (alpha[42:58] < 1)).any()


def test_a_true_trimap_is_sure_only_away_from_what_is_soft() -> None:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[:, 40:44], alpha[:, 44:] = 0.5, 1

    trimap = true_trimap(alpha)

    # The pixel before the edge counts as soft too.
    assert set(trimap[0, : 39 - BAND]) == {BACKGROUND}
    assert set(trimap[0, 39 - BAND : 44 + BAND]) == {UNKNOWN}
    assert set(trimap[0, 44 + BAND :]) == {FOREGROUND}


@pytest.mark.parametrize(("alpha", "soft"), [(disc(), True), (np.float32(disc() > 0.5), False)])
def test_a_mask_is_not_soft(alpha: NDArray[np.float32], soft: bool) -> None:
    assert is_soft(alpha) == soft


# Closed-form and KNN matting, the real ones.


@pytest.mark.parametrize("long_side", [512, 64])
@pytest.mark.parametrize(("method", "off"), [("closed-form", 0.02), ("knn", 0.07)])
def test_the_classical_methods_find_the_alpha_of_two_plain_colours(
    method: str, off: float, long_side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pymatting", reason="the extra `evaluate` is not installed")
    monkeypatch.setattr(classical, "LONG_SIDE", long_side)
    trimap = true_trimap(disc())

    found = solve(method, scene(), trimap)

    assert found.problem == ""
    # KNN prefers the two colours to what lies between. The trimap as alpha would be off by 0.2.
    assert np.abs(found.alpha - disc()).mean() < off
    np.testing.assert_array_equal(found.alpha[trimap == FOREGROUND], 1)
    np.testing.assert_array_equal(found.alpha[trimap == BACKGROUND], 0)


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ((UNKNOWN, BACKGROUND), "a trimap without person"),
        ((UNKNOWN, FOREGROUND), "a trimap without background"),
        ((UNKNOWN, UNKNOWN), "a trimap without person and background"),
        ((FOREGROUND, BACKGROUND), ""),
    ],
)
def test_a_trimap_that_cannot_be_solved_stands_for_itself(classes: tuple[int, int], problem: str) -> None:
    pytest.importorskip("pymatting", reason="the extra `evaluate` is not installed")
    trimap = np.full((SIDE, SIDE), classes[0], np.uint8)
    trimap[:40] = classes[1]

    found = solve("closed-form", scene(), trimap)

    assert found.problem == problem
    np.testing.assert_array_equal(found.alpha, trimap / np.float32(2))
