"""`banners train` as its user meets it: labels checked first, one clear message, a network and a report."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from jobs.cli import app
from shm.checkpoint import read_card

RECIPE = """
preset: starter
network: {tnet: {head: 16, refine: [8, 8]}, mnet: {width: 0.0625}, tnet_long_side: 64}
seed: 4
sources:
  people: {kind: pairs, images: images, labels: alphas}
  scenes: {kind: grounds, images: grounds}
watch: {data: watched, list: watched.txt}
stages:
  - {name: tnet, train: tnet, steps: 2, rate: 0.001, pixels: 8192, long_side: 64}
  - {name: mnet, train: mnet, steps: 2, rate: 0.001, pixels: 8192, side: 64, crops: [64], frame: 96}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for number in range(3):
        _pair(root, str(number), number)
    _pair(root / "watched", "w", 9)
    (root / "watched.txt").write_text("w\n")
    (root / "grounds").mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite(str(root / "grounds" / "g.png"), rng.integers(0, 255, (200, 200, 3), np.uint8))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return root


def _pair(root: Path, name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.zeros((220, 160), np.uint8)
    cv2.ellipse(alpha, (60 + 5 * seed, 110), (40, 90), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    photo = cv2.resize(rng.integers(0, 255, (11, 8, 3), np.uint8), (160, 220))
    photo[alpha > 127] = rng.integers(0, 255, 3)
    for folder, picture in (("images", photo), ("alphas", alpha)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / folder / f"{name}.png"), picture)


def banners(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def train(data: Path, *more: str) -> Result:
    recipe, output = data.parent / "recipe.yaml", data.parent / "run"
    return banners("train", recipe, "--data", data, "-o", output, "--device", "cpu", "--workers", 0, *more)


def test_a_sound_set_gives_a_network_a_report_and_says_from_what_it_started(data: Path) -> None:
    result = train(data)
    assert result.exit_code == 0, result.output
    assert "T-Net starts from scratch, M-Net from scratch" in result.output
    assert read_card(data.parent / "run" / "network.safetensors").config["mnet"]["width"] == 0.0625
    assert "cut-out of w" in (data.parent / "run" / "report.html").read_text()


def test_a_faulty_label_is_named_and_nothing_is_trained(data: Path) -> None:
    cv2.imwrite(str(data / "alphas" / "1.png"), np.zeros((10, 10), np.uint8))
    result = train(data)
    assert result.exit_code == 1
    assert "1.png" in result.output
    assert "--skip-bad" in result.output
    assert not (data.parent / "run" / "tnet.pt").exists()


def test_faulty_rows_can_be_left_out(data: Path) -> None:
    cv2.imwrite(str(data / "alphas" / "1.png"), np.zeros((10, 10), np.uint8))
    result = train(data, "--skip-bad")
    assert result.exit_code == 0, result.output
    assert (data.parent / "run" / "network.safetensors").exists()


def test_check_stops_before_training_and_leaves_a_page(data: Path) -> None:
    result = train(data, "--check")
    assert result.exit_code == 0, result.output
    assert "<html" in (data.parent / "run" / "check.html").read_text()
    assert not (data.parent / "run" / "tnet.pt").exists()


def test_a_watched_photo_among_the_training_photos_is_a_fault(data: Path) -> None:
    for folder in ("images", "alphas"):
        (data / folder / "same.png").write_bytes((data / "watched" / folder / "w.png").read_bytes())
    result = train(data, "--check")
    assert result.exit_code == 1
    assert "same" in result.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("preset: starter", "preset: stater"), "no preset named 'stater'"),
        (("steps: 2, rate: 0.001, pixels: 8192, long_side", "steps: 2, rat: 0.001, pixels: 8192, long_side"),
         "stages[0]: unknown rat"),
        (("images: images", "images: imagse"), "imagse: no such folder"),
        (("train: mnet", "train: fnet"), "stages[1].train: there are tnet, mnet, end_to_end, not fnet"),
        (("refine: [8, 8]", "backbone: vgg"), "network.tnet.backbone: there are"),
        (("steps: 2", "steps: many"), "stages[0].steps: wanted a number, not 'many'"),
        (("watched.txt}", "gone.txt}"), "gone.txt: not a readable list"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_recipe_is_told_in_one_line(data: Path, change: tuple[str, str], words: str) -> None:
    (data.parent / "recipe.yaml").write_text(RECIPE.replace(*change, 1))
    result = train(data)
    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_pretrained_weights_that_do_not_fit_are_refused_by_name(data: Path) -> None:
    wrong = data.parent / "resnet.pth"
    wrong.write_bytes(b"no weights")
    result = train(data, "--pretrained-backbone", str(wrong))
    assert result.exit_code == 1
    assert "resnet.pth" in result.output
