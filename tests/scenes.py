"""Drawn people, segments and products for tests of the design side: no photos needed."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from pipeline.template import Design, DocumentRequest, load_design, read_design, render_documents
from pipeline.types import Box, Cutout, Geometry, Product, Scalar, Segment, Size

SIZES = (Size(1080, 1080), Size(300, 250), Size(728, 90), Size(1080, 1920))
SHIRT = (34, 92, 160)

COPY = {
    "zh_TW": {"headline": "今日限定五折", "subline": "春季新品", "cta": "立即選購"},
    "en_US": {"headline": "Today 50% off", "subline": "New season", "cta": "Shop now"},
    "ja_JP": {"headline": "本日限り半額", "subline": "春の新作", "cta": "今すぐ見る"},
}
CURRENCY = {"zh_TW": "TWD", "en_US": "USD", "ja_JP": "JPY"}
NAMES = {"zh_TW": "海軍藍西裝外套", "en_US": "Navy Blazer", "ja_JP": "ネイビージャケット"}


def person(*, legs: bool = False, cut: tuple[str, ...] = ("bottom",), confidence: float = 0.99) -> Cutout:
    """A drawn person 400 px wide: a head, shoulders, a shirt, and legs on the ground if `legs`."""
    height = 1400 if legs else 600
    rgb = np.full((height, 400, 3), (120, 110, 100), np.uint8)
    alpha = np.zeros((height, 400), np.uint8)
    body = [((60, 230), (340, height if not legs else 760), SHIRT)]
    if legs:
        body += [
            ((110, 740), (190, height - 10), (40, 44, 60)),
            ((210, 740), (290, height - 10), (40, 44, 60)),
        ]
    for low, high, colour in body:
        cv2.rectangle(alpha, low, high, 255, -1)
        cv2.rectangle(rgb, low, high, colour, -1)
    cv2.ellipse(alpha, (200, 130), (75, 110), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (200, 130), (90, 125), 0, 0, 360, (214, 170, 140), -1)
    subject = Box(60, 20, 341, height if not legs else height - 9)
    geometry = Geometry(400, height, subject, Box(125, 20, 276, 241), () if legs else cut)
    return Cutout(rgb, alpha, geometry, confidence)


def segment(locale: str = "zh_TW", copy: Mapping[str, str] | None = None, **changes: object) -> Segment:
    fields: dict[str, object] = {
        "name": "anyone",
        "locale": locale,
        "currency": CURRENCY[locale],
        "rule": "true",
        "order_by": None,
        "limit": None,
        "copy": COPY[locale] if copy is None else copy,
        "columns": {},
        "designs": ("sale-poster",),
        "sizes": SIZES,
        "photo": "first",
        "brand": "",
        "line": 1,
    }
    return Segment(**(fields | changes))  # type: ignore[arg-type]


def product(locale: str = "zh_TW", **fields: Scalar) -> Product:
    shown: dict[str, Scalar] = {
        "name": NAMES[locale],
        "price": 1280,
        "list_price": 2560,
        "category": {"zh_TW": "外套", "en_US": "Jackets", "ja_JP": "ジャケット"}[locale],
    }
    return Product("A-1", ("a-1.jpg",), shown | fields, 2)


def document(design: Design | str, locale: str = "zh_TW", **fields: Scalar) -> str:
    """The rendered document of a design for the usual segment and product."""
    loaded = load_design(design) if isinstance(design, str) else design
    (rendered,) = render_documents([DocumentRequest(loaded, segment(locale), product(locale, **fields))])
    assert isinstance(rendered, str), rendered
    return rendered


def documents(designs: tuple[str, ...], locales: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """The rendered documents of packaged designs by (design, locale), in one go."""
    wanted = [(name, locale) for name in designs for locale in locales]
    loaded = {name: load_design(name) for name in designs}
    requests = [DocumentRequest(loaded[n], segment(at), product(at)) for n, at in wanted]
    return {key: str(made) for key, made in zip(wanted, render_documents(requests), strict=True)}


def written(folder: Path, layers: str, *, head: str = "", name: str = "mine", family: str = "sans") -> Path:
    """The file of a design that has `layers` (YAML) and otherwise as little as possible."""
    path = folder / name / "template.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    fonts = f"fonts: {{text: {{family: {family}, weight: 700}}}}\n"
    path.write_text(f"{fonts}{head}layers:\n{layers}", encoding="utf-8")
    return path


def design(folder: Path, layers: str, *, head: str = "", name: str = "mine") -> Design:
    return read_design(written(folder, layers, head=head, name=name))


def text_layer(text: str, extra: str = "") -> str:
    return f'  - {{type: text, text: "{text}", size: 40, min_size: 20, color: "#000000"{extra}}}\n'
