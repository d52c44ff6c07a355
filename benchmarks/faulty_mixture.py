"""One night over photos of every bad kind among healthy ones: rows 2 to 10 and 12 of the fault matrix."""

import csv
import io
import random
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import faulty_shop
import numpy as np
from botocore.exceptions import ClientError
from faulty_photos import GREY, SECRET, Odd, Scaled, is_written, odd_photos, picture, write_catalogue
from faulty_shop import Judged, Left
from faulty_world import Night, World, night_over
from numpy.typing import NDArray
from PIL import Image

from pipeline import cutout
from pipeline.feed import csv_key
from pipeline.store import S3Store
from pipeline.types import BannerRow, PhotoRow, Status

_MADE = (Status.STORED, Status.HELD)
_SEEN = ("no_subject", "bad_matte")
"""What a photo is refused for after the network has seen it."""
_MOST_UNLIKE = 2.0
_LEAST_JPEG = 0.6
"""Share of JPEGs with two flipped bits that a strict decoder has to notice."""


@dataclass
class Mixture:
    """What came of the night. `told` and `problems` by row."""

    odd: list[Odd]
    judged: Judged
    waste: float
    time: float
    words: int
    told: dict[int, str] = field(default_factory=dict)
    problems: dict[int, list[str]] = field(default_factory=dict)

    def count(self, row: int) -> int:
        """How many faults of a row were injected."""
        return self.words if row == 12 else sum(each.row == row for each in self.odd)


@dataclass
class _Found:
    """What the checks look at: the night's rows and objects, and the fault-free night's photos."""

    store: S3Store
    left: Left
    photos: dict[str, PhotoRow]
    banners: dict[str, list[BannerRow]]
    healthy: dict[str, PhotoRow]
    keys: list[str]

    def outcome(self, key: str) -> str:
        """ "stored" or the reason of a photo; "" where it has no row."""
        row = self.photos.get(key)
        return "" if row is None else "stored" if row.status is Status.STORED else row.reason


def run_mixture(world: World, chance: random.Random) -> Mixture:
    """The night, judged."""
    assert world.base is not None
    scaled = Scaled(world.photos)
    odd = odd_photos(chance, scaled)
    with _lying(world, odd) as odd:
        catalogue = write_catalogue(world.folder, world.photos, odd, scaled)
        night = Night(world, world.new_output(), catalogue=catalogue)
        seconds = night_over(world, night)
        found = _look(world, night.output)
    bad = {each.key for each in odd}
    words = {row.photo_key for rows in found.banners.values() for row in rows if row.product.startswith("W-")}
    judged = faulty_shop.judge(found.left, world.base, bad=bad, changed=bad | words)
    reached = world.photos + sum(found.outcome(key) in ("stored", *_SEEN) for key in bad)
    mixture = Mixture(odd, judged, night.seen() / reached, seconds / world.base_seconds, len(scaled(80)))
    for row in (2, 3, 4, 5, 6, 7, 8, 9, 10):
        own = [each for each in odd if each.row == row]
        mixture.told[row] = _shares(own, found)
        mixture.problems[row] = [*_wrongly_judged(own, found), *_CHECKS.get(row, _nothing)(own, found)]
    mixture.problems[12] = _words(scaled, found)
    return mixture


@contextmanager
def _lying(world: World, odd: Sequence[Odd]) -> Iterator[list[Odd]]:
    """The photos in the bucket, for a while: those whose names the server accepts."""
    client, there = world.server.client(), list[Odd]()
    for each in odd:
        try:
            client.put_object(Bucket=faulty_shop.BUCKET, Key=f"photos/{each.key}", Body=each.data)
            there.append(each)
        except ClientError:
            continue
    try:
        yield there
    finally:
        for each in there:
            client.delete_object(Bucket=faulty_shop.BUCKET, Key=f"photos/{each.key}")


def _look(world: World, output: str) -> _Found:
    assert world.base is not None
    left = faulty_shop.left(output)
    banners: dict[str, list[BannerRow]] = {}
    for row in left.rows:
        banners.setdefault(row.product, []).append(row)
    return _Found(
        S3Store(faulty_shop.BUCKET, output),
        left,
        {row.key: row for row in left.photos},
        banners,
        {row.key: row for row in world.base.photos},
        [listed.key for listed in S3Store(faulty_shop.BUCKET, "").list()],
    )


# ── the checks of each row ──────────────────────────────────────────────────────────────────────────────────


def _wrongly_judged(odd: Sequence[Odd], found: _Found) -> list[str]:
    """Photos that ended as they must not, in words."""
    wrong = [each for each in odd if found.outcome(each.key) not in each.right]
    return [f"{each.key!r} ({each.kind}): {found.outcome(each.key) or 'no row'}" for each in wrong]


def _shares(odd: Sequence[Odd], found: _Found) -> str:
    """Shares of the photos that were refused, by their kind."""
    of = Counter(each.kind for each in odd)
    refused = Counter(each.kind for each in odd if found.outcome(each.key) != "stored")
    return ", ".join(f"{kind} {refused[kind]} of {count}" for kind, count in sorted(of.items()))


def _nothing(odd: Sequence[Odd], found: _Found) -> list[str]:
    return []


