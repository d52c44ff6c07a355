"""What M-Net is worth in hair: the unknown region's MAD, beside what one gets from its trimap without it.

`python benchmarks/hair.py --data DIR`: left-out street people with drawn strands, and the left-out alphas, on
plain and busy grounds. Against the same photo's

- trimap: T-Net alone, alpha = F_s + 0.5 U_s, at full size;
- guided: that alpha sharpened by a guided filter with the photo as its guide (He et al. 2013, eq. 14 to 16),
  at whichever of nine settings serves it best on these pictures;
- closed-form: Levin et al. 2008 by pymatting, given the predicted trimap (each pixel's likeliest class).

The unknown region is the true alpha's. Ends with 1 unless SHM is 25 % below each of them for both kinds of
pictures. Needs the training data and pymatting.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from left_out import ALPHAS, SIDE, STREET, people
from numpy.typing import NDArray

from shm.data.frames import Frame, blend, composite
from shm.data.sources import Library
from shm.data.strands import add_strands
from shm.matter import Alpha, Matter, Pixels
from shm.metrics import mad, unknown_region
from shm.process import single_thread
from shm.train.classical import solve
from shm.train.statistics import mean_of

MOST = 0.75
"""SHM's error by the others': at least 25 % below."""
SETTINGS = [(radius, eps) for radius in (4, 8, 16) for eps in (1e-2, 1e-3, 1e-4)]
"""The guided filter's: half width in px, and how much variance (of colours in [0, 1]) it smooths over."""


def pictures(library: Library, count: int, *, strands: bool) -> list[Frame]:
    """Composites, where `strands` each with hair drawn on its upper outline."""
    made = []
    for number in range(count):
        rng = np.random.default_rng([13, number])
        frame = composite(rng, library, SIDE, SIDE)
        if strands:
            foreground, alpha = add_strands(rng, frame.foreground, frame.alpha)
            photo = blend(foreground, alpha, frame.background)
            frame = Frame(photo, alpha, foreground, frame.background, hard=False)
        made.append(frame)
    return made


def errors(frame: Frame, matter: Matter) -> dict[str, float]:
    """MAD x 1e3 in the unknown region, by method."""
    [found] = matter.predict([frame.photo])
    truth = frame.alpha.astype(np.float32) / 255
    maps = [cv2.resize(m, truth.shape[::-1], interpolation=cv2.INTER_LINEAR) for m in found.trimap]
    trimap_alone = (maps[2] + 0.5 * maps[1]).astype(np.float32)
    classes = np.argmax(maps, axis=0).astype(np.uint8)
    alphas = {
        "SHM": found.alpha,
        "trimap": trimap_alone,
        "closed-form": solve("closed-form", frame.photo, classes).alpha,
        **{
            f"guided r{radius} e{eps}": guided(frame.photo, trimap_alone, radius, eps)
            for radius, eps in SETTINGS
        },
    }
    band = unknown_region(truth)
    return {name: 1e3 * mad(alpha, truth, band) for name, alpha in alphas.items()}


def guided(photo: Pixels, alpha: Alpha, radius: int, eps: float) -> Alpha:
    """The guided filter with a colour guide (He et al. 2013, eq. 14 to 16), clipped to [0, 1]."""
    guide = photo.astype(np.float32) / 255
    mean = _box(guide, radius)
    products = guide[..., :, None] * guide[..., None, :]
    spread = _box(products.reshape(*alpha.shape, 9), radius).reshape(*alpha.shape, 3, 3)
    covariance = spread - mean[..., :, None] * mean[..., None, :] + eps * np.eye(3, dtype=np.float32)
    mean_alpha = _box(alpha, radius)
    together = _box(guide * alpha[..., None], radius) - mean * mean_alpha[..., None]
    slope = np.linalg.solve(covariance, together[..., None])[..., 0].astype(np.float32)
    offset = mean_alpha - (slope * mean).sum(axis=-1)
    filtered = (_box(slope, radius) * guide).sum(axis=-1) + _box(offset, radius)
    return np.clip(filtered, 0, 1).astype(np.float32)


def _box(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """The mean over a window round each pixel; any number of channels."""
    side = (2 * radius + 1, 2 * radius + 1)
    planes = values.reshape(*values.shape[:2], -1)
    means = [cv2.blur(np.ascontiguousarray(planes[..., k]), side) for k in range(planes.shape[-1])]
    return np.stack(means, axis=-1).reshape(values.shape).astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    single_thread()
    matter = Matter.load(options.weights, device="cpu")
    good = True
    for name, sources, strands in (("drawn strands", STREET, True), ("left-out alphas", ALPHAS, False)):
        frames = pictures(people(options.data, sources), options.count, strands=strands)
        good &= tell(name, [errors(frame, matter) for frame in frames])
    return 0 if good else 1


def tell(name: str, rows: list[dict[str, float]]) -> bool:
    """Print one kind's table; whether SHM is far enough below each of the others."""
    means = {method: float(np.mean([row[method] for row in rows])) for method in rows[0]}
    filters = [method for method in means if method.startswith("guided")]
    best = min(filters, key=lambda method: means[method])
    print(f"{name}: {len(rows)} pictures, MAD x 1e3 in the unknown region")
    good = True
    for method in ("SHM", "trimap", best, "closed-form"):
        ratio = means["SHM"] / means[method]
        line = f"  {method:18} {mean_of([row[method] for row in rows])!s:26}"
        print(line if method == "SHM" else f"{line} SHM by it: {ratio:.2f}", flush=True)
        good &= method == "SHM" or ratio <= MOST
    return good


if __name__ == "__main__":
    sys.exit(main())
