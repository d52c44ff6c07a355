"""Foreground colours against pymatting's multi-level solver, on synthetic truth.

`python benchmarks/foreground.py`: strands of hair over a known background with known colours; CPU seconds
on one thread, the median of interleaved runs; PSNR of premultiplied colours in the band. Needs pymatting
for the comparison only.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from shm.foreground import estimate_foreground

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from test_foreground import psnr, scene

Estimate = Callable[[np.ndarray, np.ndarray], np.ndarray]


def contenders() -> dict[str, Estimate]:
    found: dict[str, Estimate] = {"the photo's own": lambda photo, alpha: photo, "ours": estimate_foreground}
    if find_spec("pymatting") is None:
        print("pymatting is not installed: shown without it (pip install pymatting)")
        return found
    from pymatting import estimate_foreground_ml

    found["pymatting ml"] = lambda photo, alpha: (
        estimate_foreground_ml(photo / 255, alpha.astype(float)) * 255
    )
    # Compile before the clock starts.
    found["pymatting ml"](np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0.5, np.float32))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rivals = contenders()
    for height, width in ((800, 592), (1440, 1080), (3000, 2000)):
        photo, alpha, truth = scene(0, (height, width))
        seconds: dict[str, list[float]] = {name: [] for name in rivals}
        score = {}
        for _ in range(arguments.repeat):
            for name, estimate in rivals.items():
                started = time.process_time()
                found = estimate(photo, alpha)
                seconds[name].append(time.process_time() - started)
                score[name] = psnr(found, truth, alpha)
        print(f"{width} x {height}")
        for name in rivals:
            print(f"  {name:<16} {statistics.median(seconds[name]) * 1000:7.0f} ms  {score[name]:5.1f} dB")


if __name__ == "__main__":
    main()
