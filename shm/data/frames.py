"""One training picture: a photo as it was taken, a composite, or one with nobody in it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.augment import camera, light
from shm.data.bags import add_bag
from shm.data.grounds import ground
from shm.data.sources import Library, Person
from shm.data.strands import add_strands

Array = NDArray[np.uint8]
BAG_SHARE = 0.18
"""Share of the people shown at full length who are given a bag: labelled photos have too few of them."""
NOBODY_SHARE = 0.1
"""Share of T-Net's pictures with nobody in them: without these it takes a garment laid flat for a person."""


@dataclass(frozen=True)
class Frame:
    """photo, foreground, background: uint8 (h, w, 3) RGB; alpha: uint8 (h, w). `hard`: the alpha's edge is
    a coarse mask's (a photo as it was taken); then foreground and background are not known."""

    photo: Array
    alpha: Array
    foreground: Array
    background: Array
    hard: bool


def any_frame(
    rng: np.random.Generator, library: Library, height: int, width: int, natural_share: float
) -> Frame:
    """A picture for T-Net: natural, empty, or else a composite. Without composites a network trained on
    street photos does not know portraits, half bodies or studio grounds."""
    kind = rng.random()
    if kind < natural_share:
        frame = natural(rng, library, height, width)
    elif kind < natural_share + NOBODY_SHARE:
        frame = nobody(rng, library, height, width)
    else:
        frame = composite(rng, library, height, width)
    return frame


def natural(rng: np.random.Generator, library: Library, height: int, width: int) -> Frame:
    """A crop of a labelled photo with its own ground."""
    person = draw(rng, library, natural_only=True)
    photo, alpha = person.photo, person.alpha
    if rng.random() < BAG_SHARE:
        photo, alpha = add_bag(rng, photo, alpha)
    top, left, h, w = _around(rng, alpha, height / width)
    cut = slice(top, top + h), slice(left, left + w)
    photo = _resize(photo[cut], height, width)
    alpha = _resize(alpha[cut], height, width)
    if person.hard:
        alpha = np.where(alpha > 127, 255, 0).astype(np.uint8)
    photo, alpha = _tilt(rng, [photo, alpha], 4.0, cv2.BORDER_REFLECT)
    photo = camera(rng, light(rng, photo))
    photo, alpha = _flip(rng, [photo, alpha])
    return Frame(photo, alpha, photo, photo, hard=person.hard)


def nobody(rng: np.random.Generator, library: Library, height: int, width: int) -> Frame:
    """A bare ground, or a garment with nobody in it."""
    scene = ground(rng, library, height, width)
    if library.garments and rng.random() < 0.8:
        scene = lay_garment(rng, library, scene, whole=True)
    photo = camera(rng, light(rng, scene, 1.5))
    (photo,) = _flip(rng, [photo])
    return Frame(photo, np.zeros((height, width), np.uint8), photo, photo, hard=False)


def lay_garment(rng: np.random.Generator, library: Library, scene: Array, *, whole: bool) -> Array:
    """A garment photo filling the frame, or its cut-out on another ground."""
    photo, alpha = library.garments[rng.integers(len(library.garments))]
    height, width = scene.shape[:2]
    if whole and rng.random() < 0.5:
        h = int(photo.shape[0] * rng.uniform(0.7, 1.0))
        w = min(photo.shape[1], int(h * width / height))
        h = min(h, int(w * height / width))
        top, left = int(rng.integers(0, photo.shape[0] - h + 1)), int(rng.integers(0, photo.shape[1] - w + 1))
        return _resize(photo[top : top + h, left : left + w], height, width)
    rgb, soft = _place(rng, light(rng, photo, 2.0), alpha, height, width, rng.uniform(0.35, 0.95), False)
    (rgb, soft) = _tilt(rng, [rgb, soft], 25.0, cv2.BORDER_CONSTANT)
    return blend(rgb, soft, scene)


