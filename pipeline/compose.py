"""A layout document, a size and a cut-out become a banner's pixels and the figures of its gates.

What lies behind the person and does not depend on the photo is painted once per process; garments keep
their colours: inside the outline nothing but resizing touches a pixel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline import quality
from pipeline.blending import blend_as
from pipeline.errors import Fault
from pipeline.fonts import FontBook
from pipeline.fringe import fringe
from pipeline.garment import tinted, uses_garment
from pipeline.items import Item, Layout, Shape, Slot, Text
from pipeline.layout import lay_out, read_document
from pipeline.outline import bounds, fill_mask, outline
from pipeline.paint import paint
from pipeline.patch import Painted, Patch, blend, capped, premultiplied
from pipeline.place import Placement, place
from pipeline.recent import Recent
from pipeline.shadow import contact_shadow, drop_shadow
from pipeline.types import Box, Cutout, Pixels, Size


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished banner: `pixels` uint8 (H, W, 3) sRGB, `gates` by name, `held` the gates not passed.

    `faintest` is the id of the text with the least contrast; `people` are placed from back to front.
    """

    pixels: Pixels
    gates: dict[str, float]
    held: tuple[Fault, ...]
    layout: Layout
    people: tuple["Person", ...]
    faintest: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as they came to stand. `seen` is what shows of them: uint8 (h, w), 0 or 1, at `origin`."""

    placement: Placement
    seen: NDArray[np.uint8]
    origin: tuple[int, int]


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
_masks: Painted[NDArray[np.uint8]] = Painted(32 * 2**20)
"""What frames leave of people: a byte for each of a banner's pixels."""


def render(
    document: str,
    size: Size,
    cutout: Cutout,
    *,
    fonts: FontBook,
    second: Cutout | None = None,
    folders: Sequence[Path] = (),
) -> Rendered:
    """The banner of `document` (JSON) at `size` with the person of `cutout`.

    `second` is for designs with two people; without one they show the first twice. `folders` are searched
    for a design's assets after the packaged templates. Raises BannerFailed(MISSING_GLYPH) for text that the
    fonts cannot draw; every other flaw is a gate's figure.
    """
    if uses_garment(document):
        document = tinted(document, cutout)
    checked = read_document(document, size)
    layout = lay_out(checked, size, fonts)
    painter = _Painter(size, checked.name, tuple(folders))
    behind, rest = _split(layout)
    canvas, contrast = _background(behind, painter)
    gates = quality.measure_layout(layout)
    people: list[Person] = []
    seen: list[Text] = [item for item in behind if isinstance(item, Text)]
    for at, item in enumerate(rest):
        if isinstance(item, Slot):
            person = cutout if item.who == "first" or second is None else second
            texts = [later for later in rest[at + 1 :] if isinstance(later, Text)]
            shown = _Person(_mirrored(person) if item.mirror else person, item, texts, seen)
            people.append(shown.add(canvas, painter))
            own = {"confidence": float(person.confidence), "fringe": _fringe(person)}
            _worst(gates, shown.gates | own)
            continue
        patch = painter.patch(item)
        if isinstance(item, Text):
            contrast = min(contrast, (quality.contrast(item, patch, canvas), item.id))
            seen.append(item)
        blend_as(canvas, patch, item.blend)
    gates["logo_crowded"] = quality.crowded(
        layout, [person.placement.head for person in people if person.placement.head]
    )
    worst, faintest = contrast
    if np.isfinite(worst):
        gates["contrast"] = worst
    return Rendered(canvas, gates, quality.held(gates), layout, tuple(people), faintest)


def _worst(gates: dict[str, float], more: Mapping[str, float]) -> None:
    """Add the figures of one person; of two people's, the one nearer to its limit counts."""
    for name, value in more.items():
        least = name in gates and np.isfinite(quality.LIMITS[name].least)
        gates[name] = min(gates[name], value) if least else max(gates.get(name, value), value)


def _split(layout: Layout) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """(behind the first person, that person and all the rest)."""
    items = layout.items
    at = next((place for place, item in enumerate(items) if isinstance(item, Slot)), len(items))
    return items[:at], items[at:]


def _background(behind: Sequence[Item], painter: _Painter) -> _Background:
    """A fresh copy of what lies behind the person, white where nothing does, and its texts' contrast."""
    key = (tuple(behind), painter)
    pixels, contrast = _backgrounds.get(key, lambda: _paint_background(behind, painter), _weight)
    return pixels.copy(), contrast


def _paint_background(behind: Sequence[Item], painter: _Painter) -> _Background:
    canvas = np.full((painter.size.height, painter.size.width, 3), 255, np.uint8)
    contrast = (float("inf"), "")
    for item in behind:
        assert not isinstance(item, Slot)
        patch = painter.patch(item)
        if isinstance(item, Text):
            contrast = min(contrast, (quality.contrast(item, patch, canvas), item.id))
        blend_as(canvas, patch, item.blend)
    return canvas, contrast


