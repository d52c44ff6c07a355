"""The rows of the fault matrix, each a function that injects one fault and judges what is left.

Rows 2 to 10 and 12 share one night; it is run for the first of them.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from typing import Any

import faulty_network
import faulty_shop
from faulty_mixture import run_mixture
from faulty_shop import Judged
from faulty_world import (
    NODES,
    PROCESSORS,
    Night,
    World,
    add_node,
    added,
    done,
    finished,
    kill_now_and_then,
    night_over,
    restore,
)

TIMED_FROM = 500
"""Photos; before that, starting is most of a night, and bounds on time say nothing."""
_PASSING = ("slow_down", "internal", "reset", "hang")
_BODIES = r"\.(png|cutout)$"
"""Not listings: these have no checksum, and whatever they say is believed."""


@dataclass
class Result:
    """A row's figures; `problems` in words, none if every bound holds; `told` what else there is to say."""

    judged: Judged
    injected: int
    waste: float
    time: float
    problems: list[str] = field(default_factory=list)
    told: str = ""


def complete(
    world: World,
    night: Night,
    seconds: float,
    *,
    injected: int,
    refused: dict[str, str] | None = None,
    changed: Sequence[str] = (),
    most_waste: float = 1.05,
    most_time: float | None = None,
) -> Result:
    """Judge an output that has to be complete but for the photos `refused` for their reason, or one of some
    with | between them.
    """
    assert world.base is not None
    world.spoil()
    found, refused = faulty_shop.left(night.output), refused or {}
    judged = faulty_shop.judge(found, world.base, bad=set(refused), changed=set(changed))
    result = Result(judged, injected, night.seen() / world.photos, seconds / world.base_seconds)
    for name in ("lost", "duplicate", "wrong", "collateral"):
        if getattr(judged, name):
            result.problems.append(f"{name} {getattr(judged, name)}")
    reasons = faulty_shop.reasons(found)
    if judged.collateral:
        good = {key: why for key, why in reasons.items() if key not in (*refused, *changed)}
        result.problems.append(f"refused though good: {good}")
    odd = {
        key: reasons.get(key, "stored")
        for key, expected in refused.items()
        if reasons.get(key) not in expected.split("|")
    }
    if odd:
        result.problems.append(f"not refused as expected: {odd}")
    if result.waste > most_waste:
        result.problems.append(f"waste {result.waste:.3f} over {most_waste}")
    if most_time is not None and world.photos >= TIMED_FROM and result.time > most_time:
        result.problems.append(f"time {result.time:.2f} over {most_time}")
    return result


def row_2(world: World, chance: random.Random) -> Result:
    """Bombs of pixels, texts, profiles and frames"""
    return mixed(world, 2)


def row_3(world: World, chance: random.Random) -> Result:
    """Photos cut short"""
    return mixed(world, 3)


def row_4(world: World, chance: random.Random) -> Result:
    """Flipped bits"""
    return mixed(world, 4)


def row_5(world: World, chance: random.Random) -> Result:
    """Photos with wrong names, files that are no photos"""
    return mixed(world, 5)


def row_6(world: World, chance: random.Random) -> Result:
    """Photos that have to be turned upright"""
    return mixed(world, 6)


def row_7(world: World, chance: random.Random) -> Result:
    """CMYK, grey, palettes, profiles"""
    return mixed(world, 7)


def row_8(world: World, chance: random.Random) -> Result:
    """Secrets in metadata"""
    return mixed(world, 8)


def row_9(world: World, chance: random.Random) -> Result:
    """Nobody, everything, or NaN from the network"""
    return mixed(world, 9)


def row_10(world: World, chance: random.Random) -> Result:
    """Hostile keys"""
    return mixed(world, 10)


def row_12(world: World, chance: random.Random) -> Result:
    """Hostile words in the catalogue"""
    return mixed(world, 12)


def row_15(world: World, chance: random.Random) -> Result:
    """S3 503/500/timeout/reset on 10 % of calls"""
    world.spoil(*({"kind": kind, "share": 0.025} for kind in _PASSING))
    night = Night(world, world.new_output())
    return complete(world, night, finished(world, night), injected=done(world, *_PASSING), most_time=1.5)


