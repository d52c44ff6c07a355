"""Whether photos are refused for some reason much more often than in the nights before: an upload that went
wrong, a camera that writes something else, goods that the network has never seen.

Shares are compared, of the photos that a night looked at, and not numbers: a night with ten times the photos
has ten times the refusals, and nothing is wrong. "Nobody in the picture" counts like any other reason here:
alone it is an ordinary answer, five times as many of it are not.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.types import PhotoRow

NIGHTS = 7
TIMES = 5.0
FEWEST = 5
"""Photos: fewer are chance, however rare they were before."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Of the `photos` that a night looked at, how many gave no cut-out, by reason."""

    photos: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(self.photos + other.photos, dict(Counter(self.refused) + Counter(other.refused)))


NOTHING = Looked()


@dataclass(frozen=True, slots=True)
class Alarm:
    """`refused` of `photos` were refused for `reason`; before it was the share `usual`, in [0, 1], of the
    photos of `nights`.
    """

    reason: str
    refused: int
    photos: int
    usual: float
    nights: int

    def __str__(self) -> str:
        share = self.refused / self.photos
        before = f"{self.usual:.2%}" if self.usual else "none"
        return f"{self.reason}: {self.refused} of {self.photos} photos, {share:.1%}; before {before}"


def look_back(rows: Iterable[PhotoRow]) -> Looked:
    """What a night found in the photos that it looked at."""
    reasons = [row.reason for row in rows]
    return Looked(len(reasons), dict(sorted(Counter(reason for reason in reasons if reason).items())))


def risen(tonight: Looked, before: Sequence[Looked]) -> tuple[Alarm, ...]:
    """The reasons whose share is at least `TIMES` their mean of the nights `before`, the most frequent first.

    The mean is of all their photos together, so that a night with three photos weighs little. Without any
    there is nothing to compare with, and no alarm.
    """
    photos = sum(night.photos for night in before)
    if not photos:
        return ()
    found = []
    for reason, refused in tonight.refused.items():
        usual = sum(night.refused.get(reason, 0) for night in before) / photos
        if refused >= FEWEST and refused / tonight.photos >= TIMES * usual:
            found.append(Alarm(reason, refused, tonight.photos, round(usual, 6), len(before)))
    return tuple(sorted(found, key=lambda alarm: -alarm.refused))
