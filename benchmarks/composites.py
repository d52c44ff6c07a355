"""What M-Net adds, and how kinds of pictures differ: composites of people who were left out of training.

`python benchmarks/composites.py --data DIR`: the validation photos' people, those among them who hold a bag,
the same people down to the waist and to the chest on studio grounds and on any, and the left-out alphas; IoU
at 0.5 with its 95 % interval, MAD over the picture and in the unknown region of the true alpha, for SHM and
for its trimap alone (F + U / 2). Needs the training data.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from left_out import KINDS, SIDE, STREET, cropped, frames, on_studio, people

from shm.data.frames import Frame, composite
from shm.matter import Matter
from shm.metrics import iou, mad, unknown_region
from shm.process import single_thread
from shm.train.statistics import mean_of


def kinds(data: Path, count: int) -> Iterator[tuple[str, list[Frame]]]:
    """Every kind's name and its pictures."""
    for name, sources in KINDS.items():
        yield name, list(frames(data, sources, count))
    standing = people(data, STREET)
    for part in ("half length", "portrait"):
        some = cropped(standing, part)
        for where, library in (("studio", on_studio(some)), ("any ground", some)):
            pictures = [
                composite(np.random.default_rng([12, n]), library, SIDE, round(SIDE * 0.75))
                for n in range(count)
            ]
            yield f"{part}, {where}", pictures


def figures(frame: Frame, matter: Matter) -> list[float]:
    [prediction] = matter.predict([frame.photo])
    size = frame.alpha.shape[::-1]
    _, unknown, sure = (cv2.resize(t, size, interpolation=cv2.INTER_LINEAR) for t in prediction.trimap)
    truth = frame.alpha.astype(np.float32) / 255
    trimap_alone = (sure + 0.5 * unknown).astype(np.float32)
    band = unknown_region(truth)
    return [
        iou(prediction.alpha, truth),
        1e3 * mad(prediction.alpha, truth),
        1e3 * mad(trimap_alone, truth),
        1e3 * mad(prediction.alpha, truth, band),
        1e3 * mad(trimap_alone, truth, band),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    single_thread()
    matter = Matter.load(options.weights, device="cpu")
    print(f"{'':28} {'IoU':^24} {'MAD':>7} {'trimap':>7} {'band':>7} {'trimap':>7}   (MAD x 1e3)")
    for name, pictures in kinds(options.data, options.count):
        rows = np.array([figures(frame, matter) for frame in pictures])
        rest = " ".join(f"{value:7.1f}" for value in rows.mean(axis=0)[1:])
        print(f"{name:28} {mean_of(list(rows[:, 0]))!s:24} {rest}", flush=True)


if __name__ == "__main__":
    main()
