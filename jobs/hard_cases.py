"""Photos that the network was not sure of, out to an annotator and back into the training data.

    DIR/images/<name>.jpg    the photo, upright, in sRGB, without anything else that its file held
    DIR/alphas/<name>.png    the network's alpha, 8-bit grey, to be corrected in any picture editor
    DIR/cases.json           which photo each is, of which run, and what was handed out

What comes back goes to a training prefix, which recipes read as a source of kind `pairs`:

    images/<name>.jpg  alphas/<name>.png  records/<name>-<hash>.json

A record says who corrected which photo and when. It is written last, and a later correction of the same photo
replaces the alpha and adds a record.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.cutout import Predictor
from pipeline.decode import MAX_PHOTO_BYTES
from pipeline.decoder import Decoder
from pipeline.errors import InvalidInput, ObjectError, PhotoRejected, Reason
from pipeline.manifest import RunId
from pipeline.quality import LEAST_CONFIDENCE
from pipeline.store import ObjectStore
from pipeline.textfile import read_text
from pipeline.types import PhotoRow, Pixels, Status
from pipeline.yamlfile import StrictModel, dotted

CASES = "cases.json"
_MAX_BYTES = 50_000_000
_SOURCE = {"annotations": {"kind": "pairs", "images": "images", "labels": "alphas", "lists": ["edited.txt"]}}
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


class Case(StrictModel):
    """A photo as it was handed out. `content`: sha256 (hex) of its bytes; `start`: of its alpha's pixels."""

    name: str
    photo: str
    content: str
    confidence: float
    start: str


class Cases(StrictModel):
    """What `cases.json` says."""

    campaign: str
    run: str
    weights: str
    cases: list[Case]


