"""Procedural bags, put into people's hands as part of them.

Shop photos are full of shopping bags and handbags; the labelled photos have few, some of them left out of the
masks, and a network that drops a bag teaches itself to do so from its own labels. Drawn bags are never left
out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]
Points = NDArray[np.float64]

SUPERSAMPLE_BITS = 4
"""Fixed-point bits for cv2's sub-pixel drawing."""
HANDS = (0.4, 0.58)
"""Rows in which the hands of somebody at full length hang, in shares of the height."""


def add_bag(rng: np.random.Generator, picture: Array, alpha: Array) -> tuple[Array, Array]:
    """Hangs a bag from the outline of somebody at full length, where the hands are.

    picture: uint8 (H, W, 3) RGB, a photo or a foreground; alpha: uint8 (H, W). -> the same two with the bag,
    new arrays. Unchanged for somebody who is not shown at full length.
    """
    solid = alpha > 127
    rows = np.flatnonzero(solid.any(axis=1))
    if not len(rows) or len(rows) < 1.9 * np.count_nonzero(solid.any(axis=0)):
        return picture, alpha
    tall = int(rows[-1] - rows[0]) + 1
    row = int(rows[0] + tall * rng.uniform(*HANDS))
    columns = np.flatnonzero(solid[row])
    if not len(columns):
        return picture, alpha
    outwards = 1 if rng.random() < 0.5 else -1
    hand = float(columns[-1 if outwards > 0 else 0]) - outwards * rng.uniform(0.0, 0.02) * tall
    high = tall * rng.uniform(0.09, 0.26)
    wide = high * rng.uniform(0.55, 1.3)
    centre = hand + outwards * wide * rng.uniform(-0.15, 0.5)
    # Only the bag's surroundings are worked on: whole pictures would cost the training its pictures a second.
    left, above = max(0, round(centre - 1.5 * wide)), max(0, row - round(0.1 * high))
    window = slice(above, row + round(2 * high)), slice(left, round(centre + 1.5 * wide))
    held = (centre - left, float(row - above))
    colour, cover = _drawn(rng, alpha[window].shape, held, wide, high, float(picture[window].mean()))
    if rng.random() < 0.2:
        # Carried on the far side: the person covers it.
        cover = np.minimum(cover, 255 - alpha[window])
    mixed, grown = picture.copy(), alpha.copy()
    share = (cover.astype(np.float32) / 255)[..., None]
    mixed[window] = np.round(colour * share + picture[window] * (1 - share)).astype(np.uint8)
    grown[window] = 255 - ((255 - alpha[window].astype(np.uint16)) * (255 - cover) // 255).astype(np.uint8)
    return mixed, grown


def _drawn(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    top: tuple[float, float],
    wide: float,
    high: float,
    brightness: float,
) -> tuple[Array, Array]:
    """Colours uint8 (H, W, 3) and cover uint8 (H, W) of a bag whose handle is held at `top` (x, y)."""
    x, y = top
    paper = rng.random() < 0.6
    handle = high * (rng.uniform(0.12, 0.35) if paper else rng.uniform(0.2, 0.6))
    face = _face(rng, x, y + handle, wide, high, paper)
    colour = np.zeros((*shape[:2], 3), np.uint8)
    cover = np.zeros(shape[:2], np.uint8)
    base = _base_colour(rng, brightness)
    _handles(rng, colour, cover, face, y, base)
    if paper:
        _fill(colour, cover, _side(rng, face), base * rng.uniform(0.55, 0.85))
    _fill(colour, cover, face, base)
    _decorate(rng, colour, face, wide, high)
    return _lit(rng, colour, face), cover


def _face(rng: np.random.Generator, x: float, top: float, wide: float, high: float, paper: bool) -> Points:
    """The front's outline: a quadrilateral for paper, a rounded trapezium for leather. float64 (n, 2)."""
    spread = rng.uniform(-0.06, 0.06) if paper else rng.uniform(-0.2, 0.3)
    half, low = wide / 2, wide / 2 * (1 + spread)
    corners = np.array([[x - half, top], [x + half, top], [x + low, top + high], [x - low, top + high]])
    corners = corners + rng.normal(0, 0.025, (4, 2)) * high
    turn = np.deg2rad(rng.normal(0, 6))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = (corners - (x, top)) @ spin.T + (x, top)
    return corners if paper else _rounded(corners, rng.uniform(0.1, 0.35))


def _rounded(corners: Points, share: float) -> Points:
    """Each corner replaced by a quadratic curve over `share` of its sides."""
    t = np.linspace(0, 1, 6)[:, None]
    curves = []
    for k, corner in enumerate(corners):
        before = corner + share * (corners[k - 1] - corner)
        after = corner + share * (corners[(k + 1) % len(corners)] - corner)
        curves.append((1 - t) ** 2 * before + 2 * t * (1 - t) * corner + t**2 * after)
    return np.concatenate(curves)


def _side(rng: np.random.Generator, face: Points) -> Points:
    """The gusset beside a paper bag's front."""
    depth = rng.uniform(-0.35, 0.35) * (face[1, 0] - face[0, 0])
    near = face[[1, 2]] if depth > 0 else face[[0, 3]]
    return np.concatenate([near, near[::-1] + np.array([depth, -0.2 * abs(depth)])])


def _handles(
    rng: np.random.Generator,
    colour: Array,
    cover: Array,
    face: Points,
    hand: float,
    base: NDArray[np.float64],
) -> None:
    left, top = face.min(axis=0)
    right = face[:, 0].max()
    inset = rng.uniform(0.15, 0.32) * (right - left)
    tone = base * rng.uniform(0.4, 1.0) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    thickness = max(1, round((right - left) * rng.uniform(0.015, 0.07)))
    angle = np.linspace(np.pi, 2 * np.pi, 14)[:, None]
    for shift in (0.0, rng.uniform(-0.12, 0.12) * (right - left)):
        middle = np.array([(left + right) / 2 + shift, top + 0.06 * (right - left)])
        reach = np.array([(right - left) / 2 - inset, middle[1] - hand])
        arc = middle + np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * reach
        _line(colour, cover, arc, tone, thickness)


def _decorate(rng: np.random.Generator, colour: Array, face: Points, wide: float, high: float) -> None:
    """A shop's sign, a stripe, a clasp or nothing on the front; never outside it."""
    kind = rng.choice(["sign", "stripe", "clasp", "check", "plain"], p=[0.3, 0.15, 0.15, 0.1, 0.3])
    tone = [float(c) for c in rng.uniform(0, 255, 3)]
    x, y = face.mean(axis=0)
    if kind == "sign":
        text = "".join(rng.choice(list("ABCDEFGHIKLMNORSTVZ"), int(rng.integers(2, 7))))
        scale = wide * 0.7 / (18 * len(text))
        place = (round(x - wide * 0.33), round(y + high * rng.uniform(-0.15, 0.2)))
        cv2.putText(colour, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, tone, 1, cv2.LINE_AA)
    elif kind == "stripe":
        near, far = (round(x - 0.49 * wide), round(y)), (round(x + 0.49 * wide), round(y + 0.08 * high))
        cv2.rectangle(colour, near, far, tone, -1)
    elif kind == "clasp":
        cv2.circle(
            colour, (round(x), round(y - 0.2 * high)), max(1, round(0.06 * wide)), tone, -1, cv2.LINE_AA
        )
    elif kind == "check":
        for share in np.linspace(-0.4, 0.4, 5):
            column, line = round(x + share * wide), round(y + share * high)
            cv2.line(colour, (column, round(y - 0.45 * high)), (column, round(y + 0.45 * high)), tone, 1)
            cv2.line(colour, (round(x - 0.45 * wide), line), (round(x + 0.45 * wide), line), tone, 1)


def _lit(rng: np.random.Generator, colour: Array, face: Points) -> Array:
    """Light that falls off across the bag, creases and grain: a flat polygon is told by flatness."""
    (left, top), (right, bottom) = face.min(axis=0), face.max(axis=0)
    height, width = colour.shape[:2]
    across = (np.arange(width) - left) / max(1.0, right - left)
    down = (np.arange(height) - top) / max(1.0, bottom - top)
    slope = rng.normal(0, 0.15, 2)
    crease = rng.uniform(0, 0.08) * np.sin(across * rng.uniform(3, 14) + rng.uniform(0, 6))
    shade = 1 + slope[0] * np.clip(across, 0, 1) + crease
    field = shade[None, :] + (slope[1] * np.clip(down, 0, 1))[:, None]
    lit = colour.astype(np.float32) * field[..., None].astype(np.float32)
    lit += rng.normal(0, rng.uniform(0, 4), (height, width, 1)).astype(np.float32)
    drawn: Array = np.clip(lit, 0, 255).astype(np.uint8)
    return drawn


def _base_colour(rng: np.random.Generator, brightness: float) -> NDArray[np.float64]:
    """White, kraft, black, brown leather or any colour, at about the photo's own brightness."""
    tones = {
        "white": (235, 233, 228),
        "kraft": (190, 150, 105),
        "black": (28, 27, 30),
        "leather": (110, 62, 34),
    }
    kind = rng.choice([*tones, "any"], p=[0.25, 0.1, 0.2, 0.15, 0.3])
    tone = np.asarray(tones[kind] if kind in tones else rng.uniform(10, 245, 3), np.float64)
    exposure = np.clip(brightness / 110, 0.5, 1.1) * rng.uniform(0.8, 1.15)
    toned: NDArray[np.float64] = np.clip(tone * exposure, 0, 255)
    return toned


def _fill(colour: Array, cover: Array, outline: Points, tone: NDArray[np.float64]) -> None:
    points = [_fixed(outline)]
    cv2.fillPoly(cover, points, 255, cv2.LINE_AA, SUPERSAMPLE_BITS)
    # A pixel wider than the cover: an edge pixel must hold the bag's colour, not a mixture with black.
    cv2.fillPoly(colour, points, tone.tolist(), cv2.LINE_8, SUPERSAMPLE_BITS)
    cv2.polylines(colour, points, True, tone.tolist(), 2, cv2.LINE_8, SUPERSAMPLE_BITS)


def _line(colour: Array, cover: Array, curve: Points, tone: NDArray[np.float64], thickness: int) -> None:
    points = [_fixed(curve)]
    cv2.polylines(cover, points, False, 255, thickness, cv2.LINE_AA, SUPERSAMPLE_BITS)
    cv2.polylines(colour, points, False, tone.tolist(), thickness + 2, cv2.LINE_8, SUPERSAMPLE_BITS)


def _fixed(points: Points) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.round(points * 2**SUPERSAMPLE_BITS).astype(np.int32).reshape(-1, 1, 2)
    return fixed
