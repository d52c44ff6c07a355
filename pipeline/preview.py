"""A design at a glance, before there is a campaign: sample words, a dressmaker's dummy for a person.

Real segments, products and cut-outs take their places where there are any.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline import compose
from pipeline.errors import JobError
from pipeline.fonts import FontBook
from pipeline.items import Area
from pipeline.template import Brand, Design, DocumentError, DocumentRequest, render_documents
from pipeline.types import Box, Cutout, Geometry, Pixels, Product, Scalar, Segment, Size

_COPY = {
    "zh": {
        "headline": "今日限定五折",
        "subline": "秋冬新裝，全面半價",
        "cta": "立即選購",
        "badge": "五折",
        "legal": "數量有限，售完為止。",
        "name": "駝色羊毛西裝外套",
        "currency": "TWD",
    },
    "ja": {
        "headline": "本日限り半額",
        "subline": "秋冬の人気アイテムがいまだけ50%オフ",
        "cta": "今すぐ購入",
        "badge": "50%OFF",
        "legal": "在庫がなくなり次第、終了します。",
        "name": "キャメルウールジャケット",
        "currency": "JPY",
    },
    "en": {
        "headline": "Today only 50% off",
        "subline": "Jackets and knitwear for the cold months",
        "cta": "Shop now",
        "badge": "-50%",
        "legal": "While stocks last.",
        "name": "Camel wool blazer",
        "currency": "USD",
    },
}
_TEXT, _SLOT, _SAFE = (0, 160, 0), (255, 0, 200), (0, 120, 255)


def sample_segment(locale: str, design: str, size: Size) -> Segment:
    """A made-up segment in `locale`, such as zh_TW; in English where there are no sample words."""
    words = _COPY.get(locale.replace("-", "_").split("_")[0], _COPY["en"])
    copy = {name: words[name] for name in ("headline", "subline", "cta", "badge", "legal")}
    return Segment(
        name="sample",
        locale=locale,
        currency=words["currency"],
        rule="true",
        order_by=None,
        limit=None,
        copy=copy,
        columns={},
        designs=(design,),
        sizes=(size,),
        photo="first",
        brand="",
        line=0,
    )


def sample_product(locale: str) -> Product:
    """A made-up product at half its price."""
    words = _COPY.get(locale.replace("-", "_").split("_")[0], _COPY["en"])
    fields: dict[str, Scalar] = {"id": "SAMPLE-1", "name": words["name"], "list_price": 4980, "price": 2490}
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


def preview(
    design: Design,
    size: Size,
    segment: Segment,
    product: Product,
    brand: Brand,
    cutout: Cutout,
    *,
    folders: Sequence[Path] = (),
    boxes: bool = False,
) -> compose.Rendered:
    """The design drawn once; with `boxes` also where its texts, the person's slot and the safe area are.

    Raises `InvalidInput` for a design that cannot work and `JobError` for values that do not fill it.
    """
    [document] = render_documents([DocumentRequest(design, segment, product, brand)])
    if isinstance(document, DocumentError):
        raise JobError(f"{design.name} cannot be drawn: {document.fault}: {document.detail}")
    rendered = compose.render(document, size, cutout, fonts=FontBook.load(), folders=folders)
    if boxes:
        draw_boxes(rendered)
    return rendered


def draw_boxes(rendered: compose.Rendered) -> None:
    """Outline texts (green), the person's slot (magenta) and the safe area (orange) on the picture itself."""
    layout = rendered.layout
    for text in layout.texts:
        _outline(rendered.pixels, text.area, _TEXT)
    if layout.slot is not None:
        _outline(rendered.pixels, layout.slot.area, _SLOT)
    _outline(rendered.pixels, layout.safe, _SAFE)


def _outline(pixels: Pixels, area: Area, colour: tuple[int, int, int]) -> None:
    corner, opposite = (round(area.x), round(area.y)), (round(area.right) - 1, round(area.bottom) - 1)
    cv2.rectangle(pixels, corner, opposite, colour, max(1, min(pixels.shape[:2]) // 300))
