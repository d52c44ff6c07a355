"""A small night to build proof sheets from, and large ones that only count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pipeline.cutout import pack
from pipeline.manifest import RunId
from pipeline.report import Notice, build_report
from pipeline.store import ObjectStore, open_store
from pipeline.types import BannerRow, Box, Cutout, Geometry, PhotoRow, Status

NIGHT = date(2026, 11, 22)
RUN = RunId("autumn", NIGHT, "r1")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'javascript:alert(3)"
SIZES = {"1080x1080": (1080, 1080), "728x90": (728, 90)}


@dataclass(frozen=True)
class Night:
    """A small night: two segments, two sizes, two products; what the sheet is made of."""

    output: ObjectStore
    photos: ObjectStore
    folder: Path
    banners: list[BannerRow]
    photo_rows: list[PhotoRow]

    def build(self, **changes: Any) -> str:
        given: dict[str, Any] = {
            "banners": self.banners,
            "photos": self.photo_rows,
            "photo_store": self.photos,
            "notices": [Notice("Products without photos", ("SKU-9", HOSTILE)), Notice("Nothing to say", ())],
            "timings": {"total": 91.2},
        }
        return build_report(self.output, RUN, **given | changes)

    def html(self, **changes: Any) -> str:
        return self.output.get(self.build(**changes)).decode("utf-8")


def picture(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((0, 0, size[1] // 2, size[1] // 2), fill="white")
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def cutout() -> bytes:
    alpha = np.zeros((600, 300), np.uint8)
    alpha[20:, 40:260] = 255
    rgb = np.full((600, 300, 3), (200, 60, 40), np.uint8)
    geometry = Geometry(300, 600, Box(40, 20, 260, 600), None, ("bottom",))
    return pack(Cutout(rgb, alpha, geometry, 0.97))


def banner(segment: str, size: str, product: str, number: int) -> BannerRow:
    return BannerRow(
        campaign="autumn",
        run="r1",
        date=NIGHT,
        segment=segment,
        product=product,
        design="poster",
        size=size,
        locale="zh_Hant_TW",
        status=Status.STORED,
        reason="",
        detail="",
        key=f"autumn/{segment}/{size}/{number}-poster #1.jpg",
        recipe="r",
        bytes=50_000,
        photo_key=f"{number}.jpg",
        photo_content=str(number),
        cutout_key=f"cutouts/{number}.cutout",
        confidence=0.97,
        seconds=0.2,
    )


def photo(key: str, **changes: Any) -> PhotoRow:
    row = PhotoRow(
        key=key,
        etag="e",
        size=1,
        content="c",
        recipe="r",
        status=Status.STORED,
        reason="",
        detail="",
        cutout_key="",
        thumbnail_key="",
        confidence=0.9,
        geometry="",
        seconds=1.5,
    )
    return replace(row, **changes)


def make_night(folder: Path) -> Night:
    """Eight banners: one held, one failed, one kept from before; three photos, two of them refused."""
    output, photos = open_store(folder / "out"), open_store(folder / "photos")
    rows = [
        banner(segment, size, product, number)
        for segment in ("tokyo", "taipei")
        for size in SIZES
        for number, product in enumerate(("coat", HOSTILE))
    ]
    rows[0] = replace(rows[0], status=Status.HELD, reason="text_overflow,unsure_matte", detail="3 lines")
    rows[1] = replace(rows[1], status=Status.FAILED, reason="missing_glyph", detail="U+9F98", bytes=0)
    rows[2] = replace(rows[2], detail="kept")
    for row in rows:
        if row.status is not Status.FAILED:
            output.put_new(row.key, picture(SIZES[row.size], (180, 40, 30)), "image/jpeg")
    for number in range(2):
        photos.put_new(f"{number}.jpg", picture((900, 1200), (90, 90, 120)))
        output.put_new(f"cutouts/{number}.cutout", cutout())
    output.put_new("thumbs/flat.jpg", picture((120, 160), (10, 90, 60)))
    seen = [
        photo("0.jpg", cutout_key="cutouts/0.cutout"),
        photo("flat.jpg", status=Status.REJECTED, reason="no_subject", thumbnail_key="thumbs/flat.jpg"),
        photo(HOSTILE, status=Status.REJECTED, reason="damaged", detail="<b>ends after 3 rows</b>"),
    ]
    return Night(output, photos, folder / "out", rows, seen)


def redrawn(night: Night, row: BannerRow, **changes: Any) -> BannerRow:
    """`row` as an earlier run drew it: another key, and a green picture in the store."""
    changed: dict[str, Any] = {"key": row.key.replace(".jpg", "-before.jpg"), "recipe": "before", "run": "r0"}
    earlier = replace(row, **changed | changes)
    night.output.put_new(earlier.key, picture(SIZES[row.size], (20, 160, 60)), "image/jpeg")
    return earlier


def many(night: Night, count: int, size: str = "728x90") -> Sequence[BannerRow]:
    """So many banners of ten segments that all show one stored picture, every fiftieth held."""
    key = next(row.key for row in night.banners if row.size == size)
    return [
        replace(
            banner(f"segment-{number % 10}", size, f"product-{number:05}", 0),
            key=key.replace("0-poster", f"{number}-poster"),
            status=Status.STORED if number % 50 else Status.HELD,
            reason="" if number % 50 else "low_contrast",
        )
        for number in range(count)
    ]
