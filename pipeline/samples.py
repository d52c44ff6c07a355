"""Made-up words, product and person, so that a design can be looked at before there is a campaign."""

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.design import TEMPLATES
from pipeline.errors import InvalidInput
from pipeline.types import Box, Cutout, Geometry, Product, Scalar, Segment, Size
from pipeline.yamlfile import read_yaml

LOCALES = ("zh_TW", "zh_CN", "ja", "ko", "en", "de", "ar")
"""The locales that there are sample words in."""

LIST_PRICE = {"TWD": 4980, "CNY": 1098, "JPY": 24800, "KRW": 219000, "USD": 159, "EUR": 149.9, "AED": 579}
PRICE = {"TWD": 2490, "CNY": 549, "JPY": 12400, "KRW": 109500, "USD": 79.5, "EUR": 74.95, "AED": 289.5}
"""What a wool blazer and half of it come to in each currency."""

_OF_PRODUCT = ("name", "category", "currency")


def sample_words(locale: str, design: Path | None = None) -> dict[str, str]:
    """The sample words of `locale`, those in the folder of a `design` before the general ones.

    English where there are none. Raises `InvalidInput` for a sample.yaml that is no mapping of texts.
    """
    words = dict(_words(TEMPLATES / "sample.yaml", locale) or _words(TEMPLATES / "sample.yaml", "en"))
    own = design / "sample.yaml" if design is not None else None
    return words | (_words(own, locale) if own is not None and own.is_file() else {})


def sample_segment(locale: str, design: str, size: Size, folder: Path | None = None) -> Segment:
    """A made-up segment in `locale`, such as zh_TW, for the `design` in `folder`."""
    words = sample_words(locale, folder)
    return Segment(
        name="sample",
        locale=locale,
        currency=words["currency"],
        rule="true",
        order_by=None,
        limit=None,
        copy={name: text for name, text in words.items() if name not in _OF_PRODUCT},
        columns={},
        designs=(design,),
        sizes=(size,),
        photo="first",
        brand="",
        line=0,
    )


def sample_product(locale: str) -> Product:
    """A made-up product at half its price."""
    words = sample_words(locale)
    currency = words["currency"]
    fields: dict[str, Scalar] = {
        "id": "SAMPLE-1",
        "name": words["name"],
        "category": words["category"],
        "list_price": LIST_PRICE[currency],
        "price": PRICE[currency],
    }
    return Product("SAMPLE-1", (), fields, 0)


def dummy() -> Cutout:
    """A grey figure from the thighs up, cut off by the photo's lower edge."""
    height, width = 1400, 800
    alpha = np.zeros((height, width), np.uint8)
    head = Box(310, 40, 490, 280)
    cv2.ellipse(alpha, (400, 160), (90, 120), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.rectangle(alpha, (355, 240), (445, 340), 255, -1)
    body = [(250, 340), (550, 340), (640, 420), (700, 900), (620, 920), (570, 560), (560, 900), (600, 1399)]
    outline = body + [(800 - x, y) for x, y in reversed(body)]
    cv2.fillPoly(alpha, [np.array(outline, np.int32)], 255, cv2.LINE_AA)
    shade = np.linspace(150, 105, height, dtype=np.uint8)[:, None, None]
    rgb = np.ascontiguousarray(np.broadcast_to(shade, (height, width, 3)))
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 127), np.flatnonzero(alpha.max(axis=0) > 127)
    subject = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Cutout(rgb, alpha, Geometry(width, height, subject, head, ("bottom",)), 1.0)


@cache
def _words(path: Path, locale: str) -> dict[str, str]:
    """The words of `locale`, else of its language, in a file of samples; empty where it has neither."""
    file = read_yaml(path)
    name = locale.replace("-", "_")
    found: Any = file.data
    if isinstance(found, dict):
        found = found.get(name, found.get(name.split("_")[0], {}))
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InvalidInput("must map locales to texts by their names", file=path, line=1)
    return found
