"""Is one network better than another? Both judged on the same photos, differences taken photo by photo.

Photos differ far more from each other than networks do: an interval of the paired difference tells what two
separate intervals cannot.
"""

import json as json_module
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shm.matter import Matter
from shm.train.evaluate import judge_all
from shm.train.labelled import read_list, read_negatives
from shm.train.results import HIGHER_IS_BETTER, Report, Row, columns, units_text, write_csv
from shm.train.sheet import pair_sheet
from shm.train.statistics import Mean, mean_of

_SHOWN = 6
_SHEET = 12
"""Photos either way: that many which B does better, that many which it does worse."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure: means of both networks, and the mean of B - A over photos with its interval."""

    measure: str
    a: float
    b: float
    change: Mean

    @property
    def better(self) -> str:
        """`A` or `B` where the interval excludes zero, else empty."""
        if self.change.low <= 0 <= self.change.high:
            return ""
        return "B" if (self.change.mean > 0) == (self.measure in HIGHER_IS_BETTER) else "A"


@dataclass(frozen=True, slots=True)
class Change:
    """One photo's mean absolute difference from the truth under A and under B."""

    a: Row
    b: Row

    @property
    def mad(self) -> float:
        """B - A: below zero where B is better."""
        return self.b.mad - self.a.mad


@dataclass(frozen=True, slots=True)
class Comparison:
    """Reports of two networks on the same photos, rows in the same order."""

    a: Report
    b: Report

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of every measure that both have."""
        of_a, of_b = columns(self.a.rows), columns(self.b.rows)
        return tuple(
            Difference(
                measure,
                mean_of(values).mean,
                mean_of(of_b[measure]).mean,
                mean_of([new - old for old, new in zip(values, of_b[measure], strict=True)]),
            )
            for measure, values in of_a.items()
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """Photos, those that B improves most first."""
        pairs = [Change(a, b) for a, b in zip(self.a.rows, self.b.rows, strict=True)]
        return tuple(sorted(pairs, key=lambda change: (change.mad, change.a.name)))

    @property
    def extremes(self) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """The photos that changed most: better with B, and worse with B, each greatest change first."""
        ordered = self.changes
        better = tuple(change for change in ordered if change.mad < 0)
        worse = tuple(change for change in reversed(ordered) if change.mad > 0)
        return better[:_SHEET], worse[:_SHEET]

    @property
    def summary(self) -> dict[str, Any]:
        """Plain JSON values, without rows."""
        return {
            "a": self.a.summary,
            "b": self.b.summary,
            "differences": {d.measure: asdict(d.change) | {"better": d.better} for d in self.differences},
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row per photo, for CSV: each measure of A, of B and B - A."""
        return [
            {"name": change.a.name, "refused_a": change.a.refused, "refused_b": change.b.refused}
            | {
                f"{measure}_{kind}": value
                for measure, old in change.a.measures.items()
                for new in [change.b.measures[measure]]
                for kind, value in (("a", old), ("b", new), ("change", new - old))
            }
            for change in self.changes
        ]

    def table(self) -> str:
        """For people: measures side by side, then the photos that changed most."""
        lines = [
            f"A {self.a.weights[:16]}   B {self.b.weights[:16]}   on {self.a.engine}, "
            f"{len(self.a.rows)} photos",
            "",
            f"{'':<19}{'A':>9} {'B':>9} {'B - A':>9}   95 % interval of B - A  better",
        ]
        lines += [
            f"{d.measure:<19}{d.a:>9.4f} {d.b:>9.4f} {d.change.mean:>+9.4f}   "
            f"{f'[{d.change.low:+.4f}, {d.change.high:+.4f}]':<22}  {d.better or 'undecided'}"
            for d in self.differences
        ]
        lines += ["", "whole image, in the units of SHM's tables"]
        lines += [f"  {name} {units_text(report.paper)}" for name, report in (("A", self.a), ("B", self.b))]
        lines += ["", *_refused("people refused", "people_refused", self)]
        if self.a.negatives:
            lines += _refused("without people refused", "negatives_refused", self)
        better, worse = self.extremes
        lines += _photos("better with B (MAD under A -> B)", better[:_SHOWN])
        lines += _photos("worse with B", worse[:_SHOWN])
        return "\n".join(lines)


def compare(
    data_dir: Path,
    list_file: Path | None = None,
    *,
    weights: Path | None = None,
    against: Path,
    device: str = "auto",
    negatives: Path | None = None,
    negatives_list: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    sheet: Path | None = None,
) -> Comparison:
    """Judges `weights` (A; the shipped ones where None) and `against` (B) on the photos that `list_file`
    names (all in `data_dir` where None).

    Files and errors are those of `shm.train.evaluate.evaluate`; the sheet shows photo | truth | A | B of the
    photos that changed most, first those that B does better.
    """
    samples = read_list(data_dir, list_file)
    empty = read_negatives(negatives, negatives_list) if negatives is not None else []
    a, b = Matter.load(weights, device), Matter.load(against, device)
    found = Comparison(judge_all(samples, empty, a), judge_all(samples, empty, b))
    if csv is not None:
        write_csv(csv, found.rows)
    if json is not None:
        content = {**found.summary, "rows": found.rows}
        json.write_text(json_module.dumps(content, indent=1) + "\n", encoding="utf-8")
    if sheet is not None:
        sample_of = dict(zip(found.a.rows, samples, strict=True))
        shown = [sample_of[change.a] for group in found.extremes for change in group]
        pair_sheet(shown or samples[:1], a, b, sheet)
    return found


def _refused(words: str, name: str, found: Comparison) -> list[str]:
    return [f"{words}: A {found.a.summary[name]:.1%}, B {found.b.summary[name]:.1%}"]


def _photos(title: str, changes: Sequence[Change]) -> list[str]:
    rows = [
        f"  {change.a.name[:28]:<28} {change.a.mad:.4f} -> {change.b.mad:.4f}  {change.mad:+.4f}"
        for change in changes
    ]
    return ["", title, *(rows or ["  none"])]
