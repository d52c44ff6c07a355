"""The columns or rows of a grid: lengths, content and shares of what is left become places along one axis."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tracks:
    """Where each track begins and how long it is, in pixels from the grid's inside."""

    starts: tuple[float, ...]
    lengths: tuple[float, ...]
    extent: float

    def span(self, first: int, count: int) -> tuple[float, float]:
        """(start, length) of `count` tracks from `first` (0-based), as far as there are any."""
        first = min(first, len(self.starts) - 1)
        last = min(first + count, len(self.starts)) - 1
        return self.starts[first], self.starts[last] + self.lengths[last] - self.starts[first]


def tracks(
    given: Sequence[float | str],
    spans: Sequence[tuple[int, int]],
    natural: Sequence[float],
    room: float,
    gap: float,
) -> Tracks:
    """The tracks `given` (pixels, "auto", or shares such as "1fr") in `room` pixels, `gap` apart.

    `spans` are the children's (first track, count), `natural` the lengths that they would like to have.
    Tracks without a child take nothing, and no gap.
    """
    used = [any(first <= at < first + count for first, count in spans) for at in range(len(given))]
    lengths = [_own(track, at, spans, natural) if used[at] else 0.0 for at, track in enumerate(given)]
    gaps = gap * max(0, sum(used) - 1)
    shares = [
        float(str(t)[:-2]) if u and str(t).endswith("fr") else 0.0 for t, u in zip(given, used, strict=True)
    ]
    spare = max(0.0, room - sum(lengths) - gaps)
    if sum(shares) > 0:
        lengths = [
            length + spare * share / sum(shares) for length, share in zip(lengths, shares, strict=True)
        ]
    starts, at = [], 0.0
    for length, use in zip(lengths, used, strict=True):
        starts.append(at)
        at += length + (gap if use else 0)
    return Tracks(tuple(starts), tuple(lengths), max(0.0, at - gap) if any(used) else 0.0)


def _own(track: float | str, at: int, spans: Sequence[tuple[int, int]], natural: Sequence[float]) -> float:
    if track == "auto":
        own = [
            length for (first, count), length in zip(spans, natural, strict=True) if (first, count) == (at, 1)
        ]
        return max(own, default=0.0)
    return 0.0 if isinstance(track, str) else float(track)
