"""A layout document, a size and a cut-out become a banner's pixels and the figures of its gates.

What lies behind the person and does not depend on the photo is painted once per process; garments keep
their colours: inside the outline nothing but resizing touches a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline import quality
from pipeline.errors import Fault
from pipeline.fonts import FontBook
from pipeline.items import Item, Layout, Slot, Text
from pipeline.layout import lay_out, read_document
from pipeline.outline import bounds, fill_mask, outline
from pipeline.paint import paint
from pipeline.patch import Painted, Patch, blend, premultiplied
from pipeline.place import Placement, place
from pipeline.shadow import contact_shadow, drop_shadow
from pipeline.types import Cutout, Pixels, Size


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished banner: `pixels` uint8 (H, W, 3) sRGB, `gates` by name, `held` the gates not passed.

    `faintest` is the id of the text with the least contrast.
    """

    pixels: Pixels
    gates: dict[str, float]
    held: tuple[Fault, ...]
    layout: Layout
    placement: Placement | None
    faintest: str


@dataclass(frozen=True, slots=True)
class _Painter:
    """What painting needs besides items."""

    size: Size
    design: str
    folders: tuple[Path, ...]

    def patch(self, item: Item) -> Patch:
        return paint(item, self.size, self.design, self.folders)


_Contrast = tuple[float, str]
"""How far a text stands out from its ground (see `quality.contrast`), and its layer's id."""
_Background = tuple[Pixels, _Contrast]
_backgrounds: Painted[_Background] = Painted()


def render(
    document: str, size: Size, cutout: Cutout, *, fonts: FontBook, folders: Sequence[Path] = ()
) -> Rendered:
    """The banner of `document` (JSON) at `size` with the person of `cutout`.

    `folders` are searched for a design's assets after the packaged templates. Raises
    BannerFailed(MISSING_GLYPH) for text that the fonts cannot draw; every other flaw is a gate's figure.
    """
    checked = read_document(document, size)
    layout = lay_out(checked, size, fonts)
    painter = _Painter(size, checked.name, tuple(folders))
    behind, slot, front = _split(layout)
    canvas, contrast = _background(behind, painter)
    gates = quality.measure_layout(layout) | {"confidence": float(cutout.confidence)}
    placement = None
    if slot is not None:
        texts = [item for item in front if isinstance(item, Text)]
        placement = place(cutout.geometry, slot, [text.area for text in texts])
        person = _add_person(canvas, cutout, slot, placement, size)
        gates |= quality.measure_subject(placement, texts)
        gates["text_covered"] = _hidden_text(behind, person, painter)
    for item in front:
        patch = painter.patch(item)
        if isinstance(item, Text):
            contrast = min(contrast, (quality.contrast(item, patch, canvas), item.id))
        blend(canvas, patch)
    worst, faintest = contrast
    if np.isfinite(worst):
        gates["contrast"] = worst
    return Rendered(canvas, gates, quality.held(gates), layout, placement, faintest)


def _split(layout: Layout) -> tuple[tuple[Item, ...], Slot | None, tuple[Item, ...]]:
    """(behind the person, the person's slot, in front)."""
    slot = layout.slot
    if slot is None:
        return layout.items, None, ()
    at = layout.items.index(slot)
    return layout.items[:at], slot, layout.items[at + 1 :]


def _background(behind: Sequence[Item], painter: _Painter) -> _Background:
    """A fresh copy of what lies behind the person, white where nothing does, and its texts' contrast."""
    key = (tuple(behind), painter)
    pixels, contrast = _backgrounds.get(key, lambda: _paint_background(behind, painter), _weight)
    return pixels.copy(), contrast


def _paint_background(behind: Sequence[Item], painter: _Painter) -> _Background:
    canvas = np.full((painter.size.height, painter.size.width, 3), 255, np.uint8)
    contrast = (float("inf"), "")
    for item in behind:
        patch = painter.patch(item)
        if isinstance(item, Text):
            contrast = min(contrast, (quality.contrast(item, patch, canvas), item.id))
        blend(canvas, patch)
    return canvas, contrast


