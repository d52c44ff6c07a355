"""Judging weights: lists, rows, means, refusals, files; with a stand-in that sees green as person."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shm.engine import Engine
from shm.matter import Maps, Matter
from shm.train.evaluate import evaluate, refusals
from shm.train.labelled import ListError, read_label, read_list, read_negatives, read_photo


class GreenIsPerson:
    def infer(self, batch: NDArray[np.uint8]) -> Maps:
        alpha = (batch[..., 1] > 127).astype(np.float32)
        coarse = alpha[:, ::4, ::4]
        return Maps(alpha, np.stack([1 - coarse, coarse * 0, coarse], axis=1))


def matter() -> Matter:
    return Matter(GreenIsPerson(), engine=Engine("cpu", "fp32"), weights_id="ab" * 32)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Matter, "load", classmethod(lambda cls, weights, device: matter()))


def write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(cv2.imencode(path.suffix, picture)[1]))


def mask_of(rows: int) -> NDArray[np.uint8]:
    """The truth: a person over the first `rows` of 100 rows."""
    mask = np.zeros((100, 80), np.uint8)
    mask[:rows] = 255
    return mask


def photo_of(rows: int) -> NDArray[np.uint8]:
    return np.dstack([np.zeros((100, 80), np.uint8), mask_of(rows), np.zeros((100, 80), np.uint8)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three photos: matted right, matted short by a quarter, and not seen at all."""
    for name, seen in (("right", 80), ("short", 60), ("unseen", 0)):
        write(tmp_path / "images" / f"{name}.png", photo_of(seen))
        write(tmp_path / "masks" / f"{name}.png", mask_of(80))
    (tmp_path / "list.txt").write_text("# fixed\nright\n\nshort\nunseen\n")
    write(tmp_path / "flat" / "shirt.png", photo_of(0))
    write(tmp_path / "flat" / "dress.png", photo_of(50))
    return tmp_path


def test_every_photo_gets_its_row(data: Path) -> None:
    report = evaluate(data, data / "list.txt")

    assert [row.name for row in report.rows] == ["right", "short", "unseen"]
    assert [round(row.iou, 2) for row in report.rows] == [1.0, 0.75, 0.0]
    assert [round(row.mad, 2) for row in report.rows] == [0.0, 0.2, 0.8]
    assert [bool(row.refused) for row in report.rows] == [False, False, True]


def test_the_summary_counts_poor_photos_and_refusals(data: Path) -> None:
    summary = evaluate(data, data / "list.txt", negatives=data / "flat").summary

    assert summary["photos"] == 3
    assert summary["share_poor"] == pytest.approx(2 / 3)
    assert summary["people_refused"] == pytest.approx(1 / 3)
    assert summary["negatives_refused"] == pytest.approx(1 / 2)
    assert summary["confidence_rank_correlation"] > 0


def test_the_mean_lies_in_its_interval_and_the_interval_is_repeatable(data: Path) -> None:
    first, second = (evaluate(data, data / "list.txt").means["iou"] for _ in range(2))

    assert first == second
    assert first.mean == pytest.approx(1.75 / 3)
    assert first.low < first.mean < first.high


def test_worst_photos_come_first(data: Path) -> None:
    assert [row.name for row in evaluate(data, data / "list.txt").worst] == ["unseen", "short", "right"]


def test_the_table_names_what_a_person_looks_for(data: Path) -> None:
    table = evaluate(data, data / "list.txt", negatives=data / "flat").table()

    assert "66.7% of photos" in table
    assert "50.0% of 2; let through: dress" in table
    assert table.index("unseen") < table.index("short ")


def test_rows_and_summary_are_written(data: Path) -> None:
    evaluate(data, data / "list.txt", negatives=data / "flat", csv=data / "rows.csv", json=data / "all.json")

    rows = list(csv.DictReader((data / "rows.csv").read_text().splitlines()))
    content = json.loads((data / "all.json").read_text())
    assert [row["name"] for row in rows] == ["right", "short", "unseen"]
    assert (content["photos"], content["engine"]) == (3, "torch-cpu-fp32")
    assert [row["name"] for row in content["negative_rows"]] == ["dress", "shirt"]


def test_soft_alphas_are_judged_in_their_unknown_band_too(data: Path) -> None:
    alpha = mask_of(80)
    alpha[70:80] = 102
    write(data / "alphas" / "right.png", alpha)

    right, short, _ = evaluate(data, data / "list.txt").rows

    # Ten rows of 0.4 that the network calls 1; the edge above them and ten rows on both sides it gets right.
    assert right.band is not None
    assert right.band.mad == pytest.approx(0.6 * 10 / 31, rel=1e-5)
    assert right.band.sad == pytest.approx(right.whole.sad) == pytest.approx(0.6 * 800 / 1000)
    assert short.band is None


