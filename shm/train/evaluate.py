"""How good are these weights? Judged photo by photo on a labelled list.

Sizing and the rule for refusing photos are the pipeline's own: what is measured is what a night's run does.
"""

import csv as csv_module
import json as json_module
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm import metrics
from shm.matter import Matter
from shm.presence import judge
from shm.train.labelled import Sample, read_label, read_list, read_negatives, read_photo
from shm.train.sheet import contact_sheet

BAND = 5
"""Pixels on either side of the truth's edge that `outside` leaves out: hand-made masks are off by 2 to 4."""
POOR = 0.90
"""Below this IoU outside the band a cut-out has lost or gained a visible part."""
_RESAMPLES = 2000
_SHOWN = 10
_SHEET = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One person photo. IoU at alpha 0.5 and mean absolute difference, over everything and `outside` the
    band; `confidence` as the pipeline sees it; `refused` says why nobody was found, empty otherwise."""

    name: str
    iou: float
    iou_outside: float
    mad: float
    mad_outside: float
    confidence: float
    refused: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One photo put to the rule for presence. `refused` says why, empty where somebody was seen."""

    name: str
    refused: str


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and its 95 % interval by bootstrap over photos."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}  [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` as listed, `negatives` the photos without people (empty if none were given)."""

    weights: str
    engine: str
    rows: tuple[Row, ...]
    negatives: tuple[Refusal, ...]

    @property
    def means(self) -> dict[str, Mean]:
        """Of every measure, by its name."""
        names = ("iou", "iou_outside", "mad", "mad_outside", "confidence")
        return {name: _mean([getattr(row, name) for row in self.rows]) for name in names}

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the rows, as plain JSON values."""
        return {
            "weights": self.weights,
            "engine": self.engine,
            "photos": len(self.rows),
            **{name: asdict(mean) for name, mean in self.means.items()},
            "share_poor": _share([row.iou_outside < POOR for row in self.rows]),
            "people_refused": _share([bool(row.refused) for row in self.rows]),
            "confidence_rank_correlation": _rank_correlation(
                [row.confidence for row in self.rows], [row.iou_outside for row in self.rows]
            ),
            "negatives": len(self.negatives),
            "negatives_refused": _share([bool(row.refused) for row in self.negatives]),
        }

    @property
    def worst(self) -> tuple[Row, ...]:
        """Rows, worst IoU outside the band first."""
        return tuple(sorted(self.rows, key=lambda row: (row.iou_outside, row.name)))

    def table(self) -> str:
        """For people: the summary and the worst photos."""
        found = self.summary
        lines = [f"weights {self.weights[:16]} on {self.engine}, {len(self.rows)} photos", ""]
        lines += [f"{name:<14}{mean}" for name, mean in self.means.items()]
        lines += ["", f"IoU outside {BAND} px below {POOR:.2f}: {found['share_poor']:.1%} of photos"]
        lines += [f"confidence ranks photos as IoU does: {found['confidence_rank_correlation']:+.2f}"]
        lines += [f"people refused: {found['people_refused']:.1%}"]
        if self.negatives:
            passed = ", ".join(row.name for row in self.negatives if not row.refused) or "none"
            share = found["negatives_refused"]
            lines += [f"without people refused: {share:.1%} of {len(self.negatives)}; let through: {passed}"]
        lines += ["", "worst first          IoU    outside  MAD     conf."]
        lines += [
            f"{row.name[:20]:<20} {row.iou:.4f} {row.iou_outside:.4f}  {row.mad:.4f}  {row.confidence:.2f}"
            + (f"  refused: {row.refused}" if row.refused else "")
            for row in self.worst[:_SHOWN]
        ]
        return "\n".join(lines)


def evaluate(
    data_dir: Path,
    list_file: Path,
    *,
    weights: Path | None = None,
    device: str = "auto",
    negatives: Path | None = None,
    negatives_list: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    sheet: Path | None = None,
) -> Report:
    """Judges `weights` (the shipped ones where None) on the labelled photos that `list_file` names.

    `negatives` is a folder of photos with nobody in them, `negatives_list` the ids of it to take (all where
    None). Writes rows to `csv`, summary and rows to `json`, a PNG of the worst photos to `sheet`.
    Raises ListError, `shm.checkpoint.WeightsError`, `shm.engine.NoGpu`.
    """
    samples = read_list(data_dir, list_file)
    empty = read_negatives(negatives, negatives_list) if negatives is not None else []
    matter = Matter.load(weights, device)
    report = Report(
        matter.weights_id,
        str(matter.engine),
        tuple(_judge(sample, matter) for sample in samples),
        tuple(refusals(empty, matter)),
    )
    if csv is not None:
        _write_csv(csv, report)
    if json is not None:
        content = {**report.summary, "rows": [asdict(row) for row in report.rows]}
        content["negative_rows"] = [asdict(row) for row in report.negatives]
        json.write_text(json_module.dumps(content, indent=1) + "\n", encoding="utf-8")
    if sheet is not None:
        by_name = {sample.name: sample for sample in samples}
        contact_sheet([by_name[row.name] for row in report.worst[:_SHEET]], matter, sheet)
    return report


def refusals(photos: Sequence[Path], matter: Matter) -> list[Refusal]:
    """What the pipeline's rule for presence says of each photo."""
    return [Refusal(path.stem, judge(matter.matte([read_photo(path)])[0]).why) for path in photos]


def _judge(sample: Sample, matter: Matter) -> Row:
    photo = read_photo(sample.photo)
    truth = read_label(sample.label, photo.shape[:2])
    [found] = matter.predict([photo])
    outside = metrics.outside_band(truth, BAND)
    return Row(
        name=sample.name,
        iou=metrics.iou(found.alpha, truth),
        iou_outside=metrics.iou(found.alpha, truth, outside),
        mad=metrics.mad(found.alpha, truth),
        mad_outside=metrics.mad(found.alpha, truth, outside),
        confidence=found.confidence,
        refused=judge(found.alpha).why,
    )


def _mean(values: Sequence[float]) -> Mean:
    measured = np.asarray(values, np.float64)
    # Seeded: the same rows give the same interval.
    drawn = np.random.default_rng(0).integers(0, len(measured), (_RESAMPLES, len(measured)))
    low, high = np.quantile(measured[drawn].mean(axis=1), [0.025, 0.975])
    return Mean(float(measured.mean()), float(low), float(high))


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0


def _rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, ties by their mean rank; 0 where either does not vary."""
    x, y = _ranks(np.asarray(a)), _ranks(np.asarray(b))
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


def _write_csv(path: Path, report: Report) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv_module.writer(file)
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in report.rows)