def _noticed(odd: Sequence[Odd], found: _Found) -> list[str]:
    """Flipped bits: a PNG carries checksums, a JPEG does not."""
    jpegs = [each for each in odd if each.kind == "JPEG"]
    share = sum(found.outcome(each.key) != "stored" for each in jpegs) / len(jpegs)
    return [] if share >= _LEAST_JPEG else [f"only {share:.0%} of the JPEGs were noticed"]


def _upright(odd: Sequence[Odd], found: _Found) -> list[str]:
    """Cut-outs of turned photos are those of the upright ones."""
    return [f"{each.key}: not upright" for each in odd if not _same_person(each, found)]


def _same_person(odd: Odd, found: _Found) -> bool:
    row = found.photos.get(odd.key)
    if row is None or row.status is not Status.STORED or odd.plain is None:
        return False
    healthy = found.photos[faulty_shop.photo_key(odd.plain)]
    one, other = (cutout.unpack(found.store.get(each.cutout_key)) for each in (row, healthy))
    if one.alpha.shape != other.alpha.shape:
        return False
    alphas = np.abs(one.alpha.astype(int) - other.alpha.astype(int)).mean()
    solid = (one.alpha > 250) & (other.alpha > 250)
    colours = np.abs(one.rgb.astype(int) - other.rgb.astype(int))[solid].mean()
    return bool(alphas < 2 and colours < 4)


def _coloured(odd: Sequence[Odd], found: _Found) -> list[str]:
    """Thumbnails show the healthy photo's colours, and no output carries a profile."""
    problems = []
    for each in odd:
        row = found.photos.get(each.key)
        if row is None or row.status is not Status.STORED or each.plain is None:
            continue  # told already
        difference = _unlike(found.store.get(row.thumbnail_key), each.plain, grey=GREY in each.kind)
        if difference > _MOST_UNLIKE:
            problems.append(f"{each.key} ({each.kind}): differs by {difference:.1f}")
    return problems + _carrying(odd, found, b"ICC_PROFILE")


def _unlike(thumbnail: bytes, number: int, *, grey: bool) -> float:
    """Mean CIE76 difference, which is larger than that of CIEDE2000, from the healthy photo of `number`."""
    with Image.open(io.BytesIO(thumbnail)) as image:
        shown = np.asarray(image.convert("RGB"))
    wanted = picture(number)
    if grey:
        wanted = np.repeat(np.asarray(Image.fromarray(wanted).convert("L"))[:, :, None], 3, axis=2)
    if shown.shape != wanted.shape:
        return float("inf")
    return float(np.linalg.norm(_lab(shown) - _lab(wanted), axis=2).mean())


def _lab(pixels: NDArray[np.uint8]) -> NDArray[Any]:
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def _secret(odd: Sequence[Odd], found: _Found) -> list[str]:
    return _carrying(odd, found, SECRET.encode())


def _carrying(odd: Sequence[Odd], found: _Found, what: bytes) -> list[str]:
    """Outputs made from these photos in which these bytes stand."""
    shown = {each.key for each in odd}
    photos = [row for row in found.photos.values() if row.key in shown and row.status is Status.STORED]
    banners = [row for row in found.left.rows if row.photo_key in shown and row.status in _MADE]
    keys = {key for row in photos for key in (row.cutout_key, row.thumbnail_key)} | {
        row.key for row in banners
    }
    return [f"{key} carries {what!r}" for key in sorted(keys) if what in found.store.get(key)]


def _within(odd: Sequence[Odd], found: _Found) -> list[str]:
    """No write outside the outputs, and each banner is found by its product."""
    tops = {key.partition("/")[0] for key in found.keys}
    outside = [top for top in sorted(tops) if top not in ("photos", "base") and not top.startswith("out")]
    problems = [f"written outside the output: {top}" for top in outside]
    made = {row.photo_key for row in found.left.rows if row.status in _MADE and row.key in found.left.banners}
    stored = [each.key for each in odd if found.outcome(each.key) == "stored" and is_written(each.key)]
    return problems + [f"{key!r} has no banner" for key in stored if key not in made]


_CHECKS: dict[int, Callable[[Sequence[Odd], _Found], list[str]]] = {
    4: _noticed,
    6: _upright,
    7: _coloured,
    8: _secret,
    10: _within,
}


def _words(scaled: Scaled, found: _Found) -> list[str]:
    """Every product with odd words has its rows, and its feed has no formula."""
    problems = []
    for n in scaled(80):
        rows = found.banners.get(f"W-{n}", [])
        segments = {row.segment for row in rows}
        odd = {row.reason for row in rows if row.status not in _MADE and row.reason not in _UNDRAWN}
        if segments != set(faulty_shop.SEGMENTS) or odd:
            problems.append(f"W-{n}: rows of {sorted(segments)}, {sorted(odd)}")
    return problems + [f"the feed has the formula {cell!r}" for cell in _formulas(found)]


_UNDRAWN = ("missing_glyph", "missing_value", "bad_value", "text_overflow")
"""What a name may fail for: no font has its letters, or it is no name."""


def _formulas(found: _Found) -> list[str]:
    """Cells of the feed that a spreadsheet would take for a formula."""
    rows = csv.reader(io.StringIO(found.store.get(csv_key("faults")).decode("utf-8-sig")))
    numbers = set(string.digits + "+-.,")
    return [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n") and set(cell) - numbers]