def _weight(background: _Background) -> int:
    return background[0].nbytes


def _hidden_text(behind: Sequence[Item], person: Patch, painter: _Painter) -> float:
    texts = (item for item in behind if isinstance(item, Text))
    return max((quality.covered(painter.patch(text), person) for text in texts), default=0.0)


def _add_person(canvas: Pixels, cutout: Cutout, slot: Slot, placement: Placement, size: Size) -> Patch:
    """Shadows and person laid over `canvas`; the person's patch."""
    whole = person_patch(cutout, placement, size)
    person = _framed(whole, slot, size)
    shadows = [drop_shadow(whole, slot.drop, size)] if slot.drop else []
    if slot.contact and (contact := contact_shadow(whole, placement, slot.contact, size)):
        shadows.append(contact)
    for shadow in shadows:
        # A shadow falls on the frame's own ground, never on the banner beside it.
        blend(canvas, _masked(shadow, frame_mask(slot, size, opened=False)))
    blend(canvas, person)
    return person


def person_patch(cutout: Cutout, placement: Placement, size: Size) -> Patch:
    """The resized person in banner pixels, premultiplied, cut at the floor and at the banner's edges.

    Opaque pixels at scale 1 are exactly the cut-out's.
    """
    box = cutout.geometry
    scale = placement.scale
    # The visible window in cut-out pixels, so that hidden parts cost nothing.
    low_y = max(0.0, -placement.top / scale)
    high_y = min(float(box.height), (min(placement.floor, size.height) - placement.top) / scale)
    low_x = max(0.0, -placement.left / scale)
    high_x = min(float(box.width), (size.width - placement.left) / scale)
    x0, x1, y0, y1 = int(low_x), int(np.ceil(high_x)), int(low_y), int(np.ceil(high_y))
    if x1 <= x0 or y1 <= y0:
        return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
    source = premultiplied(cutout.rgb[y0:y1, x0:x1], cutout.alpha[y0:y1, x0:x1])
    left, top = round(placement.left + x0 * scale), round(placement.top + y0 * scale)
    width, height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = source if scale == 1 else cv2.resize(source, (width, height), interpolation=way)
    if scale > 1:
        # Cubic weights overshoot; a colour above its alpha would glow at the edge.
        pixels[..., :3] = np.minimum(pixels[..., :3], pixels[..., 3:])
    bottom = min(top + pixels.shape[0], round(placement.floor), size.height)
    right = min(left + pixels.shape[1], size.width)
    inside = pixels[max(0, -top) : bottom - top, max(0, -left) : right - left]
    return Patch(np.ascontiguousarray(inside), max(0, left), max(0, top))


def frame_mask(slot: Slot, size: Size, *, opened: bool) -> NDArray[np.uint8] | None:
    """Where the person may show, uint8 (H, W) 0..255; None where the slot has no frame.

    `opened` leaves everything above the frame's middle free, if the slot is open: heads break out of it.
    """
    if slot.frame is None:
        return None
    left, top, right, bottom = bounds(slot.frame.area, 1, size.width, size.height)
    mask = np.zeros((size.height, size.width), np.uint8)
    if right > left and bottom > top:
        inner = fill_mask(outline(slot.frame), left, top, right - left, bottom - top)
        mask[top:bottom, left:right] = inner
    if opened and slot.frame_open:
        mask[: max(0, round(slot.frame.area.y + slot.frame.area.height / 2))] = 255
    return mask


def _framed(person: Patch, slot: Slot, size: Size) -> Patch:
    return _masked(person, frame_mask(slot, size, opened=True))


def _masked(patch: Patch, mask: NDArray[np.uint8] | None) -> Patch:
    if mask is None or patch.empty:
        return patch
    share = cv2.merge([np.ascontiguousarray(mask[patch.window])] * 4)
    return Patch(
        np.asarray(cv2.multiply(patch.pixels, share, scale=1 / 255), np.uint8), patch.left, patch.top
    )
