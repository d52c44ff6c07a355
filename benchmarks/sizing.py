"""How many processors a night needs, and what they cost: `python benchmarks/sizing.py [--limit 100]`.

A night of the demo campaign runs in one process with the shipped network, at most `--limit` photos and
banners. Processor time is measured, not the clock's, so that a busy machine gives much the same figures; the
first photo and the first banner, with which network and fonts are loaded, do not count. Hence the table:
`core hours = photos x (seconds a photo + banners a photo x seconds a banner) / 3600`. Nothing here is
measured on a GPU.
"""

import argparse
import math
import os
import resource
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from scaling import descendants_seconds, own_seconds

from jobs.network import choose_network
from pipeline.campaign import load_campaign
from pipeline.night import run_night
from pipeline.order import Order
from pipeline.runner import LocalWorkers
from pipeline.types import BannerRow, PhotoRow

_DEMO = Path(__file__).parents[1] / "examples" / "demo" / "campaign.yaml"
BUSY = 0.9
"""Share of a window in which processors work: workers start, the last photos end one by one."""


@dataclass
class Meter:
    """`Progress` that reads the processor time of this process and its children at every row."""

    spent: dict[str, list[float]] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    _stage: str = ""

    def begin(self, stage: str, total: int) -> None:
        """`total` are to come."""
        self._stage = stage

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """One has come."""
        seconds = own_seconds() + descendants_seconds(os.getpid())
        self.spent.setdefault(self._stage, []).append(seconds)

    def end(self) -> None:
        """Memory is this process's, in MB; its decoder has 896 MiB at most beside it."""
        self.peak[self._stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6

    def each(self, stage: str) -> float:
        """Processor seconds of one photo or banner. Raises ValueError where fewer than two were made."""
        spent = self.spent.get(stage, [])
        if len(spent) < 2:
            raise ValueError(f"{stage}: {len(spent)} made; at least two are needed")
        return (spent[-1] - spent[0]) / (len(spent) - 1)


def measure(limit: int) -> Meter:
    """One night, into a folder that is removed."""
    meter, network = Meter(), choose_network(None, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        campaign = replace(load_campaign(_DEMO), output=folder)
        now = datetime.now(UTC)
        order = Order(
            campaign, campaign.today(now), network.recipe, network.weights, network.load, limit=limit
        )
        run_night(order, LocalWorkers(), meter, lambda: now)
    return meter


def core_hours(photos: int, per_photo: float, photo_seconds: float, banner_seconds: float) -> float:
    """Of `photos` new photos with `per_photo` new banners each."""
    return photos * (photo_seconds + per_photo * banner_seconds) / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--limit", type=int, default=100, help="photos, and banners, to make")
    parser.add_argument("--per-photo", type=float, default=8, help="banners that a photo is shown on")
    parser.add_argument("--hours", type=float, default=4, help="the night's window")
    parser.add_argument("--cores", type=int, default=8, help="of one machine")
    parser.add_argument("--price", type=float, default=0.05, help="of one core for an hour")
    asked = parser.parse_args()
    meter = measure(asked.limit)
    photo, banner = meter.each("cut-outs"), meter.each("banners")
    for stage, seconds in (("cut-outs", photo), ("banners", banner)):
        count, peak = len(meter.spent[stage]), meter.peak[stage]
        rate = f"{seconds:.3f} core seconds each, {1 / seconds:.2f} a core and second"
        print(f"{stage}: {count} made, {rate}, {peak:.0f} MB")
    night = f"{asked.hours:g} h, {asked.cores} cores a machine, busy {BUSY:.0%} of the time"
    print(f"{asked.per_photo:g} banners a photo, {night}")
    print(f"{'new photos':>12}{'banners':>12}{'core hours':>12}{'machines':>10}{'cost':>10}")
    for photos in (1_000, 10_000, 100_000, 1_000_000):
        hours = core_hours(photos, asked.per_photo, photo, banner)
        machines = math.ceil(hours / (asked.hours * asked.cores * BUSY))
        row = f"{photos:>12,}{photos * asked.per_photo:>12,.0f}{hours:>12,.1f}{machines:>10,}"
        print(f"{row}{hours / BUSY * asked.price:>10,.2f}")


if __name__ == "__main__":
    main()
