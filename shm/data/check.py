"""Reads everything that a recipe would train on and says what is wrong with it, file by file.

    report = check_sources(root, sources, lists=lists)
    write_check_report(report, Path("check.html"))
    load_library(root, sources, lists=lists, self_labels=..., left_out=report.bad)

Training refuses a set with faults (`report.faults`); warnings are for somebody to look at.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shm.data.check_findings import CheckReport, Finding, Problem
from shm.data.check_labels import Doubt, label_doubts, photo_doubts
from shm.data.check_report import write_check_report
from shm.data.check_twins import Twins, find_twins, thumbnail
from shm.data.sources import Item, held_out_files, pictures, source_items

__all__ = ["CheckReport", "Finding", "Problem", "check_sources", "write_check_report"]

Array = NDArray[np.uint8]
_PEOPLE = ("masks", "pairs", "cutouts", "unlabelled")
"""Kinds whose pictures must not resemble a held-out one. Grounds and garments show nobody to judge by."""


class _Unreadable(ValueError):
    """What is wrong with a file."""


@dataclass(frozen=True)
class _Looked:
    """One picture: what was found, its thumbnail if it is compared with others, whether it is `trained` on or
    held out."""

    item: Item
    findings: tuple[Finding, ...]
    thumbnail: Array | None
    trained: bool


def check_sources(
    root: Path, sources: Mapping[str, Mapping[str, Any]], *, lists: Path, held_out: Iterable[Path] = ()
) -> CheckReport:
    """Checks every picture of every source as `shm.data.sources.load_library` would read it.

    `root`, `sources`, `lists`: as there. Held out is what sources name under `except`, and `held_out`: photos
    elsewhere that are judged by. Raises BadSource where a source itself is wrong.
    """
    items = [item for name, source in sources.items() for item in source_items(root, name, source, lists)]
    apart = _held_out(root, sources, lists, held_out)
    with ThreadPoolExecutor() as pool:
        looked = [*pool.map(_look, items), *pool.map(_look_held_out, apart)]
    findings = [finding for one in looked for finding in one.findings]
    findings += _twins(looked)
    findings += _labels_without_photos(root, sources)
    count = {name: sum(item.source == name for item in items) for name in sources}
    return CheckReport(tuple(findings), count)


def _held_out(
    root: Path, sources: Mapping[str, Mapping[str, Any]], lists: Path, further: Iterable[Path]
) -> list[Path]:
    files = [
        file
        for source in sources.values()
        if source["kind"] in _PEOPLE
        for file in held_out_files(root, source, lists)
    ]
    return sorted({*files, *further})


def _look(item: Item) -> _Looked:
    try:
        picture = _read(item.photo, cv2.IMREAD_UNCHANGED if item.kind == "cutouts" else cv2.IMREAD_COLOR)
    except _Unreadable as error:
        return _Looked(item, (_finding(item, Problem.UNREADABLE, str(error)),), None, True)
    photo = np.ascontiguousarray(picture[..., :3]) if picture.ndim == 3 else picture
    doubts = [*photo_doubts(photo), *_doubts(item, picture, photo)]
    kept = thumbnail(photo) if item.kind in _PEOPLE and photo.ndim == 3 else None
    return _Looked(item, tuple(_finding(item, *doubt) for doubt in doubts), kept, True)


def _doubts(item: Item, picture: Array, photo: Array) -> Iterator[Doubt]:
    """About the label. picture: as read; photo: uint8 (H, W, 3) BGR of it."""
    if item.kind == "cutouts":
        if picture.shape[2:] != (4,) or picture.dtype != np.uint8:
            yield Doubt(Problem.NO_ALPHA, "has no alpha channel of 8 bits")
        else:
            yield from label_doubts(photo, np.ascontiguousarray(picture[..., 3]), soft=True)
    elif item.label is not None and not item.label.exists():
        yield Doubt(Problem.MISSING_LABEL, f"has no label {item.label}")
    elif item.label is not None:
        try:
            label = _read(item.label, cv2.IMREAD_GRAYSCALE)
        except _Unreadable as error:
            yield Doubt(Problem.UNREADABLE, f"its label {item.label} {error}")
        else:
            yield from label_doubts(photo, label, soft=item.kind == "pairs")


def _finding(item: Item, problem: Problem, detail: str) -> Finding:
    return Finding(problem, item.source, detail, item.photo, item.label)


def _look_held_out(file: Path) -> _Looked:
    """Only to compare others with. One that cannot be read is found when it is judged by."""
    item = Item("held out", "unlabelled", file, None)
    try:
        return _Looked(item, (), thumbnail(_read(file, cv2.IMREAD_COLOR)), False)
    except _Unreadable:
        return _Looked(item, (), None, False)


def _twins(looked: Iterable[_Looked]) -> Iterator[Finding]:
    compared = [one for one in looked if one.thumbnail is not None]
    for pair in find_twins([one.thumbnail for one in compared if one.thumbnail is not None]):
        # Those held out stand last, so a pair with one of them has it second.
        one, other = compared[pair.first], compared[pair.second]
        if one.trained:
            yield _twin(one.item, other, pair)


def _twin(item: Item, other: _Looked, pair: Twins) -> Finding:
    problem = Problem.TWIN if other.trained else Problem.TWIN_HELD_OUT
    same = "is the same file as" if item.photo == other.item.photo else "is nearly"
    where = f"of source {other.item.source}" if other.trained else "which is held out"
    mirrored = ", mirrored" if pair.mirrored else ""
    detail = f"{same} {other.item.photo}, {where} (correlation {pair.correlation:.2f}{mirrored})"
    return Finding(problem, item.source, detail, item.photo, item.label, other.item.photo)


def _labels_without_photos(root: Path, sources: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    photos: dict[Path, set[str]] = {}
    names: dict[Path, str] = {}
    for name, source in sources.items():
        if source["kind"] in ("masks", "pairs"):
            folder = root / source["labels"]
            # Several sources may share a folder of labels, each with photos of its own.
            photos.setdefault(folder, set()).update(p.stem for p in pictures(root / source["images"]))
            names.setdefault(folder, name)
    for folder, stems in photos.items():
        for label in sorted(folder.glob("*.png")):
            if label.stem not in stems:
                yield Finding(Problem.LABEL_WITHOUT_PHOTO, names[folder], "belongs to no photo", label=label)


def _read(file: Path, flags: int) -> Array:
    """The picture as `shm.data.sources` reads it, with OpenCV's `flags`. Raises _Unreadable.

    Decoded twice: OpenCV passes a file that was cut short, its rest in grey; Pillow does not.
    """
    try:
        data = file.read_bytes()
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as whole:
            whole.load()
    except UnidentifiedImageError as error:
        raise _Unreadable("is no JPEG, PNG or WebP picture") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _Unreadable(f"cannot be read: {error}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise _Unreadable("cannot be read as a picture")
    return np.asarray(picture)
