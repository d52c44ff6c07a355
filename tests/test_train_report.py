"""What a training run leaves for people: curves, a page with the watched photos, TensorBoard's files."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shm.data.sources import Library, Person
from shm.losses import LossWeights
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig
from shm.tnet import TNetConfig
from shm.train.history import History, Moment
from shm.train.labelled import Sample
from shm.train.loop import averaged, run_stage
from shm.train.recipe import Stage
from shm.train.report import ReportWatcher
from shm.train.watch import HistoryWatcher, TensorBoardWatcher, Watcher
from shm.train.watched import look_at

TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)
STAGE = Stage(
    "first", train="end_to_end", steps=4, rate=1e-3, pixels=8192, long_side=64, side=64, crops=(64,),
    frame=96, losses=LossWeights(band=0.5),
)  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("watched")
    alpha = np.zeros((120, 80), np.uint8)
    cv2.ellipse(alpha, (40, 60), (20, 45), 0, 0, 360, 255, -1)
    photo = np.dstack([alpha, alpha // 2, 255 - alpha])
    cv2.imwrite(str(folder / "photo.png"), photo)
    cv2.imwrite(str(folder / "alpha.png"), alpha)
    return Sample("ann & bob", folder / "photo.png", folder / "alpha.png")


def train(sample: Sample, folder: Path, stage: Stage, *watchers: Watcher) -> None:
    photo = np.ascontiguousarray(cv2.imread(str(sample.photo))[..., ::-1])
    alpha = cv2.imread(str(sample.label), cv2.IMREAD_GRAYSCALE)
    person = Person("a", "pairs", photo, alpha, photo, hard=False, natural=True)
    library = Library((person,), (np.full((80, 80, 3), 120, np.uint8),), ())
    torch.manual_seed(0)
    model = SHM(TINY)
    run_stage(
        model, averaged(model), library, stage,
        seed=1, folder=folder, workers=0, precision="fp32", watchers=watchers,
    )  # fmt: skip


def test_the_report_is_one_file_with_a_curve_per_loss_and_five_pictures_per_photo(
    sample: Sample, tmp_path: Path
) -> None:
    train(sample, tmp_path, STAGE, HistoryWatcher(tmp_path), ReportWatcher(tmp_path, [sample]))

    page = (tmp_path / "report.html").read_text()
    names = ("alpha", "composition", "prediction", "trimap", "band", "total", "learning rate")
    for name in (*names, "watched photos: iou", "watched photos: mad"):
        assert f'aria-label="{name}"' in page
    assert page.count("data:image/jpeg;base64,") == 5
    assert "cut-out of ann &amp; bob" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


def test_the_report_is_written_at_each_epoch_and_says_how_the_photos_came_on(
    sample: Sample, tmp_path: Path
) -> None:
    train(
        sample, tmp_path, replace(STAGE, look=2), HistoryWatcher(tmp_path), ReportWatcher(tmp_path, [sample])
    )
    looks = (tmp_path / "watched.jsonl").read_text().splitlines()
    assert [int(re.search(r'"step": (\d+)', line)[1]) for line in looks] == [2, 4]  # type: ignore[index]


def test_a_run_started_again_adds_nothing_to_a_finished_stage(sample: Sample, tmp_path: Path) -> None:
    for _ in range(2):
        train(sample, tmp_path, STAGE, HistoryWatcher(tmp_path), ReportWatcher(tmp_path, [sample]))
    assert [moment.step for moment in History(tmp_path).read()] == [1, 2, 3, 4]
    assert len((tmp_path / "watched.jsonl").read_text().splitlines()) == 1


def test_lines_beyond_the_last_checkpoint_are_dropped_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    history = History(tmp_path)
    for step in (1, 2, 3):
        history.add(Moment("one", step, 0.1, 1.0, 2.0, 0.01, {"total": 1.0}))
    with history.file.open("a") as file:
        file.write('{"stage": "one", "st')
    history.go_on_from("one", 2)
    assert [moment.step for moment in history.read()] == [1, 2]


def test_looking_leaves_the_network_in_the_mode_it_was_in(sample: Sample) -> None:
    network = SHM(TINY).train()
    [look] = look_at(network, [sample])
    assert network.training
    assert look.photo.shape == look.trimap.shape == look.cut_out.shape == (512, 352, 3)
    assert look.alpha.shape == look.alpha_raw.shape == (512, 352)


def test_tensorboard_reads_what_the_loop_wrote(sample: Sample, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(sample, tmp_path, replace(STAGE, steps=2), TensorBoardWatcher(tmp_path))
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard" / "first"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/total")] == [1, 2]
    assert {"loss/trimap", "rate", "images_per_second"} <= set(events.Tags()["scalars"])
