"""The curves of a run: one JSON line per step, so that a report or a plot needs nothing but the file."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "history.jsonl"


@dataclass(frozen=True)
class Moment:
    """One optimiser step. `step` counts from 1 within the stage; `progress` 0..1 of its span; `seconds` spent
    in it so far; `images` per second since the last moment; `losses` by name, means over the step's batches.
    """

    stage: str
    step: int
    progress: float
    seconds: float
    images: float
    rate: float
    losses: dict[str, float]


class History:
    """`history.jsonl` in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def go_on_from(self, stage: str, step: int) -> None:
        """Drops this stage's lines after `step`: a killed run had gone further than its last checkpoint."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        kept = [m for m in self.read() if m.stage != stage or m.step <= step]
        self.file.write_text("".join(_line(m) for m in kept), encoding="utf-8")

    def add(self, moment: Moment) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(_line(moment))

    def read(self) -> Iterator[Moment]:
        if not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                yield Moment(**json.loads(line))
            except json.JSONDecodeError:
                # The last line of a run that was killed while it wrote.
                continue


def _line(moment: Moment) -> str:
    return json.dumps(asdict(moment)) + "\n"
