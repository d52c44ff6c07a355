"""What planning costs: `python benchmarks/planning.py [--keys 1000000] [--finished 100000]`.

1. A bucket of so many photos (a generated listing) is joined with a ledger that knows none, half or all of
   them: at most 60 seconds and 1 GB on one processor.
2. A night with nothing to do on so many finished photos, one product and one banner each: at most 60 seconds,
   without Ray, without torch, without a single write. Documents are rendered beside the planning, so this
   case gets two processors.

Each case runs in a process of its own, whose highest memory use the kernel knows. Exits with 1 over a bound.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from one_banner import write_campaign

from jobs.console import Silent
from pipeline import manifest, night
from pipeline.banner_plan import plan_banners
from pipeline.briefs import Briefs
from pipeline.campaign import Campaign, load_campaign
from pipeline.ledger import PREFIX, Ledger, geometry_to_json
from pipeline.manifest import RunId
from pipeline.order import Order
from pipeline.photo_plan import CUTOUTS, plan_photos
from pipeline.present import Present
from pipeline.publish import publish
from pipeline.rowfile import Table, merge, put_part, to_parquet
from pipeline.rows import banner_row, photo_row
from pipeline.store import DirStore
from pipeline.types import Box, Geometry, Listed, PhotoRef, PhotoRow, Status
from pipeline.units import Press
from pipeline.wanted import want

MOST_SECONDS, MOST_BYTES = 60.0, 10**9
RECIPE = "5" * 64
DAY = date(2026, 11, 22)
GEOMETRY = geometry_to_json(Geometry(400, 700, Box(10, 12, 390, 700), Box(150, 12, 260, 140), ("bottom",)))
_CHUNK = 50_000


class Bucket:
    """A listing of so many photos with nothing behind it."""

    def __init__(self, keys: int) -> None:
        self.keys = keys

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return (listed(number) for number in range(self.keys))

    def url(self, key: str) -> str:
        return f"generated:{key}"


class Output(DirStore):
    """A folder with the ledger, and a generated listing of the cut-outs of the first `known` photos."""

    known = 0

    def list(self, prefix: str = "") -> Iterator[Listed]:
        if prefix != CUTOUTS:
            return super().list(prefix)
        return (Listed(row(number).cutout_key, "e", 1) for number in range(self.known))


def listed(number: int) -> Listed:
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return Listed(f"season/{number // 10_000:04}/look-{number:08}.jpg", digest, 100_000 + number % 1000)


def row(number: int) -> PhotoRow:
    """The ledger's row of a photo that was cut out."""
    here = listed(number)
    content = hashlib.sha256(here.etag.encode()).hexdigest()
    bare = photo_row(
        PhotoRef(here.key, here.etag, here.size, content),
        RECIPE,
        Status.STORED,
        thumbnail_key=f"thumbnails/{content}.jpg",
    )
    key = f"{CUTOUTS}{RECIPE[:12]}/{content}.cutout"
    return replace(bare, cutout_key=key, geometry=GEOMETRY, confidence=0.97, seconds=0.25)


def write_ledger(folder: Path, known: int) -> None:
    """One merged part, as nights leave it behind."""
    tables = [
        Table(PhotoRow, to_parquet(PhotoRow, [row(n) for n in range(at, min(known, at + _CHUNK))]))
        for at in range(0, known, _CHUNK)
    ]
    if tables:
        put_part(DirStore(folder), PREFIX, merge(PhotoRow, tables, ("key", "etag", "size", "recipe")))


def plan(folder: Path, keys: int, known: int) -> dict[str, Any]:
    """Case 1, in its own process."""
    output = Output(folder)
    output.known = known
    bucket: Any = Bucket(keys)
    planned = plan_photos(bucket, output, Ledger.load(output), RECIPE)
    assert (len(planned.known), len(planned.todo)) == (known, keys - known)
    return {}


