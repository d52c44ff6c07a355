"""What M-Net adds, and how kinds of pictures differ: composites of people who were left out of training.

`python benchmarks/composites.py --data DIR`: the validation photos' people, those among them who hold a bag,
and the left-out alphas on plain and on busy grounds, the same ones every time; IoU at 0.5, MAD over the
picture and in the unknown region of the predicted trimap, for SHM and for its trimap alone (F + U / 2). Needs
the training data.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from shm.data.frames import Frame, composite
from shm.data.sources import Library, load_library
from shm.matter import Matter
from shm.metrics import iou, mad
from shm.process import single_thread
from shm.train.recipe import read_recipe

ROOT = Path(__file__).parents[1]
SIDE = 640
KINDS = {
    "street people": {"street": {"kind": "masks", "images": "ccp/images", "labels": "ccp/masks",
                                 "lists": ["validation.txt"]}},
    "those who hold a bag": {"street": {"kind": "masks", "images": "ccp/images", "labels": "ccp/masks",
                                        "lists": ["holding.txt"]}},
    "true and near-true alphas": {
        "cutouts": {"kind": "cutouts", "images": "people_rgba", "lists": ["alphas_left_out.txt"]},
        "portraits": {"kind": "pairs", "images": "portraits_predicted/images",
                      "labels": "portraits_predicted/alphas", "lists": ["alphas_left_out.txt"]},
    },
}  # fmt: skip


def frames(data: Path, sources: dict[str, dict[str, object]], count: int) -> Iterator[Frame]:
    recipe = read_recipe(ROOT / "configs" / "starter.yaml")
    people = load_library(data, sources, lists=recipe.lists, self_labels=data / "none")
    grounds = load_library(
        data, {"scenes": recipe.sources["scenes"]}, lists=recipe.lists, self_labels=data / "none"
    )
    library = Library(people.people, grounds.grounds, (), people.weights)
    for number in range(count):
        yield composite(np.random.default_rng([11, number]), library, SIDE, SIDE)


def figures(frame: Frame, matter: Matter) -> list[float]:
    prediction = matter.predict([frame.photo])[0]
    size = frame.alpha.shape[::-1]
    _, unknown, sure = (cv2.resize(t, size, interpolation=cv2.INTER_LINEAR) for t in prediction.trimap)
    truth = frame.alpha.astype(np.float32) / 255
    trimap_alone = (sure + 0.5 * unknown).astype(np.float32)
    band = unknown > 0.3
    return [
        iou(prediction.alpha, truth),
        1e3 * mad(prediction.alpha, truth),
        1e3 * mad(trimap_alone, truth),
        1e3 * mad(prediction.alpha, truth, band) if band.any() else 0.0,
        1e3 * mad(trimap_alone, truth, band) if band.any() else 0.0,
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
    print(f"{'people':28} {'IoU':>6} {'MAD':>7} {'trimap':>7} {'band':>7} {'trimap':>7}   (MAD x 1e3)")
    for name, sources in KINDS.items():
        rows = np.array([figures(frame, matter) for frame in frames(options.data, sources, options.count)])
        mean = rows.mean(axis=0)
        print(f"{name:28} {mean[0]:6.3f} " + " ".join(f"{value:7.1f}" for value in mean[1:]))


if __name__ == "__main__":
    main()
