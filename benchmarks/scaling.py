"""What Ray adds, and what a second worker brings: `python benchmarks/scaling.py [--photos 200]`.

1. The same photos with the real network: one after the other in one process; in two plain processes; on Ray
   with one worker and with two. Two workers must be at least 1.9 times as fast as one, and all of Ray's
   processes together may take at most 5 % more processor time than the two plain ones.
2. Empty groups of work on one to eight raylets (--raylets): what the driver spends on each.
3. What a banner costs a processor, and what a banner, a part of the manifest and a pointer cost the driver.

Writes what it measured to --costs (JSON), for `cluster_model.py`. Needs two free processors. Exits with 1
over a bound.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from driver_costs import a_banner, a_group, a_pointer

from jobs.network import choose_network
from pipeline.runner import LocalWorkers
from pipeline.store import DirStore
from pipeline.types import PhotoRef, Status
from pipeline.work import PhotoKit

LEAST_SPEED_UP, MOST_ADDED = 1.9, 0.05
_EXAMPLES = Path(__file__).parents[1] / "examples" / "demo" / "photos"
_TICKS = os.sysconf("SC_CLK_TCK")


def write_photos(folder: Path, count: int) -> list[PhotoRef]:
    """So many different photos, made of the examples."""
    folder.mkdir()
    examples = sorted(_EXAMPLES.glob("*.jpg"))
    for number in range(count):
        pixels = cv2.imread(str(examples[number % len(examples)]))
        assert pixels is not None
        pixels[-1, 0] = [number >> 16 & 255, number >> 8 & 255, number & 255]
        cv2.imwrite(str(folder / f"{number:05}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return [PhotoRef(each.key, each.etag, each.size) for each in DirStore(folder).list()]


def kit(folder: Path, name: str) -> PhotoKit:
    network = choose_network(None, "cpu")
    return PhotoKit(DirStore(folder / "photos"), DirStore(folder / name), network.load, network.recipe)


def cut_out(workers: Any, work: PhotoKit, refs: Iterable[PhotoRef]) -> None:
    rows = list(workers.photos(work, refs))
    bad = [row for row in rows if row.status is Status.FAILED]
    if bad:
        raise RuntimeError(f"{bad[0].key}: {bad[0].reason}: {bad[0].detail}")


def plain(folder: Path, name: str, refs: list[PhotoRef], processes: int) -> tuple[float, float]:
    """Wall and processor seconds of so many plain processes."""
    context = multiprocessing.get_context("spawn")
    started, before = time.monotonic(), children_seconds()
    running = [
        context.Process(target=cut_out, args=(LocalWorkers(), kit(folder, name), refs[n::processes]))
        for n in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"a plain process ended with {process.exitcode}")
    return time.monotonic() - started, children_seconds() - before


def on_ray(folder: Path, name: str, refs: list[PhotoRef], processors: int) -> tuple[float, float]:
    """Wall seconds from the first photo on, and processor seconds of all of Ray's processes and this one."""
    from jobs.nightly import RayWorkers

    before = own_seconds()
    workers = RayWorkers(processors=processors)
    rows = workers.photos(kit(folder, name), refs)
    next(rows)
    started = time.monotonic()
    seen = 1 + sum(1 for _ in rows)
    seconds = (time.monotonic() - started) * seen / (seen - processors)
    spent = own_seconds() - before + descendants_seconds(os.getpid())
    workers.close()
    return seconds, spent


def own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def descendants_seconds(pid: int) -> float:
    """Processor seconds of all processes below `pid`, with those of their dead children."""
    parents: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        parents.setdefault(int(fields[1]), []).append(int(folder.name))
        spent[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS
    waiting, total = parents.get(pid, []), 0.0
    while waiting:
        child = waiting.pop()
        total += spent[child]
        waiting += parents.get(child, [])
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--raylets", default="1,2,4,8")
    parser.add_argument("--costs", type=Path, default=Path("costs.json"))
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        folder = Path(name)
        refs = write_photos(folder / "photos", asked.photos)
        runs = {
            "one plain process": partial(plain, processes=1),
            "two plain processes": partial(plain, processes=2),
            "Ray, one worker": partial(on_ray, processors=1),
            "Ray, two workers": partial(on_ray, processors=2),
        }
        measured = {}
        for number, (told, run) in enumerate(runs.items()):
            wall, spent = measured[told] = run(folder, f"out{number}", refs)
            print(f"{told:<22} {wall:7.1f} s, {spent:7.1f} processor seconds", flush=True)
    speed_up = measured["Ray, one worker"][0] / measured["Ray, two workers"][0]
    added = measured["Ray, two workers"][1] / measured["two plain processes"][1] - 1
    print(f"two workers: {speed_up:.2f} times one (at least {LEAST_SPEED_UP})")
    print(f"Ray adds {added:.1%} processor time (at most {MOST_ADDED:.0%})")
    spent_on = {int(count): a_group(int(count)) for count in asked.raylets.split(",")}
    for count, seconds in spent_on.items():
        print(f"{count} raylets: the driver spends {seconds * 1e3:.2f} ms on a group")
    photo = measured["two plain processes"][1] / asked.photos
    costs = {"photo_seconds": photo, "driver_seconds": max(spent_on.values()), "pointer_seconds": a_pointer()}
    costs |= a_banner()
    for told, seconds in costs.items():
        print(f"{told:<16} {seconds * 1e3:8.3f} ms")
    asked.costs.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")
    return 0 if speed_up >= LEAST_SPEED_UP and added <= MOST_ADDED else 1


if __name__ == "__main__":
    sys.exit(main())
