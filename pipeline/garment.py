"""Colours that a banner takes from what its person wears: the dominant garment colour and a family round it.

Worked out from the cut-out alone, in CIELAB, so the same photo always gives the same colours. The family's
lightness is set, not copied, so that type on it keeps its contrast whatever the garment: `garment-deep` on
`garment-pale` or `garment-soft`, and `on-garment` on `garment`, pass WCAG 2.2 AA (4.5:1).
"""

import json

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.document_fields import GARMENT, parse_colour
from pipeline.quality import contrast_ratios
from pipeline.recent import Recent
from pipeline.sizing import Tree
from pipeline.types import Cutout

_OPAQUE = 250
_SAMPLES = 20_000
_BINS = 24
"""Bins along a* and b*: 11 units each, about the just noticeable spread of one dyed cloth in folds."""
_LIGHTNESS = {"garment-pale": 94.0, "garment-soft": 85.0, "garment-deep": 22.0}
"""L* of the family. 85 against 22 is a contrast of 10:1, 94 against 22 one of 13:1."""
_CHROMA = {"garment-pale": 9.0, "garment-soft": 18.0, "garment-deep": 26.0}
"""The most chroma that each keeps: a ground stays a ground."""
_TYPE = ("#FFFFFF", "#14110F")
"""What may stand on the garment's own colour: white, or nearly black."""
_READABLE = 4.5
"""WCAG 2.2, success criterion 1.4.3: the contrast of small type."""
_MOST_CHROMA = 60.0
"""Of the garment's own colour; beyond it sRGB has no such colour at most lightnesses."""
_GARMENT_RANGE = (38.0, 78.0)
"""L* that the garment's own colour is brought into: neither black nor white make a ground to look at."""


def uses_garment(document: str) -> bool:
    """Whether a rendered document names one of the cut-out's colours."""
    return any(f'"{name}"' in document for name in GARMENT)


def tinted(document: str, cutout: Cutout) -> str:
    """`document` (JSON) with the names of garment colours replaced by those of `cutout`."""
    colours = _colours(cutout)

    def swap(tree: object) -> object:
        if isinstance(tree, dict):
            return {key: swap(value) for key, value in tree.items()}
        if isinstance(tree, list):
            return [swap(item) for item in tree]
        return colours.get(tree, tree) if isinstance(tree, str) else tree

    parsed: Tree = json.loads(document)
    # Copy texts may be the very word; only colours are swapped.
    kept = {id(node): node.get("text") for node in _texts(parsed)}
    changed = swap(parsed)
    assert isinstance(changed, dict)
    for node, text in zip(_texts(changed), kept.values(), strict=True):
        node["text"] = text
    return json.dumps(changed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def garment_colours(cutout: Cutout) -> dict[str, str]:
    """`#RRGGBB` by the names in `pipeline.document.GARMENT`."""
    lightness, a, b = (float(value) for value in _dominant(cutout))
    chroma = float(np.hypot(a, b))

    def shade(light: float, most: float) -> str:
        share = min(1.0, most / chroma) if chroma > 0 else 0.0
        return _hex(light, a * share, b * share)

    own = float(np.clip(lightness, *_GARMENT_RANGE))
    family = {name: shade(light, _CHROMA[name]) for name, light in _LIGHTNESS.items()}
    # Round L* 51 neither white nor black reads well, so the colour moves as little as it has to.
    shades = [shade(own + step, _MOST_CHROMA) for step in sorted(range(-12, 13), key=abs)]
    garment, on_it = next((each, ink) for each in shades for ink in _TYPE if _ratio(ink, each) >= _READABLE)
    return family | {"garment": garment, "on-garment": on_it}


_colours = Recent(garment_colours)


def _ratio(ink: str, ground: str) -> float:
    return float(contrast_ratios(parse_colour(ink), np.array([parse_colour(ground)[:3]], np.uint8))[0])


def _dominant(cutout: Cutout) -> NDArray[np.float32]:
    """L*, a*, b* of the commonest hue of what is worn: the opaque part below the head."""
    below = cutout.geometry.head.bottom if cutout.geometry.head else cutout.geometry.subject.top
    pixels = cutout.rgb[below:][cutout.alpha[below:] >= _OPAQUE]
    if not len(pixels):
        pixels = cutout.rgb[cutout.alpha >= _OPAQUE]
    if not len(pixels):
        return np.array([60, 0, 0], np.float32)
    picked = pixels[:: max(1, len(pixels) // _SAMPLES)].astype(np.float32)[None] / 255
    lab = cv2.cvtColor(picked, cv2.COLOR_RGB2LAB)[0]
    hue = np.clip(((lab[:, 1:] + 128) / 256 * _BINS).astype(np.int64), 0, _BINS - 1)
    bins = hue[:, 0] * _BINS + hue[:, 1]
    same = lab[bins == np.bincount(bins).argmax()]
    return np.asarray(np.median(same, axis=0), np.float32)


def _hex(lightness: float, a: float, b: float) -> str:
    rgb = cv2.cvtColor(np.array([[[lightness, a, b]]], np.float32), cv2.COLOR_LAB2RGB)[0, 0]
    return "#" + "".join(f"{round(float(np.clip(value, 0, 1)) * 255):02X}" for value in rgb)


def _texts(tree: Tree) -> list[Tree]:
    """Every text layer, in the order of the document."""
    found = [tree] if tree.get("type") == "text" else []
    for node in (*tree.get("layers", ()), *tree.get("children", ())):
        found += _texts(node)
    return found
