"""Who looks on while a network is trained: the seam between the loop and progress bars, plots and reports."""

from pathlib import Path

from shm.model import SHM
from shm.train.history import History, Moment
from shm.train.recipe import Stage


class Watcher:
    """Told by the loop; overrides what it wants to know."""

    def begun(self, stage: Stage, step: int) -> None:
        """A stage starts, or goes on after `step`."""

    def stepped(self, moment: Moment) -> None:
        """A step was made."""

    def looked(self, stage: Stage, network: SHM) -> None:
        """An epoch or the stage is over; `network` is the averaged one."""

    def saved(self, stage: Stage, step: int, seconds: float) -> None:
        """The stage can go on from `step`, `seconds` into it, from here on."""

    def enough(self, stage: Stage) -> bool:
        """Asked after each look: whether the stage ends here."""
        return False

    def ended(self, stage: Stage) -> None:
        """The stage is over, and saved."""


class HistoryWatcher(Watcher):
    """Keeps the curves on disk."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder)

    def begun(self, stage: Stage, step: int) -> None:
        self.history.go_on_from(stage.name, step)

    def stepped(self, moment: Moment) -> None:
        self.history.add(moment)


class TensorBoardWatcher(Watcher):
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
