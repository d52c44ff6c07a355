"""Twenty banners of five sizes from one stored cut-out on one core, beside the plain way with Pillow.

`python benchmarks/painting.py [--repeat 5] [--photo FILE]`: CPU seconds of one thread, the best of several
interleaved runs; every run shows products that none before it has shown, so that their names and prices are
painted anew while the designs' grounds are kept, as on a night.

Pillow's way resizes, pastes and encodes each banner for itself. It gets the grounds and all texts painted for
nothing, and no gates: its time stands beside the same three steps of ours, and beside all of ours.

Then every format at its own quality under its own limit, and at the lowest quality that comes up to the SSIM
of JPEG 4:4:4 at quality 90.
"""

import argparse
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipeline import compose, quality
from pipeline.codecs import CODECS, Format
from pipeline.cutout import make_cutout, matte, pack, unpack
from pipeline.decoder import Decoder
from pipeline.encode import encode, limits_for
from pipeline.fonts import FontBook
from pipeline.gallery import DAY, sample
from pipeline.template import DocumentRequest, load_brand, load_design, render_documents
from pipeline.types import Cutout, Photo, PhotoRef, Pixels, Size
from shm.matter import Matter
from shm.process import single_thread

PHOTO = Path(__file__).parents[1] / "examples" / "demo" / "photos" / "studio-woman-navy-blazer.jpg"
DESIGNS = ("sale-poster", "catalogue-card", "lowest-price", "new-arrivals")
SIZES = (Size(1080, 1080), Size(1080, 1920), Size(1200, 628), Size(300, 250), Size(728, 90))
MEGAPIXELS = len(DESIGNS) * sum(size.width * size.height for size in SIZES) / 1e6
LOCALE = "en"

STEPS = {
    "lay out": (compose, ("read_document", "lay_out", "tinted", "place")),
    "paint texts and shapes": (compose, ("paint",)),
    "copy the ground": (compose, ("_background",)),
    "premultiply the person": (compose, ("_premultiplied", "_mirrored")),
    "resize the person": (compose, ("person_patch", "frame_mask")),
    "cast shadows": (compose, ("drop_shadow", "contact_shadow")),
    "blend": (compose, ("blend", "blend_as")),
    "measure gates": (
        quality,
        ("contrast", "covered", "clipped_head", "crowded", "measure_layout", "measure_subject"),
    ),
    "measure the fringe": (compose, ("_fringe",)),
}
SAME_AS_PILLOWS = ("premultiply the person", "resize the person", "blend", "encode")


@dataclass(frozen=True)
class Made:
    """One banner as it came out: the design's document, its size and pixels, and where the person is."""

    document: str
    size: Size
    rendered: compose.Rendered


class Watch:
    """CPU seconds by step; what a step does inside another counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = [0.0]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._inner.append(0.0)
        started = time.process_time()
        yield
        spent = time.process_time() - started
        self.seconds[name] += spent - self._inner.pop()
        self._inner[-1] += spent

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def watched(*given: Any, **named: Any) -> Any:
            with self.step(name):
                return work(*given, **named)

        return watched


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Let `watch` time the functions of `STEPS` while this lasts."""
    kept = [(module, name, getattr(module, name)) for module, names in STEPS.values() for name in names]
    for step, (module, names) in STEPS.items():
        for name in names:
            setattr(module, name, watch.timed(step, getattr(module, name)))
    try:
        yield
    finally:
        for module, name, work in kept:
            setattr(module, name, work)


def stored_cutout(photo: Path) -> bytes:
    """The person of `photo`, cut out by the shipped network, as it is stored."""
    data = photo.read_bytes()
    pixels = Decoder().decode(data)
    return pack(make_cutout(matte(Photo(PhotoRef(photo.name, "", len(data)), pixels), Matter.load())))


def documents(number: int) -> list[str]:
    """The rendered documents of one product in all designs; each `number` is another product."""
    brand = load_brand("", ())
    requests = []
    for name in DESIGNS:
        design = load_design(name)
        segment, product = sample(design, LOCALE, SIZES)
        fields = product.fields | {"name": f"{product.fields['name']} {number}", "price": 40 + number}
        requests.append(
            DocumentRequest(design, segment, replace(product, fields=fields), brand, DAY, segment.valid_to)
        )
    return [str(document) for document in render_documents(requests)]


def our_way(stored: bytes, products: Sequence[str], fonts: FontBook) -> tuple[Counter[str], list[Made]]:
    """All banners of one product from the stored bytes to files; seconds by step."""
    watch, made = Watch(), list[Made]()
    with watching(watch):
        with watch.step("unpack the cut-out"):
            cutout = unpack(stored)
        for document in products:
            for size in SIZES:
                with watch.step("the rest"):
                    rendered = compose.render(document, size, cutout, fonts=fonts)
                with watch.step("encode"):
                    encode(rendered.pixels, limits_for(size))
                made.append(Made(document, size, rendered))
    return watch.seconds, made


