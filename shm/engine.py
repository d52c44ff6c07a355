"""Which device and which precision the network runs in. Chosen without importing torch where no GPU can be.

A run that has nothing to do still needs this: device and precision are part of every cut-out's recipe.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda")
_DEV = Path("/dev")
_CPUINFO = Path("/proc/cpuinfo")


class NoGpu(RuntimeError):
    """A GPU was asked for and there is none. Never answered by falling back to the CPU in silence."""


@dataclass(frozen=True, slots=True)
class Engine:
    """`device` "cpu" or "cuda", `precision` "fp32" or "bf16". Written `torch-cpu-bf16`."""

    device: str
    precision: str

    def __str__(self) -> str:
        return f"torch-{self.device}-{self.precision}"


ENGINES = tuple(Engine(device, precision) for device in ("cpu", "cuda") for precision in ("fp32", "bf16"))
"""All that `choose` may answer, on any machine."""


def choose(device: str = "auto") -> Engine:
    """The engine for `device`: "auto" takes a GPU where there is one, "cpu" and "cuda" insist.

    Raises NoGpu for "cuda" without one, ValueError for any other word.
    """
    if device not in DEVICES:
        raise ValueError(f"no device named {device!r}; there are: {', '.join(DEVICES)}")
    if device == "cpu":
        return Engine("cpu", cpu_precision())
    if _has_gpu_node():
        precision = _cuda_precision()
        if precision is not None:
            return Engine("cuda", precision)
    if device == "cuda":
        raise NoGpu("--device cuda: no usable NVIDIA GPU on this machine (use --device cpu or auto)")
    return Engine("cpu", cpu_precision())


def cpu_precision() -> str:
    """bf16 where the CPU multiplies it in hardware: half the time of fp32 there, slower everywhere else."""
    try:
        words = _CPUINFO.read_text(encoding="ascii", errors="replace").split()
    except OSError:  # not Linux
        return "fp32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(words) else "fp32"


def _has_gpu_node() -> bool:
    # /dev/nvidia0 on a plain Linux machine, /dev/dxg under WSL.
    return any(_DEV.glob("nvidia[0-9]*")) or (_DEV / "dxg").exists()


@cache
def _cuda_precision() -> str | None:
    # The node alone proves little: the driver may not answer, or torch may be built without CUDA.
    import torch

    if not torch.cuda.is_available():
        return None
    return "bf16" if torch.cuda.get_device_capability()[0] >= 8 else "fp32"