def _weight(background: _Background) -> int:
    return background[0].nbytes


class _Person:
    """One person of a banner: `texts` are painted later, over them; `seen` were painted before them."""

    def __init__(self, cutout: Cutout, slot: Slot, texts: Sequence[Text], seen: Sequence[Text]) -> None:
        self._cutout, self._slot, self._texts, self._seen = cutout, slot, texts, tuple(seen)
        self.gates: dict[str, float] = {}

    def add(self, canvas: Pixels, painter: _Painter) -> Person:
        """Shadows and person laid over `canvas`; measures `gates`."""
        slot, size = self._slot, painter.size
        placement = place(self._cutout.geometry, slot, [text.area for text in self._texts])
        whole = person_patch(self._cutout, placement, size)
        person = _masked(whole, frame_mask(slot, size, opened=True))
        shadows = [drop_shadow(whole, slot.drop, size)] if slot.drop else []
        if slot.contact and (contact := contact_shadow(whole, placement, slot.contact, size)):
            shadows.append(contact)
        for shadow in shadows:
            # A shadow falls on the frame's own ground, never on the banner beside it.
            blend(canvas, _masked(shadow, frame_mask(slot, size, opened=False)))
        blend(canvas, person)
        self.gates = quality.measure_subject(placement, self._texts)
        hidden = (quality.covered(painter.patch(text), person) for text in self._seen)
        self.gates["text_covered"] = max(hidden, default=0.0)
        if placement.head is not None:
            self.gates["head_clipped"] = quality.clipped_head(placement.head, whole, person, size)
        seen = (person.pixels[..., 3] > 127).astype(np.uint8)
        return Person(placement, seen, (person.left, person.top))


def mirrored(cutout: Cutout) -> Cutout:
    """`cutout` turned left to right."""
    geometry, width = cutout.geometry, cutout.geometry.width

    def turned(box: Box) -> Box:
        return Box(width - box.right, box.top, width - box.left, box.bottom)

    other = {"left": "right", "right": "left"}
    sides = replace(
        geometry,
        subject=turned(geometry.subject),
        head=turned(geometry.head) if geometry.head else None,
        cut=tuple(other.get(side, side) for side in geometry.cut),
    )
    rgb, alpha = np.ascontiguousarray(cutout.rgb[:, ::-1]), np.ascontiguousarray(cutout.alpha[:, ::-1])
    return replace(cutout, rgb=rgb, alpha=alpha, geometry=sides)


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
    source = _premultiplied(cutout)[y0:y1, x0:x1]
    left, top = round(placement.left + x0 * scale), round(placement.top + y0 * scale)
    width, height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = source if scale == 1 else cv2.resize(source, (width, height), interpolation=way)
    if scale > 1:
        pixels = capped(pixels)
    bottom = min(top + pixels.shape[0], round(placement.floor), size.height)
    right = min(left + pixels.shape[1], size.width)
    inside = pixels[max(0, -top) : bottom - top, max(0, -left) : right - left]
    return Patch(np.ascontiguousarray(inside), max(0, left), max(0, top))


_fringe = Recent(fringe)
_mirrored = Recent(mirrored)
_premultiplied: Recent[Cutout, NDArray[np.uint8]] = Recent(lambda it: premultiplied(it.rgb, it.alpha))


def frame_mask(slot: Slot, size: Size, *, opened: bool) -> NDArray[np.uint8] | None:
    """Where the person may show, uint8 (H, W) 0..255, to be read only; None where the slot has no frame.

    `opened` leaves everything above the frame's middle free, if the slot is open: heads break out of it.
    """
    if slot.frame is None:
        return None
    top = slot.frame.area.y + slot.frame.area.height / 2 if opened and slot.frame_open else 0.0
    key = (slot.frame, top, size)
    frame = slot.frame
    return _masks.get(key, lambda: _paint_mask(frame, size, max(0, round(top))), lambda mask: mask.nbytes)


def _paint_mask(frame: Shape, size: Size, free: int) -> NDArray[np.uint8]:
    """What `frame` covers, and all of the banner's first `free` rows."""
    left, top, right, bottom = bounds(frame.area, 1, size.width, size.height)
    mask = np.zeros((size.height, size.width), np.uint8)
    if right > left and bottom > top:
        mask[top:bottom, left:right] = fill_mask(outline(frame), left, top, right - left, bottom - top)
    mask[:free] = 255
    return mask


def _masked(patch: Patch, mask: NDArray[np.uint8] | None) -> Patch:
    if mask is None or patch.empty:
        return patch
    share = cv2.merge([np.ascontiguousarray(mask[patch.window])] * 4)
    return Patch(
        np.asarray(cv2.multiply(patch.pixels, share, scale=1 / 255), np.uint8), patch.left, patch.top
    )
