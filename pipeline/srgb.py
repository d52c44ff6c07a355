"""Any picture that Pillow can hold, as plain sRGB on white.

Colour is converted here, once, and the profile is dropped: image services have shipped the bug of keeping a
CMYK profile beside pixels that were converted already.
"""

import io

import numpy as np
from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_PLAIN = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Pillow's modes that can be converted as they are, with ICC's names for them."""


def to_srgb(image: Image.Image) -> Image.Image:
    """`image` (loaded, of any mode) as mode RGB in sRGB; what is transparent shows white.

    A profile that is broken, or for another kind of colour than the pixels have, counts as sRGB. CMYK
    without a profile is converted by Pillow's plain formula.
    """
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    plain = image if image.mode in _PLAIN else image.convert("L" if image.mode == "LA" else "RGB")
    colours = (profile and _through_profile(plain, profile)) or plain.convert("RGB")
    if alpha is None:
        return colours
    return Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    # Pillow's own conversion clips: 96 % of a 16-bit gradient became white.
    values = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """`image` in sRGB, or None if the profile is broken or for another kind of colour."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _PLAIN[image.mode]:
            return None
        return ImageCms.profileToProfile(
            image,
            opened,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
