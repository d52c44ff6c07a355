"""Many banners on one picture: a designer sees there whether a design holds together in every format."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import Pixels

GROUND, INK = (232, 232, 230), (70, 70, 70)
_GAP, _LABEL = 14, 18


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a sheet, uint8 (H, W, 3) sRGB, and what is written under it (ASCII)."""

    label: str
    pixels: Pixels


def contact_sheet(pictures: Sequence[Shown], *, width: int = 1600, tallest: int = 420) -> Pixels:
    """`pictures` row after row on a sheet `width` pixels wide; uint8 (H, width, 3) sRGB.

    Larger ones are shrunk to at most `tallest` pixels of height; strips keep their own size.
    """
    shown = [Shown(each.label, _shrunk(each.pixels, width - 2 * _GAP, tallest)) for each in pictures]
    rows: list[list[Shown]] = [[]]
    for each in sorted(shown, key=lambda each: -each.pixels.shape[0]):
        taken = sum(other.pixels.shape[1] + _GAP for other in rows[-1])
        if rows[-1] and taken + each.pixels.shape[1] + _GAP > width - _GAP:
            rows.append([])
        rows[-1].append(each)
    tall = [max((each.pixels.shape[0] for each in row), default=0) + _LABEL + _GAP for row in rows]
    sheet = np.full((sum(tall) + _GAP, width, 3), GROUND, np.uint8)
    y = _GAP
    for row, height in zip(rows, tall, strict=True):
        x = _GAP
        for each in row:
            h, w = each.pixels.shape[:2]
            sheet[y : y + h, x : x + w] = each.pixels
            at = (x, y + h + _LABEL - 5)
            cv2.putText(sheet, each.label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
            x += w + _GAP
        y += height
    return sheet


def _shrunk(pixels: Pixels, widest: int, tallest: int) -> Pixels:
    h, w = pixels.shape[:2]
    scale = min(1.0, tallest / h, widest / w)
    if scale == 1:
        return pixels
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
