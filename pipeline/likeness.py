"""What a banner looks like, in eighty letters, so that two that a customer would take for one are found.

The first sixteen are a digest of its words: other words make another banner, and a hash of pixels would not
see that one word of a hundred letters is another. The rest are the mean colours of a grid over the people on
it (over the whole banner where there are none). Such a grid tells a navy coat from a black one, which the
sign bits of the usual perceptual hashes do not, and hardly changes where a photo was saved once more.
"""

import base64
import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.compose import Person, Rendered
from pipeline.items import Layout

WORDS = 16
"""Letters of a likeness that stand for the words."""
GRID = 4
"""Cells along either side; 3 x 16 means are 64 letters."""
TOLERANCE = 4
"""Levels of 255 by which a mean may differ.

Of three demo people in three designs and four sizes, photos saved once more at quality 60 differ by 3 at
most; navy and blue garments turned by 40 degrees of hue, or any made lighter or darker by a tenth, by 8 and
more; other people by 35. A copy of a photo at four fifths of its size differs by up to 100, as the network
sees it otherwise: that one is not found.
"""

Means = NDArray[np.int16]


def likeness(rendered: Rendered) -> str:
    """What `rendered` looks like; the same banner gives the same letters."""
    seen = _window(rendered.people)
    picture = rendered.pixels[seen] if seen is not None else rendered.pixels
    means = cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return _digest(words(rendered.layout)) + base64.b64encode(means.tobytes()).decode("ascii")


def words(layout: Layout) -> str:
    """All that is written on a banner; capitals and blanks make no difference."""
    lines = (line.text for text in layout.texts for line in text.block.lines)
    return " ".join(" ".join(lines).casefold().split())


def means(likeness: str) -> Means:
    """The mean colours in a likeness, int16 (48,), 0..255."""
    return np.frombuffer(base64.b64decode(likeness[WORDS:]), np.uint8).astype(np.int16)


def alike(one: Means, others: Means) -> NDArray[np.bool_]:
    """Which of `others` (N, 48) show nearly the same picture as `one` (48,); bool (N,)."""
    return np.asarray(np.abs(others - one).max(axis=1) <= TOLERANCE)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:WORDS]


def _window(people: Sequence[Person]) -> tuple[slice, slice] | None:
    """The rows and columns that the people take; None where nobody is to be seen."""
    boxes = [(each.origin[0], each.origin[1], *each.seen.shape[::-1]) for each in people if each.seen.any()]
    if not boxes:
        return None
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return slice(top, bottom), slice(left, right)