def write_finished(folder: Path, photos: int) -> None:
    """A shop after its last night: photos, cut-outs and banners are there as far as listings show."""
    names = [f"{number:06}.jpg" for number in range(photos)]
    campaign = write_campaign(folder, names)
    for name in names:
        touch(folder / "photos" / name)
    seen = list(DirStore(folder / "photos").list())
    rows = [replace(row(n), key=found.key, etag=found.etag, size=found.size) for n, found in enumerate(seen)]
    output = DirStore(folder / "out")
    Ledger.load(output).add(rows)
    for each in rows:
        touch(output.root / each.cutout_key)
    finish(campaign, output, rows)


def finish(campaign: Campaign, output: DirStore, rows: list[PhotoRow]) -> None:
    """The last night's manifest, and its banners as empty files."""
    run = RunId(campaign.name, DAY, "20261122T010000Z-0000")
    press = Press.of(run, campaign)
    wanted, _ = want(campaign, DAY, Briefs(press.digest))
    units = plan_banners(wanted, {each.key: each for each in rows}, press, stored=(), past={}).todo
    banners = [banner_row(unit, run, Status.STORED, size=1) for unit in units]
    for unit in units:
        touch(output.root / unit.key)
    manifest.write_banners(output, run, banners)
    manifest.write_photos(output, run, rows)
    summary = manifest.summarise(
        run,
        banners,
        rows,
        planned=len(banners),
        timings={},
        weights="3" * 64,
        versions={},
        started=datetime.now(UTC),
        finished=datetime.now(UTC),
        exit_code=0,
    )
    manifest.finish(output, run, summary)
    publish(output, campaign, DAY, Present({each.content for each in rows}))


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def nothing_to_do(folder: Path) -> dict[str, Any]:
    """Case 2, in its own process."""
    from pipeline.runner import Deferred

    def nobody() -> Any:
        raise AssertionError("workers were started although there is nothing to do")

    campaign = load_campaign(folder / "campaign.yaml")
    order = Order(campaign, DAY, RECIPE, "3" * 64, nobody)
    before = tree(folder / "out")
    started = time.perf_counter()
    outcome = night.run_night(order, Deferred(nobody), Silent(), lambda: datetime.now(UTC))
    seconds = time.perf_counter() - started
    assert not outcome.made
    assert tree(folder / "out") == before
    loaded = sorted({"ray", "torch", "boto3"} & sys.modules.keys())
    assert not loaded, f"imported {loaded}"
    return {"seconds": seconds, "banners": len(outcome.banners)}


def tree(folder: Path) -> int:
    """A hash of all names and times of change below `folder`; of a million of them without a list."""
    found = 0
    for path in folder.rglob("*"):
        found ^= hash((str(path), path.stat().st_mtime_ns))
    return found


def measured(work: Callable[[], dict[str, Any]]) -> None:
    """Run in the child: print what `work` took."""
    started = time.perf_counter()
    told = work()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "bytes": most} | told))


def in_child(*words: object) -> dict[str, Any]:
    """One case, on one processor, in a fresh process."""
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, env=environment, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def judge(name: str, told: dict[str, Any]) -> bool:
    good = bool(told["seconds"] <= MOST_SECONDS and told["bytes"] <= MOST_BYTES)
    verdict = "ok" if good else "OVER THE BOUND"
    print(f"{name:<44} {told['seconds']:8.1f} s {told['bytes'] / 1e6:8.0f} MB  {verdict}", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("case", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        name, folder, *numbers = asked.case
        if name == "plan":
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            measured(lambda: plan(Path(folder), *map(int, numbers)))
        else:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
            measured(lambda: nothing_to_do(Path(folder)))
        return 0
    good = True
    for known in (0, asked.keys // 2, asked.keys):
        with tempfile.TemporaryDirectory() as folder:
            write_ledger(Path(folder), known)
            told = in_child("plan", folder, asked.keys, known)
        good &= judge(f"{asked.keys:,} keys, {known:,} of them known", told)
    with tempfile.TemporaryDirectory() as folder:
        write_finished(Path(folder), asked.finished)
        told = in_child("nothing", folder)
    name = f"nothing to do, {asked.finished:,} photos and {told['banners']:,} banners"
    good &= judge(name, told)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
