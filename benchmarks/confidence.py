"""Does confidence know which cut-outs went wrong? `python benchmarks/confidence.py --data DIR`.

The validation photos as they are, out of focus, and in the dark; composites of their people and of the
left-out alphas; three people side by side; people a sixth as high as the picture. A gross failure is an IoU
outside a 5 px band round the true edge below 0.90. Holding the least sure tenth of all pictures has to catch
80 % of them. Prints that share with its 95 % interval (bootstrap over the pictures), the same for other
tenths, and failures by kind. Needs the training data.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from left_out import ALPHAS, STREET, frames, people
from numpy.typing import NDArray

from shm.data.frames import blend, over
from shm.data.grounds import ground
from shm.data.sources import Library
from shm.matter import Alpha, Matter, Pixels
from shm.metrics import iou_outside_band
from shm.presence import judge
from shm.process import single_thread

GROSS = 0.90
HELD = 0.10
LEAST_CAUGHT = 0.80
LEAST_FAILURES, LEAST_PICTURES = 60, 600


@dataclass(frozen=True)
class Picture:
    kind: str
    photo: Pixels
    truth: Alpha


@dataclass(frozen=True)
class Judged:
    kind: str
    confidence: float
    iou: float

    @property
    def failed(self) -> bool:
        return self.iou < GROSS


def pictures(data: Path) -> Iterator[Picture]:
    standing = people(data, STREET)
    for number, person in enumerate(standing.people):
        rng = np.random.default_rng([14, number])
        truth = person.alpha.astype(np.float32) / 255
        yield Picture("photo", person.photo, truth)
        yield Picture("out of focus", out_of_focus(rng, person.photo), truth)
        yield Picture("dark", dark(rng, person.photo), truth)
    for kind, sources, count in (("street composite", STREET, 120), ("alpha composite", ALPHAS, 60)):
        for frame in frames(data, sources, count):
            yield Picture(kind, frame.photo, frame.alpha.astype(np.float32) / 255)
    for number in range(60):
        yield set_side_by_side(np.random.default_rng([15, number]), standing, "crowd", 3, 0.75)
        yield set_side_by_side(np.random.default_rng([16, number]), standing, "tiny person", 1, 0.17)


def out_of_focus(rng: np.random.Generator, photo: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), rng.uniform(2, 6)), np.uint8)


def dark(rng: np.random.Generator, photo: Pixels) -> Pixels:
    """Three to five stops less light, with the sensor's noise."""
    light = (photo.astype(np.float32) / 255) ** 2.2 * 2.0 ** -rng.uniform(3, 5)
    noisy = light + rng.normal(0, 0.002, photo.shape)
    return np.round(np.clip(noisy, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def set_side_by_side(
    rng: np.random.Generator, library: Library, kind: str, count: int, share: float
) -> Picture:
    """`count` people, each about `share` of the picture's height, on one ground; all are the truth."""
    height, width = 800, 800
    scene = ground(rng, library, height, width)
    colours = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    for k in range(count):
        person = library.people[rng.integers(len(library.people))]
        tall = round(height * share * rng.uniform(0.85, 1.15))
        small = (round(person.alpha.shape[1] * tall / person.alpha.shape[0]), tall)
        rgb, soft = (
            cv2.resize(p, small, interpolation=cv2.INTER_AREA) for p in (person.foreground, person.alpha)
        )
        top = round((height - tall) * rng.uniform(0.4, 1.0))
        left = round((width - small[0]) * (k + rng.uniform(0.2, 0.8)) / count)
        at = slice(top, top + tall), slice(left, left + small[0])
        front, front_alpha = np.zeros_like(colours), np.zeros_like(alpha)
        front[at], front_alpha[at] = rgb, soft
        colours, alpha = over(front, front_alpha, colours, alpha)
    return Picture(kind, blend(colours, alpha, scene), alpha.astype(np.float32) / 255)


def judged(picture: Picture, matter: Matter) -> Judged | None:
    """None where the presence rule refuses the photo: nothing of it is left to be held."""
    [found] = matter.predict([picture.photo])
    if not judge(found.alpha).anybody:
        return None
    return Judged(picture.kind, found.confidence, iou_outside_band(found.alpha, picture.truth))


def caught(rows: list[Judged], share: float, chosen: NDArray[np.int64] | None = None) -> float:
    """The share of the gross failures that are among the least sure `share` of the rows."""
    sure = np.array([row.confidence for row in rows])
    failed = np.array([row.failed for row in rows])
    if chosen is not None:
        sure, failed = sure[chosen], failed[chosen]
    held = np.argsort(sure, kind="stable")[: round(len(sure) * share)]
    return float(failed[held].sum() / max(1, failed.sum()))


def tell(rows: list[Judged], refused: int) -> bool:
    """Print the figures; whether there was enough to judge by, and enough was caught."""
    failures = sum(row.failed for row in rows)
    rng = np.random.default_rng(0)
    drawn = [caught(rows, HELD, rng.integers(0, len(rows), len(rows))) for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    of_kind, failed = Counter(row.kind for row in rows), Counter(row.kind for row in rows if row.failed)
    print(f"{len(rows)} pictures ({refused} more refused as without a person), {failures} gross failures:")
    print("  " + ", ".join(f"{kind} {failed[kind]} of {of_kind[kind]}" for kind in of_kind))
    for share in (0.05, HELD, 0.15, 0.2, 0.3):
        most = min(1.0, round(len(rows) * share) / max(1, failures))
        print(f"the least sure {share:4.0%} hold {caught(rows, share):.3f} of them (at most {most:.3f})")
    print(f"  interval for {HELD:.0%}: [{low:.3f}, {high:.3f}]")
    right = np.array([row.iou for row in rows])
    sure = np.array([row.confidence for row in rows])
    ranks = [np.argsort(np.argsort(values)) for values in (right, sure)]
    print(f"Spearman of confidence and IoU: {np.corrcoef(*ranks)[0, 1]:.3f}")
    enough = failures >= LEAST_FAILURES and len(rows) >= LEAST_PICTURES
    return enough and caught(rows, HELD) >= LEAST_CAUGHT


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=None)
    options = parser.parse_args()
    single_thread()
    matter = Matter.load(options.weights, device="cpu")
    found = [judged(picture, matter) for picture in pictures(options.data)]
    rows = [row for row in found if row is not None]
    return 0 if tell(rows, len(found) - len(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