def test_band_means_are_over_the_photos_that_have_a_band(data: Path) -> None:
    alpha = mask_of(80)
    alpha[70:80] = 102
    write(data / "alphas" / "right.png", alpha)

    report = evaluate(data, data / "list.txt", csv=data / "rows.csv")

    assert report.summary["soft_alphas"] == 1
    assert report.means["band_sad"].mean == pytest.approx(0.48)
    rows = csv.DictReader((data / "rows.csv").read_text().splitlines())
    assert [row["band_mse"] != "" for row in rows] == [True, False, False]


def test_the_papers_units_are_a_pixels_share(data: Path) -> None:
    report = evaluate(data, data / "list.txt")

    assert report.paper.sad_e3 == pytest.approx(1000 * report.means["mad"].mean)
    assert report.paper.mse_e3 == pytest.approx(1000 * report.means["mse"].mean)
    assert f"SAD {report.paper.sad_e3:.3f}e-3" in report.table()
    assert report.summary["paper_units"]["sad_e3"] == report.paper.sad_e3


def test_without_a_list_every_photo_is_judged(data: Path) -> None:
    assert [row.name for row in evaluate(data).rows] == ["right", "short", "unseen"]


def test_a_photo_without_a_label_is_named(data: Path) -> None:
    (data / "masks" / "short.png").unlink()

    with pytest.raises(ListError, match=r"short\.png: no label for 'short' in .*masks"):
        evaluate(data)


def test_a_folder_without_labels_is_named(data: Path) -> None:
    (data / "masks").rename(data / "labels")

    with pytest.raises(ListError, match="has neither alphas/ nor masks/"):
        evaluate(data)


def test_an_alpha_is_taken_before_a_mask(data: Path) -> None:
    write(data / "alphas" / "right.png", mask_of(10))

    assert read_list(data, data / "list.txt")[0].label == data / "alphas" / "right.png"


def test_the_contact_sheet_is_a_picture(data: Path) -> None:
    evaluate(data, data / "list.txt", sheet=data / "sheet.png")

    assert cv2.imread(str(data / "sheet.png")).shape == (240, 240 * 3 * 4, 3)


def test_negatives_can_be_chosen_by_a_list(data: Path) -> None:
    (data / "left_out.txt").write_text("shirt\n")

    [chosen] = read_negatives(data / "flat", data / "left_out.txt")

    assert [row.refused != "" for row in refusals([chosen], matter())] == [True]


def test_a_list_may_name_photo_and_mask(data: Path) -> None:
    (data / "pairs.txt").write_text("images/right.png masks/short.png\n")

    [sample] = read_list(data, data / "pairs.txt")

    assert (sample.name, sample.label) == ("right", data / "masks" / "short.png")


def test_alphas_are_taken_where_there_are_no_masks(data: Path) -> None:
    (data / "masks").rename(data / "alphas")

    assert read_list(data, data / "list.txt")[0].label == data / "alphas" / "right.png"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("right\nabsent\n", r"list\.txt:2: no file for 'absent' in .*images"),
        ("right\nimages/right.png masks/absent.png\n", r"list\.txt:2: no such file: .*absent\.png"),
        ("a b c\n", r"list\.txt:1: wanted an id, or a photo and a mask, not 3 words"),
        ("# nothing\n", r"list\.txt: names no photo"),
    ],
)
def test_a_wrong_list_is_refused_by_line(data: Path, text: str, problem: str) -> None:
    (data / "list.txt").write_text(text)

    with pytest.raises(ListError, match=problem):
        evaluate(data, data / "list.txt")


def test_a_missing_list_is_named(data: Path) -> None:
    with pytest.raises(ListError, match=r"absent\.txt: not a readable list"):
        evaluate(data, data / "absent.txt")


def test_a_mask_of_another_size_is_refused(data: Path) -> None:
    with pytest.raises(ListError, match=r"right\.png: 80x100, its photo is 81x100"):
        read_label(data / "masks" / "right.png", (100, 81))


def test_a_file_that_is_no_photo_is_named(data: Path) -> None:
    (data / "images" / "right.png").write_text("not a picture")

    with pytest.raises(ListError, match=r"right\.png: not a readable photo"):
        read_photo(data / "images" / "right.png")


def test_a_folder_without_negatives_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="no photos in it"):
        read_negatives(tmp_path)
