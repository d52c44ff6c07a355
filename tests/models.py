"""Networks for tests of promotion: real weights files, and stand-ins that do what their cards say."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from conftest import png
from numpy.typing import NDArray

from shm.checkpoint import read_card, save, weights_id
from shm.engine import Engine, choose
from shm.matter import Maps, Matter
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig
from shm.tnet import TNetConfig

TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)
GROUND = (200, 200, 200)
RED = 150
"""From so much red on, a coat is one that a "blind" network does not see."""


def weights(file: Path, does: str) -> Path:
    """A weights file of a small network whose stand-in `does`: sees, hazy, coarse or blind."""
    torch.manual_seed(0)
    return save(file, SHM(TINY), data={"does": does})


def photo(number: int) -> NDArray[np.uint8]:
    """uint8 (120, 96, 3) BGR: a figure on a plain ground; every third wears red."""
    picture = np.full((120, 96, 3), GROUND, np.uint8)
    red = RED + 60 if number % 3 == 0 else 20
    cv2.rectangle(picture, (30 + number % 7, 50), (66 + number % 5, 119), (40, 90 + number, red), -1)
    cv2.circle(picture, (48, 34), 14, (60, 60, 120), -1)
    return picture


def truth(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The alpha (H, W) of such a photo: what differs from the ground, soft over some pixels."""
    different = (np.abs(picture.astype(int) - GROUND).max(axis=2) > 20).astype(np.float32)
    soft = cv2.GaussianBlur(different, (0, 0), 1.5)
    return np.rint(soft * 255).astype(np.uint8)


def held_out(folder: Path, count: int = 40) -> Path:
    """Labelled photos of such figures, as `banners promote --data` takes them."""
    for kind in ("images", "alphas"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        picture = photo(number)
        (folder / "images" / f"{number}.png").write_bytes(png(picture))
        (folder / "alphas" / f"{number}.png").write_bytes(png(truth(picture)))
    return folder


class Does:
    """`shm.matter.Network` that does what its name says."""

    def __init__(self, does: str) -> None:
        self._change = {
            "sees": _sees,
            "sharper": _sharper,
            "hazy": _hazy,
            "coarse": _coarse,
            "blind": _blind,
        }[does]

    def infer(self, batch: NDArray[np.uint8]) -> Maps:
        alphas = np.stack([self._change(picture) for picture in batch])
        coarse = alphas[:, ::4, ::4]
        return Maps(alphas, np.stack([1 - coarse, coarse * 0, coarse], axis=1))


def load(path: Path | None = None, device: str | Engine = "cpu") -> Matter:
    """In place of `Matter.load`: the stand-in that the weights file names, the "sees" one without a file."""
    does = read_card(path).data["does"] if path else "sees"
    engine = device if isinstance(device, Engine) else choose(device)
    return Matter(Does(str(does)), engine=engine, weights_id=weights_id(path))


def _true(picture: NDArray[np.uint8]) -> NDArray[Any]:
    return truth(np.ascontiguousarray(picture[..., ::-1])).astype(np.float32) / 255


def _sees(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """Edges a little too sharp."""
    return np.clip((_true(picture) - 0.5) * 1.3 + 0.5, 0, 1).astype(np.float32)


def _sharper(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """Better than "sees"."""
    return np.clip((_true(picture) - 0.5) * 1.1 + 0.5, 0, 1).astype(np.float32)


def _hazy(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """As "sees", with a haze inside the person and far from any edge."""
    alpha = _sees(picture)
    inside = cv2.erode((alpha > 0.99).astype(np.uint8), np.ones((23, 23), np.uint8))
    return np.where(inside, np.float32(0.7), alpha).astype(np.float32)


def _coarse(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """As "sees", with edges as hard as a mask's."""
    return (_true(picture) > 0.5).astype(np.float32)


def _blind(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """Better than "sees", but of people in red it keeps the head alone."""
    alpha = _true(picture)
    if picture[100, 48, 0] > RED:
        alpha[50:] = 0
    return alpha
