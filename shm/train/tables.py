"""SHM's Tables 3, 4 and 5 for a labelled set with soft alphas, in the paper's form and units.

Photos are worked through one at a time, every method on one before the next: nothing but figures is kept.
"""

import json as json_module
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.checkpoint import default_weights, load_model, weights_id
from shm.engine import choose
from shm.matter import Alpha, Pixels
from shm.metrics import PaperUnits, matte_errors
from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN
from shm.train import classical
from shm.train.labelled import ListError, Sample, read_label, read_list, read_photo
from shm.train.parts import Parts
from shm.train.published import CAUTIONS, TABLES, Line, Published
from shm.train.results import mean_units
from shm.train.truth import BAND, is_soft, true_trimap

CHECKPOINTS = {
    "tnet": "its T-Net makes the trimaps of Table 3, such as one from before end-to-end training",
    "regression": "its T-Net is the regression of Table 3, such as one trained for that alone",
    "dim": "its M-Net, with 4 channels, is the paper's DIM",
    "no-end-to-end": "both networks as they are before end-to-end training",
    "no-fusion": "trained with M-Net's raw alpha as the alpha",
    "no-trimap-loss": "trained end to end without L_t",
}
"""Networks that may be given beside the one judged, by name, and what each is for."""
MAIN = "shm"

Progress = Callable[[Sequence[Sample]], Iterable[Sample]]


class TablesError(ValueError):
    """The tables cannot be made from what was given. The message says what to give instead."""


@dataclass(slots=True)
class PaperTables:
    """Results of every method that was run: `results[method][i]` is photo i's, `photos[i]` its name.
    `weights` digests by network; `scaled` photos were larger than `classical.LONG_SIDE`; `unsolved` what the
    matting methods had no answer for."""

    device: str
    weights: dict[str, str]
    photos: list[str] = field(default_factory=list)
    results: dict[str, list[PaperUnits]] = field(default_factory=dict)
    scaled: int = 0
    unsolved: list[str] = field(default_factory=list)

    def mean(self, line: Line) -> PaperUnits | None:
        """Over photos; None where the line's method was not run."""
        found = self.results.get(line.run or "")
        return mean_units(found) if found else None

    @property
    def notes(self) -> list[str]:
        """What stands for the paper's methods here, and how far its figures can be read."""
        trimaps = "the network given as tnet" if "tnet" in self.weights else "the network judged"
        regression = next(
            words
            for name, words in (
                ("regression", "the network given as regression"),
                ("tnet", "the network given as tnet"),
                (MAIN, "the network judged"),
            )
            if name in self.weights
        )
        return [
            "T-Net as segmentation: alpha is 1 where the likeliest class is not background, 0 elsewhere (the "
            f"paper's mask is alpha > 0); T-Net of {trimaps}.",
            "T-Net as regression: alpha is F + U / 2 of the class probabilities, the mean alpha if unknown "
            f"pixels are half transparent; T-Net of {regression}. The paper trained a PSPNet with L1.",
            f"T-Net's trimap: the likeliest class of each pixel; T-Net of {trimaps}.",
            f"True trimap: unknown within {BAND} px (a square) of where the true alpha is soft or crosses "
            "0.5. The paper does not say how its own was made.",
            f"Closed-form and KNN: pymatting, at {classical.LONG_SIDE} px on the long side at most "
            f"({self.scaled} of {len(self.photos)} photos were scaled down, their alphas up again). "
            + ("Without an answer, the trimap with 0.5 as unknown counted instead: " if self.unsolved else "")
            + "; ".join(self.unsolved),
            "Not run for want of a network: give it as --checkpoint NAME=FILE.",
            *CAUTIONS,
        ]

    def text(self) -> str:
        """The three tables, ours and the paper's figures side by side, and the notes."""
        head = f"weights {self.weights[MAIN][:16]} in fp32 on {self.device}, {len(self.photos)} photos"
        parts = [head, *(self._table(table) for table in TABLES)]
        parts.append("\n".join(f"- {note.rstrip()}" for note in self.notes))
        return "\n\n".join(parts)

    def content(self) -> dict[str, Any]:
        """The same as plain JSON values, with each photo's figures."""
        return {
            "weights": self.weights,
            "device": self.device,
            "photos": len(self.photos),
            "matting_long_side": classical.LONG_SIDE,
            "tables": {str(table.number): [self._line(line) for line in table.lines] for table in TABLES},
            "notes": self.notes,
            "rows": [
                {"name": name, **{method: asdict(found[at]) for method, found in self.results.items()}}
                for at, name in enumerate(self.photos)
            ],
        }

    def _line(self, line: Line) -> dict[str, Any]:
        here = self.mean(line)
        return {
            "method": line.method,
            "here": None if here is None else asdict(here),
            "not_run": line.why if here is None else "",
            "paper_method": line.paper_method,
            "paper": None if line.figures is None else asdict(line.figures),
        }

    def _table(self, table: Published) -> str:
        units = "SAD e-3  MSE e-3  Grad e-5  Conn e-5"
        lines = [
            f"Table {table.number}: {table.title}",
            f"{'':<36}{units}   | {'the paper':<14}{units}",
        ]
        for line in table.lines:
            here = self.mean(line)
            ours = _figures(here) if here is not None else f"not run: {line.why}"
            paper = _figures(line.figures) if line.figures is not None else "not in the paper"
            lines.append(f"{line.method:<36}{ours:<37} | {line.paper_method:<14}{paper}".rstrip())
        return "\n".join(lines)


