"""Weights on disk: one safetensors file whose header carries what the weights are.

Convolution weights are stored as fp16 and used as fp32; batch-norm statistics stay fp32, whose range
they need. Loading is strict: missing, unexpected or misshapen tensors and NaN are refused, and nothing
but safetensors is ever opened, since a pickle can run code.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load
from safetensors.numpy import save as to_bytes

if TYPE_CHECKING:
    from shm.model import SHM, SHMConfig

FORMAT = "shm/1"
_MAX_HEADER = 16 * 2**20
_KEYS = ("config", "metrics", "data")

Arrays = dict[str, NDArray[Any]]


class WeightsError(RuntimeError):
    """A weights file cannot be used. The message names the file and what is wrong with it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem

    def __reduce__(self) -> tuple[type["WeightsError"], tuple[Path, str]]:
        return (type(self), (self.path, self.problem))


@dataclass(frozen=True, slots=True)
class Card:
    """What a weights file says of itself. `metrics` and `data` are plain JSON objects."""

    config: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""


def default_weights() -> Path:
    """The starter weights that ship with the package."""
    return Path(__file__).parent / "weights" / "starter-2.safetensors"


def weights_id(path: Path | None = None) -> str:
    """sha256 (hex) of the weights file: part of the recipe of everything made with it. Needs no torch."""
    path = path or default_weights()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(path, _unreadable(error)) from error


def read_card(path: Path) -> Card:
    """The card in the file's header; reads no tensor. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            # A pickle or a web page read as a length gives something absurd: stop before reading that much.
            head = file.read(size) if 2 <= size <= _MAX_HEADER else b""
    except OSError as error:
        raise WeightsError(path, _unreadable(error)) from error
    if len(head) != size or not head.startswith(b"{"):
        raise WeightsError(path, "not a safetensors file, or cut short")
    try:
        stored = json.loads(head).get("__metadata__", {})
        if stored.get("format") != FORMAT:
            raise WeightsError(path, f"not weights of this project (format {stored.get('format')!r})")
        fields = {key: json.loads(stored[key]) for key in _KEYS}
        return Card(**fields, licence=stored["licence"])
    except (ValueError, KeyError, AttributeError) as error:
        raise WeightsError(path, f"damaged header ({error})") from error


def save(
    path: Path,
    model: "SHM",
    *,
    metrics: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Path:
    """Writes `model` and its card to `path`, whole or not at all. Raises WeightsError for NaN or overflow."""
    card = {"config": model.config.to_dict(), "metrics": metrics or {}, "data": data or {}}
    header = {"format": FORMAT, "licence": licence}
    header |= {key: json.dumps(value, sort_keys=True, allow_nan=False) for key, value in card.items()}
    arrays = {name: _stored(path, name, t.detach().cpu().numpy()) for name, t in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Not `save_file`: it leaves a file that only its owner may read, whatever the umask says.
        temporary.write_bytes(to_bytes(arrays, metadata=header))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_model(path: Path | None = None) -> "SHM":
    """The network in `path` (the shipped one where None): float32, CPU, eval mode. Raises WeightsError."""
    import torch

    from shm.model import SHM

    path = path or default_weights()
    config, arrays = _config(path, read_card(path)), _read(path)
    model = SHM(config)
    wanted = model.state_dict()
    missing, unexpected = sorted(wanted.keys() - arrays.keys()), sorted(arrays.keys() - wanted.keys())
    if missing or unexpected:
        raise WeightsError(path, _differs("missing", missing) + _differs("unexpected", unexpected))
    tensors = {}
    for name, like in wanted.items():
        values = arrays[name]
        if values.shape != tuple(like.shape):
            raise WeightsError(path, f"{name} has shape {values.shape}, wanted {tuple(like.shape)}")
        if not np.isfinite(values).all():
            raise WeightsError(path, f"{name} holds NaN or infinite values")
        tensors[name] = torch.from_numpy(np.ascontiguousarray(values)).to(like.dtype)
    model.load_state_dict(tensors, strict=True)
    return model.eval()


def _config(path: Path, card: Card) -> "SHMConfig":
    from shm.model import SHMConfig

    try:
        return SHMConfig.from_dict(dict(card.config))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise WeightsError(path, f"its network configuration is not one of ours ({error})") from error


def _read(path: Path) -> Arrays:
    try:
        return load(path.read_bytes())
    except SafetensorError as error:
        raise WeightsError(path, f"damaged or cut short ({error})") from error
    except OSError as error:
        raise WeightsError(path, _unreadable(error)) from error


def _stored(path: Path, name: str, values: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise WeightsError(path, f"not saved: {name} holds NaN or infinite values")
    if values.ndim < 2 or values.dtype != np.float32:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise WeightsError(path, f"not saved: {name} exceeds the range of fp16")
    return half


def _differs(what: str, names: list[str]) -> str:
    return f"{len(names)} {what} tensors, such as {names[0]}; " if names else ""


def _unreadable(error: OSError) -> str:
    return (
        "no such weights file" if isinstance(error, FileNotFoundError) else f"unreadable ({error.strerror})"
    )
