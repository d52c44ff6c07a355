"""Photometric changes that close the gap between composites and photographs. RGB uint8 in and out."""

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]


def light(rng: np.random.Generator, picture: Array, strength: float = 1.0) -> Array:
    """Exposure, contrast, colour temperature, saturation; now and then grey."""
    gamma = np.exp(rng.normal(0, 0.18 * strength))
    gain = 1 + rng.normal(0, 0.12 * strength) + rng.normal(0, 0.05 * strength, 3)
    ramp = (np.arange(256) / 255.0) ** gamma
    table = np.clip(ramp[:, None] * gain * 255, 0, 255).astype(np.uint8)
    changed = cv2.LUT(picture, table.reshape(256, 1, 3))
    saturation = 0.0 if rng.random() < 0.05 * strength else 1 + rng.normal(0, 0.2 * strength)
    if abs(saturation - 1) > 0.08:
        grey = cv2.cvtColor(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        changed = cv2.addWeighted(changed, saturation, grey, 1 - saturation, 0)
    result: Array = changed
    return result


def camera(rng: np.random.Generator, picture: Array) -> Array:
    """What lens, sensor and file do to a whole picture: blur, noise, JPEG."""
    if rng.random() < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.35:
        grain = rng.normal(0, rng.uniform(1, 9), picture.shape[:2]).astype(np.float32)
        picture = np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.integers(35, 95))
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return picture
