"""What there is to learn from: labelled people, grounds without people, garments that are nobody.

A YAML file lists sources, each a folder of pictures with labels of one kind:

- `masks`: photos and hard masks (0 or 255). They teach semantics; their edges are not to be trusted.
- `pairs`: photos and soft alphas.
- `cutouts`: RGBA pictures.
- `grounds`: photos without people, to composite on.
- `garments`: clothes with nobody in them: negatives.
- `unlabelled`: photos for self-training: a trained T-Net writes their masks where it is sure
  (`shm.train.selflabel`); before that the source is empty.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.colours import FAR, NEAR, extend_colours
from shm.data.repair import repair_mask

Array = NDArray[np.uint8]
KINDS = ("masks", "pairs", "cutouts", "grounds", "garments", "unlabelled")
LONGEST = 1024
"""Pictures are kept at most this long in memory: the largest crop that any stage sees is 640 px."""


@dataclass(frozen=True)
class Person:
    """A labelled photo. photo, foreground: uint8 (H, W, 3) RGB; alpha: uint8 (H, W).

    `hard`: the alpha is a mask with coarse edges. `natural`: `photo` shows the person where it was taken;
    cut-outs have no photo of their own and are only ever composited. `source` is the name in the YAML.
    """

    name: str
    source: str
    photo: Array
    alpha: Array
    foreground: Array
    hard: bool
    natural: bool


@dataclass(frozen=True)
class Library:
    """Everything in memory. `weights` holds, per source name, its share among the people drawn."""

    people: tuple[Person, ...]
    grounds: tuple[Array, ...]
    garments: tuple[tuple[Array, Array], ...]
    weights: Mapping[str, float] = field(default_factory=dict)


class BadSource(ValueError):
    """A source cannot be used; the message names the file and says why."""


def load_library(
    root: Path, sources: Mapping[str, Mapping[str, Any]], *, lists: Path, self_labels: Path
) -> Library:
    """Reads every source into memory. `root` is the data folder, `lists` the folder of fixed id lists,
    `self_labels` where masks of unlabelled photos are, a folder per source."""
    waiting: list[tuple[str, str, Path, Path]] = []
    grounds: list[Array] = []
    garments: list[tuple[Array, Array]] = []
    for name, source in sources.items():
        kind = source["kind"]
        if kind not in KINDS:
            raise BadSource(f"source {name!r}: kind {kind!r} is none of {', '.join(KINDS)}")
        labels = self_labels / name if kind == "unlabelled" else root / source.get("labels", "")
        for file in source_files(root, source, lists):
            if kind == "unlabelled" and not (labels / f"{file.stem}.png").exists():
                continue
            if kind == "grounds":
                grounds.append(_shrink(read_rgb(file)))
            elif kind == "garments":
                photo = _shrink(read_rgb(file))
                garments.append((photo, garment_alpha(photo)))
            else:
                waiting.append((name, kind, file, labels))
    # Threads: OpenCV releases the interpreter, and a thousand photos take a minute on one core.
    with ThreadPoolExecutor() as pool:
        people = tuple(pool.map(lambda one: _person(*one), waiting))
    weights = {name: float(source.get("weight", 1.0)) for name, source in sources.items()}
    return Library(people, tuple(grounds), tuple(garments), weights)


def source_files(root: Path, source: Mapping[str, Any], lists: Path) -> Iterator[Path]:
    """The pictures of one source, in order, after its lists of wanted and left-out names."""
    folder = root / source["images"]
    if not folder.is_dir():
        raise BadSource(f"{folder}: no such folder")
    left_out = {line for name in source.get("except", []) for line in _lines(lists / name, root / name)}
    wanted = {line for name in source.get("lists", []) for line in _lines(lists / name, root / name)}
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    for file in files:
        if file.stem not in left_out and (not wanted or file.stem in wanted):
            yield file


def _lines(*candidates: Path) -> list[str]:
    for file in candidates:
        if file.is_file():
            return file.read_text().split()
    raise BadSource(f"{candidates[0]}: no such list")


def _person(name: str, kind: str, file: Path, labels: Path) -> Person:
    if kind == "cutouts":
        rgba = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if rgba is None or rgba.ndim != 3 or rgba.shape[2] != 4:
            raise BadSource(f"{file}: a cut-out must be RGBA")
        rgb = np.ascontiguousarray(_shrink(rgba)[..., 2::-1])
        alpha = np.ascontiguousarray(_shrink(rgba)[..., 3])
        return Person(file.stem, name, rgb, alpha, extend_colours(rgb, alpha, FAR), hard=False, natural=False)
    photo = read_rgb(file)
    label = labels / f"{file.stem}.png"
    read = cv2.imread(str(label), cv2.IMREAD_GRAYSCALE)
    if read is None:
        raise BadSource(f"{label}: cannot be read")
    if read.shape != photo.shape[:2]:
        raise BadSource(
            f"{label}: is {read.shape[1]}x{read.shape[0]}, its photo {photo.shape[1]}x{photo.shape[0]}"
        )
    photo, alpha = _shrink(photo), _shrink(read)
    if kind == "pairs":
        return Person(
            file.stem, name, photo, alpha, extend_colours(photo, alpha, FAR), hard=False, natural=True
        )
    alpha = repair_mask(alpha)
    return Person(file.stem, name, photo, alpha, extend_colours(photo, alpha, NEAR), hard=True, natural=True)


def read_rgb(file: Path) -> Array:
    """uint8 (H, W, 3) RGB. Raises BadSource if the file is no picture."""
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise BadSource(f"{file}: cannot be read as a picture")
    return np.ascontiguousarray(picture[..., ::-1])


def garment_alpha(photo: Array) -> Array:
    """The garment on its plain ground, found by flooding the ground from the corners. uint8 (H, W)."""
    smooth = cv2.GaussianBlur(photo, (5, 5), 0)
    mask = np.zeros((photo.shape[0] + 2, photo.shape[1] + 2), np.uint8)
    flags = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY
    height, width = photo.shape[:2]
    for x, y in ((1, 1), (width - 2, 1), (1, height - 2), (width - 2, height - 2)):
        cv2.floodFill(smooth, mask, (x, y), 0, (2, 2, 2), (2, 2, 2), flags)
    garment = (mask[1:-1, 1:-1] == 0).astype(np.uint8) * 255
    opened = cv2.morphologyEx(garment, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    soft: Array = cv2.GaussianBlur(opened, (3, 3), 0)
    return soft


def _shrink(picture: Array) -> Array:
    scale = LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    smaller: Array = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return smaller