@dataclass(frozen=True, slots=True)
class Exported:
    """`written` cases, and `gone`: photos that are no longer what the run saw, with the reason."""

    written: tuple[Case, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """A folder that came back: its cases, those of them that somebody `edited`, what `faults` their labels
    have, by name, and the check's `table` for people.
    """

    cases: Cases
    edited: tuple[Case, ...]
    faults: dict[str, str]
    table: str

    @property
    def good(self) -> tuple[Case, ...]:
        """Edited and without fault."""
        return tuple(case for case in self.edited if case.name not in self.faults)


def hard_cases(photos: Iterable[PhotoRow], *, nobody: bool = False) -> list[PhotoRow]:
    """The photos of a run whose mattes are below what a banner may show, the least sure first; those without
    any usable matte before them all. With `nobody` also those in which nobody was found: among garments laid
    flat, people in goods that the network does not know.
    """
    refused = {Reason.BAD_MATTE, Reason.NO_SUBJECT} if nobody else {Reason.BAD_MATTE}
    hard = [
        row
        for row in photos
        if (row.status is Status.STORED and row.confidence < LEAST_CONFIDENCE)
        or (row.status is Status.REJECTED and row.reason in refused)
    ]
    return sorted(hard, key=lambda row: (row.confidence, row.key))


def export_cases(
    rows: Sequence[PhotoRow],
    photos: ObjectStore,
    matter: Predictor,
    folder: Path,
    *,
    run: RunId,
    weights: str,
) -> Exported:
    """Write `rows` to `folder` with the network's alphas as a start. A folder that holds an export already is
    refused (`InvalidInput`): somebody's work may lie in it.
    """
    if (folder / CASES).exists():
        raise InvalidInput("is there already; export to another folder", file=folder / CASES)
    written, gone = [], []
    for kind in ("images", "alphas"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    decoder = Decoder()
    for row in rows:
        try:
            pixels = _same_photo(photos, row, decoder)
        except (ObjectError, PhotoRejected) as error:
            gone.append(str(error))
            continue
        [prediction] = matter.predict([pixels])
        alpha = np.rint(np.clip(np.nan_to_num(prediction.alpha), 0, 1) * 255).astype(np.uint8)
        case = Case(
            name=_name(row),
            photo=row.key,
            content=row.content,
            confidence=row.confidence,
            start=_digest(alpha),
        )
        _write(folder / "images" / f"{case.name}.jpg", ".jpg", pixels[..., ::-1], _JPEG)
        _write(folder / "alphas" / f"{case.name}.png", ".png", alpha, [])
        written.append(case)
    cases = Cases(campaign=run.campaign, run=run.run, weights=weights, cases=written)
    (folder / CASES).write_text(cases.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return Exported(tuple(written), tuple(gone))


def read_edited(folder: Path, held_out: Sequence[Path] = ()) -> Edited:
    """What came back in `folder`, with the same label checks as before training; `held_out` photos that
    nothing may resemble. Raises `InvalidInput`.
    """
    from shm.data.check import check_sources

    cases = _read_cases(folder)
    edited = [case for case in cases.cases if _pixels(folder, case) != case.start]
    with tempfile.TemporaryDirectory(prefix="banners-") as lists:
        (Path(lists) / "edited.txt").write_text("\n".join(case.name for case in edited))
        found = check_sources(folder, _SOURCE, lists=Path(lists), held_out=held_out)
    faults = {
        each.photo.stem: f"{each.problem}: {each.detail}" for each in found.faults if each.photo is not None
    }
    return Edited(cases, tuple(edited), faults, found.table())


def add_to_training(
    edited: Sequence[Case], cases: Cases, folder: Path, store: ObjectStore, *, who: str, now: datetime
) -> None:
    """Store each photo, then its alpha, then the record of who corrected it."""
    for case in edited:
        alpha = cv2.imread(str(folder / "alphas" / f"{case.name}.png"), cv2.IMREAD_GRAYSCALE)
        assert alpha is not None  # `read_edited` read it
        label = _encoded(".png", np.asarray(alpha, np.uint8), [])
        at = now.astimezone(UTC).isoformat(timespec="seconds")
        said = {"who": who, "at": at, "run": cases.run, "campaign": cases.campaign, "weights": cases.weights}
        record = json.dumps(said | case.model_dump(), indent=1, ensure_ascii=False).encode()
        store.replace(
            f"images/{case.name}.jpg", (folder / "images" / f"{case.name}.jpg").read_bytes(), "image/jpeg"
        )
        store.replace(f"alphas/{case.name}.png", label, "image/png")
        store.put_new(
            f"records/{case.name}-{hashlib.sha256(label).hexdigest()[:12]}.json", record, "application/json"
        )


def _same_photo(photos: ObjectStore, row: PhotoRow, decoder: Decoder) -> Pixels:
    """The photo as the run saw it. Raises `ObjectError`, and `PhotoRejected` for another one of that name."""
    data = photos.get(row.key, max_bytes=MAX_PHOTO_BYTES)
    if hashlib.sha256(data).hexdigest() != row.content:
        raise PhotoRejected(Reason.SOURCE_GONE, f"{row.key} was replaced since that run")
    return decoder.decode(data)


def _name(row: PhotoRow) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", PurePosixPath(row.key).stem).strip("-")[:40]
    return f"{stem or 'photo'}-{row.content[:12]}"


def _read_cases(folder: Path) -> Cases:
    file = folder / CASES
    try:
        return Cases.model_validate(json.loads(read_text(file, max_bytes=_MAX_BYTES)))
    except json.JSONDecodeError as error:
        raise InvalidInput(f"is no JSON: {error.msg}", file=file, line=error.lineno) from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidInput(fault["msg"], file=file, field=dotted(fault["loc"])) from None


def _pixels(folder: Path, case: Case) -> str:
    """The digest of the alpha that lies there; "" for one that cannot be read, which the check tells."""
    alpha = cv2.imread(str(folder / "alphas" / f"{case.name}.png"), cv2.IMREAD_GRAYSCALE)
    return "" if alpha is None else _digest(np.asarray(alpha, np.uint8))


def _digest(alpha: NDArray[np.uint8]) -> str:
    return hashlib.sha256(str(alpha.shape).encode() + alpha.tobytes()).hexdigest()


def _write(file: Path, suffix: str, picture: NDArray[np.uint8], options: list[int]) -> None:
    file.write_bytes(_encoded(suffix, picture, options))


def _encoded(suffix: str, picture: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, np.ascontiguousarray(picture), options)
    if not done:
        raise ValueError(f"cannot encode {picture.shape} as {suffix}")
    return bytes(data)
