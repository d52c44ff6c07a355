"""Means and shares over photos with their uncertainty, and whether two rankings agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_Z = 1.959964
"""Of the normal distribution, for 95 % between both ends."""
_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}  [{self.low:.4f}, {self.high:.4f}]"


def mean_of(values: Sequence[float]) -> Mean:
    """Of at least one value; its interval by bootstrap over them. Seeded: the same values give the same."""
    measured = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(measured), (_RESAMPLES, len(measured)))
    low, high = np.quantile(measured[drawn].mean(axis=1), [0.025, 0.975])
    return Mean(float(measured.mean()), float(low), float(high))


def share_change(gained: int, lost: int, of: int) -> Mean:
    """How much a share rose, where of `of` things `gained` are newly among it and `lost` no longer.

    Tango's score interval (1998, Statistics in Medicine 17:891-908). It keeps its width where nothing changed
    at all, as Wilson's does: then its ends are z² / (of + z²) from zero, while a bootstrap says [0, 0].
    """
    return Mean((gained - lost) / of, -_upper_end(lost, gained, of), _upper_end(gained, lost, of))


def _upper_end(gained: int, lost: int, of: int) -> float:
    """The largest rise from which what was found is at most z standard deviations away; by halving."""
    low, high = (gained - lost) / of, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # Tango 1998: the likeliest share of `lost` if the rise were `middle`, a quadratic's larger root.
        b = (2 * of - gained + lost) * middle - gained - lost
        c = -lost * middle * (1 - middle)
        likeliest = (math.sqrt(max(b * b - 8 * of * c, 0.0)) - b) / (4 * of)
        variance = of * (2 * likeliest + middle * (1 - middle))
        if of * middle - (gained - lost) <= _Z * math.sqrt(max(variance, 0.0)):
            low = middle
        else:
            high = middle
    return high


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
