"""The fault matrix: `python benchmarks/faults.py [--photos 2000] [--rows 15,16,20]`.

All rows that a night can show, on Ray with several raylets on this machine and on a real S3 server (Ceph's
RADOS Gateway where it is installed, else moto's imitation, and it says which), behind a proxy that spoils
requests. The network is a deterministic stand-in, or with `--network real` the shipped one. Every night is
the real command in a process of its own. For each row:

lost        planned banners without a row or, though nothing was wrong with them, without an object: 0
duplicate   more than one row or object for a banner: 0
wrong       stored bytes that differ from the fault-free run: 0
collateral  photos refused or failed although nothing was wrong with them: 0
waste       photos that the network saw, by those it had to see
time        of the night (with all its reruns), by the fault-free one

Numbers of faults are the matrix's for 2,000 photos and scale with --photos. Bounds on time are judged from
500 photos on: before that, Ray's start is most of it. A row that is named several times runs as often, with
another seed each time. Exits with 1 if any bound is broken.
"""

import argparse
import random
import subprocess
import sys

import faulty_shop
from faulty_rows import ROWS
from faulty_world import NODES, World, standing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rows", default=",".join(map(str, ROWS)), help="such as 15,20,26")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--network", choices=("standin", "real"), default="standin")
    asked = parser.parse_args()
    chosen = [int(number) for number in asked.rows.split(",")]
    bad = 0
    with standing(asked.photos, asked.seed, real=asked.network == "real") as world:
        kind = "Ceph RADOS Gateway" if world.server.real else "moto (an imitation)"
        print(f"{asked.photos} photos, {len(faulty_shop.SEGMENTS)} segments, {NODES} raylets, {kind}")
        print(f"fault-free night: {world.base_seconds:.1f} s, {world.start_seconds:.1f} s of them to start\n")
        print("row | injected | lost | duplicate | wrong | collateral | waste |  time | what", flush=True)
        for turn, number in enumerate(chosen):
            bad += not tell(world, number, chosen[:turn].count(number))
    return 1 if bad else 0


def tell(world: World, number: int, before: int) -> bool:
    """Run one row, which ran so often `before`, and print its line; whether all its bounds hold."""
    row = ROWS[number]
    try:
        result = row(world, random.Random(world.seed * 1000 + number + 100 * before))
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"{number:>3} | {'failed: ' + str(error)} | {row.__doc__}", flush=True)
        return False
    finally:
        world.spoil()
        world.sweep()
    judged = result.judged
    figures = f"{judged.lost:>4} | {judged.duplicate:>9} | {judged.wrong:>5} | {judged.collateral:>10}"
    rest = f"{result.waste:5.3f} | {result.time:5.2f} | {row.__doc__}"
    print(f"{number:>3} | {result.injected:>8} | {figures} | {rest}", flush=True)
    if result.told:
        print(f"    | refused: {result.told}", flush=True)
    for problem in result.problems:
        print(f"    | BROKEN: {problem}", flush=True)
    return not result.problems


if __name__ == "__main__":
    sys.exit(main())
