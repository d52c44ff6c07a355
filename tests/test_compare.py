"""Two networks side by side: paired differences, intervals, the photos that changed; with stand-ins that see
green, or green and blue, as person."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shm.engine import Engine
from shm.matter import Maps, Matter
from shm.train.compare import Comparison, compare

A, B = Path("a"), Path("b")


class Sees:
    """A network to which a pixel is a person as far as one of its `channels` (of RGB) is bright."""

    def __init__(self, *channels: int) -> None:
        self._channels = list(channels)

    def infer(self, batch: NDArray[np.uint8]) -> Maps:
        alpha = batch[..., self._channels].max(axis=3).astype(np.float32) / 255
        coarse = alpha[:, ::4, ::4]
        return Maps(alpha, np.stack([1 - coarse, coarse * 0, coarse], axis=1))


NETWORKS = {A: Sees(1), B: Sees(1, 2)}


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(weights: Path, device: str) -> Matter:
        return Matter(NETWORKS[weights], engine=Engine("cpu", "fp32"), weights_id=weights.name * 64)

    monkeypatch.setattr(Matter, "load", staticmethod(load))


def write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def photo(green: int, blue: int) -> NDArray[np.uint8]:
    """100 rows: the first `green` green, the next `blue` blue. BGR, as OpenCV writes it."""
    picture = np.zeros((100, 80, 3), np.uint8)
    picture[:green, :, 1] = 255
    picture[green : green + blue, :, 0] = 255
    return picture


def label(rows: int) -> NDArray[np.uint8]:
    mask = np.zeros((100, 80), np.uint8)
    mask[:rows] = 255
    return mask


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Person down to row 80. `coat`: its lower half is blue and only B sees it. `sky`: blue below the person,
    which B takes for a part of it. `plain`: both see the same."""
    for name, green, blue in (("coat", 40, 40), ("sky", 80, 10), ("plain", 80, 0)):
        write(tmp_path / "images" / f"{name}.png", photo(green, blue))
        write(tmp_path / "masks" / f"{name}.png", label(80))
    return tmp_path


def found_in(data: Path, a: Path = A, b: Path = B) -> Comparison:
    return compare(data, weights=a, against=b)


def test_differences_are_means_of_b_minus_a_over_the_same_photos(data: Path) -> None:
    mad = next(d for d in found_in(data).differences if d.measure == "mad")

    assert (round(mad.a, 3), round(mad.b, 3)) == (round(0.4 / 3, 3), round(0.1 / 3, 3))
    assert mad.change.mean == pytest.approx(-0.1)
    assert mad.change.low < mad.change.mean < mad.change.high


def test_three_photos_that_disagree_decide_nothing(data: Path) -> None:
    assert {d.better for d in found_in(data).differences if d.measure in ("mad", "iou")} == {""}


@pytest.mark.parametrize(("a", "b", "better"), [(A, B, "B"), (B, A, "A"), (A, A, "")])
def test_the_better_one_is_better_by_overlap_and_by_error(data: Path, a: Path, b: Path, better: str) -> None:
    for name in ("sky", "plain"):
        (data / "images" / f"{name}.png").unlink()

    judged = {d.measure: d.better for d in found_in(data, a, b).differences}

    assert {judged[name] for name in ("iou", "iou_outside", "mad", "sad", "mse")} == {better}


def test_the_pairs_interval_is_narrower_than_the_photos_spread(data: Path) -> None:
    for number in range(8):
        write(data / "images" / f"p{number}.png", photo(10 * number, 5))
        write(data / "masks" / f"p{number}.png", label(80))
        (data / "list.txt").write_text("".join(f"p{n}\n" for n in range(number + 1)))

    found = compare(data, data / "list.txt", weights=A, against=B)

    [change] = [d.change for d in found.differences if d.measure == "mad"]
    alone = found.a.means["mad"]
    assert (round(change.low, 3), round(change.high, 3)) == (-0.05, -0.05)
    assert alone.high - alone.low > 0.2


def test_photos_that_changed_most_stand_first_either_way(data: Path) -> None:
    better, worse = found_in(data).extremes

    assert [change.a.name for change in better] == ["coat"]
    assert [change.a.name for change in worse] == ["sky"]


def test_the_table_names_both_networks_and_what_changed(data: Path) -> None:
    table = found_in(data).table()

    assert table.startswith("A " + "a" * 16 + "   B " + "b" * 16)
    assert "coat                         0.4000 -> 0.0000  -0.4000" in table
    assert "sky                          0.0000 -> 0.1000  +0.1000" in table
    assert "plain" not in table


def test_the_table_says_where_nothing_changed(data: Path) -> None:
    table = found_in(data, A, A).table()

    assert table.count("  none") == 2
    assert table.count("undecided") == len(found_in(data, A, A).differences)


def test_refusals_of_photos_without_people_are_compared(data: Path) -> None:
    write(data / "empty" / "sky.png", photo(0, 50))

    found = compare(data, weights=A, against=B, negatives=data / "empty")

    assert "without people refused: A 100.0%, B 0.0%" in found.table()


def test_rows_summary_and_sheet_are_written(data: Path) -> None:
    compare(
        data, weights=A, against=B, csv=data / "rows.csv", json=data / "all.json", sheet=data / "sheet.png"
    )

    rows = {row["name"]: row for row in csv.DictReader((data / "rows.csv").read_text().splitlines())}
    content = json.loads((data / "all.json").read_text())
    assert float(rows["coat"]["mad_change"]) == pytest.approx(-0.4)
    assert content["differences"]["mad"]["mean"] == pytest.approx(-0.1)
    assert (content["a"]["weights"], content["b"]["weights"]) == ("a" * 64, "b" * 64)
    # Two photos changed: one row of two, each photo | truth | A | B.
    assert cv2.imread(str(data / "sheet.png")).shape == (240, 240 * 4 * 2, 3)


def test_the_sheet_shows_photo_truth_a_and_b(data: Path) -> None:
    compare(data, weights=A, against=B, sheet=data / "sheet.png")

    [coat, _] = np.hsplit(cv2.imread(str(data / "sheet.png")), 2)
    row = [tuple(int(v) for v in picture[150, 96]) for picture in np.hsplit(coat, 4)]
    blue, backdrop = (255, 0, 0), (60, 200, 0)
    np.testing.assert_allclose(row, [blue, blue, backdrop, blue], atol=2)
