"""What a person sees of a training run: a bar on a terminal, a line now and then in a log."""

import sys
import time
from typing import Any

from shm.train.history import Moment
from shm.train.recipe import Stage
from shm.train.watch import Watcher

_EVERY_SECONDS = 20.0


class LineWatcher(Watcher):
    """For logs."""

    def begun(self, stage: Stage, step: int) -> None:
        self._said = time.monotonic()
        print(f"stage {stage.name}: from step {step} of at most {stage.steps}", flush=True)

    def stepped(self, moment: Moment) -> None:
        if time.monotonic() - self._said > _EVERY_SECONDS:
            self._said = time.monotonic()
            print(_line(moment), flush=True)

    def ended(self, stage: Stage) -> None:
        """Say that it has."""
        print(f"stage {stage.name}: ended", flush=True)


class BarWatcher(Watcher):
    """For a terminal."""

    def begun(self, stage: Stage, step: int) -> None:
        from rich import progress

        columns: list[Any] = [progress.TextColumn("{task.description}"), progress.BarColumn()]
        columns += [progress.TaskProgressColumn(), progress.TextColumn("{task.fields[state]}")]
        self._bar = progress.Progress(*columns)
        self._bar.start()
        self._task = self._bar.add_task(stage.name, total=1.0, state="")

    def stepped(self, moment: Moment) -> None:
        self._bar.update(self._task, completed=moment.progress, state=_state(moment))

    def ended(self, stage: Stage) -> None:
        """Leave it standing."""
        self._bar.stop()


def console_watcher() -> Watcher:
    """A bar where a person looks, lines where a file is written."""
    return BarWatcher() if sys.stdout.isatty() else LineWatcher()


def _line(moment: Moment) -> str:
    return f"{moment.stage} step {moment.step} ({moment.progress:.1%}): {_state(moment)}"


def _state(moment: Moment) -> str:
    losses = " ".join(f"{name} {value:.4f}" for name, value in moment.losses.items())
    left = moment.seconds * (1 - moment.progress) / moment.progress if moment.progress > 0 else float("nan")
    return f"{losses}; {moment.images:.1f} pictures/s, about {left / 60:.0f} min left"
