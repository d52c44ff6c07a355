"""Procedural hair: curved strands of falling width and opacity, drawn anti-aliased.

True alphas of hair are few; strands on top of a coarse mask give M-Net detail whose truth is known exactly.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SUPERSAMPLE_BITS = 4
"""Fixed-point bits for cv2's sub-pixel line drawing."""


def add_strands(
    rng: np.random.Generator, foreground: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grows hair from the upper outline of a person.

    foreground: uint8 (H, W, 3); alpha: uint8 (H, W). -> the same two with strands. Unchanged when the
    person's outline is not in the picture.
    """
    roots = _roots(alpha)
    if len(roots) < 20:
        return foreground, alpha
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    reach = float(np.clip(rng.uniform(0.03, 0.16) * (rows[-1] - rows[0] + 1), 4, 90))
    strength = np.zeros(alpha.shape, np.uint8)
    centre = roots.mean(axis=0) + np.array([0, reach])
    wind = rng.normal(0, 0.7, 2)
    for _ in range(int(rng.integers(20, 160))):
        root = roots[rng.integers(len(roots))] + rng.normal(0, 1.5, 2)
        _draw(rng, strength, root, _direction(rng, root, centre, wind), reach * rng.uniform(0.3, 1.3))
    if rng.random() < 0.5:
        strength = cv2.GaussianBlur(strength, (3, 3), 0)
    colour = _hair_colour(rng, foreground, roots)
    grown = 255 - ((255 - alpha.astype(np.uint16)) * (255 - strength) // 255).astype(np.uint8)
    fresh = (strength.astype(np.float32) / 255 * (1 - alpha.astype(np.float32) / 255))[..., None]
    painted = foreground * (1 - fresh) + colour * fresh
    bare = (alpha < 8)[..., None] & (strength > 0)[..., None]
    return np.where(bare, colour, painted).astype(np.uint8), grown


def _roots(alpha: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Points (x, y) on the outline of the uppermost fifth of the person."""
    contours, _ = cv2.findContours((alpha > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2))
    points = max(contours, key=len)[:, 0, :].astype(np.float64)
    top, bottom = points[:, 1].min(), points[:, 1].max()
    inside = (points[:, 1] < top + 0.2 * (bottom - top)) & (points[:, 1] > 1)
    inside &= (points[:, 0] > 1) & (points[:, 0] < alpha.shape[1] - 2)
    upper: NDArray[np.float64] = points[inside]
    return upper


def _direction(
    rng: np.random.Generator,
    root: NDArray[np.float64],
    centre: NDArray[np.float64],
    wind: NDArray[np.float64],
) -> NDArray[np.float64]:
    outwards = root - centre
    outwards /= np.linalg.norm(outwards) + 1e-6
    mixed = outwards + wind + rng.normal(0, 0.35, 2)
    direction: NDArray[np.float64] = mixed / (np.linalg.norm(mixed) + 1e-6)
    return direction


def _draw(
    rng: np.random.Generator,
    strength: NDArray[np.uint8],
    root: NDArray[np.float64],
    direction: NDArray[np.float64],
    length: float,
) -> None:
    steps = np.linspace(0, 1, 8)[:, None]
    bend = rng.normal(0, 0.45) * np.array([-direction[1], direction[0]])
    droop = np.array([0, rng.uniform(0, 0.6)])
    curve = root + length * (steps * direction + steps**2 * (bend + droop))
    points = np.round(curve * 2**SUPERSAMPLE_BITS).astype(np.int32)
    opacity = rng.uniform(60, 255)
    width = 2 if rng.random() < 0.25 else 1
    for k in range(len(points) - 1):
        # Falls towards the tip, so that a strand ends in nothing rather than in a stump.
        level = int(opacity * (1 - 0.85 * k / (len(points) - 2 + 1)))
        segment = points[k : k + 2].reshape(-1, 1, 2)
        cv2.polylines(
            strength, [segment], False, level, width if k < 3 else 1, cv2.LINE_AA, shift=SUPERSAMPLE_BITS
        )


def _hair_colour(
    rng: np.random.Generator, foreground: NDArray[np.uint8], roots: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The person's own colour at the outline, now and then another hair colour. float32 (3,)."""
    if rng.random() < 0.3:
        return rng.uniform((15, 10, 5), (190, 150, 120)).astype(np.float32)
    x, y = np.round(np.median(roots, axis=0)).astype(int)
    patch = foreground[max(0, y - 3) : y + 12, max(0, x - 8) : x + 8].reshape(-1, 3)
    mean = patch.mean(axis=0) if len(patch) else np.full(3, 60.0)
    return np.clip(mean * rng.uniform(0.7, 1.3), 0, 255).astype(np.float32)
