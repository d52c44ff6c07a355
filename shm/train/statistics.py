"""Means over photos with their uncertainty, and whether two rankings agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and its 95 % interval by bootstrap over photos."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}  [{self.low:.4f}, {self.high:.4f}]"


def mean_of(values: Sequence[float]) -> Mean:
    """Of at least one value. Seeded: the same values give the same interval."""
    measured = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(measured), (_RESAMPLES, len(measured)))
    low, high = np.quantile(measured[drawn].mean(axis=1), [0.025, 0.975])
    return Mean(float(measured.mean()), float(low), float(high))


def share(flags: Sequence[bool]) -> float:
    """Of true ones, in [0, 1]; 0 where there are no flags."""
    return sum(flags) / len(flags) if flags else 0.0


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, ties by their mean rank; 0 where either does not vary."""
    x, y = _ranks(np.asarray(a)), _ranks(np.asarray(b))
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)
