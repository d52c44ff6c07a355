"""A network as one ONNX file, photo to alpha, and the proof that it computes what torch computes.

The graph takes any number of photos of one size, sides in multiples of 32; the size at which T-Net sees them
is worked out inside it (`graph.py`). No file is left behind that was not checked on real photos.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from shm.checkpoint import default_weights, load_model, read_card, weights_id
from shm.fusion import trimap_probabilities
from shm.matter import to_frame
from shm.model import SHM
from shm.train.graph import Exportable
from shm.train.labelled import read_photo

OPSET = 17
"""ONNX operator set, of 2022: everything the graph needs, and every runtime of the last years reads it."""
LARGEST, MEAN = 0.02, 1e-4
"""Tolerances: the largest and the mean difference of alpha on any photo. Both engines sum in float32 but in
another order, so two nearly equal values in a pooling window can swap places and move a detail by a pixel:
3e-3 in some dozens of pixels of a photo with the starter weights, where all others agree to 1e-5. A wrong
graph is off by 0.1 and more."""
_EXTRA = "pip install 'shm-banners[export]'"
_SIDES = (96, 64)
"""Of the picture that is traced. The graph must not remember them: the photos it is checked on differ."""


Run = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""photo float32 (1, 3, H, W) in [0, 1] -> alpha (1, 1, H, W), trimap (1, 3, H, W)."""


class ExportError(RuntimeError):
    """A network could not be exported, or its graph computes something else. The message says which."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One photo, `size` (height, width) as the network saw it: torch's results against the graph's."""

    photo: str
    size: tuple[int, int]
    largest: float
    mean: float
    trimap_largest: float


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph that was written and checked."""

    path: Path
    differences: tuple[Difference, ...]

    @property
    def largest(self) -> float:
        """Greatest difference of alpha on any photo."""
        return max(difference.largest for difference in self.differences)

    def table(self) -> str:
        """For people: a line per photo, then what was made."""
        lines = [f"{'photo':<32}{'size':>11}  largest  mean     of the trimap"]
        lines += [
            f"{d.photo[:31]:<32}{f'{d.size[1]}x{d.size[0]}':>11}  {d.largest:.1e}  {d.mean:.1e}  "
            f"{d.trimap_largest:.1e}"
            for d in self.differences
        ]
        lines += [f"greatest difference from torch: {self.largest:.1e} (tolerance {LARGEST})"]
        lines += [f"{self.path}: {self.path.stat().st_size / 2**20:.1f} MiB, ONNX operator set {OPSET}"]
        return "\n".join(lines)


def export(weights: Path | None, output: Path, photos: Sequence[Path]) -> Exported:
    """Writes the network in `weights` (the shipped one where None) to `output` and compares both on `photos`.

    Inputs and outputs are those of `shm.train.graph.Exportable`: `photo` -> `alpha`, `trimap`.
    Raises ExportError (also where onnx or onnxruntime is not installed, or a difference is beyond the
    tolerances; `output` is not written then), `shm.train.labelled.ListError` for a photo that cannot be read,
    `shm.checkpoint.WeightsError`, OSError.
    """
    onnx, onnxruntime = _packages()
    path = weights or default_weights()
    model = load_model(path)
    graph = _described(onnx, _trace(model), path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(photo: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        alpha, trimap = session.run(["alpha", "trimap"], {"photo": photo})
        return alpha, trimap

    differences = tuple(_compare(model, run, photo) for photo in photos)
    _refuse_wrong(differences)
    _write(graph, output)
    return Exported(output, differences)


def _packages() -> tuple[ModuleType, ModuleType]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ExportError(
            f"export needs the package {error.name}, which is not installed: {_EXTRA}"
        ) from error
    return onnx, onnxruntime


def _trace(model: SHM) -> bytes:
    """The graph of a network, for any number of photos and any sides."""
    backbone = model.config.tnet.backbone
    # The exporter by tracing is called legacy, with a warning. Its successor cannot follow T-Net's size,
    # which is worked out from the photo's.
    with warnings.catch_warnings(record=True) as caught, TemporaryDirectory() as folder:
        warnings.simplefilter("always")
        file = Path(folder) / "graph.onnx"
        try:
            _export(Exportable(model), file)
        except torch.onnx.OnnxExporterError as error:
            raise ExportError(f"a T-Net on {backbone!r} cannot be written as ONNX: {error}") from error
        graph = file.read_bytes()
    for warning in caught:
        # It says that something was computed from this picture's size alone: right here, wrong elsewhere.
        if issubclass(warning.category, TracerWarning):
            raise ExportError(
                f"a T-Net on {backbone!r} has no graph that is right for every size of photo: "
                f"{warning.message}"
            )
    return graph


def _export(network: Exportable, file: Path) -> None:
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, *_SIDES),),
        file,
        dynamo=False,
        opset_version=OPSET,
        input_names=["photo"],
        output_names=["alpha", "trimap"],
        dynamic_axes=dict.fromkeys(("photo", "alpha", "trimap"), {0: "photos", 2: "height", 3: "width"}),
    )


def _described(onnx: ModuleType, graph: bytes, weights: Path) -> bytes:
    """The graph with what it is in its metadata: the weights' digest, their licence, how to call it."""
    model = onnx.load_model_from_string(graph)
    model.doc_string = (
        "Semantic Human Matting. photo: float32 (N, 3, H, W), sRGB in [0, 1], H and W multiples of 32. "
        "alpha: (N, 1, H, W) in [0, 1]. trimap: (N, 3, H, W), background, unknown, foreground."
    )
    licence = read_card(weights).licence
    onnx.helper.set_model_props(model, {"weights": weights_id(weights), "licence": licence})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@torch.inference_mode()
def _compare(model: SHM, run: Run, photo: Path) -> Difference:
    frame = to_frame(read_photo(photo), model.config.mnet_long_side).pixels
    batch = np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    wanted = model(torch.from_numpy(batch))
    trimap = trimap_probabilities(wanted.trimap_logits, model.config.temperature).numpy()
    found_alpha, found_trimap = run(batch)
    off = np.abs(found_alpha - wanted.alpha.numpy())
    largest, mean = float(off.max()), float(off.mean(dtype=np.float64))
    return Difference(photo.name, frame.shape[:2], largest, mean, float(np.abs(found_trimap - trimap).max()))


def _refuse_wrong(differences: Sequence[Difference]) -> None:
    for found in differences:
        # Written so that NaN is refused as well.
        if not (found.largest <= LARGEST and found.mean <= MEAN and found.trimap_largest <= LARGEST):
            raise ExportError(
                f"not written: on {found.photo} the graph's alpha is off by up to {found.largest:.1e}, "
                f"{found.mean:.1e} in the mean, its trimap by up to {found.trimap_largest:.1e}; "
                f"the tolerances are {LARGEST}, {MEAN} and {LARGEST}"
            )


def _write(graph: bytes, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.partial")
    temporary.write_bytes(graph)
    temporary.replace(output)
