"""Networks for tests of promotion: real weights files, stand-ins that do what their cards say, and a small
network that is really trained.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from conftest import png
from numpy.typing import NDArray

from shm.checkpoint import load_model, read_card, save, weights_id
from shm.engine import Engine, choose
from shm.matter import Maps, Matter
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig
from shm.tnet import TNetConfig
from shm.train.recipe import read_recipe
from shm.train.run import train

TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)
NETWORK = """
preset: starter
network:
  tnet: {backbone: resnet18_short, head: 16, refine: [8, 8], auxiliary: false}
  mnet: {width: 0.0625}
  tnet_long_side: 64
seed: 4
"""
"""The head of a recipe for `TINY`."""
TRAINING = """
sources:
  people: {kind: pairs, images: first/images, labels: first/alphas}
  scenes: {kind: grounds, images: grounds}
stages:
  - {name: t, train: tnet, steps: 150, rate: 0.002, pixels: 49152, long_side: 64, natural: 0.9}
  - {name: m, train: mnet, steps: 150, rate: 0.003, pixels: 49152, side: 64, crops: [64], frame: 128}
"""
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
    red = RED + 60 if in_red(number) else 20
    cv2.rectangle(picture, (30 + number % 7, 50), (66 + number % 5, 119), (40, 90 + number, red), -1)
    cv2.circle(picture, (48, 34), 14, (60, 60, 120), -1)
    return picture


def truth(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The alpha (H, W) of such a photo: what differs from the ground, soft over some pixels."""
    different = (np.abs(picture.astype(int) - GROUND).max(axis=2) > 20).astype(np.float32)
    soft = cv2.GaussianBlur(different, (0, 0), 1.5)
    return np.rint(soft * 255).astype(np.uint8)


def in_red(number: int) -> bool:
    """Whether the figure of that number wears a red coat."""
    return number % 3 == 0


def trained(data: Path) -> Path:
    """A weights file, made in half a minute, of a small network that has never seen a red coat. `data`, an
    empty folder, becomes its training data.
    """
    held_out(data / "first", [number for number in range(40) if not in_red(number)])
    (data / "grounds").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        ground = np.full((200, 200, 3), rng.integers(150, 230, 3), np.uint8)
        (data / "grounds" / f"{number}.png").write_bytes(png(ground))
    recipe = data.parent / "first.yaml"
    recipe.write_text(NETWORK + TRAINING)
    network = train(read_recipe(recipe), data, data.parent / "run", workers=0, engine=Engine("cpu", "fp32"))
    return save(data.parent / "first.safetensors", network)


def spoilt(file: Path, kind: str) -> Path:
    """The network in `file` made worse: "hazy" is unsure of everybody, "coarse" has lost its M-Net."""
    network = load_model(file)
    with torch.no_grad():
        if kind == "hazy":
            network.tnet.classify.bias[1] += 3
        else:
            network.mnet.alpha.weight.zero_()
            network.mnet.alpha.bias.fill_(0.5)
    return save(file.parent / f"{kind}.safetensors", network)


def held_out(folder: Path, numbers: Iterable[int] = range(40)) -> Path:
    """Labelled photos of such figures, as `banners promote --data` takes them."""
    for kind in ("images", "alphas"):
        (folder / kind).mkdir(parents=True)
    for number in numbers:
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
