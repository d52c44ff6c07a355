"""Ends a stage that has stopped getting better, with the network that was best."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from shm.model import SHM
from shm.train.labelled import Sample
from shm.train.recipe import Stage
from shm.train.watch import Watcher
from shm.train.watched import look_at


class PatienceWatcher(Watcher):
    """Judges every look by the mean absolute difference over `samples`, and ends a stage after
    `stage.patience` looks without a better one. The best network is kept in `folder`, so that a killed run
    still knows it.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample]) -> None:
        self.folder, self.samples = folder, list(samples)
        self._state: dict[str, Any] = {}

    def begun(self, stage: Stage, step: int) -> None:
        file = self._file(stage)
        self._state = torch.load(file, weights_only=True) if step and file.exists() else {}

    def looked(self, stage: Stage, network: SHM) -> None:
        if not (stage.patience and self.samples):
            return
        looks = look_at(network, self.samples)
        error = sum(look.mad for look in looks) / len(looks)
        if not self._state or error < self._state["error"]:
            kept = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
            self._state = {"error": error, "network": kept, "without": 0}
        else:
            self._state["without"] += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(self._state, self._file(stage))
        if self.enough(stage):
            network.load_state_dict(self._state["network"])

    def enough(self, stage: Stage) -> bool:
        return bool(self._state) and 0 < stage.patience <= self._state["without"]

    def _file(self, stage: Stage) -> Path:
        return self.folder / f"best-{stage.name}.pt"
