"""A design at a glance: drawn with given words and people, alone or in every format on one sheet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from pipeline import compose
from pipeline.errors import BannerFailed, JobError
from pipeline.fonts import FontBook
from pipeline.items import Area, Text
from pipeline.sheet import Shown, contact_sheet
from pipeline.snapshot import snapshot
from pipeline.template import NO_BRAND, Brand, Design, DocumentError, DocumentRequest, render_documents
from pipeline.types import Cutout, Pixels, Product, Segment, Size

_TEXT, _BASELINE, _SLOT, _SAFE, _OUTLINE = (
    (0, 160, 0),
    (0, 200, 255),
    (255, 0, 200),
    (255, 140, 0),
    (0, 90, 255),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a preview shows beside the design. `second` is for designs with two people; `day` decides what is
    left of an offer.
    """

    segment: Segment
    product: Product
    cutout: Cutout
    brand: Brand = NO_BRAND
    second: Cutout | None = None
    day: date | None = None


def preview(
    design: Design,
    sizes: Sequence[Size],
    scene: Scene,
    *,
    folders: Sequence[Path] = (),
    boxes: bool = False,
) -> list[compose.Rendered]:
    """The design drawn at each of `sizes`; with `boxes` see `draw_boxes`.

    Raises `InvalidInput` for a design that cannot work, and `JobError` for values that do not fill it or that
    its fonts have no letters for.
    """
    segment = replace(scene.segment, sizes=tuple(sizes))
    request = DocumentRequest(design, segment, scene.product, scene.brand, scene.day, segment.valid_to)
    [document] = render_documents([request])
    if isinstance(document, DocumentError):
        raise JobError(f"{design.name} cannot be drawn: {document.fault}: {document.detail}")
    fonts = FontBook.load(folders)
    drawn = []
    for size in sizes:
        try:
            rendered = compose.render(
                document, size, scene.cutout, fonts=fonts, second=scene.second, folders=folders
            )
        except BannerFailed as failure:
            raise JobError(f"{design.name} cannot be drawn at {size}: {failure}") from failure
        if boxes:
            draw_boxes(rendered)
        drawn.append(rendered)
    return drawn


def sheet(sizes: Sequence[Size], drawn: Sequence[compose.Rendered]) -> Pixels:
    """All of `drawn` on one picture, uint8 (H, W, 3) sRGB; what would be held says so under its size."""
    labels = [
        f"{size} {' '.join(map(str, rendered.held))}" for size, rendered in zip(sizes, drawn, strict=True)
    ]
    return contact_sheet(
        [Shown(label, rendered.pixels) for label, rendered in zip(labels, drawn, strict=True)]
    )


def draw_boxes(rendered: compose.Rendered) -> None:
    """On the picture itself: texts (green), their baselines (light blue), where a person may go (magenta),
    the person's outline (blue), the safe area (orange).
    """
    layout, pixels = rendered.layout, rendered.pixels
    for text in layout.texts:
        _frame(pixels, text.area, _TEXT)
        for y, start, end in _baselines(text):
            cv2.line(pixels, (start, y), (end, y), _BASELINE, 1)
    for slot in layout.slots:
        _frame(pixels, slot.area, _SLOT)
    for person in rendered.people:
        for contour in cv2.findContours(person.seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
            cv2.polylines(pixels, [contour + np.array(person.origin)], True, _OUTLINE, 1, cv2.LINE_AA)
    _frame(pixels, layout.safe, _SAFE)


def _baselines(text: Text) -> Iterator[tuple[int, int, int]]:
    """(y, first x, last x) of every line of a text, in banner pixels."""
    for line in text.block.lines:
        start = round(text.x + line.x)
        yield round(text.y + line.baseline), start, start + round(line.width)


def _frame(pixels: Pixels, area: Area, colour: tuple[int, int, int]) -> None:
    corner, opposite = (round(area.x), round(area.y)), (round(area.right) - 1, round(area.bottom) - 1)
    cv2.rectangle(pixels, corner, opposite, colour, max(1, min(pixels.shape[:2]) // 400))


def watched(folder: Path, output: Path, draw: Callable[[], None], wait: Callable[[], bool]) -> None:
    """`draw()` now and after every change of the design in `folder` or of the fonts and brand kits beside it,
    for as long as `wait()` says to go on. It writes `output`, which may lie there too and is no change.
    """
    seen = None
    while True:
        files = snapshot([folder, folder.parent / "fonts", folder.parent / "brands"])
        now = [file for file in files if Path(file[0]).absolute() != output.absolute()]
        if now != seen:
            draw()
            seen = now
        if not wait():
            return