def paper_tables(
    data_dir: Path,
    list_file: Path | None = None,
    *,
    weights: Path | None = None,
    checkpoints: Mapping[str, Path],
    device: str = "auto",
    json: Path | None = None,
    progress: Progress = iter,
) -> PaperTables:
    """Runs every method of the tables on the photos that `list_file` names (all in `data_dir` where None).

    `weights`: the network judged (the shipped one where None), `checkpoints`: further ones by the names of
    CHECKPOINTS. Writes the content to `json`. `progress` is given the samples and yields them one by one.
    Raises TablesError, ListError, OSError, `shm.train.classical.NoPymatting`,
    `shm.checkpoint.WeightsError`, `shm.engine.NoGpu`.
    """
    classical.load()
    samples = read_list(data_dir, list_file)
    for sample in samples:
        _read(sample)  # what is wrong with the last label is said now, not after hours
    where = choose(device).device
    files = {MAIN: weights or default_weights(), **checkpoints}
    networks = {name: Parts(load_model(file), where) for name, file in files.items()}
    if "dim" in networks and networks["dim"].inputs != 4:
        raise TablesError(f"{files['dim']}: its M-Net takes {networks['dim'].inputs} channels; dim takes 4")
    found = PaperTables(where, {name: weights_id(file) for name, file in files.items()})
    for sample in progress(samples):
        photo, truth = _read(sample)
        found.photos.append(sample.name)
        found.scaled += max(truth.shape) > classical.LONG_SIDE
        for method, alpha in _alphas(photo, truth, networks, found.unsolved):
            found.results.setdefault(method, []).append(matte_errors(alpha, truth).paper)
    if json is not None:
        json.write_text(json_module.dumps(found.content(), indent=1) + "\n", encoding="utf-8")
    return found


def read_checkpoints(words: Iterable[str]) -> dict[str, Path]:
    """`name=FILE` words by name. Raises TablesError for a name that is not in CHECKPOINTS, or given twice."""
    found: dict[str, Path] = {}
    for word in words:
        name, _, file = word.partition("=")
        if name not in CHECKPOINTS or not file:
            known = "".join(f"\n  {name}: {use}" for name, use in CHECKPOINTS.items())
            raise TablesError(f"--checkpoint {word}: wanted NAME=FILE with one of the names{known}")
        if name in found:
            raise TablesError(f"--checkpoint {name} is given twice: {found[name]} and {file}")
        found[name] = Path(file)
    return found


def _read(sample: Sample) -> tuple[Pixels, Alpha]:
    photo = read_photo(sample.photo)
    truth = read_label(sample.label, photo.shape[:2])
    if not is_soft(truth):
        raise ListError(f"{sample.label}: a mask, not a soft alpha, which the tables are about")
    return photo, truth


def _alphas(
    photo: Pixels, truth: Alpha, networks: Mapping[str, Parts], unsolved: list[str]
) -> Iterator[tuple[str, Alpha]]:
    """Each method's name and its alpha of one photo, one after another."""
    seen = networks[MAIN].look(photo)
    yield MAIN, seen.alpha
    probabilities = networks["tnet"].look(photo).trimap if "tnet" in networks else seen.trimap
    predicted = probabilities.argmax(axis=0).astype(np.uint8)
    yield "segmentation", (predicted != BACKGROUND).astype(np.float32)
    if "regression" in networks:
        probabilities = networks["regression"].look(photo).trimap
    yield "regression", probabilities[FOREGROUND] + probabilities[UNKNOWN] / 2
    true = true_trimap(truth)
    yield from _from_trimap("predicted", photo, predicted, networks, unsolved)
    yield from _from_trimap("true", photo, true, networks, unsolved)
    yield "true own", networks[MAIN].fill(photo, true)
    for name in ("no-end-to-end", "no-trimap-loss"):
        if name in networks:
            yield name, networks[name].look(photo).alpha
    if "no-fusion" in networks:
        yield "no-fusion", networks["no-fusion"].look(photo).alpha_raw


def _from_trimap(
    whose: str,
    photo: Pixels,
    trimap: NDArray[np.uint8],
    networks: Mapping[str, Parts],
    unsolved: list[str],
) -> Iterator[tuple[str, Alpha]]:
    for method in classical.METHODS:
        solved = classical.solve(method, photo, trimap)
        if solved.problem:
            unsolved.append(f"{method}, {whose} trimap: {solved.problem}")
        yield f"{whose} {method}", solved.alpha
    if "dim" in networks:
        yield f"{whose} dim", networks["dim"].fill(photo, trimap)


def _figures(units: PaperUnits) -> str:
    return f"{units.sad_e3:7.3f}  {units.mse_e3:7.3f}  {units.gradient_e5:8.3f}  {units.connectivity_e5:8.3f}"
