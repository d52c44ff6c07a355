"""The sizes that channels take, and which of them are others at twice the pixels.

Display networks' list: IAB and Google uploaded image ads. Social and shop sizes: the platforms' own guides.
"""

from pipeline.types import Size

DISPLAY = tuple(
    Size(width, height)
    for width, height in (
        (300, 250), (336, 280), (728, 90), (970, 90), (970, 250), (160, 600), (120, 600), (300, 600),
        (320, 50), (320, 100), (468, 60),
    )
)  # fmt: skip
"""Display-network formats; uploaded ones weigh at most `encode.DISPLAY_BYTES`."""

SOCIAL = tuple(
    Size(width, height)
    for width, height in ((1080, 1080), (1080, 1350), (1080, 1920), (1200, 628), (800, 800), (750, 1000))
)
"""Feeds, stories and marketplaces."""

STANDARD = DISPLAY + SOCIAL
"""What every packaged design is drawn at, checked at and shown at."""

_DENSE = {Size(2 * size.width, 2 * size.height): size for size in DISPLAY}


def density(size: Size) -> int:
    """2 for a display format at twice its pixels, such as 600x500; 1 for every other size."""
    return 2 if size in _DENSE else 1


def designed(size: Size) -> Size:
    """The size that `size` is designed as: 600x500 is 300x250 at twice the pixels, others are themselves."""
    return _DENSE.get(size, size)
