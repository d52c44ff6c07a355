"""Every fault of training data that the check knows, each made here; and none found in clean data."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shm.data.check import CheckReport, Finding, Problem, check_sources, write_check_report
from shm.data.check_findings import ADVICE, WARNINGS
from shm.data.sources import BadSource, load_library

SOURCES: dict[str, dict[str, Any]] = {
    "street": {"kind": "masks", "images": "photos", "labels": "masks", "except": ["validation.txt"]},
    "hair": {"kind": "pairs", "images": "portraits", "labels": "alphas"},
    "cut": {"kind": "cutouts", "images": "rgba"},
    "scenes": {"kind": "grounds", "images": "grounds"},
    "garments": {"kind": "garments", "images": "garments"},
    "more": {"kind": "unlabelled", "images": "more"},
}
KINDS_OF_PEOPLE = ["photos/p0.png", "portraits/h0.png", "rgba/c0.png"]


def ground(seed: int, height: int = 400, width: int = 300) -> np.ndarray:
    """uint8 (H, W, 3): soft blots, different for every seed."""
    rng = np.random.default_rng(seed)
    blots = cv2.resize(rng.uniform(40, 215, (6, 5, 3)).astype(np.float32), (width, height))
    return np.clip(blots + rng.normal(0, 6, blots.shape), 0, 255).astype(np.uint8)


def person(seed: int, height: int = 400, width: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """A photo of somebody whom the lower edge cuts, uint8 (H, W, 3), and the mask, uint8 (H, W)."""
    mask = np.zeros((height, width), np.uint8)
    middle = width // 2 + seed * 7 % 40 - 20
    cv2.ellipse(mask, (middle, 90), (32, 42), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (middle - 60, 125), (middle + 60, height - 1), 255, -1)
    photo = ground(seed, height, width)
    photo[mask > 0] = np.random.default_rng(seed).uniform(60, 200, 3)
    return photo, mask


def soft(mask: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), 3)


class Data:
    """A folder of training data, to be broken."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, picture: np.ndarray) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(self.root / name), picture)

    def photo(self, name: str) -> np.ndarray:
        return cv2.imread(str(self.root / name))[..., :3]

    def label_of(self, name: str) -> np.ndarray:
        """The label of a photo among `KINDS_OF_PEOPLE`."""
        if name.startswith("rgba"):
            return cv2.imread(str(self.root / name), cv2.IMREAD_UNCHANGED)[..., 3]
        return cv2.imread(str(self.label_file(name)), cv2.IMREAD_GRAYSCALE)

    def label_file(self, name: str) -> Path:
        return self.root / name.replace("photos", "masks").replace("portraits", "alphas")

    def relabel(self, name: str, label: np.ndarray) -> None:
        if name.startswith("rgba"):
            self.write(name, np.dstack([self.photo(name), label]))
        else:
            cv2.imwrite(str(self.label_file(name)), label)

    def check(self, **more: Any) -> CheckReport:
        return check_sources(self.root, SOURCES, lists=self.root / "lists", **more)

    def found(self, **more: Any) -> list[tuple[str, str]]:
        """What is wrong with what, files relative to the folder."""
        return [
            (str(f.problem), str((f.photo or f.label or self.root).relative_to(self.root)))
            for f in self.check(**more).findings
        ]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures for each source, and a photo that is held out."""
    data = Data(tmp_path_factory.mktemp("clean"))
    (data.root / "lists").mkdir()
    (data.root / "lists" / "validation.txt").write_text("v0\n")
    for k, name in enumerate(("p0", "p1", "v0")):
        data.write(f"photos/{name}.png", person(k)[0])
        data.write(f"masks/{name}.png", person(k)[1])
    for k in range(2):
        photo, mask = person(10 + k)
        data.write(f"portraits/h{k}.png", photo)
        data.write(f"alphas/h{k}.png", soft(mask))
        photo, mask = person(20 + k)
        data.write(f"rgba/c{k}.png", np.dstack([photo, soft(mask)]))
        data.write(f"grounds/g{k}.png", ground(30 + k))
        data.write(f"garments/t{k}.png", ground(40 + k))
        data.write(f"more/m{k}.png", person(50 + k)[0])
    return data.root


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Data:
    shutil.copytree(clean, tmp_path / "data")
    return Data(tmp_path / "data")


def test_clean_data_has_nothing_wrong_and_is_all_looked_at(data: Data) -> None:
    report = data.check()

    assert report.findings == ()
    assert report.pictures == {"street": 2, "hair": 2, "cut": 2, "scenes": 2, "garments": 2, "more": 2}
    assert report.summary == "12 pictures in 6 sources: 0 faults, 0 warnings"


@pytest.mark.parametrize("name", ["photos/p0.png", "rgba/c0.png", "grounds/g0.png", "more/m1.png"])
@pytest.mark.parametrize("content", [b"", b"no picture", "cut short"])
def test_a_file_that_cannot_be_read(data: Data, name: str, content: bytes | str) -> None:
    file = data.root / name
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)

    assert data.found() == [("unreadable", name)]


def test_a_jpeg_that_was_cut_short_though_opencv_reads_it(data: Data) -> None:
    whole = cv2.imencode(".jpg", person(60)[0])[1].tobytes()
    (data.root / "more" / "m9.jpg").write_bytes(whole[: len(whole) * 3 // 4])

    assert data.found() == [("unreadable", "more/m9.jpg")]


def test_a_label_that_cannot_be_read_is_named_with_its_photo(data: Data) -> None:
    (data.root / "masks" / "p0.png").write_bytes(b"no picture")

    [finding] = data.check().findings

    assert finding.problem == Problem.UNREADABLE
    assert str(finding).startswith(str(data.root / "photos" / "p0.png"))
    assert "masks/p0.png" in finding.detail


def test_a_photo_without_its_label(data: Data) -> None:
    (data.root / "alphas" / "h1.png").unlink()

    assert data.found() == [("missing_label", "portraits/h1.png")]


def test_a_label_without_its_photo(data: Data) -> None:
    data.write("masks/nobody.png", person(0)[1])

    assert data.found() == [("label_without_photo", "masks/nobody.png")]


@pytest.mark.parametrize("picture", [person(20)[0], person(20)[1]], ids=["colour", "grey"])
def test_a_cut_out_without_alpha(data: Data, picture: np.ndarray) -> None:
    data.write("rgba/c0.png", picture)

    assert data.found() == [("no_alpha", "rgba/c0.png")]


def test_a_cut_out_of_16_bits_a_channel(data: Data) -> None:
    data.write("rgba/c0.png", np.full((400, 300, 4), 40000, np.uint16))

    assert data.found() == [("no_alpha", "rgba/c0.png")]


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE[:2])
def test_a_label_of_another_size(data: Data, name: str) -> None:
    data.relabel(name, np.rot90(data.label_of(name)))

    [finding] = data.check().findings

    assert finding.problem == Problem.SIZE_MISMATCH
    assert finding.detail == "is 300x400, its label 400x300"


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE)
def test_a_label_with_nobody_in_it(data: Data, name: str) -> None:
    data.relabel(name, np.zeros((400, 300), np.uint8))

    assert data.found() == [("empty_label", name)]


def test_a_mask_of_0_and_1_is_told_apart_from_an_empty_one(data: Data) -> None:
    data.relabel("photos/p0.png", data.label_of("photos/p0.png") // 255)

    [finding] = data.check().findings

    assert finding.problem == Problem.EMPTY_LABEL
    assert "its largest value is 1 of 255" in finding.detail


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE)
def test_a_label_that_covers_everything(data: Data, name: str) -> None:
    data.relabel(name, np.full((400, 300), 255, np.uint8))

    assert data.found() == [("full_label", name)]


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE)
def test_an_inverted_label(data: Data, name: str) -> None:
    data.relabel(name, 255 - data.label_of(name))

    assert data.found() == [("inverted_label", name)]


def test_somebody_who_touches_three_sides_of_the_photo_is_not_inverted(data: Data) -> None:
    close = np.zeros((400, 300), np.uint8)
    cv2.ellipse(close, (150, 130), (80, 100), 0, 0, 360, 255, -1)
    close[200:] = 255
    data.relabel("portraits/h0.png", soft(close))

    assert data.found() == []


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE[1:])
def test_a_hard_mask_where_a_soft_alpha_was_promised(data: Data, name: str) -> None:
    data.relabel(name, np.where(data.label_of(name) > 127, 255, 0).astype(np.uint8))

    assert data.found() == [("hard_label", name)]


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE)
def test_a_label_that_is_the_photo(data: Data, name: str) -> None:
    data.relabel(name, cv2.cvtColor(data.photo(name), cv2.COLOR_BGR2GRAY))

    assert [problem for problem, _ in data.found()] == ["photo_is_label"]


def test_a_photo_that_is_the_label(data: Data) -> None:
    data.write("portraits/h0.png", data.label_of("portraits/h0.png"))

    assert data.found() == [("photo_is_label", "portraits/h0.png")]


@pytest.mark.parametrize(("side", "problems"), [(16, []), (40, ["holes"])])
def test_a_hole_in_a_mask_that_is_too_large_to_be_filled(data: Data, side: int, problems: list[str]) -> None:
    mask = data.label_of("photos/p0.png")
    mask[200 : 200 + side, 120 : 120 + side] = 0
    data.relabel("photos/p0.png", mask)

    assert [problem for problem, _ in data.found()] == problems


@pytest.mark.parametrize("name", KINDS_OF_PEOPLE)
def test_several_people(data: Data, name: str) -> None:
    label = np.zeros((400, 300), np.uint8)
    label[100:380, 30:110] = label[140:380, 180:260] = 255
    data.relabel(name, label if name.startswith("photos") else soft(label))

    assert data.found() == [("several_people", name)]


def test_a_bag_beside_somebody_is_not_another_person(data: Data) -> None:
    mask = data.label_of("photos/p0.png")
    mask[340:390, 5:45] = 255
    data.relabel("photos/p0.png", mask)

    assert data.found() == []


@pytest.mark.parametrize(("side", "problems"), [(255, [("too_small", "grounds/g0.png")]), (256, [])])
def test_a_picture_smaller_than_the_crops(data: Data, side: int, problems: list[tuple[str, str]]) -> None:
    data.write("grounds/g0.png", ground(30, 400, side))

    assert data.found() == problems


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the same": lambda photo: photo,
    "smaller": lambda photo: cv2.resize(photo, (260, 347), interpolation=cv2.INTER_AREA),
    "darker": lambda photo: (photo * 0.7).astype(np.uint8),
    "cropped": lambda photo: photo[6:-6, 5:-5],
    "mirrored": lambda photo: photo[:, ::-1],
    "compressed": lambda photo: cv2.imdecode(
        cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_photo_nearly_the_same_as_one_held_out_is_a_fault(data: Data, change: str) -> None:
    data.write("more/m9.png", CHANGES[change](data.photo("photos/v0.png")))

    [finding] = data.check().findings

    assert (finding.problem, finding.photo) == (Problem.TWIN_HELD_OUT, data.root / "more" / "m9.png")
    assert finding.twin == data.root / "photos" / "v0.png"
    assert finding.is_fault


@pytest.mark.parametrize("change", CHANGES)
def test_a_photo_nearly_the_same_as_another_one_trained_on_is_a_warning(data: Data, change: str) -> None:
    data.write("more/m9.png", CHANGES[change](data.photo("photos/p1.png")))

    [finding] = data.check().findings

    assert (finding.problem, finding.photo) == (Problem.TWIN, data.root / "photos" / "p1.png")
    assert finding.twin == data.root / "more" / "m9.png"
    assert not finding.is_fault


def test_photos_that_are_judged_by_may_lie_elsewhere(data: Data, tmp_path: Path) -> None:
    data.write("judged/x.png", data.photo("portraits/h0.png"))

    assert data.found(held_out=[data.root / "judged" / "x.png"]) == [("twin_held_out", "portraits/h0.png")]


def test_a_photo_that_one_source_holds_out_and_another_trains_on(data: Data) -> None:
    sources = SOURCES | {"again": {"kind": "unlabelled", "images": "photos", "lists": ["validation.txt"]}}

    [finding] = check_sources(data.root, sources, lists=data.root / "lists").findings

    assert (finding.problem, finding.source) == (Problem.TWIN_HELD_OUT, "again")
    assert "is the same file as" in finding.detail


def test_a_twin_that_was_dropped_is_no_fault_any_more(data: Data) -> None:
    data.write("more/m9.png", data.photo("photos/v0.png"))
    (data.root / "lists" / "twins.txt").write_text("m9\n")
    sources = SOURCES | {"more": {"kind": "unlabelled", "images": "more", "drop": ["twins.txt"]}}

    assert check_sources(data.root, sources, lists=data.root / "lists").findings == ()


def broken(data: Data) -> CheckReport:
    """Two faults and a warning."""
    data.relabel("photos/p0.png", 255 - data.label_of("photos/p0.png"))
    (data.root / "rgba" / "c0.png").write_bytes(b"no picture")
    data.write("grounds/g0.png", ground(30, 400, 100))
    return data.check()


def test_the_table_lists_faults_first_with_files_and_what_to_do(data: Data) -> None:
    lines = broken(data).table().splitlines()

    assert lines[0] == "12 pictures in 6 sources: 2 faults, 1 warning"
    assert [line for line in lines if line.startswith(("fault", "warning"))] == [
        f"fault: unreadable, 1. {ADVICE[Problem.UNREADABLE]}",
        f"fault: inverted_label, 1. {ADVICE[Problem.INVERTED_LABEL]}",
        f"warning: too_small, 1. {ADVICE[Problem.TOO_SMALL]}",
    ]
    assert any(line.startswith(f"  {data.root}/photos/p0.png: its label covers") for line in lines)


def test_a_long_list_is_cut_short_in_the_table(data: Data) -> None:
    findings = tuple(Finding(Problem.EMPTY_LABEL, "street", "x", Path(f"{k}.png")) for k in range(25))

    assert CheckReport(findings, {"street": 25}).table().endswith("\n  19.png: x\n  and 5 more")


def test_what_is_bad_can_be_left_out_and_the_rest_loads(data: Data) -> None:
    report = broken(data)

    library = load_library(
        data.root, SOURCES, lists=data.root / "lists", self_labels=data.root / "none", left_out=report.bad
    )

    assert report.bad == {str(data.root / "photos" / "p0.png"), str(data.root / "rgba" / "c0.png")}
    assert sorted(p.name for p in library.people) == ["c1", "h0", "h1", "p1"]
    assert len(library.grounds) == 2


def test_the_report_is_one_file_with_pictures_of_what_is_wrong(data: Data, tmp_path: Path) -> None:
    write_check_report(broken(data), tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text(encoding="utf-8")

    # Inverted: photo, label, overlay; too small: photo; unreadable: nothing to show.
    assert re.findall(r"<img alt='([^']+)'", page) == ["photo", "label", "label over photo", "photo"]
    assert page.count("src='data:image/jpeg;base64,") == 4
    assert not re.search(r"(src|href)='(?!data:)", page)
    assert "2 faults, 1 warning" in page


def test_names_in_the_report_are_text_not_markup(data: Data, tmp_path: Path) -> None:
    finding = Finding(Problem.EMPTY_LABEL, "<b>", "<script>alert(1)</script>", Path("'a&b'.png"))

    write_check_report(CheckReport((finding,), {"<b>": 1}), tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text(encoding="utf-8")

    assert "<script>" not in page
    assert "<b>" not in page
    assert "&#x27;a&amp;b&#x27;.png" in page


def test_a_report_without_findings_says_so(tmp_path: Path) -> None:
    write_check_report(CheckReport((), {"street": 3}), tmp_path / "check.html")

    assert "Nothing is wrong." in (tmp_path / "check.html").read_text(encoding="utf-8")


def test_a_source_whose_folder_is_not_there_is_an_error_of_the_recipe(data: Data) -> None:
    with pytest.raises(BadSource, match="nowhere: no such folder"):
        check_sources(data.root, {"x": {"kind": "grounds", "images": "nowhere"}}, lists=data.root)


def test_every_problem_has_its_advice_and_only_known_ones_are_warnings() -> None:
    assert set(ADVICE) == set(Problem)
    assert {problem.value for problem in WARNINGS} == {
        "holes",
        "several_people",
        "label_without_photo",
        "twin",
        "too_small",
    }
