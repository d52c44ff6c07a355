"""Whether a worker's memory grows: `python benchmarks/soak.py [--photos 50000] [--network standin|real]`.

One worker cuts out so many photos, and makes a banner of each, one after the other in this process. Its
resident memory is read every hundred photos; the slope of a straight line through the second half of these
readings must not be over 1 KB for each photo. (In the first half caches fill up and the allocator settles.)
Every photo is new to the worker: its pixels differ, so that nothing is answered from what was stored.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import cv2
import faulty_shop
import numpy as np
from one_banner import write_campaign

from jobs.network import choose_network
from pipeline.banner_plan import plan_banners
from pipeline.cutout import Predictor
from pipeline.encode import limits_for
from pipeline.errors import Reason
from pipeline.fonts import FontBook
from pipeline.manifest import RunId
from pipeline.standin import StandIn
from pipeline.steps import run_photo, run_unit
from pipeline.store import DirStore
from pipeline.types import PhotoRef, PhotoRow, Status, Unit
from pipeline.units import Press
from pipeline.wanted import want
from pipeline.work import BannerKit, PhotoKit

MOST_BYTES_A_PHOTO = 1024
_EVERY = 100


class Soak:
    """One photo worker and one banner worker in this process; what they store is removed at once."""

    def __init__(self, folder: Path, matter: Predictor) -> None:
        self._folder = folder
        photos, self._output = DirStore(folder / "photos"), DirStore(folder / "out")
        campaign = write_campaign(folder, ["photo.jpg"])
        self._run = RunId("soak", date(2026, 11, 22), "20261122T010000Z-0000")
        limits = {size: limits_for(size) for size in campaign.sizes}
        self._press = Press(self._run, limits, FontBook.load())
        self._wanted, _ = want(campaign)
        self._photo_tools = PhotoKit(photos, self._output, StandIn, "5" * 64).open(matter)
        self._banner_tools = BannerKit(self._output, self._run, limits, ()).open()

    def once(self, number: int, pixels: np.ndarray) -> None:
        """A photo of its own (uint8 (H, W, 3) BGR) all the way to its banner."""
        pixels[-1, :3] = [number >> 16 & 255, number >> 8 & 255, number & 255]
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        (self._folder / "photos" / "photo.jpg").write_bytes(data)
        row = run_photo(PhotoRef("photo.jpg", str(number), len(data)), self._photo_tools)
        if row.reason == Reason.NO_SUBJECT:  # two of the examples are garments laid flat
            self._output.delete(row.thumbnail_key)
            return
        if row.status is not Status.STORED:
            raise RuntimeError(f"photo {number} was not cut out: {row.reason}: {row.detail}")
        banner = run_unit(self._unit(row), self._banner_tools)
        if banner.status not in (Status.STORED, Status.HELD):
            raise RuntimeError(f"banner {number} was not made: {banner.reason}: {banner.detail}")
        for key in (row.cutout_key, row.thumbnail_key, banner.key):
            self._output.delete(key)

    def _unit(self, row: PhotoRow) -> Unit:
        [unit] = plan_banners(self._wanted, {row.key: row}, self._press, stored=(), past={}).todo
        return unit


def resident() -> int:
    """This process's memory in bytes, as it is now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def slope(readings: list[tuple[int, int]]) -> float:
    """Bytes a photo, by least squares through (photos, bytes)."""
    photos, memory = np.array(readings, np.float64).T
    return float(np.polyfit(photos, memory, 1)[0])


def photo(number: int, real: Path | None) -> np.ndarray:
    """uint8 (H, W, 3) BGR: a figure of the fault matrix, or the real photo."""
    data = real.read_bytes() if real else faulty_shop.photo(number)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--network", choices=("standin", "real"), default="standin")
    asked = parser.parse_args()
    examples = sorted((Path(__file__).parents[1] / "examples" / "demo" / "photos").glob("*.jpg"))
    real = asked.network == "real"
    matter = choose_network(None, "cpu").load() if real else StandIn()
    readings, started = [(0, resident())], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=os.environ.get("TMPDIR")) as folder:
        soak = Soak(Path(folder), matter)
        for number in range(1, asked.photos + 1):
            soak.once(number, photo(number, examples[number % len(examples)] if real else None))
            if number % _EVERY == 0 or number == asked.photos:
                readings.append((number, resident()))
    grows = slope(readings[len(readings) // 2 :])
    print(f"{asked.photos} photos in {time.monotonic() - started:.0f} s, network: {asked.network}")
    early, late = readings[1], readings[-1]
    print(f"memory: {early[1] / 1e6:.1f} MB after {early[0]}, {late[1] / 1e6:.1f} MB at the end")
    print(f"slope over the second half: {grows:.0f} bytes a photo (at most {MOST_BYTES_A_PHOTO})")
    return 0 if grows <= MOST_BYTES_A_PHOTO else 1


if __name__ == "__main__":
    sys.exit(main())
