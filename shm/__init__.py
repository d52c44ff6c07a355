"""Semantic Human Matting (Chen et al. 2018): T-Net, M-Net and fusion; training, metrics, shipped weights.

Names are loaded on first use: importing `shm` must not cost the seconds that importing torch does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shm.matter import Matter
    from shm.model import SHM, SHMConfig, SHMOutput

__all__ = ["SHM", "Matter", "SHMConfig", "SHMOutput"]


def __getattr__(name: str) -> Any:
    if name == "Matter":
        from shm.matter import Matter

        return Matter
    if name in ("SHM", "SHMConfig", "SHMOutput"):
        from shm import model

        return getattr(model, name)
    raise AttributeError(f"module 'shm' has no attribute {name!r}")