def pillows_way(cutout: Cutout, made: Sequence[Made]) -> Counter[str]:
    """The same banners with Pillow, each for itself; seconds by step."""
    watch = Watch()
    for each in made:
        ground = Image.fromarray(each.rendered.pixels)
        for person in each.rendered.people:
            with watch.step("convert"):
                picture = Image.fromarray(np.dstack((cutout.rgb, cutout.alpha)))
            at, scale = person.placement, person.placement.scale
            with watch.step("resize"):
                size = (round(picture.width * scale), round(picture.height * scale))
                picture = picture.resize(size, Image.Resampling.LANCZOS)
            with watch.step("paste"):
                ground.paste(picture, (round(at.left), round(at.top)), picture)
        with watch.step("encode"):
            ground.save(io.BytesIO(), "JPEG", quality=90, subsampling=0)
    return watch.seconds


def tell(title: str, steps: Counter[str]) -> None:
    print(f"\n{title}: {sum(steps.values()) * 1000:.0f} ms")
    for name, seconds in steps.most_common():
        print(f"  {name:<24} {seconds * 1000:7.1f} ms  {seconds / sum(steps.values()):5.0%}")


def race(stored: bytes, repeat: int) -> list[Made]:
    fonts, cutout = FontBook.load(), unpack(stored)
    ours, pillows = list[Counter[str]](), list[Counter[str]]()
    our_way(stored, documents(0), fonts)  # the grounds, once a night
    for number in range(1, repeat + 1):
        seconds, made = our_way(stored, documents(number), fonts)
        ours.append(seconds)
        pillows.append(pillows_way(cutout, made))
    best, plain = (min(runs, key=lambda run: sum(run.values())) for runs in (ours, pillows))
    print(f"{len(made)} banners of {len(SIZES)} sizes, {MEGAPIXELS:.1f} MP, best of {repeat}")
    tell("Ours, with everything", best)
    tell("Pillow's plain way, texts painted before", plain)
    same = sum(best[name] for name in SAME_AS_PILLOWS)
    whole = sum(best.values())
    print(f"\nPillow / ours, same steps   {sum(plain.values()) / same:5.2f}  ({same * 1000:.0f} ms)")
    print(f"Pillow / ours, everything   {sum(plain.values()) / whole:5.2f}")
    return made


def ssim(one: Pixels, other: Pixels) -> float:
    """Structural similarity, Wang et al. 2004: Gaussian of 1.5 px, mean of red, green and blue."""

    def blur(values: Any) -> Any:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    a, b = one.astype(np.float32), other.astype(np.float32)
    mean_a, mean_b = blur(a), blur(b)
    both = blur(a * b) - mean_a * mean_b
    spread = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mean_a * mean_b + first) * (2 * both + second)
    return float((alike / ((mean_a**2 + mean_b**2 + first) * (spread + second))).mean())


@dataclass(frozen=True)
class Cost:
    """What writing some banners in one way cost."""

    seconds: float
    weight: int
    ssim: float

    def __str__(self) -> str:
        pixels = MEGAPIXELS / len(DESIGNS)
        return (
            f"{self.seconds * 1000 / pixels:7.1f} ms/MP  {self.weight / 1000 / pixels:6.0f} kB/MP  "
            f"SSIM {self.ssim:.4f}"
        )


def cost(pictures: Sequence[Pixels], write: Callable[[Pixels], bytes]) -> Cost:
    started = time.process_time()
    files = [write(pixels) for pixels in pictures]
    seconds = time.process_time() - started
    seen = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in files]
    alike = float(np.mean([ssim(a, b) for a, b in zip(pictures, seen, strict=True)]))
    return Cost(seconds, sum(map(len, files)), alike)


def at_quality(pictures: Sequence[Pixels], name: Format, quality: int) -> Cost:
    write = CODECS[name].ways[0].write
    return cost(pictures, lambda pixels: write(np.ascontiguousarray(pixels), quality))


def least_quality(pictures: Sequence[Pixels], name: Format, wanted: float) -> tuple[int, Cost] | None:
    """The lowest quality whose SSIM is at least `wanted`; None where none is."""
    found, low, high = None, 30, 100
    while low <= high:
        middle = (low + high) // 2
        tried = at_quality(pictures, name, middle)
        if tried.ssim >= wanted:
            found, high = (middle, tried), middle - 1
        else:
            low = middle + 1
    return found


def _delivered(name: Format, pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    return encode(pixels, limits_for(Size(width, height), format=name)).data


def formats(made: Sequence[Made]) -> None:
    """What each format costs, on the five sizes of one design."""
    shown = [each for each in made if each.document == made[0].document]
    pictures = [each.rendered.pixels for each in shown]
    print("\nUnder the sizes' own limits, at each format's own quality")
    for name in Format:
        done = cost(pictures, partial(_delivered, name))
        print(f"  {name:<5}      {done}")
    aim = at_quality(pictures, Format.JPEG, 90)
    print(f"\nAt an SSIM of {aim.ssim:.4f} or more")
    for name in (Format.JPEG, Format.WEBP, Format.AVIF):
        least = least_quality(pictures, name, aim.ssim)
        told = f"q{least[0]:<3} {least[1]}" if least else "does not come up to it at any quality"
        print(f"  {name:<5} {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--photo", type=Path, default=PHOTO)
    arguments = parser.parse_args()
    single_thread()
    cv2.setNumThreads(1)
    formats(race(stored_cutout(arguments.photo), arguments.repeat))


if __name__ == "__main__":
    main()
