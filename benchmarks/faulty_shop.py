"""The shop of the fault matrix: photos, catalogue and campaigns in a bucket, and what a night left there."""

import json
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.manifest import RunId, latest_run, list_runs, read_banners, read_photos, read_summary
from pipeline.store import S3Store
from pipeline.types import BannerRow, PhotoRow, Status

BUCKET = "shop"
EXAMPLES = Path(__file__).parents[1] / "examples" / "demo" / "photos"
SEGMENTS = ("new", "loyal", "sale", "abroad")
_LOCALES = ("en", "ja", "de", "zh-Hant-TW")
_CAMPAIGN = """\
name: faults
photos: s3://{bucket}/photos
output: s3://{bucket}/{output}
catalogue: {folder}/{catalogue}
segments: {folder}/segments.yaml
designs: [catalogue-card]
sizes: [300x250]
timezone: UTC
"""
_SEGMENT = """\
- name: {name}
  locale: {locale}
  currency: USD
  rule: stock > 0
  columns: {{name: name}}
  copy: {{headline: 50%, subline: 50%, cta: OK}}
"""


@dataclass(frozen=True, slots=True)
class Left:
    """What a night left: object etags by key, and the rows of its last finished run."""

    banners: dict[str, str]
    cutouts: dict[str, str]
    rows: list[BannerRow]
    photos: list[PhotoRow]
    lost: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The first four figures of the matrix; described in `faults.py`."""

    lost: int
    duplicate: int
    wrong: int
    collateral: int


def photo(number: int, backdrop: tuple[int, int, int] = (235, 232, 228)) -> bytes:
    """A PNG of 360x480 of somebody in a coat of their own, cut off by the lower edge; `backdrop` in RGB."""
    picture = np.full((480, 360, 3), backdrop[::-1], np.uint8)
    coat = (40 + number * 7 % 150, 30 + number * 13 % 120, 60 + number * 29 % 140)
    cv2.rectangle(picture, (90 + number % 17, 200), (270, 479), coat, -1)
    cv2.ellipse(picture, (180, 120), (52, 70), number % 11, 0, 360, (140, 170, 220), -1)
    # The number itself, in the coat: no two photos have the same bytes.
    for bit in range(24):
        cv2.circle(
            picture, (110 + bit % 12 * 12, 300 + bit // 12 * 20), 4, (0, 0, 90 * (number >> bit & 1)), -1
        )
    return cv2.imencode(".png", picture)[1].tobytes()


def real_photo(number: int, corner: tuple[int, int, int] | None = None) -> bytes:
    """As `photo`, of a real person out of the examples; `corner` in RGB is the first pixel's colour."""
    # The two garments laid flat would give no banners.
    examples = sorted(each for each in EXAMPLES.glob("*.jpg") if not each.stem.endswith("-front"))
    picture = cv2.imread(str(examples[number % len(examples)]))
    assert picture is not None
    scale = 480 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small[-1, 0] = [number >> 16 & 255, number >> 8 & 255, number & 255]
    if corner:
        small[0, 0] = corner[::-1]
    return cv2.imencode(".png", small)[1].tobytes()


def photo_key(number: int) -> str:
    """Where the photo lies, below `photos/`."""
    return f"{number:05}.png"


def fill(client: Any, folder: Path, photos: int, draw: Callable[[int], bytes]) -> None:
    """The bucket with its photos, as `draw` makes them; catalogue and segments in `folder`."""
    client.create_bucket(Bucket=BUCKET)
    for number in range(photos):
        client.put_object(Bucket=BUCKET, Key=f"photos/{photo_key(number)}", Body=draw(number))
    lines = (f"P-{n:05},Coat {n},100,{n % 90 + 1},5,{photo_key(n)}" for n in range(photos))
    table = "\n".join(["id,name,list_price,price,stock,photos", *lines])
    (folder / "catalogue.csv").write_text(table + "\n", encoding="utf-8")
    segments = (
        _SEGMENT.format(name=name, locale=locale) for name, locale in zip(SEGMENTS, _LOCALES, strict=True)
    )
    (folder / "segments.yaml").write_text("".join(segments), encoding="utf-8")


def empty(client: Any, prefix: str) -> None:
    """Delete everything below `prefix` in the bucket."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        keys = [{"Key": each["Key"]} for each in page.get("Contents", ())]
        if keys:
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})


def campaign(folder: Path, output: str, catalogue: str = "catalogue.csv") -> Path:
    """The campaign with this catalogue that writes below `output` in the bucket."""
    file = folder / f"{output}.yaml"
    text = _CAMPAIGN.format(bucket=BUCKET, output=output, folder=folder, catalogue=catalogue)
    file.write_text(text, encoding="utf-8")
    return file


def left(output: str) -> Left:
    """What is in the bucket below `output`."""
    store = S3Store(BUCKET, output)
    run = latest_run(store, "faults")
    summary = read_summary(store, run) if run else None
    return Left(
        {listed.key: listed.etag for listed in store.list("banners/")},
        {listed.key: listed.etag for listed in store.list("cutouts/")},
        read_banners(store, run) if run else [],
        read_photos(store, run) if run else [],
        summary.lost if summary else -1,
    )


def judge(found: Left, base: Left, *, bad: Set[str], changed: Set[str] = frozenset()) -> Judged:
    """`found` against the fault-free `base`. `bad` are photos that may be refused, `changed` (also) such
    whose bytes became others.
    """
    apart = {row.key for row in base.rows if row.photo_key in bad | changed}
    wanted = {_unit(row) for row in base.rows}
    units = Counter(_unit(row) for row in found.rows)
    objects = Counter(key.rsplit("-", 1)[0] for key in found.banners)
    healthy = [row for row in found.photos if row.key not in bad | changed]
    wrong = sum(
        base.banners[key] != etag for key, etag in found.banners.items() if key in base.banners
    ) + sum(base.cutouts[key] != etag for key, etag in found.cutouts.items() if key in base.cutouts)
    # Somebody else's banner under a name that the fault-free run does not know is as wrong.
    wrong += sum(
        row.key not in base.banners
        for row in found.rows
        if row.status is Status.STORED and row.photo_key not in changed
    )
    missing = sum(key not in found.banners for key in base.banners if key not in apart)
    return Judged(
        lost=max(0, found.lost) + (found.lost < 0) + len(wanted - units.keys()) + missing,
        duplicate=sum(count - 1 for count in (*units.values(), *objects.values()) if count > 1),
        wrong=wrong,
        collateral=sum(row.status is not Status.STORED for row in healthy),
    )


def unwritten(output: str) -> int:
    """Stored objects, of all runs finished or not, that no row tells of."""
    store = S3Store(BUCKET, output)
    rows: set[str] = set()
    for run in list_runs(store, "faults"):
        rows |= _stored(store, run)
    there = [each.key for prefix in ("banners/", "cutouts/") for each in store.list(prefix)]
    return sum(key not in rows for key in there)


def _stored(store: S3Store, run: RunId) -> set[str]:
    made = (Status.STORED, Status.HELD)
    banners = {row.key for row in read_banners(store, run) if row.status in made}
    return banners | {row.cutout_key for row in read_photos(store, run)}


def reasons(found: Left) -> dict[str, str]:
    """Why each photo that was not cut out was not, by its key."""
    return {row.key: row.reason for row in found.photos if row.status is not Status.STORED}


def _unit(row: BannerRow) -> tuple[str, str, str, str]:
    return row.segment, row.product, row.design, row.size


def rules(seed: int, *each: dict[str, Any]) -> bytes:
    """What `faulty_bucket.py` is told."""
    return json.dumps({"seed": seed, "rules": each}).encode()
