"""Any picture that Pillow can hold, as plain sRGB on white.

Colour is converted here, once, and the profile is dropped: image services have shipped the bug of keeping a
CMYK profile beside pixels that were converted already.
"""

import io

import numpy as np
from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image) -> Image.Image:
    """`image` (loaded, of any mode) as mode RGB in sRGB; what is transparent shows white.

    A profile that is broken, or for another kind of colour than the pixels have, counts as sRGB. CMYK
    without a profile is converted by Pillow's plain formula.
    """
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode not in _PROFILE_MODES.values():
        image = image.convert("RGB")
    colours = _through_profile(image, profile) if profile else image.convert("RGB")
    if alpha is None:
        return colours
    return Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    # Pillow's own conversion clips: 96 % of a 16-bit gradient became white.
    values = np.clip(np.asarray(image).astype(np.uint32), 0, 65535)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        needed = _PROFILE_MODES.get(opened.profile.xcolor_space.strip())
        if needed == "L" and image.mode == "RGB":
            image = image.convert("L")
        if needed != image.mode:
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image,
            opened,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")