def composite(rng: np.random.Generator, library: Library, height: int, width: int) -> Frame:
    """A cut-out person, now and then two, on another ground."""
    foreground, alpha = _cut_out(rng, library, height, width)
    if rng.random() < 0.08:
        second, second_alpha = _cut_out(rng, library, height, width)
        foreground, alpha = over(foreground, alpha, second, second_alpha)
    background = ground(rng, library, height, width)
    if library.garments and rng.random() < 0.04:
        background = lay_garment(rng, library, background, whole=False)
    if rng.random() < 0.4:
        background = _cast_shadow(rng, background, alpha)
    if rng.random() < 0.5:
        foreground = light(rng, foreground, 0.7)
    changes = rng.integers(2**32)
    # The same seed thrice: light and camera must treat the composite, its foreground and its ground alike.
    foreground, background = (light(np.random.default_rng(changes), p) for p in (foreground, background))
    photo = camera(rng, blend(foreground, alpha, background))
    photo, alpha, foreground, background = _flip(rng, [photo, alpha, foreground, background])
    return Frame(photo, alpha, foreground, background, hard=False)


def draw(rng: np.random.Generator, library: Library, *, natural_only: bool = False) -> Person:
    """A person, its source chosen by the sources' weights."""
    chosen = [p for p in library.people if p.natural] if natural_only else list(library.people)
    names = sorted({p.source for p in chosen})
    shares = np.array([library.weights.get(name, 1.0) for name in names])
    source = names[rng.choice(len(names), p=shares / shares.sum())]
    same = [p for p in chosen if p.source == source]
    return same[rng.integers(len(same))]


def blend(foreground: Array, alpha: Array, background: Array) -> Array:
    """alpha * F + (1 - alpha) * B in encoded sRGB, the space in which alphas are defined here. uint8."""
    a = alpha[..., None].astype(np.float32) / 255
    return np.round(foreground * a + background * (1 - a)).astype(np.uint8)


def over(front: Array, front_alpha: Array, back: Array, back_alpha: Array) -> tuple[Array, Array]:
    """Two foregrounds as one (DIM, §4): alpha = 1 - (1 - a1)(1 - a2), colours by their shares."""
    a1, a2 = front_alpha.astype(np.float32) / 255, back_alpha.astype(np.float32) / 255
    alpha = 1 - (1 - a1) * (1 - a2)
    mixed = front * a1[..., None] + back * (a2 * (1 - a1))[..., None]
    colour = np.where(alpha[..., None] > 1e-3, mixed / np.maximum(alpha, 1e-3)[..., None], front)
    return np.clip(colour, 0, 255).astype(np.uint8), np.round(alpha * 255).astype(np.uint8)


def _cut_out(rng: np.random.Generator, library: Library, height: int, width: int) -> tuple[Array, Array]:
    person = draw(rng, library)
    foreground, alpha = person.foreground, person.alpha
    if person.hard:
        alpha = _soften(rng, alpha)
    if rng.random() < BAG_SHARE:
        foreground, alpha = add_bag(rng, foreground, alpha)
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, alpha.shape[0])
    tall = bottom - top
    full_length = tall > 1.9 * np.count_nonzero((alpha > 127).any(axis=0))
    part = rng.choice(["whole", "half", "head"], p=[0.4, 0.42, 0.18] if full_length else [0.75, 0.25, 0.0])
    if part != "whole":
        share = rng.uniform(0.38, 0.75) if part == "half" else rng.uniform(0.2, 0.36)
        bottom = top + max(8, int(tall * share))
    above = max(0, top - int(0.03 * tall))
    grow = rng.uniform(0.55, 1.0) if part == "whole" else rng.uniform(0.6, 1.0)
    cut = part != "whole" or bottom >= alpha.shape[0] - 2
    columns = np.flatnonzero((alpha[above:bottom] > 127).any(axis=0))
    left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, alpha.shape[1])
    margin = int(0.06 * tall)
    window = slice(above, bottom), slice(max(0, left - margin), right + margin)
    placed, soft = _place(rng, foreground[window], alpha[window], height, width, grow, cut)
    if rng.random() < (0.35 if person.hard else 0.1):
        placed, soft = add_strands(rng, placed, soft)
    if not cut:
        placed, soft = _tilt(rng, [placed, soft], 8.0, cv2.BORDER_CONSTANT)
    return placed, soft


