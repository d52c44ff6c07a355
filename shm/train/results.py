"""What judging one network gives: a row per photo, means with intervals, a table for people."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shm.metrics import MatteErrors, PaperUnits
from shm.train.statistics import Mean, mean_of, rank_correlation, share
from shm.train.truth import BAND

OUTSIDE = 5
"""Pixels on either side of the truth's edge that `outside` leaves out: hand-made masks are off by 2 to 4."""
POOR = 0.90
"""Below this IoU outside the edge a cut-out has lost or gained a visible part."""
_SHOWN = 10
_ERRORS = ("mad", "sad", "mse", "gradient", "connectivity")
HIGHER_IS_BETTER = ("iou", "iou_outside", "confidence")
"""Of all measures; the others are errors."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person photo. IoU at alpha 0.5, over everything and `outside` the edge; the matting errors over the
    `whole` image and, where the label is a soft alpha, over its unknown `band`; `confidence` as the pipeline
    sees it; `refused` says why nobody was found, empty otherwise."""

    name: str
    iou: float
    iou_outside: float
    mad_outside: float
    whole: MatteErrors
    band: MatteErrors | None
    confidence: float
    refused: str

    @property
    def mad(self) -> float:
        """Mean absolute difference over the whole image."""
        return self.whole.mad

    @property
    def measures(self) -> dict[str, float]:
        """Every figure by its name. Those that start with `band_` are missing where the label is no alpha."""
        figures = {"iou": self.iou, "iou_outside": self.iou_outside, "mad_outside": self.mad_outside}
        figures |= {name: getattr(self.whole, name) for name in _ERRORS}
        if self.band is not None:
            figures |= {f"band_{name}": getattr(self.band, name) for name in _ERRORS}
        return figures | {"confidence": self.confidence}

    @property
    def flat(self) -> dict[str, Any]:
        """As a row of a CSV file: name, size, measures, refusal."""
        return {
            "name": self.name,
            "pixels": self.whole.pixels,
            **self.measures,
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """One photo put to the rule for presence. `refused` says why, empty where somebody was seen."""

    name: str
    refused: str


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` as listed, `negatives` the photos without people (empty if none were given)."""

    weights: str
    engine: str
    rows: tuple[Row, ...]
    negatives: tuple[Refusal, ...]

    @property
    def means(self) -> dict[str, Mean]:
        """Of every measure, by its name, over the photos that have it."""
        return {name: mean_of(values) for name, values in columns(self.rows).items()}

    @property
    def paper(self) -> PaperUnits:
        """Means in the units of SHM's tables: over whole images, each divided by its pixels first."""
        return mean_units([row.whole.paper for row in self.rows])

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the rows, as plain JSON values."""
        return {
            "weights": self.weights,
            "engine": self.engine,
            "photos": len(self.rows),
            "soft_alphas": sum(row.band is not None for row in self.rows),
            **{name: asdict(mean) for name, mean in self.means.items()},
            "paper_units": asdict(self.paper),
            "share_poor": share([row.iou_outside < POOR for row in self.rows]),
            "people_refused": share([bool(row.refused) for row in self.rows]),
            "confidence_rank_correlation": rank_correlation(
                [row.confidence for row in self.rows], [row.iou_outside for row in self.rows]
            ),
            "negatives": len(self.negatives),
            "negatives_refused": share([bool(row.refused) for row in self.negatives]),
        }

    @property
    def worst(self) -> tuple[Row, ...]:
        """Rows, worst IoU outside the edge first; among equals the greatest error first."""
        return tuple(sorted(self.rows, key=lambda row: (row.iou_outside, -row.mad, row.name)))

    def table(self) -> str:
        """For people: the summary and the worst photos."""
        found = self.summary
        lines = [f"weights {self.weights[:16]} on {self.engine}, {len(self.rows)} photos", ""]
        lines += [f"{name:<18}{mean}" for name, mean in self.means.items()]
        lines += ["", f"whole image, in the units of SHM's tables: {units_text(self.paper)}"]
        lines += [
            f"band: within {BAND} px of where alpha is soft, {found['soft_alphas']} photos have such alphas"
        ]
        lines += [f"IoU outside {OUTSIDE} px below {POOR:.2f}: {found['share_poor']:.1%} of photos"]
        lines += [f"confidence ranks photos as IoU does: {found['confidence_rank_correlation']:+.2f}"]
        lines += [f"people refused: {found['people_refused']:.1%}"]
        if self.negatives:
            passed = ", ".join(row.name for row in self.negatives if not row.refused) or "none"
            refused = found["negatives_refused"]
            lines += [
                f"without people refused: {refused:.1%} of {len(self.negatives)}; let through: {passed}"
            ]
        lines += ["", "worst first          IoU    outside  MAD     SAD     conf."]
        lines += [
            f"{row.name[:20]:<20} {row.iou:.4f} {row.iou_outside:.4f}  {row.mad:.4f}  {row.whole.sad:<6.2f}  "
            f"{row.confidence:.2f}" + (f"  refused: {row.refused}" if row.refused else "")
            for row in self.worst[:_SHOWN]
        ]
        return "\n".join(lines)


def columns(rows: Iterable[Row]) -> dict[str, list[float]]:
    """Each measure's values, in the rows' order, of the rows that have it."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.measures.items():
            found.setdefault(name, []).append(value)
    return found


def mean_units(units: Sequence[PaperUnits]) -> PaperUnits:
    """Over photos; at least one."""
    rows = [asdict(unit) for unit in units]
    return PaperUnits(**{name: sum(row[name] for row in rows) / len(rows) for name in rows[0]})


def units_text(units: PaperUnits) -> str:
    """As one phrase."""
    return (
        f"SAD {units.sad_e3:.3f}e-3, MSE {units.mse_e3:.3f}e-3, "
        f"Grad {units.gradient_e5:.3f}e-5, Conn {units.connectivity_e5:.3f}e-5"
    )


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A line per row under the union of their names; what a row has not stays empty. Raises OSError."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