def row_16(world: World, chance: random.Random) -> Result:
    """Bodies cut short or garbled on their way"""
    bodies = {"method": "GET", "path": _BODIES, "share": 0.03, "most": world.scaled(100) // 2}
    world.spoil({"kind": "short", **bodies}, {"kind": "garbled", **bodies})
    night = Night(world, world.new_output())
    return complete(world, night, finished(world, night), injected=done(world, "short", "garbled"))


def row_17(world: World, chance: random.Random) -> Result:
    """Objects gone or changed between list and get"""
    chosen = world.some(world.scaled(100), of=chance)
    gone, changed = chosen[::2], chosen[1::2]
    world.spoil(
        *({"kind": "gone", **first_read(n)} for n in gone),
        *({"kind": "changed", "with": world.photo(n + 100_000).hex(), **first_read(n)} for n in changed),
    )
    night = Night(world, world.new_output())
    seconds = night_over(world, night)
    result = complete(
        world,
        night,
        seconds,
        injected=len(chosen),
        refused=dict.fromkeys(map(faulty_shop.photo_key, gone), "source_gone"),
        changed=list(map(faulty_shop.photo_key, changed)),
    )
    restore(world, chosen)
    return result


def row_18(world: World, chance: random.Random) -> Result:
    """Objects stored, the answer lost"""
    world.spoil({"kind": "lost", "method": "PUT", "share": 0.2, "most": world.scaled(200)})
    night = Night(world, world.new_output())
    return complete(world, night, finished(world, night), injected=done(world, "lost"))


def row_19(world: World, chance: random.Random) -> Result:
    """Access denied on some keys, then on all"""
    chosen = [faulty_shop.photo_key(n) for n in world.some(world.scaled(50), of=chance)]
    world.spoil({"kind": "denied", "path": f"/photos/({'|'.join(chosen)})"})
    night = Night(world, world.new_output())
    seconds = night_over(world, night)
    refused = dict.fromkeys(chosen, "access_denied")
    result = complete(world, night, seconds, injected=len(chosen), refused=refused)
    world.spoil({"kind": "denied", "path": r"/photos/.*\.png"})
    closed = Night(world, world.new_output())
    code = closed.wait(60 + 2 * world.base_seconds)
    if code != 1 or "refuses every photo" not in closed.last_words():
        result.problems.append(f"with all denied: ended with {code}: {closed.last_words()}")
    return result


def row_20(world: World, chance: random.Random) -> Result:
    """CPU workers killed"""
    return killing(world, chance, "ray::Worker", world.scaled(50), gpu=False, most_waste=1.1)


def row_21(world: World, chance: random.Random) -> Result:
    """GPU workers killed"""
    return killing(world, chance, "ray::GpuMatter", world.scaled(20), gpu=True, most_waste=1.05)


def row_22(world: World, chance: random.Random) -> Result:
    """Photos that alone do not fit into the GPU"""
    return poisoned(world, faulty_network.HUGE, world.scaled(40), "too_large_for_gpu", gpu=True)


def row_23(world: World, chance: random.Random) -> Result:
    """Photos that kill their worker"""
    return poisoned(world, faulty_network.DEADLY, world.scaled(10), "killed_worker", gpu=False)


def row_24(world: World, chance: random.Random) -> Result:
    """Photos that never end"""
    return poisoned(world, faulty_network.ENDLESS, world.scaled(10), "timed_out", gpu=False)


def row_25(world: World, chance: random.Random) -> Result:
    """Machines lost"""
    count = max(1, min(5, world.photos // 400))
    night, killed = Night(world, world.new_output()), 0
    while night.runs() and killed < count:
        with suppress(subprocess.TimeoutExpired):
            night.wait(world.base_seconds / (count + 1))
            break
        node, gpus = world.nodes.pop(chance.randrange(len(world.nodes)))
        world.cluster.remove_node(node, allow_graceful=False)
        killed += 1
        world.nodes.append(add_node(world.cluster, gpus))
    return complete(world, night, finished(world, night), injected=killed, most_waste=1.2)


def row_26(world: World, chance: random.Random) -> Result:
    """The driver killed at random moments, then run again"""
    nights, killed = [Night(world, world.new_output())], 0
    for night in interrupted(nights, chance, max(3, min(30, world.photos // 66))):
        night.process.kill()
        night.wait()
        killed += 1
    in_flight = 1 + killed * NODES * PROCESSORS / world.photos
    return completed(nights, injected=killed, most_waste=in_flight)


def row_27(world: World, chance: random.Random) -> Result:
    """SIGTERM, as spot machines get it, then run again"""
    nights, stopped, problems = [Night(world, world.new_output())], 0, list[str]()
    for night in interrupted(nights, chance, max(2, min(10, world.photos // 200))):
        night.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        code = night.wait(300)
        stopped += 1
        if time.monotonic() - asked > 90 or code not in (0, 130):
            problems.append(f"ended with {code} after {time.monotonic() - asked:.0f} s")
        if unwritten := faulty_shop.unwritten(night.output):
            problems.append(f"{unwritten} stored objects without a row")
    result = completed(nights, injected=stopped, most_waste=1.05)
    result.problems += problems
    return result


def row_28(world: World, chance: random.Random) -> Result:
    """The same night started again while it runs: two drivers side by side"""
    return together([side_by_side(world, chance) for _ in range(world.at_most(5))])


def row_29(world: World, chance: random.Random) -> Result:
    """A finished night started again"""
    world.spoil()
    times = world.at_most(5)
    seconds = 0.0
    for _ in range(times):
        again = Night(world, "base")
        seconds += finished(world, again) / times
    writes = done(world, "PUT", "POST", "DELETE")
    result = complete(world, again, seconds, injected=times, most_waste=1.0)
    if writes:
        result.problems.append(f"{writes} writes, though all was there")
    if world.photos >= TIMED_FROM and result.time > 0.02:
        result.problems.append(f"time {result.time:.3f} over 0.02")
    return result


def row_30(world: World, chance: random.Random) -> Result:
    """The bucket full at random moments, then not"""
    nights, filled, problems = [Night(world, world.new_output())], 0, list[str]()
    for night in interrupted(nights, chance, world.at_most(5)):
        world.spoil({"kind": "full", "method": "PUT", "path": f"/{night.output}/"})
        code = night.wait(60 + 5 * world.base_seconds)
        refused = done(world, "full")
        world.spoil()
        if not refused:
            continue  # all was written by then
        filled += 1
        if code != 1 or "QuotaExceeded" not in night.last_words():
            problems.append(f"ended with {code}: {night.last_words()}")
    # What was cut out, or in work, when the bucket was full could not be stored, and is done again.
    most = 1 + 2 * filled * NODES * PROCESSORS / world.photos
    result = completed(nights, injected=filled, most_waste=most)
    result.problems += problems
    return result


def row_32(world: World, chance: random.Random) -> Result:
    """15 to 24 together"""
    deadly, endless = world.scaled(10), 2
    extra = {
        **{f"x-deadly-{n}.png": (faulty_network.DEADLY, "killed_worker") for n in range(deadly)},
        # While it hangs, alone at the end, the killer of workers may well find its worker four times.
        **{f"x-endless-{n}.png": (faulty_network.ENDLESS, "timed_out|killed_worker") for n in range(endless)},
    }
    denied = [faulty_shop.photo_key(n) for n in world.some(world.scaled(50), of=chance)]
    with added(world, {key: backdrop for key, (backdrop, _) in extra.items()}):
        world.spoil(
            {"kind": "denied", "path": f"/photos/({'|'.join(denied)})"},
            *({"kind": kind, "share": 0.02} for kind in _PASSING),
            {"kind": "lost", "method": "PUT", "share": 0.1, "most": world.scaled(200)},
            {"kind": "garbled", "method": "GET", "path": _BODIES, "share": 0.03, "most": world.scaled(50)},
            seed=chance.randrange(1_000_000),
        )
        night = Night(world, world.new_output())
        killed = kill_now_and_then(world, chance, night, "ray::Worker", world.scaled(50))
        seconds = night_over(world, night)
        refused = {key: reason for key, (_, reason) in extra.items()} | dict.fromkeys(denied, "access_denied")
        injected = killed + len(refused) + done(world, *_PASSING, "lost", "garbled")
        return complete(
            world, night, seconds, injected=injected, refused=refused, most_waste=1.2, most_time=2
        )


def mixed(world: World, row: int) -> Result:
    """One row of the night that has all odd photos; the first five figures are those of the whole night."""
    if world.mixture is None:
        world.mixture = run_mixture(world, random.Random(world.seed))
    night = world.mixture
    figures = {name: getattr(night.judged, name) for name in ("lost", "duplicate", "wrong", "collateral")}
    problems = [*night.problems[row], *(f"{name} {count}" for name, count in figures.items() if count)]
    if night.waste > 1.0:
        problems.append(f"waste {night.waste:.3f} over 1")
    return Result(night.judged, night.count(row), night.waste, night.time, problems, night.told.get(row, ""))


def side_by_side(world: World, chance: random.Random) -> Result:
    """One night with two drivers, the second started at a random moment of the first one's first half."""
    first = Night(world, world.new_output())
    time.sleep(chance.uniform(0, world.base_seconds / 2))
    nights = [first, Night(world, first.output)]
    for night in nights:
        finished(world, night)
    return complete(world, first, max(night.seconds for night in nights), injected=1, most_waste=2.0)


def together(results: Sequence[Result]) -> Result:
    """What several nights came to: their sums, and the worst waste and time."""
    judged = Judged(
        *(sum(each) for each in zip(*(astuple(result.judged) for result in results), strict=True))
    )
    return Result(
        judged,
        sum(result.injected for result in results),
        max(result.waste for result in results),
        max(result.time for result in results),
        [problem for result in results for problem in result.problems],
    )


def interrupted(nights: list[Night], chance: random.Random, count: int) -> Iterator[Night]:
    """The night that began, and so many of its reruns at most, each at a random moment while it runs; whoever
    takes them stops them. `nights` becomes all of them, the last one complete or still running.
    """
    world, output = nights[0].world, nights[0].output
    for _ in range(count):
        try:
            nights[-1].wait(chance.uniform(0.2, 1.8) * world.part(count))
        except subprocess.TimeoutExpired:
            yield nights[-1]
            nights.append(Night(world, output))
        else:
            return


def completed(nights: Sequence[Night], *, injected: int, most_waste: float) -> Result:
    """Judge an output of several nights once the last is over; it took as long as all of them."""
    finished(nights[-1].world, nights[-1])
    seconds = sum(night.seconds for night in nights)
    return complete(nights[-1].world, nights[-1], seconds, injected=injected, most_waste=most_waste)


def killing(
    world: World, chance: random.Random, title: str, count: int, *, gpu: bool, most_waste: float
) -> Result:
    """Workers whose process has this title are killed at random moments of a night."""
    night = Night(world, world.new_output(), gpu)
    # GPUs have work while photos are cut out, processors all night.
    killed = kill_now_and_then(world, chance, night, title, count, 0.5 if gpu else 1.0)
    # A worker that dies between its answer and the row has the network see its photo again.
    allowed = max(most_waste, 1 + 2 * killed / world.photos)
    return complete(world, night, finished(world, night), injected=killed, most_waste=allowed)


def poisoned(world: World, backdrop: tuple[int, int, int], count: int, reason: str, *, gpu: bool) -> Result:
    """So many more photos with a backdrop that the network cannot bear."""
    keys = [f"x-{n}.png" for n in range(count)]
    with added(world, dict.fromkeys(keys, backdrop)):
        night = Night(world, world.new_output(), gpu)
        seconds = night_over(world, night)
        return complete(world, night, seconds, injected=count, refused=dict.fromkeys(keys, reason))


def first_read(number: int) -> dict[str, Any]:
    """The part of a rule that means the first time that a photo is read."""
    return {"method": "GET", "path": f"/photos/{faulty_shop.photo_key(number)}", "most": 1}


ROWS: dict[int, Callable[[World, random.Random], Result]] = {
    int(name.removeprefix("row_")): row for name, row in list(globals().items()) if name.startswith("row_")
}