def _soften(rng: np.random.Generator, mask: Array) -> Array:
    """A hard mask's edge drawn in by the labels' error (2 to 4 px at 550 px) and made soft."""
    radius = int(rng.integers(1, 3))
    smaller = cv2.erode(mask, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    soft: Array = cv2.GaussianBlur(smaller, (0, 0), rng.uniform(0.6, 1.8))
    return soft


def _place(
    rng: np.random.Generator, rgb: Array, alpha: Array, height: int, width: int, grow: float, cut: bool
) -> tuple[Array, Array]:
    """Scales a cut-out to `grow` of the frame and sets it down: on the lower edge when it is cut there."""
    scale = min(grow * height / alpha.shape[0], 1.25 * grow * width / alpha.shape[1])
    h, w = max(8, round(alpha.shape[0] * scale)), max(8, round(alpha.shape[1] * scale))
    rgb, alpha = _resize(rgb, h, w), _resize(alpha, h, w)
    top = height - h if cut else round((height - h) * rng.uniform(0.2, 1.0))
    left = round((width - w) * rng.uniform(0.15, 0.85))
    canvas = np.zeros((height, width, 3), np.uint8)
    soft = np.zeros((height, width), np.uint8)
    y0, y1, x0, x1 = max(0, top), min(height, top + h), max(0, left), min(width, left + w)
    inner = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    canvas[y0:y1, x0:x1], soft[y0:y1, x0:x1] = rgb[inner], alpha[inner]
    return canvas, soft


def _around(rng: np.random.Generator, alpha: Array, aspect: float) -> tuple[int, int, int, int]:
    """A crop (top, left, height, width) of that height/width: the whole photo, or round a person pixel."""
    full_height, full_width = alpha.shape
    share = 1.0 if rng.random() < 0.5 else rng.uniform(0.35, 1.0)
    h = int(full_height * share)
    # Up to a tenth of stretching, as rounding to multiples of 32 gives at run time.
    w = int(h / aspect * np.exp(rng.normal(0, 0.06)))
    if w > full_width:
        w = full_width
        h = min(full_height, int(w * aspect))
    ys, xs = np.nonzero(alpha[::8, ::8] > 127)
    if len(ys):
        k = rng.integers(len(ys))
        y, x = int(ys[k]) * 8, int(xs[k]) * 8
    else:
        y, x = full_height // 2, full_width // 2
    top = int(np.clip(y - h * rng.uniform(0.2, 0.8), 0, full_height - h))
    left = int(np.clip(x - w * rng.uniform(0.2, 0.8), 0, full_width - w))
    return top, left, max(8, h), max(8, w)


def _cast_shadow(rng: np.random.Generator, background: Array, alpha: Array) -> Array:
    """A soft shadow of the person, which must be learned as background."""
    height = alpha.shape[0]
    shift = np.array([[1, 0, rng.normal(0, 0.04) * height], [0, 1, rng.uniform(0, 0.05) * height]])
    moved = cv2.warpAffine(alpha, shift, alpha.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.01, 0.05) * height).astype(np.float32) / 255
    darker: Array = (background * (1 - rng.uniform(0.1, 0.5) * soft[..., None])).astype(np.uint8)
    return darker


def _tilt(rng: np.random.Generator, pictures: list[Array], degrees: float, border: int) -> list[Array]:
    if rng.random() < 0.6:
        return pictures
    height, width = pictures[0].shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-degrees, degrees), 1.0)
    return [cv2.warpAffine(p, turn, (width, height), borderMode=border) for p in pictures]


def _flip(rng: np.random.Generator, pictures: list[Array]) -> list[Array]:
    return [np.ascontiguousarray(p[:, ::-1]) for p in pictures] if rng.random() < 0.5 else pictures


def _resize(picture: Array, height: int, width: int) -> Array:
    method = cv2.INTER_AREA if picture.shape[0] > height else cv2.INTER_LINEAR
    resized: Array = cv2.resize(picture, (width, height), interpolation=method)
    return resized
