"""Labelled photos for judging weights: `images/<id>.jpg` with `alphas/<id>.png` or else `masks/<id>.png`.

A list file has one id per line, or `path/to/image.jpg path/to/alpha.png` relative to the data folder.
Blank lines and lines that start with # are skipped. Without a list every photo in `images/` counts.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class ListError(ValueError):
    """A list or one of its files cannot be used. The message names the file, and the line if it has one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled photo. `name` is its id."""

    name: str
    photo: Path
    label: Path


def read_list(data_dir: Path, list_file: Path | None = None) -> list[Sample]:
    """The samples that `list_file` names, in its order; without one every photo in `data_dir`/images by name.
    Raises ListError for any that is not there."""
    if list_file is None:
        photos = photos_in(data_dir / "images")
        return [Sample(photo.stem, photo, _label(data_dir, photo.stem, str(photo))) for photo in photos]
    samples = []
    for line, words in _lines(list_file):
        place = f"{list_file}:{line}"
        if len(words) == 2:
            photo, label = data_dir / words[0], data_dir / words[1]
        elif len(words) == 1:
            photo = _find(data_dir / "images", words[0], place)
            label = _label(data_dir, words[0], place)
        else:
            raise ListError(f"{place}: wanted an id, or a photo and a mask, not {len(words)} words")
        for path in (photo, label):
            if not path.is_file():
                raise ListError(f"{place}: no such file: {path}")
        samples.append(Sample(photo.stem, photo, label))
    if not samples:
        raise ListError(f"{list_file}: names no photo")
    return samples


def read_negatives(folder: Path, list_file: Path | None = None) -> list[Path]:
    """Photos in `folder` with nobody in them: all, or the ids that `list_file` names. Raises ListError."""
    if list_file is not None:
        return [_find(folder, words[0], f"{list_file}:{line}") for line, words in _lines(list_file)]
    return photos_in(folder)


def photos_in(folder: Path) -> list[Path]:
    """The photos that lie in `folder`, by name. Raises ListError where there are none."""
    if not folder.is_dir():
        raise ListError(f"no such folder: {folder}")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ListError(f"{folder}: no photos in it")
    return found


def read_photo(path: Path) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) RGB, upright. Raises ListError."""
    try:
        with Image.open(path) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise ListError(f"{path}: not a readable photo ({error})") from error


def read_label(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """float32 (H, W) in [0, 1]; an RGBA file's alpha. `size` (H, W) is its photo's. Raises ListError."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ListError(f"{path}: not a readable mask")
    if stored.dtype != np.uint8:
        raise ListError(f"{path}: {stored.dtype} values, wanted 8 bits")
    label = stored if stored.ndim == 2 else stored[..., -1] if stored.shape[2] == 4 else stored[..., 0]
    if label.shape != size:
        raise ListError(f"{path}: {label.shape[1]}x{label.shape[0]}, its photo is {size[1]}x{size[0]}")
    return np.asarray(label, np.float32) / np.float32(255)


def _lines(list_file: Path) -> list[tuple[int, list[str]]]:
    try:
        text = list_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{list_file}: not a readable list ({error})") from error
    rows = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, words) for number, words in rows if words and not words[0].startswith("#")]


def _label(data_dir: Path, name: str, place: str) -> Path:
    # A soft alpha says more than a mask: where a photo has both, it is the truth.
    folders = [data_dir / kind for kind in ("alphas", "masks") if (data_dir / kind).is_dir()]
    if not folders:
        raise ListError(f"{data_dir}: has neither alphas/ nor masks/")
    for folder in folders:
        found = _among(folder, name)
        if found is not None:
            return found
    raise ListError(f"{place}: no label for {name!r} in {' or '.join(map(str, folders))}")


def _find(folder: Path, name: str, place: str) -> Path:
    found = _among(folder, name)
    if found is None:
        raise ListError(f"{place}: no file for {name!r} in {folder}")
    return found


def _among(folder: Path, name: str) -> Path | None:
    for path in (folder / name, *(folder / f"{name}{suffix}" for suffix in SUFFIXES)):
        if path.is_file():
            return path
    return None
