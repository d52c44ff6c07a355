"""Any picture that Pillow can hold, as plain sRGB on white, a band of rows at a time.

Colour is converted here, once, and the profile is dropped: image services have shipped the bug of keeping a
CMYK profile beside pixels that were converted already. In bands, because several copies of 50 megapixels
do not fit into the memory that a photo may take.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""The modes that have a colour space of their own, with ICC's names for them."""
_PLAIN = {"L": "L", "LA": "L", "CMYK": "CMYK"}
_EIGHT_BITS = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)


def srgb_converter(
    mode: str, profile: bytes | None, *, transparent: bool
) -> Callable[[Image.Image], Image.Image]:
    """A function from pictures of Pillow's `mode` to the same as mode RGB in sRGB; what is clear shows white.

    A profile that is broken, or for another kind of colour than the pixels have, counts as sRGB; but grey
    with a profile for RGB is RGB. CMYK without a profile is converted by Pillow's plain formula.
    """
    plain_mode = "L" if mode.startswith("I") else _PLAIN.get(mode, "RGB")
    transform = _transform(profile, plain_mode) if profile else None
    if profile and not transform and plain_mode == "L":
        transform = _transform(profile, "RGB")
        plain_mode = "RGB" if transform else plain_mode

    def convert(given: Image.Image) -> Image.Image:
        image = _eight_bit(given)
        plain = image if image.mode == plain_mode else image.convert(plain_mode)
        if transform:
            colours: Image.Image = transform.apply(plain)
        else:
            colours = plain if plain_mode == "RGB" else plain.convert("RGB")
        if not transparent:
            return colours
        return Image.composite(colours, Image.new("RGB", colours.size, "white"), _alpha(given))

    return convert


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    # Pillow's own conversion clips: 96 % of a 16-bit gradient became white.
    return Image.fromarray(_EIGHT_BITS[np.clip(np.asarray(image), 0, 65535)])


def _alpha(image: Image.Image) -> Image.Image:
    """Mode L. Of 16-bit grey at most one value is clear, and one that looks like it in 8 bits is not."""
    if not image.mode.startswith("I"):
        return image.convert("RGBA").getchannel("A")
    opaque = np.asarray(image) != image.info["transparency"]
    return Image.fromarray(opaque.astype(np.uint8) * np.uint8(255))


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From `profile` to sRGB for pixels of `mode`, or None if it is broken or for another kind of colour."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        return ImageCms.buildTransform(
            opened,
            _SRGB,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
