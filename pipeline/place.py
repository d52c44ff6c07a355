"""Where the person goes: scale, crop and anchor from the cut-out's own outline.

A person cut by the photo's lower edge ends at the slot's lower edge and never floats; feet stand on the
ground line; nothing above the chin is ever cropped; a side where the photo cut the person runs off at that
side of the frame; nobody is enlarged beyond MAX_UPSCALE.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.items import Area, Slot
from pipeline.types import Box, Geometry

MAX_UPSCALE = 1.25
"""Beyond this, enlarged skin and fabric look soft beside crisp type."""

CROPS = (5.2, 4.1, 3.2, 2.4)
"""Where a photographer crops, in heads from the crown: mid-thigh, hips, waist, chest; never at a joint."""

HEADS_PER_BODY = 7.0
"""Assumed where no head was found: crown to sole of a standing adult."""

CUT_OVERHANG = 0.6
"""How much wider than its frame a person may be whose two arms the photo cut; the head stays inside."""

_POSE_CROPS = {"full": (), "half": (4.1, 3.2), "bust": (2.4,)}

WORTH_CROPPING = 0.85
"""A crop that leaves out less than the rest would cut off just the shoes, so the whole person is shown."""

NECK = 0.2
"""How much below the chin always shows, in heads."""

HEAD_MARGIN = 0.06
"""Air between head and text, as a share of the head's height."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A placed person. `left`, `top` is where the cut-out's origin lands, `scale` its banner px per pixel.

    `wanted` is the scale that the design asked for, before MAX_UPSCALE; below `floor` (banner px) nothing
    of the person shows; `feet` tells whether they stand on it with their own feet.
    """

    scale: float
    wanted: float
    left: float
    top: float
    floor: float
    head: Area | None
    body: Area
    feet: bool


def place(geometry: Geometry, slot: Slot, texts: Sequence[Area] = ()) -> Placement:
    """The person of `geometry` in `slot`, with the head clear of `texts` where that can be had."""
    best: tuple[float, Placement] | None = None
    for shrink, shift in _trials(geometry):
        placed = _place(geometry, slot, shrink, shift)
        hidden = _covered(placed.head, texts)
        if hidden == 0:
            return placed
        if best is None or hidden < best[0] - 1e-6:
            best = (hidden, placed)
    assert best is not None
    return best[1]


def _trials(geometry: Geometry) -> Iterator[tuple[float, float]]:
    """(shrink, shift) to try, the design's own wish first. Shift is a share of the slot's width."""
    shifts = (0.0,) if {"left", "right"} & set(geometry.cut) else (0.0, 0.06, -0.06, 0.12, -0.12)
    for shrink in (1.0, 0.94, 0.88, 0.82, 0.76, 0.7):
        for shift in shifts:
            yield shrink, shift


def _place(geometry: Geometry, slot: Slot, shrink: float, shift: float) -> Placement:
    subject, area = geometry.subject, slot.area
    room = max(1.0, area.height * (1 - slot.headroom))
    head = geometry.head.height if geometry.head else subject.height / HEADS_PER_BODY
    shown = _shown_height(geometry, slot, head, room)
    standing = shown >= subject.height and "bottom" not in geometry.cut
    if standing:
        room = max(1.0, room - slot.ground)
    wanted = max(1e-3, min(room / shown, _width_limit(geometry, slot)) * shrink)
    if {"left", "right"} <= set(geometry.cut):
        # Both arms are cut: only a person as wide as the frame hides it.
        wanted = max(wanted, area.width / subject.width)
    if geometry.head is not None:
        # Whatever else, all of the head and a neck are in the picture.
        wanted = min(wanted, room / (geometry.head.bottom - subject.top + NECK * head))
    scale = min(wanted, MAX_UPSCALE)
    floor = area.bottom - (slot.ground if standing else 0)
    # A crop shows all that fits above the floor: it was chosen by the head's size, not to leave air.
    visible = subject.height if standing else min(float(subject.height), room / scale)
    top = floor - (subject.top + visible) * scale
    left = _left(geometry, area, scale, shift * area.width)
    return Placement(
        scale=scale,
        wanted=wanted,
        left=left,
        top=top,
        floor=floor,
        head=_moved(geometry.head, scale, left, top) if geometry.head else None,
        body=_moved(subject, scale, left, top),
        feet=standing,
    )


def _shown_height(geometry: Geometry, slot: Slot, head: float, room: float) -> float:
    """How much of the person's height to show, in cut-out pixels from the top of the outline."""
    subject = geometry.subject
    above = geometry.head.top - subject.top if geometry.head else 0
    # Crops are counted from the crown; raised arms above it stay in the picture.
    crops = [above + heads * head for heads in (_POSE_CROPS.get(slot.pose, CROPS))]
    choices = [crop for crop in crops if crop < subject.height * WORTH_CROPPING]
    if slot.pose in ("auto", "full") or not choices:
        choices = [float(subject.height), *choices]
    # Rather more of a person in a small photo than a closer view that would have to be enlarged.
    choices = [shown for shown in choices if room / shown <= MAX_UPSCALE] or choices[:1]
    if slot.pose != "auto":
        return choices[0]
    smallest = slot.head * slot.area.height
    for shown in choices:
        if room / shown * head >= smallest:
            return shown
    return choices[-1]


def _width_limit(geometry: Geometry, slot: Slot) -> float:
    """The scale at which the person is as wide as the slot lets them be."""
    spare = slot.overhang
    if slot.frame is not None and {"left", "right"} <= set(geometry.cut):
        # The photo cut both arms already, so the frame may cut them again, nearer.
        spare = max(spare, CUT_OVERHANG)
    return slot.area.width * (1 + spare) / max(1, geometry.subject.width)


def _left(geometry: Geometry, area: Area, scale: float, shift: float) -> float:
    """Where the cut-out's left edge goes: at the cut side's edge, else centred and kept inside the slot."""
    subject = geometry.subject
    width = subject.width * scale
    cut = set(geometry.cut) & {"left", "right"}
    if cut == {"left"}:
        return area.x - subject.left * scale
    if cut == {"right"}:
        return area.right - subject.right * scale
    middle = (subject.left + subject.right) / 2
    if geometry.head is not None:
        # The eye reads the head as the middle of a figure; half way keeps wide gestures balanced too.
        middle = (middle + (geometry.head.left + geometry.head.right) / 2) / 2
    left = area.x + area.width / 2 - (middle - subject.left) * scale + shift
    low, high = sorted((area.x, area.right - width))
    left = min(max(left, low), high)
    return left - subject.left * scale


def _moved(box: Box, scale: float, left: float, top: float) -> Area:
    return Area(left + box.left * scale, top + box.top * scale, box.width * scale, box.height * scale)


def _covered(head: Area | None, texts: Sequence[Area]) -> float:
    """The share of the head, with its margin, that texts cover."""
    if head is None:
        return 0.0
    margin = head.height * HEAD_MARGIN
    wide = Area(head.x - margin, head.y - margin, head.width + 2 * margin, head.height + 2 * margin)
    return sum(overlap(wide, text) for text in texts) / max(1e-6, wide.width * wide.height)


def overlap(one: Area, other: Area) -> float:
    """The area that two rectangles share, in square pixels."""
    width = min(one.right, other.right) - max(one.x, other.x)
    height = min(one.bottom, other.bottom) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)
