"""Photos that the network was not sure of: handed out, corrected, checked, and added to the training data."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Shop, figure
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.network import Network
from pipeline.standin import StandIn
from pipeline.types import Pixels
from shm.data.sources import load_library
from shm.engine import Engine
from shm.matter import Prediction

GREEN = (60, 160, 60)


class Unsure(StandIn):
    """A network that hesitates before green coats, and sees nothing but half of everything in blue ones."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        return [
            self._doubt(photo, found) for photo, found in zip(photos, super().predict(photos), strict=True)
        ]

    def _doubt(self, photo: Pixels, found: Prediction) -> Prediction:
        coat = tuple(int(value) for value in photo[400, 180][::-1])
        return Prediction(found.alpha, found.trimap, 0.4 if coat == GREEN else found.confidence)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), Unsure)
    monkeypatch.setattr("jobs.commands_cases.choose_network", lambda *_, **__: network)


@pytest.fixture
def unsure_shop(shop: Shop) -> Shop:
    """After a night in which b.png was not sure."""
    shop.load_matter = Unsure
    shop.run()
    return shop


def banners(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def export(shop: Shop, *more: object) -> Result:
    return banners("export-hard-cases", shop.campaign, "-o", shop.folder / "cases", *more)


def bring_back(shop: Shop, *more: object) -> Result:
    cases, to = shop.folder / "cases", shop.folder / "training"
    return banners("import-annotations", cases, "--to", to, "--who", "Ana", *more)


def alpha_of(shop: Shop) -> Path:
    [file] = (shop.folder / "cases" / "alphas").iterdir()
    return file


def correct(file: Path, change: int = 5) -> NDArray[np.uint8]:
    """Somebody widens the alpha a little."""
    alpha = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    wider = cv2.GaussianBlur(cv2.dilate(alpha, np.ones((change, change), np.uint8)), (0, 0), 1.5)
    cv2.imwrite(str(file), wider)
    return wider


def test_unsure_photos_are_listed_without_a_folder(unsure_shop: Shop) -> None:
    result = banners("export-hard-cases", unsure_shop.campaign)

    assert result.exit_code == 0, result.output
    assert "0.400 b.png" in result.output
    assert "hard cases of" in result.output.splitlines()[-1]
    assert not (unsure_shop.folder / "cases").exists()


def test_photos_in_which_nobody_was_found_come_on_demand_and_first(unsure_shop: Shop) -> None:
    result = banners("export-hard-cases", unsure_shop.campaign, "--nobody")

    listed = [line.split(" ", 1)[1] for line in result.output.splitlines()]
    assert listed[:2] == ["empty.png (no_subject)", "b.png"]


def test_an_unsure_photo_goes_out_with_the_networks_alpha_as_a_start(unsure_shop: Shop) -> None:
    result = export(unsure_shop)

    alpha = cv2.imread(str(alpha_of(unsure_shop)), cv2.IMREAD_UNCHANGED)
    [photo] = (unsure_shop.folder / "cases" / "images").iterdir()
    [case] = json.loads((unsure_shop.folder / "cases" / "cases.json").read_text())["cases"]
    assert result.exit_code == 0, result.output
    assert (alpha.shape, alpha[400, 180], alpha[10, 10]) == ((480, 360), 255, 0)
    assert cv2.imread(str(photo)).shape == (480, 360, 3)
    assert (case["photo"], case["confidence"]) == ("b.png", 0.4)


def test_a_folder_that_somebody_may_work_in_is_not_written_over(unsure_shop: Shop) -> None:
    export(unsure_shop)
    before = correct(alpha_of(unsure_shop))

    again = export(unsure_shop)

    assert again.exit_code == 1
    assert "is there already" in again.output
    assert (cv2.imread(str(alpha_of(unsure_shop)), cv2.IMREAD_UNCHANGED) == before).all()


def test_a_photo_that_was_replaced_since_is_left_out_by_name(unsure_shop: Shop) -> None:
    unsure_shop.add("b.png", figure((9, 9, 9)))

    result = export(unsure_shop)

    assert "left out: source_gone: b.png was replaced since that run" in result.output
    assert list((unsure_shop.folder / "cases" / "alphas").iterdir()) == []


def test_a_correction_becomes_training_data_with_who_and_when(unsure_shop: Shop) -> None:
    export(unsure_shop)
    wider = correct(alpha_of(unsure_shop))

    result = bring_back(unsure_shop)

    training = unsure_shop.folder / "training"
    sources = {"new": {"kind": "pairs", "images": "images", "labels": "alphas"}}
    library = load_library(training, sources, lists=training, self_labels=training)
    [record] = (training / "records").iterdir()
    said = json.loads(record.read_text())
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].startswith("added: 1 to")
    assert (library.people[0].alpha == wider).all()
    assert (said["who"], said["photo"], said["at"][:2]) == ("Ana", "b.png", "20")


def test_an_alpha_that_nobody_changed_teaches_nothing(unsure_shop: Shop) -> None:
    export(unsure_shop)
    # Saved again by an editor: other bytes, the same pixels.
    same = cv2.imread(str(alpha_of(unsure_shop)), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(alpha_of(unsure_shop)), same, [cv2.IMWRITE_PNG_COMPRESSION, 0])

    result = bring_back(unsure_shop)

    assert result.exit_code == 0, result.output
    assert "added: 0" in result.output
    assert "1 unchanged" in result.output
    assert not (unsure_shop.folder / "training").exists()


@pytest.mark.parametrize(
    ("alpha", "problem"),
    [
        (np.zeros((480, 360), np.uint8), "empty_label"),
        (np.zeros((240, 180), np.uint8), "size_mismatch"),
        (np.full((480, 360), 255, np.uint8), "full_label"),
    ],
)
def test_a_faulty_label_is_named_and_nothing_is_added(
    unsure_shop: Shop, alpha: NDArray[np.uint8], problem: str
) -> None:
    export(unsure_shop)
    cv2.imwrite(str(alpha_of(unsure_shop)), alpha)

    result = bring_back(unsure_shop)
    skipped = bring_back(unsure_shop, "--skip-bad")

    assert (result.exit_code, skipped.exit_code) == (1, 0), result.output
    assert problem in result.output
    assert "1 faulty" in skipped.output
    assert not (unsure_shop.folder / "training").exists()


def test_a_second_correction_replaces_the_first_and_both_are_on_record(unsure_shop: Shop) -> None:
    export(unsure_shop)
    correct(alpha_of(unsure_shop))
    bring_back(unsure_shop)
    last = correct(alpha_of(unsure_shop), 9)

    bring_back(unsure_shop)

    training = unsure_shop.folder / "training"
    [label] = (training / "alphas").iterdir()
    assert (cv2.imread(str(label), cv2.IMREAD_UNCHANGED) == last).all()
    assert len(list((training / "records").iterdir())) == 2


def test_a_photo_that_is_judged_by_may_not_be_trained_on(unsure_shop: Shop) -> None:
    export(unsure_shop)
    correct(alpha_of(unsure_shop))

    result = bring_back(unsure_shop, "--held-out", unsure_shop.photos)

    assert result.exit_code == 1
    assert "twin_held_out" in result.output


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is no JSON"), ('{"campaign": "test"}', "Field required"), (None, "there is no such file")],
)
def test_a_folder_that_is_no_export_is_refused(tmp_path: Path, text: str | None, problem: str) -> None:
    if text is not None:
        (tmp_path / "cases.json").write_text(text)

    result = banners("import-annotations", tmp_path, "--to", tmp_path / "training", "--who", "Ana")

    assert result.exit_code == 1
    assert problem in result.output
    assert "cases.json" in result.output
