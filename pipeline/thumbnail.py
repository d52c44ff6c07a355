"""A small picture of a photo."""

import io

from PIL import Image

from pipeline.types import Pixels


def thumbnail(pixels: Pixels, side: int = 160) -> bytes:
    """A JPEG of `pixels` (uint8 (H, W, 3) sRGB), its long side at most `side`; never enlarged."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
