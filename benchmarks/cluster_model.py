"""A model of large clusters: `python benchmarks/cluster_model.py [--costs costs.json] [--nodes 1,16,64,256]`.

Simulates the banners of a night, event by event: processors that draw for several workers each, workers that
draw banners and store them one by one, drivers that make units, hand out groups, take rows and write the
manifest's parts, and a bucket that takes so many writes a second. What things cost is measured
(`scaling.py` writes it); the rest are defaults of `Costs`. For each size it prints the rate, how busy each
part is, and which one is the limit.
"""

import argparse
import heapq
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

PART_ROWS = 256
GOAL = 8000.0
"""Banners a second that one public system claims."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of each thing, and what the bucket takes in a second under one prefix (S3: 3,500 writes).

    Of a processor: `banner_seconds` with its share of loading the cut-out. Of waiting: `put_seconds`. Of the
    driver: `driver_seconds` a group, `unit_seconds` and `row_seconds` a banner, `part_seconds` for
    `PART_ROWS` rows; before the first banner `plan_seconds` a banner and `page_seconds` for a thousand
    listed keys, and after the last one `pointer_seconds` for each that is new in the feed.
    """

    group: int = 16
    banner_seconds: float = 0.033
    put_seconds: float = 0.030
    driver_seconds: float = 0.0005
    unit_seconds: float = 0.0005
    row_seconds: float = 0.00002
    part_seconds: float = 0.050
    plan_seconds: float = 0.0015
    page_seconds: float = 0.1
    pointer_seconds: float = 0.004
    writes_a_second: float = 3500.0
    prefixes: int = 1
    processors: int = 16
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rate` banners a second while the cluster is full; shares of time in which each part was busy."""

    rate: float
    processors: float
    driver: float
    bucket: float

    @property
    def limit(self) -> str:
        parts = {"processors": self.processors, "driver": self.driver, "bucket": self.bucket}
        return max(parts, key=lambda name: parts[name])


class Server:
    """Something that does one thing at a time, in the order of asking."""

    def __init__(self) -> None:
        self.free_at = self.busy = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When it is done with what is asked of it `now`."""
        self.free_at = max(self.free_at, now) + seconds
        self.busy += seconds
        return self.free_at


def simulate(nodes: int, costs: Costs, *, drivers: int = 1, groups_each: int = 10) -> Outcome:
    """A cluster of `nodes` at work on so many groups for each of its workers; `drivers` share them evenly."""
    processors = [Server() for _ in range(nodes * costs.processors)]
    workers = len(processors) * costs.workers
    driver, bucket = [Server() for _ in range(drivers)], Server()
    left, rows, done, end = workers * groups_each, [0] * drivers, 0, 0.0
    # (time, worker, banners of its group that are left, whether one is drawn and has to be stored)
    events = [(0.0, worker, 0, False) for worker in range(workers)]
    while events:
        now, worker, unmade, drawn = heapq.heappop(events)
        if drawn:
            granted = bucket.serve(now, 1 / (costs.writes_a_second * costs.prefixes))
            heapq.heappush(events, (granted + costs.put_seconds, worker, unmade - 1, False))
            continue
        if not unmade:
            own = worker % drivers
            if now:
                done += costs.group
                rows[own] += costs.group
            end = now = driver[own].serve(now, _driving(costs, rows, own, first=not now))
            if not left:
                continue
            left, unmade = left - 1, costs.group
        drawn_at = processors[worker % len(processors)].serve(now, costs.banner_seconds)
        heapq.heappush(events, (drawn_at, worker, unmade, True))
    drawing = sum(each.busy for each in processors) / len(processors)
    busy = max(each.busy for each in driver)
    return Outcome(done / end, drawing / end, busy / end, bucket.busy / end)


def _driving(costs: Costs, rows: list[int], own: int, *, first: bool) -> float:
    """What a driver does when a worker is ready: take its rows, note them, make its next units."""
    spent = costs.driver_seconds + costs.group * costs.unit_seconds
    if not first:
        spent += costs.group * costs.row_seconds
    if rows[own] >= PART_ROWS:
        rows[own] -= PART_ROWS
        spent += costs.part_seconds
    return spent


def whole_night(costs: Costs, banners: int = 1_000_000) -> None:
    """Print what the driver does before, while and after 64 machines make the banners of a night."""
    phases = {
        "listing": banners / 1000 * costs.page_seconds,
        "planning": banners * costs.plan_seconds,
        "making": banners / simulate(64, costs).rate,
        "pointers": banners * costs.pointer_seconds,
    }
    spent = ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in phases.items())
    print(f"\na night of {banners:,} new banners on 64 machines: {spent};")
    print(f"{banners / sum(phases.values()):,.0f} banners a second from its beginning to its end")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--costs", type=Path, help="JSON of measured costs")
    parser.add_argument("--nodes", default="1,2,4,8,16,64,256")
    asked = parser.parse_args()
    costs = Costs()
    if asked.costs:
        known = set(Costs.__dataclass_fields__)
        told = json.loads(asked.costs.read_text(encoding="utf-8"))
        costs = replace(costs, **{name: value for name, value in told.items() if name in known})
    spread = replace(costs, prefixes=16)
    lean = replace(spread, part_seconds=0.0, unit_seconds=0.0)
    variants = {
        "as it is": (costs, 1),
        "16 prefixes": (spread, 1),
        "16 prefixes, units and parts made by workers": (lean, 1),
        "16 prefixes, 4 drivers, each with its share of the photos": (spread, 4),
        "16 prefixes, 4 drivers, units and parts made by workers": (lean, 4),
    }
    print(f"goal: {GOAL:,.0f} banners a second; {costs}")
    for told, (variant, drivers) in variants.items():
        print(f"\n{told}\nnodes | banners/s | processors | driver | bucket | limit")
        for nodes in map(int, asked.nodes.split(",")):
            found = simulate(nodes, variant, drivers=drivers)
            shares = f"{found.processors:10.0%} | {found.driver:6.0%} | {found.bucket:6.0%}"
            print(f"{nodes:>5} | {found.rate:>9,.0f} | {shares} | {found.limit}")
    whole_night(costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
