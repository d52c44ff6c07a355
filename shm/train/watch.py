"""Who looks on while a network is trained: the seam between the loop and progress bars, plots and reports."""

from pathlib import Path
from typing import Protocol

from shm.model import SHM
from shm.train.history import History, Moment
from shm.train.recipe import Stage


class Watcher(Protocol):
    """Told by the loop: `begun` once per stage, `stepped` after each step, `looked` with the averaged network
    at each epoch's end and the stage's, `ended` last of all."""

    def begun(self, stage: Stage, step: int) -> None: ...

    def stepped(self, moment: Moment) -> None: ...

    def looked(self, stage: Stage, network: SHM) -> None: ...

    def ended(self, stage: Stage) -> None: ...


class HistoryWatcher:
    """Keeps the curves on disk."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder)

    def begun(self, stage: Stage, step: int) -> None:
        self.history.go_on_from(stage.name, step)

    def stepped(self, moment: Moment) -> None:
        self.history.add(moment)

    def looked(self, stage: Stage, network: SHM) -> None:
        """Nothing: curves only."""

    def ended(self, stage: Stage) -> None:
        """Nothing: every line is on disk."""


class TensorBoardWatcher:
    """Writes each loss, the rate and the speed under `<folder>/tensorboard/<stage>`.
    Raises ImportError where the package tensorboard is missing."""

    def __init__(self, folder: Path) -> None:
        # The optional package is asked for here, not at a run's first step.
        from torch.utils.tensorboard import SummaryWriter

        self.open = SummaryWriter
        self.folder = folder / "tensorboard"

    def begun(self, stage: Stage, step: int) -> None:
        # purge_step hides what a killed run had written after its last checkpoint.
        self.writer = self.open(str(self.folder / stage.name), purge_step=step + 1)

    def stepped(self, moment: Moment) -> None:
        for name, value in moment.losses.items():
            self.writer.add_scalar(f"loss/{name}", value, moment.step)
        self.writer.add_scalar("rate", moment.rate, moment.step)
        self.writer.add_scalar("images_per_second", moment.images, moment.step)

    def looked(self, stage: Stage, network: SHM) -> None:
        self.writer.flush()

    def ended(self, stage: Stage) -> None:
        self.writer.close()
