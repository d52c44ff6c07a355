"""Photo to matte to cut-out: the one module of the pipeline that calls the network.

Importing it costs no torch; `shm.Matter.load` does that. `recipe_of` says which cut-outs are the same
without running anything.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.cutout_file import CUTOUT_MEDIA_TYPE, CUTOUT_VERSION, pack, unpack
from pipeline.errors import PhotoRejected, Reason
from pipeline.silhouette import geometry_of
from pipeline.types import Box, Cutout, Matte, Photo, Pixels
from shm.engine import Engine
from shm.foreground import estimate_foreground
from shm.matter import OutOfMemory, Prediction
from shm.presence import judge

__all__ = [
    "CUTOUT_MEDIA_TYPE",
    "Predictor",
    "grey",
    "make_cutout",
    "matte",
    "pack",
    "recipe_of",
    "rgba",
    "unpack",
]

MATTING_VERSION = 2
"""Goes up with every change of how mattes or cut-outs are made: old ones are then made again."""
SHORTEST_LONG_SIDE = 64
"""Pixels of a photo's long side. Anything smaller is an icon or a tracking pixel: no banner can show it."""
LONG_SIDE = 2400
"""A cut-out's longest side. The largest banners are 1920 px; a 50 MP photo need not travel whole."""
_EVERYTHING = 0.97
"""A matte that keeps more than this of the photo has found no background."""
_FAINT = 4 / 255
"""Alpha below this is the network's noise floor: invisible, but it would spoil every tight box."""
_SPECK = 0.05
"""Parts apart from the main subject stay from this share of its area: other people do, crumbs do not."""
_NEAR = 0.02
"""Parts closer than this share of the long side belong together: flying hair, a bag on a thin strap."""
_MARGIN = 0.02
"""Room round the person in the cut-out, as a share of their longer side."""


class Predictor(Protocol):
    """What `matte` needs of a `shm.Matter`; tests use a fake."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]: ...


def recipe_of(engine: Engine, weights: str) -> str:
    """sha256 (hex) over everything but the photo that decides a cut-out's bytes; `weights` is that of the
    network's file.
    """
    parts = (weights, str(engine), f"matting-{MATTING_VERSION}", f"cutout-{CUTOUT_VERSION}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def matte(photo: Photo, matter: Predictor) -> Matte:
    """What the network says of one photo.

    Raises PhotoRejected: BAD_MATTE where that is unusable, TOO_LARGE_FOR_GPU where even this photo alone
    does not fit into the device's memory.
    """
    try:
        [prediction] = matter.predict([photo.pixels])
    except OutOfMemory as error:
        raise PhotoRejected(Reason.TOO_LARGE_FOR_GPU, str(error)) from error
    found = Matte(photo, prediction.alpha, prediction.confidence)
    check(found)
    return found


def check(matte: Matte) -> None:
    """Raises PhotoRejected(BAD_MATTE) for a matte with the wrong size, NaN, or values outside [0, 1]."""
    height, width = matte.photo.pixels.shape[:2]
    if matte.alpha.shape != (height, width):
        raise PhotoRejected(
            Reason.BAD_MATTE, f"the matte is {matte.alpha.shape}, the photo {(height, width)}"
        )
    if not np.isfinite(matte.alpha).all():
        raise PhotoRejected(Reason.BAD_MATTE, "the matte holds NaN or infinite values")
    if matte.alpha.min() < 0 or matte.alpha.max() > 1:
        raise PhotoRejected(Reason.BAD_MATTE, "the matte leaves the range from 0 to 1")


def make_cutout(matte: Matte) -> Cutout:
    """The person alone: cleaned, cropped, with their own colours and their geometry.

    Raises PhotoRejected: NO_SUBJECT where nobody is in the photo, BAD_MATTE where the matte is no matte,
    TOO_SMALL for a photo that is too small for any banner.
    """
    check(matte)
    height, width = matte.alpha.shape
    if max(height, width) < SHORTEST_LONG_SIDE:
        wanted = f"at least {SHORTEST_LONG_SIDE} pixels on the long side are needed"
        raise PhotoRejected(Reason.TOO_SMALL, f"the photo is {width} x {height}; {wanted}")
    presence = judge(matte.alpha)
    if not presence.anybody:
        raise PhotoRejected(Reason.NO_SUBJECT, presence.why)
    if float(matte.alpha.mean()) > _EVERYTHING:
        raise PhotoRejected(Reason.BAD_MATTE, "the matte keeps the whole photo: no background was found")
    alpha = clean(matte.alpha)
    whole = (alpha.shape[0], alpha.shape[1])
    crop = _crop_box(alpha)
    part = (slice(crop.top, crop.bottom), slice(crop.left, crop.right))
    pixels, alpha = _at_most(matte.photo.pixels[part], alpha[part], LONG_SIDE)
    return Cutout(
        rgb=estimate_foreground(pixels, alpha),
        alpha=_to_uint8(alpha),
        geometry=geometry_of(alpha, crop, whole),
        confidence=matte.confidence,
    )


def clean(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha without the noise floor and without crumbs far from the subject. float32 (H, W) to the same."""
    alpha = np.where(alpha < _FAINT, np.float32(0), alpha)
    scale = min(1.0, 512 / max(alpha.shape))
    size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    reach = max(1, round(_NEAR * max(size)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach + 1, reach + 1))
    # Every trace of alpha takes part, so that a crumb goes together with the fog round it.
    count, labels = cv2.connectedComponents(cv2.dilate((small > 0).astype(np.uint8), disc))
    # Only what is more person than not gives weight: a bank of thin fog must not outweigh a small person.
    solid = np.where(small > 0.5, small, 0)
    mass = np.bincount(labels.ravel(), weights=solid.ravel(), minlength=count)
    mass[0] = 0
    kept = mass >= _SPECK * mass.max()
    keep = cv2.resize(
        kept[labels].astype(np.uint8), alpha.shape[::-1], interpolation=cv2.INTER_NEAREST
    ).astype(bool)
    return np.where(keep, alpha, np.float32(0))


def rgba(matte: Matte) -> NDArray[np.uint8]:
    """The whole photo with its alpha: uint8 (H, W, 4), straight, RGB zero where alpha is zero."""
    check(matte)
    alpha = grey(matte)
    colours = estimate_foreground(matte.photo.pixels, matte.alpha)
    colours[alpha == 0] = 0
    return np.dstack([colours, alpha])


def grey(matte: Matte) -> NDArray[np.uint8]:
    """The alpha alone: uint8 (H, W)."""
    return _to_uint8(matte.alpha)


def _crop_box(alpha: NDArray[np.float32]) -> Box:
    """The box of everything visible, with a margin, inside the photo."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    margin = max(4, round(_MARGIN * max(np.ptp(rows), np.ptp(columns))))
    return Box(
        max(0, int(columns[0]) - margin),
        max(0, int(rows[0]) - margin),
        min(alpha.shape[1], int(columns[-1]) + 1 + margin),
        min(alpha.shape[0], int(rows[-1]) + 1 + margin),
    )


def _at_most(pixels: Pixels, alpha: NDArray[np.float32], side: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Both scaled down together to a long side of `side`. Before the colours are estimated, when photo and
    alpha still belong together, an average of pixels is the photo of the average alpha."""
    scale = side / max(alpha.shape)
    if scale >= 1:
        return np.ascontiguousarray(pixels), np.ascontiguousarray(alpha)
    size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    return (
        np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32),
    )


def _to_uint8(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(alpha * 255).astype(np.uint8)
