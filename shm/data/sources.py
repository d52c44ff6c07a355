"""What there is to learn from: labelled people, grounds without people, garments that are nobody.

A YAML file lists sources, each a folder of pictures (`images`) with labels of one kind:

- `masks`: photos and hard masks (0 or 255). They teach semantics; their edges are not to be trusted.
- `pairs`: photos and soft alphas. Labels of both are `labels`/<photo's name>.png.
- `cutouts`: RGBA pictures.
- `grounds`: photos without people, to composite on.
- `garments`: clothes with nobody in them: negatives.
- `unlabelled`: photos for self-training: a trained T-Net writes their masks where it is sure
  (`shm.train.selflabel`); before that the source is empty.

`lists` name the photos to take (all without it); `except` those held out for judging, which nothing trained
on may resemble; `drop` those that are merely not wanted. A folder may be `s3://bucket/prefix`: whoever calls
fetches it first (`remote_places`, `with_folders`), because nothing in here knows of buckets.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.colours import FAR, NEAR, extend_colours
from shm.data.repair import repair_mask

Array = NDArray[np.uint8]
KINDS = ("masks", "pairs", "cutouts", "grounds", "garments", "unlabelled")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_FOLDERS = ("images", "labels")
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


@dataclass(frozen=True)
class Item:
    """One picture of a source. `label` is where its label must be; None for the kinds that have none."""

    source: str
    kind: str
    photo: Path
    label: Path | None


def load_library(
    root: Path,
    sources: Mapping[str, Mapping[str, Any]],
    *,
    lists: Path,
    self_labels: Path,
    left_out: frozenset[str] = frozenset(),
) -> Library:
    """Reads every source into memory. `root` is the data folder, `lists` the folder of fixed id lists,
    `self_labels` where masks of unlabelled photos are, a folder per source. `left_out`: paths of photos that
    are not read (`shm.data.check.CheckReport.bad`). Raises BadSource."""
    waiting: list[Item] = []
    grounds: list[Array] = []
    garments: list[tuple[Array, Array]] = []
    for name, source in sources.items():
        for item in source_items(root, name, source, lists):
            if str(item.photo) in left_out:
                continue
            if item.kind == "unlabelled":
                written = self_labels / name / f"{item.photo.stem}.png"
                if written.exists():
                    waiting.append(replace(item, label=written))
            elif item.kind == "grounds":
                grounds.append(_shrink(read_rgb(item.photo)))
            elif item.kind == "garments":
                photo = _shrink(read_rgb(item.photo))
                garments.append((photo, garment_alpha(photo)))
            else:
                waiting.append(item)
    # Threads: OpenCV releases the interpreter, and a thousand photos take a minute on one core.
    with ThreadPoolExecutor() as pool:
        people = tuple(pool.map(_person, waiting))
    weights = {name: float(source.get("weight", 1.0)) for name, source in sources.items()}
    return Library(people, tuple(grounds), tuple(garments), weights)


def source_items(root: Path, name: str, source: Mapping[str, Any], lists: Path) -> Iterator[Item]:
    """The pictures of the source called `name`, in order, with their labels' places. Raises BadSource."""
    kind = source.get("kind")
    if kind not in KINDS:
        raise BadSource(f"source {name!r}: kind {kind!r} is none of {', '.join(KINDS)}")
    labels = None
    if kind in ("masks", "pairs"):
        if "labels" not in source:
            raise BadSource(f"source {name!r}: {kind} need labels: the folder that these are in")
        labels = _folder(root, source["labels"])
    for photo in source_files(root, source, lists):
        yield Item(name, kind, photo, labels / f"{photo.stem}.png" if labels else None)


def source_files(root: Path, source: Mapping[str, Any], lists: Path) -> Iterator[Path]:
    """The pictures of one source that are trained on, in order. Raises BadSource."""
    not_wanted = _named(root, source, lists, "except") | _named(root, source, lists, "drop")
    wanted = _named(root, source, lists, "lists")
    for file in pictures(_folder(root, source["images"])):
        if file.stem not in not_wanted and ("lists" not in source or file.stem in wanted):
            yield file


def held_out_files(root: Path, source: Mapping[str, Any], lists: Path) -> Iterator[Path]:
    """The pictures in a source's folder that it holds out for judging. Raises BadSource."""
    held_out = _named(root, source, lists, "except")
    return (file for file in pictures(_folder(root, source["images"])) if file.stem in held_out)


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder, by name. Raises BadSource where there is no such folder."""
    if not folder.is_dir():
        raise BadSource(f"{folder}: no such folder")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def remote_places(sources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The `s3://` folders that sources name, each once, to be fetched before anything is read."""
    places = [str(source[key]) for source in sources.values() for key in _FOLDERS if key in source]
    return sorted({place for place in places if _is_remote(place)})


def with_folders(
    sources: Mapping[str, Mapping[str, Any]], fetched: Mapping[str, Path]
) -> dict[str, dict[str, Any]]:
    """The sources with the folders in `fetched` put for the places that were fetched into them."""
    return {
        name: {
            key: str(fetched[value]) if key in _FOLDERS and value in fetched else value
            for key, value in source.items()
        }
        for name, source in sources.items()
    }


def _folder(root: Path, place: str) -> Path:
    if _is_remote(place):
        raise BadSource(f"{place}: is in a bucket and was not fetched")
    return root / place


def _is_remote(place: str) -> bool:
    return "://" in place


def _named(root: Path, source: Mapping[str, Any], lists: Path, key: str) -> set[str]:
    return {line for name in source.get(key, []) for line in _lines(lists / name, root / name)}


def _lines(*candidates: Path) -> list[str]:
    for file in candidates:
        if file.is_file():
            return file.read_text().split()
    raise BadSource(f"{candidates[0]}: no such list")


def _person(item: Item) -> Person:
    if item.label is None:
        rgba = cv2.imread(str(item.photo), cv2.IMREAD_UNCHANGED)
        if rgba is None or rgba.shape[2:] != (4,) or rgba.dtype != np.uint8:
            raise BadSource(f"{item.photo}: a cut-out must be RGBA with 8 bits a channel")
        rgb = np.ascontiguousarray(_shrink(rgba)[..., 2::-1])
        alpha = np.ascontiguousarray(_shrink(rgba)[..., 3])
        return _made(item, rgb, alpha, FAR, hard=False, natural=False)
    photo = read_rgb(item.photo)
    read = cv2.imread(str(item.label), cv2.IMREAD_GRAYSCALE)
    if read is None:
        raise BadSource(f"{item.label}: cannot be read")
    if read.shape != photo.shape[:2]:
        sizes = f"{read.shape[1]}x{read.shape[0]}, its photo {photo.shape[1]}x{photo.shape[0]}"
        raise BadSource(f"{item.label}: is {sizes}")
    photo, alpha = _shrink(photo), _shrink(read)
    if item.kind == "pairs":
        return _made(item, photo, alpha, FAR, hard=False, natural=True)
    return _made(item, photo, repair_mask(alpha), NEAR, hard=True, natural=True)


def _made(
    item: Item, photo: Array, alpha: Array, reach: tuple[int, ...], *, hard: bool, natural: bool
) -> Person:
    colours = extend_colours(photo, alpha, reach)
    return Person(item.photo.stem, item.source, photo, alpha, colours, hard=hard, natural=natural)


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
