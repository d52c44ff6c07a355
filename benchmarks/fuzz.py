"""Mutated photos, by the million, through the decoder as the nightly run uses it.

`python benchmarks/fuzz.py --data DIR --state DIR [--executions N] [--jobs N] [--seed N]`. DATA holds seed
files, in any depth. Execution number i of a seed is the same bytes on every machine; killed or not, the same
command goes on where it was. Prints what came of the photos, how often the sandboxed child was lost (killed,
out of time or of memory), and how often anything went wrong outside of it, which must not happen: then the
exit code is 1. Photos that cost a child are kept under STATE/findings.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pipeline.decoder import Decoder
from pipeline.errors import PhotoRejected, Reason

MAX_SEED_BYTES = 65_536
"""Larger seeds are slow and teach nothing else."""
CHECKPOINT = 500
MAX_RESTARTS = 20
LOST = {Reason.KILLED_WORKER, Reason.TIMED_OUT, Reason.TOO_LARGE}
TELLING = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    15,
    16,
    17,
    0x7F,
    0x80,
    0xC0,
    0xC2,
    0xC4,
    0xD8,
    0xD9,
    0xDA,
    0xDB,
    0xFE,
    0xFF,
)


def main() -> None:
    """Run workers until each has done its share, then add up what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        work(options)
        return
    (options.state / "findings").mkdir(parents=True, exist_ok=True)
    deaths = supervise(options)
    states = [read_state(state_file(options, worker)) for worker in range(options.jobs)]
    sys.exit(tell(states, deaths))


def supervise(options: argparse.Namespace) -> int:
    """How many workers died: a death here is one outside the sandbox. Each is started again."""
    running = {worker: start(worker) for worker in range(options.jobs)}
    deaths = 0
    while running and deaths < MAX_RESTARTS:
        time.sleep(0.2)
        for worker, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[worker]
            if process.returncode:
                deaths += 1
                running[worker] = start(worker)
    for process in running.values():
        process.kill()
    return deaths


def start(worker: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *sys.argv, "--worker", str(worker)])


def tell(states: list[dict[str, Counter[str]]], deaths: int) -> int:
    """Print the sums; the exit code."""
    outcomes = sum((state["outcomes"] for state in states), Counter[str]())
    outside = deaths + sum(outcomes[name] for name in outcomes if name.startswith("outside"))
    for name, count in outcomes.most_common():
        print(f"{name:32}{count:>12,}")
    lost = sum(outcomes[reason] for reason in LOST)
    print(f"{outcomes.total():,} executions, {lost} lost the child, {outside} crashes outside the sandbox")
    return 1 if outside else 0


# ── one worker ────────────────────────────────────────────────────────────────────────────────────────────


def work(options: argparse.Namespace) -> None:
    """The executions numbered worker, worker + jobs, worker + 2 jobs, …"""
    seeds = [path.read_bytes() for path in sorted(options.data.rglob("*")) if is_seed(path)]
    place = state_file(options, options.worker)
    state = read_state(place)
    decoder = Decoder()
    done = state["outcomes"].total()
    for number in range(options.worker + done * options.jobs, options.executions, options.jobs):
        data = mutated(seeds, random.Random(f"{options.seed}:{number}"))
        outcome = outcome_of(decoder, data)
        state["outcomes"][outcome] += 1
        if outcome in LOST or outcome.startswith("outside"):
            name = f"{outcome}-{hashlib.sha256(data).hexdigest()[:16]}".replace(":", "-")
            (options.state / "findings" / name).write_bytes(data)
        if state["outcomes"].total() % CHECKPOINT == 0:
            write_state(place, state)
    write_state(place, state)
    decoder.close()


def outcome_of(decoder: Decoder, data: bytes) -> str:
    try:
        height, width, channels = decoder.decode(data).shape
    except PhotoRejected as refusal:
        return refusal.reason.value
    except Exception as error:
        return f"outside: {type(error).__name__}"
    return "accept" if min(height, width) > 0 and channels == 3 else "outside: no picture"


def is_seed(path: Path) -> bool:
    """Files that some decoder of ours has a chance to open."""
    if not path.is_file() or path.stat().st_size > MAX_SEED_BYTES:
        return False
    return path.read_bytes()[:4] in (b"\x89PNG", b"RIFF") or path.read_bytes()[:2] == b"\xff\xd8"


def state_file(options: argparse.Namespace, worker: int) -> Path:
    place: Path = options.state / f"seed{options.seed}-worker{worker}of{options.jobs}.json"
    return place


def read_state(place: Path) -> dict[str, Counter[str]]:
    return {"outcomes": Counter(json.loads(place.read_text()) if place.exists() else {})}


def write_state(place: Path, state: dict[str, Counter[str]]) -> None:
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(state["outcomes"]))
    fresh.replace(place)


# ── mutations ─────────────────────────────────────────────────────────────────────────────────────────────


def mutated(seeds: list[bytes], choose: random.Random) -> bytes:
    """One of `seeds`, changed in one to eight ways; checksums and lengths repaired more often than not."""
    data = bytearray(choose.choice(seeds))
    for _ in range(choose.choice((1, 1, 1, 2, 3, 4, 8))):
        if not data:
            break
        choose.choice(WAYS)(data, place(data, choose), choose, seeds)
    if choose.random() < 0.7:
        repair(data)
    return bytes(data)


def place(data: bytearray, choose: random.Random) -> int:
    """A position, every other time among the first bytes, where headers are."""
    return choose.randrange(len(data) if choose.random() < 0.5 else min(len(data), 1024))


def flip_a_bit(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    data[at] ^= 1 << choose.randrange(8)


def set_a_byte(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    data[at] = choose.choice(TELLING)


def set_a_number(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    size = choose.choice((2, 3, 4))
    value = choose.choice((0, 1, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, len(data)))
    data[at : at + size] = (value % 256**size).to_bytes(size, choose.choice(("big", "little")))


def noise(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    size = choose.choice((2, 8, 32, 512))
    data[at : at + size] = choose.randbytes(min(size, len(data) - at))


def delete(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    del data[at : at + choose.choice((1, 2, 4, 16, 256))]


def repeat(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    part = data[at : at + choose.choice((1, 4, 32, 256))]
    data[at:at] = part * choose.choice((1, 2, 16))


def splice(data: bytearray, at: int, choose: random.Random, seeds: list[bytes]) -> None:
    other = choose.choice(seeds)
    start = choose.randrange(len(other))
    data[at : at + choose.choice((0, 16, 256))] = other[start : start + choose.choice((16, 256, 4096))]


def cut(data: bytearray, at: int, choose: random.Random, _: list[bytes]) -> None:
    if choose.random() < 0.2:
        del data[at:]


WAYS: tuple[Callable[[bytearray, int, random.Random, list[bytes]], None], ...] = (
    flip_a_bit,
    set_a_byte,
    set_a_number,
    noise,
    delete,
    repeat,
    splice,
    cut,
)


def repair(data: bytearray) -> None:
    """Right checksums for a PNG's chunks, the right length for a RIFF, so that more than these is tested."""
    if data[:4] == b"RIFF":
        data[4:8] = (max(0, len(data) - 8) % 2**32).to_bytes(4, "little")
    at = 8
    while data[:4] == b"\x89PNG" and at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        data[end - 4 : end] = zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big")
        at = end


if __name__ == "__main__":
    main()
