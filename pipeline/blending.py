"""Blend modes on sRGB values: the separable ones of W3C Compositing and Blending Level 1, section 9.1."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.patch import Patch, blend
from pipeline.types import Pixels

Values = NDArray[np.float32]
"""float32 (h, w, 3), 0..1."""


def _hard_light(under: Values, above: Values) -> Values:
    return np.where(above <= 0.5, under * 2 * above, 1 - (1 - under) * (2 - 2 * above))


def _soft_light(under: Values, above: Values) -> Values:
    curve = np.where(under <= 0.25, ((16 * under - 12) * under + 4) * under, np.sqrt(under))
    darker = under - (1 - 2 * above) * under * (1 - under)
    return np.where(above <= 0.5, darker, under + (2 * above - 1) * (curve - under))


def _color_dodge(under: Values, above: Values) -> Values:
    return np.where(under == 0, 0, np.minimum(1, under / np.maximum(1 - above, 1e-6)))


MODES: Mapping[str, Callable[[Values, Values], Values]] = {
    "multiply": lambda under, above: under * above,
    "screen": lambda under, above: under + above - under * above,
    "overlay": lambda under, above: _hard_light(above, under),
    "soft-light": _soft_light,
    "darken": np.minimum,
    "lighten": np.maximum,
    "color-dodge": _color_dodge,
    "difference": lambda under, above: np.abs(under - above),
}


def blend_as(canvas: Pixels, patch: Patch, mode: str) -> None:
    """Lay `patch` over `canvas` (uint8 (H, W, 3) sRGB) in place; `mode` one of `MODES`, or "normal"."""
    if mode == "normal" or patch.empty:
        blend(canvas, patch)
        return
    under: Values = np.asarray(canvas[patch.window] / 255, np.float32)
    share: Values = np.asarray(patch.pixels[..., 3:] / 255, np.float32)
    above = np.asarray(patch.pixels[..., :3] / np.maximum(share * 255, 1), np.float32)
    mixed = MODES[mode](under, np.asarray(np.minimum(above, 1), np.float32))
    shown = under * (1 - share) + mixed * share
    canvas[patch.window] = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
