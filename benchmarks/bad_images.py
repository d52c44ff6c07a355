"""Hostile and awkward photos, each alone in processes of its own: is each judged as it should be?

`python benchmarks/bad_images.py --data DIR [--only GLOB]`. DIR holds MANIFEST.csv with the columns `path` and
`expected` (outcomes, any of which is right, separated by |). Prints a row per file and ends with exit code 1
if an outcome differs, a parent process died, or a file took more than 5 s or 1 GiB.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pipeline.decoder import Decoder
from pipeline.errors import PhotoRejected

MAX_SECONDS = 5.0
MAX_MIB = 1024
PIXEL = bytes.fromhex(  # a PNG of one pixel: starts the child before the clock does
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360606000000004"
    "0001f61738550000000049454e44ae426082"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `mib` is the larger peak of parent and child."""

    path: str
    expected: str
    got: str
    detail: str
    seconds: float
    mib: int

    @property
    def wrong(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if self.got not in self.expected.split("|"):
            return "DIFFERS"
        return "SLOW" if self.seconds > MAX_SECONDS else "LARGE" if self.mib > MAX_MIB else ""


def main() -> None:
    """Every file of the manifest in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="*", help="paths in the manifest that match this pattern")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(alone(options.one)))
        return
    with (options.data / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if fnmatch(row["path"], options.only)]
    print(f"{'file':72}{'expected':28}{'got':20}{'s':>6}{'MiB':>6}")
    outcomes = []
    for row in rows:
        outcome = judged(options.data, row["path"], row["expected"])
        outcomes.append(outcome)
        print(
            f"{outcome.path[-70:]:72}{outcome.expected:28}{outcome.got:20}{outcome.seconds:6.2f}"
            f"{outcome.mib:6}  {outcome.wrong} {outcome.detail if outcome.wrong else ''}".rstrip(),
            flush=True,
        )
    sys.exit(summed_up(outcomes))


def summed_up(outcomes: list[Outcome]) -> int:
    """Print the totals; the exit code."""
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    strict = sum(o.got == "damaged" and "accept" in o.expected.split("|") for o in outcomes)
    slowest, largest = max(o.seconds for o in outcomes), max(o.mib for o in outcomes)
    dead = sum(o.got == "parent died" for o in outcomes)
    print(f"{len(outcomes)} files, {len(wrong)} wrong, {dead} dead parents")
    print(
        f"{strict} refused as damaged that ordinary decoders pass; {slowest:.2f} s and {largest} MiB at most"
    )
    return 1 if wrong else 0


def judged(folder: Path, path: str, expected: str) -> Outcome:
    """One file, looked at by a process of its own, with a child of its own."""
    run = subprocess.run(
        [sys.executable, __file__, "--data", folder, "--one", folder / path],
        stdout=subprocess.PIPE,
        check=False,
    )
    if run.returncode:
        return Outcome(path, expected, "parent died", f"exit code {run.returncode}", 0.0, 0)
    return Outcome(path, expected, **json.loads(run.stdout))


def alone(file: Path) -> dict[str, object]:
    """What this process, which has done nothing else, says of a file."""
    data = file.read_bytes()
    decoder = Decoder()
    decoder.decode(PIXEL)
    started = time.perf_counter()
    try:
        height, width, _ = decoder.decode(data).shape
        got, detail = "accept", f"{width}x{height}"
    except PhotoRejected as refusal:
        got, detail = refusal.reason.value, refusal.detail
    seconds = time.perf_counter() - started
    decoder.close()
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"got": got, "detail": detail, "seconds": seconds, "mib": max(peaks) // 1024}


if __name__ == "__main__":
    main()
