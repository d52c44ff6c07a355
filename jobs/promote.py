"""Everything about a change of weights that somebody should know before it is made."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.gates import Verdict, judge_gates
from pipeline.cutout import recipe_of
from pipeline.decode import MAX_PHOTO_BYTES
from pipeline.decoder import Decoder
from pipeline.errors import JobError, ObjectError, PhotoRejected
from pipeline.ledger import Ledger
from pipeline.photo_plan import plan_photos
from pipeline.store import ObjectStore
from pipeline.types import PhotoRow, Pixels, Status
from shm.engine import Engine
from shm.matter import Matter
from shm.train.compare import Comparison
from shm.train.evaluate import judge_all
from shm.train.labelled import Sample
from shm.train.sheet import old_new_sheet

SAMPLE = 12
"""Photos on the old|new sheet: what somebody looks at in a minute."""


@dataclass(frozen=True, slots=True)
class Rework:
    """What the next night has to cut out again: `photos` of the bucket's `of`, each about `seconds` of one
    worker (None where nothing was ever measured).
    """

    photos: int
    of: int
    seconds: float | None

    def __str__(self) -> str:
        told = f"the next night cuts out {self.photos or 'none'} of {self.of} photos again"
        if not self.photos or self.seconds is None:
            return told
        return (
            f"{told}, about {self.seconds:.1f} s each on one worker, "
            f"{self.photos * self.seconds / 3600:.1f} worker hours (--max-new-mattes N spreads them)"
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """Both networks on the held-out photos. `slower`: the candidate's time over that of the one in use."""

    comparison: Comparison
    verdicts: tuple[Verdict, ...]
    slower: float

    @property
    def passes(self) -> bool:
        """Whether every gate holds."""
        return all(verdict.holds for verdict in self.verdicts)


def judge(old: Matter, new: Matter, samples: Sequence[Sample], negatives: Sequence[Path]) -> Judged:
    """Judge both on the same photos. Raises `shm.train.labelled.ListError`."""
    started = time.perf_counter()
    a = judge_all(samples, negatives, old)
    between = time.perf_counter()
    b = judge_all(samples, negatives, new)
    slower = (time.perf_counter() - between) / max(between - started, 1e-6)
    found = Comparison(a, b)
    return Judged(found, judge_gates(found), slower)


def rework(
    photos: ObjectStore, output: ObjectStore, engine: Engine, weights: str, to: str, *, slower: float = 1.0
) -> Rework:
    """What moving from `weights` `to` others (sha256, hex) costs the next night on `engine`."""
    ledger = Ledger.load(output)
    now = plan_photos(photos, output, ledger, recipe_of(engine, weights))
    then = plan_photos(photos, output, ledger, recipe_of(engine, to))
    new = {ref.key for ref in now.todo}  # to be cut out in any case
    again = sum(ref.key not in new for ref in then.todo)
    measured = [row.seconds for row in now.known if row.seconds > 0]
    seconds = slower * sum(measured) / len(measured) if measured else None
    return Rework(again, len(now.known) + len(now.todo), seconds)


def show(
    photos: ObjectStore,
    output: ObjectStore,
    networks: tuple[Matter, Matter],
    file: Path,
) -> int:
    """Write the old|new sheet of a sample of the bucket's own photos; how many are on it.

    The same photos each time, as long as they are there: those whose names' hashes are least. Raises
    `JobError` where no photo was cut out by the network in use.
    """
    old, new = networks
    known = plan_photos(photos, output, Ledger.load(output), recipe_of(old.engine, old.weights_id)).known
    seen = [row for row in known if row.status is Status.STORED]
    chosen = sorted(seen, key=lambda row: hashlib.sha256(row.key.encode()).digest())
    decoder = Decoder()
    pictures = [picture for row in chosen[:SAMPLE] if (picture := _picture(photos, row, decoder))]
    if not pictures:
        raise JobError(
            "no photo was cut out by the weights in use yet: run a night first, or leave out --sheet"
        )
    old_new_sheet(pictures, old, new, file)
    return len(pictures)


def _picture(photos: ObjectStore, row: PhotoRow, decoder: Decoder) -> tuple[str, Pixels] | None:
    try:
        return Path(row.key).name, decoder.decode(photos.get(row.key, max_bytes=MAX_PHOTO_BYTES))
    except (ObjectError, PhotoRejected):  # replaced or withdrawn since the last night
        return None
