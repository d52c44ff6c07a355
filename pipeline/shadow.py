"""The person's shadows: a soft drop on what is behind, and a contact shadow under feet that are seen."""

import cv2
import numpy as np

from pipeline.items import Rgba, SoftShadow
from pipeline.outline import Mask
from pipeline.patch import Patch, shadow_patch
from pipeline.place import Placement
from pipeline.types import Size

SOLE_SHARE = 0.035
"""The share of a standing person's height that counts as shoe soles: about 6 cm of 175 cm."""

FLATTEN = 0.5
"""How flat the contact shadow lies: a camera at chest height sees the ground at about 30 degrees."""


def drop_shadow(person: Patch, shadow: SoftShadow, size: Size) -> Patch:
    """The person's soft shadow, clipped to the banner."""
    return shadow_patch(np.ascontiguousarray(person.pixels[..., 3]), person.left, person.top, shadow, size)


def contact_shadow(person: Patch, placement: Placement, color: Rgba, size: Size) -> Patch | None:
    """The dark of the ground right under the shoes; None where no feet are seen."""
    if not placement.feet:
        return None
    tall = max(2, round(placement.body.height * SOLE_SHARE))
    last = min(person.pixels.shape[0], round(placement.floor) - person.top)
    soles: Mask = np.ascontiguousarray(person.pixels[max(0, last - tall) : last, :, 3])
    if soles.size == 0:
        return None
    # All of a shoe's sole touches the ground, so each column is as dark as its darkest row.
    columns = soles.max(axis=0)
    height = max(2, round(tall * FLATTEN))
    flat: Mask = np.repeat(columns[None, :], height, axis=0)
    softened = cv2.GaussianBlur(flat, (0, 0), max(0.8, height / 2), borderType=cv2.BORDER_REPLICATE)
    contact = SoftShadow(color, dx=0, dy=0, blur=max(0.8, height / 2))
    return shadow_patch(softened, person.left, round(placement.floor) - height // 2, contact, size)
