"""A model of large clusters: `python benchmarks/cluster_model.py [--costs costs.json] [--nodes 1,16,64,256]`.

Simulates the banners of a night, event by event: workers that compose groups of banners and store them one by
one, one driver that takes rows and hands out groups, the manifest's parts, and a bucket that takes so many
writes a second. What things cost is measured (`scaling.py` writes it); the rest are defaults of `Costs`. For
each size it prints the rate, how busy each part is, and which one is the limit.
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
    """Seconds of each thing, and what the bucket takes in a second under one prefix (S3: 3,500 writes)."""

    group: int = 16
    banner_seconds: float = 0.040
    load_seconds: float = 0.030
    put_seconds: float = 0.020
    driver_seconds: float = 0.0005
    row_seconds: float = 0.00002
    part_seconds: float = 0.050
    writes_a_second: float = 3500.0
    prefixes: int = 1
    processors: int = 16
    plan_unit_seconds: float = 0.0004
    list_page_seconds: float = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rate` banners a second while the cluster is full; shares of time in which each part was busy."""

    rate: float
    workers: float
    driver: float
    bucket: float

    @property
    def limit(self) -> str:
        parts = {"workers": self.workers, "driver": self.driver, "bucket": self.bucket}
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


def simulate(nodes: int, costs: Costs, *, drivers: int = 1, groups_each: int = 20) -> Outcome:
    """A cluster of `nodes` at work on so many groups for each of its workers; `drivers` share them evenly."""
    workers = nodes * costs.processors
    driver, bucket = [Server() for _ in range(drivers)], Server()
    compose = costs.load_seconds + costs.group * costs.banner_seconds
    left, rows, worked, done = workers * groups_each, [0] * drivers, 0.0, 0
    # (time, worker, banners of its group that are still to be stored; -1: it has no group yet)
    events = [(0.0, worker, -1) for worker in range(workers)]
    end = 0.0
    while events:
        now, worker, unstored = heapq.heappop(events)
        if unstored > 0:
            granted = bucket.serve(now, 1 / (costs.writes_a_second * costs.prefixes))
            worked += granted - now + costs.put_seconds
            heapq.heappush(events, (granted + costs.put_seconds, worker, unstored - 1))
            continue
        own = worker % drivers
        if unstored == 0:
            done += costs.group
            rows[own] += costs.group
            cost = costs.driver_seconds + costs.group * costs.row_seconds
            if rows[own] >= PART_ROWS:
                rows[own] -= PART_ROWS
                cost += costs.part_seconds
            end = now = driver[own].serve(now, cost)
        if left:
            left -= 1
            worked += compose
            heapq.heappush(events, (now + compose, worker, costs.group))
    busy = max(each.busy for each in driver)
    return Outcome(done / end, worked / (workers * end), busy / end, bucket.busy / end)


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
    variants = {
        "as it is": (costs, 1),
        "16 prefixes": (replace(costs, prefixes=16), 1),
        "16 prefixes, rows written by workers": (replace(costs, prefixes=16, part_seconds=0.0), 1),
        "the same, 4 drivers, each with its share of the photos": (
            replace(costs, prefixes=16, part_seconds=0.0),
            4,
        ),
    }
    print(f"goal: {GOAL:,.0f} banners a second; {costs}")
    for told, (variant, drivers) in variants.items():
        print(f"\n{told}\nnodes | banners/s | workers | driver | bucket | limit")
        for nodes in map(int, asked.nodes.split(",")):
            found = simulate(nodes, variant, drivers=drivers)
            shares = f"{found.workers:7.0%} | {found.driver:6.0%} | {found.bucket:6.0%}"
            print(f"{nodes:>5} | {found.rate:>9,.0f} | {shares} | {found.limit}")
    million = 1_000_000 / 1000 * costs.list_page_seconds, 1_000_000 * costs.plan_unit_seconds
    print(f"\nbefore the first banner of 10^6: listing {million[0]:.0f} s, planning {million[1]:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
