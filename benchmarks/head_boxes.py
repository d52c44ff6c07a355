"""How well the head box is read from the outline: IoU with boxes that were drawn by hand.

`python benchmarks/head_boxes.py --data DIR`: on each photo of `head_boxes.csv`, the shipped network's matte
and the head box that the pipeline takes from it; with `--masks`, the masks that came with the street photos
instead of the network. Prints mean IoU, the share of photos at 0.6 and above, and the worst. A photo where no
head is found counts as 0. Exit code 1 where the mean is below 0.6. Needs the training data.

The boxes were drawn by looking, before any prediction was seen, at an enlarged part of every validation and
demo photo and of twelve half bodies, under a grid of its pixels; then they were painted on the photos and
looked at again. A box goes from the top of hair or hat to the chin (or the beard's end) and is as wide as
hair or hat are between those two heights; hair that falls below the chin and shoulders are outside. Rows 1,
3, 5, ... of the street photos gave the proportions in `pipeline/head.py`; the others are printed apart.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.cutout import clean
from pipeline.silhouette import geometry_of
from pipeline.types import Box
from shm.matter import Matter
from shm.process import single_thread

TABLE = Path(__file__).with_suffix(".csv")
BAR = 0.6
WORST = 12

Alpha = NDArray[np.float32]


def drawn() -> dict[str, Box]:
    """The boxes drawn by hand, in pixels of the photo, by the photo's path below the data's folder."""
    with TABLE.open(newline="") as table:
        return {
            row["photo"]: Box(*(int(row[side]) for side in ("left", "top", "right", "bottom")))
            for row in csv.DictReader(table)
        }


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0, width) * max(0, height)
    return shared / (one.width * one.height + other.width * other.height - shared)


def masks(data: Path) -> Callable[[str], Alpha | None]:
    """Reads the mask that came with a photo, None where none did."""

    def mask_of(photo: str) -> Alpha | None:
        path = data / "ccp" / "masks" / f"{Path(photo).stem}.png"
        if not path.exists():
            return None
        return (np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) / 255).astype(np.float32)

    return mask_of


def mattes(data: Path) -> Callable[[str], Alpha | None]:
    """Mattes a photo with the shipped network. Raises FileNotFoundError where the photo is missing."""
    matter = Matter.load(device="cpu")

    def matte_of(photo: str) -> Alpha | None:
        pixels = cv2.imread(str(data / photo))
        if pixels is None:
            raise FileNotFoundError(f"{data / photo} is missing: --data wants the training data's folder")
        return matter.predict([cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).astype(np.uint8)])[0].alpha

    return matte_of


def head_in(alpha: Alpha) -> Box | None:
    """The head as the pipeline takes it, in pixels of the photo: its crop is the whole photo here."""
    height, width = alpha.shape
    return geometry_of(clean(alpha), Box(0, 0, width, height), (height, width)).head


def measured(alpha_of: Callable[[str], Alpha | None]) -> Iterator[tuple[float, str, bool]]:
    """IoU, photo, and whether a head was found at all."""
    for photo, truth in drawn().items():
        alpha = alpha_of(photo)
        if alpha is not None:
            head = head_in(alpha)
            yield (overlap(head, truth) if head else 0.0), photo, head is not None


def report(title: str, rows: list[tuple[float, str, bool]]) -> None:
    values = np.array([value for value, _, _ in rows])
    missing = sum(not found for _, _, found in rows)
    print(
        f"{title:20} {len(rows):4} photos  mean IoU {values.mean():.3f}  "
        f"at {BAR} and above {(values >= BAR).mean():5.1%}  no head found {missing}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--masks", action="store_true", help="the sources' masks instead of the network")
    options = parser.parse_args()
    single_thread()
    rows = list(measured(masks(options.data) if options.masks else mattes(options.data)))
    for source in sorted({photo.split("/")[0] for _, photo, _ in rows}):
        report(source, [row for row in rows if row[1].startswith(f"{source}/")])
    street = [row for row in rows if row[1].startswith("ccp/")]
    report("ccp, rows 2, 4, ...", street[1::2])
    report("all", rows)
    for value, photo, found in sorted(rows)[:WORST]:
        print(f"  {value:.2f}  {photo}{'' if found else '  (no head found)'}")
    return int(np.mean([value for value, _, _ in rows]) < BAR)


if __name__ == "__main__":
    sys.exit(main())
