"""Removes what nobody needs any more: first a list of it, then, if that is what was wanted, the things.

What goes: cut-outs and thumbnails of photos that left the bucket; banners that show such a photo or that the
campaign no longer plans; pointers under `latest/` that the feed does not name; half-written files that a
killed process left behind. What stays, whatever else holds: every banner that any feed names. A banner of a
withdrawn photo leaves the feed with the next run and can go after that.

Several campaigns may share one output. A cut-out stays as long as the last runs of another campaign had its
photo. Decisions, manifests and the ledger (hashes and words) always stay, and so do proof sheets, which are
the record of what was signed off: those of earlier runs still hold small pictures of withdrawn photos.
"""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath

from pipeline.clock import run_time
from pipeline.errors import JobError
from pipeline.feed import FEEDS, json_key, latest_prefix, read_feed
from pipeline.ledger import Ledger
from pipeline.manifest import PREFIX, RunId, latest_run, list_runs, read_banners, read_photos
from pipeline.photo_plan import CUTOUTS
from pipeline.present import Present, look_up
from pipeline.store import DirStore, ObjectStore
from pipeline.types import BannerRow, Listed
from pipeline.units import banners_prefix

THUMBNAILS = "thumbnails/"
_LOOK_SECONDS = 1.0
"""How often it is looked whether anybody began to need what is being removed."""
_MAY_GO_ON = timedelta(days=1)
"""A run that is not finished after a day was stopped; what it wrote down counts all the same."""
STALE_SECONDS = 3600.0
"""A file is written in seconds: one that is still unfinished after an hour has nobody to finish it."""

_CONTENT = re.compile(r"[0-9a-f]{64}")


class Kind(StrEnum):
    """What a superfluous object is."""

    POINTER = "pointers"
    BANNER = "banners"
    CUTOUT = "cut-outs"
    THUMBNAIL = "thumbnails"
    UNFINISHED = "unfinished files"


@dataclass(frozen=True, slots=True)
class Superfluous:
    """An object that can go; `size` in bytes."""

    kind: Kind
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Pruning:
    """What can go, in the order in which it goes, and what stays although its photo is gone.

    `run` is the last run of the campaign, by which this was found out; `still_live` banners of withdrawn
    photos that a feed names; `of_others` cut-outs and thumbnails of photos that another campaign had.
    """

    run: RunId
    superfluous: tuple[Superfluous, ...]
    still_live: int
    of_others: int


def plan_pruning(photos: ObjectStore, output: ObjectStore, campaign: str) -> Pruning:
    """What is superfluous now; removes nothing.

    Raises `JobError` where that cannot be told: the last run did not finish or goes on, or there are photos
    that no run has looked at, which may be old ones under a new name.
    """
    run = _finished_run(output, campaign)
    _check_others(output, campaign)
    banners, seen = read_banners(output, run), read_photos(output, run)
    contents = _contents(look_up(photos, Ledger.load(output), lambda: seen))
    doomed_banners, still_live = _banners(output, campaign, banners, contents, _live_keys(output))
    doomed_sources, of_others = _sources(output, contents, _contents_of_others(output, campaign))
    superfluous = (
        *_pointers(output, campaign),
        *doomed_banners,
        *doomed_sources,
        *(Superfluous(Kind.UNFINISHED, each.key, each.size) for each in _unfinished(output)),
    )
    return Pruning(run, superfluous, still_live, of_others)


def prune(output: ObjectStore, pruning: Pruning) -> None:
    """Remove what `plan_pruning` found. Raises `JobError` once a run has begun since, or a feed has changed
    so that it names something of it: before anything is removed, and again and again in between, as removing
    100,000 objects takes half an hour.
    """
    looked = float("-inf")
    for each in pruning.superfluous:
        if time.monotonic() - looked >= _LOOK_SECONDS:
            _check_unchanged(output, pruning)
            looked = time.monotonic()
        if each.kind is Kind.UNFINISHED and isinstance(output, DirStore):
            output.remove_unfinished(each.key)
        else:
            output.delete(each.key)


def _check_unchanged(output: ObjectStore, pruning: Pruning) -> None:
    if _finished_run(output, pruning.run.campaign) != pruning.run:
        raise JobError("a run has finished meanwhile, and may need what was superfluous before: prune again")
    _check_others(output, pruning.run.campaign)
    named = _live_keys(output) | _live_pointers(output, pruning.run.campaign)
    if any(each.key in named for each in pruning.superfluous):
        raise JobError("something became live meanwhile that was superfluous before: prune again")


def _check_others(output: ObjectStore, campaign: str) -> None:
    """Another campaign's run that goes on has cut-outs that no row tells of yet."""
    for name in _other_campaigns(output, campaign):
        runs, last = list_runs(output, name), latest_run(output, name)
        begun = run_time(runs[-1].run)
        if runs[-1] != last and begun and datetime.now(UTC) - begun < _MAY_GO_ON:
            raise JobError(
                f"the run {runs[-1].run} of {name} goes on, or was stopped within a day: let it end"
            )


def _finished_run(output: ObjectStore, campaign: str) -> RunId:
    """The last run, which has to be a finished one: banners of a run that goes on have no rows at first."""
    runs = list_runs(output, campaign)
    last = latest_run(output, campaign)
    if last is None:
        raise JobError(f"{campaign} has no finished run yet, so nobody knows what it needs; run it first")
    if runs[-1] != last:
        raise JobError(f"the run {runs[-1].run} goes on or was stopped: let it end, or run again, then prune")
    return last


def _contents(present: Present) -> Collection[str]:
    """What is in the photo bucket."""
    if present.unread:
        raise JobError(
            f"{len(present.unread)} photos, such as {next(iter(present.unread))}, were added or changed "
            "since the last run, and may be old ones under a new name: run first, then prune"
        )
    return present.contents


def _contents_of_others(output: ObjectStore, campaign: str) -> set[str]:
    """The photos of all other campaigns in this output, by their last finished run and all since."""
    contents: set[str] = set()
    for name in _other_campaigns(output, campaign):
        runs, last = list_runs(output, name), latest_run(output, name)
        for run in runs[runs.index(last) :] if last else runs:
            contents.update(row.content for row in read_photos(output, run))
            contents.update(each for row in read_banners(output, run) for each in row.photo_contents)
    return contents


def _other_campaigns(output: ObjectStore, campaign: str) -> list[str]:
    return sorted({listed.key.split("/")[1] for listed in output.list(PREFIX)} - {campaign})


def _live_keys(output: ObjectStore) -> set[str]:
    """Every banner that any campaign's feed names. A feed that cannot be read raises `StoreError`."""
    feeds = [listed.key for listed in output.list(FEEDS) if listed.key.endswith("/feed.json")]
    named = (read_feed(output.get(key), output.url(key)) for key in feeds)
    return {str(item["key"]) for items in named for item in items.values()}


def _live_pointers(output: ObjectStore, campaign: str) -> set[str]:
    key = json_key(campaign)
    return set(read_feed(output.get(key), output.url(key))) if output.exists(key) else set()


def _pointers(output: ObjectStore, campaign: str) -> Iterator[Superfluous]:
    named = _live_pointers(output, campaign)
    for listed in output.list(latest_prefix(campaign)):
        if listed.key not in named:
            yield Superfluous(Kind.POINTER, listed.key, listed.size)


def _banners(
    output: ObjectStore,
    campaign: str,
    rows: Sequence[BannerRow],
    contents: Collection[str],
    live: set[str],
) -> tuple[list[Superfluous], int]:
    """Banners that can go, and how many could but for a feed that names them."""
    planned = {row.key for row in rows if all(each in contents for each in row.photo_contents)}
    idle = [listed for listed in output.list(banners_prefix(campaign)) if listed.key not in planned]
    doomed = [_of(Kind.BANNER, listed) for listed in idle if listed.key not in live]
    return doomed, len(idle) - len(doomed)


def _sources(
    output: ObjectStore, contents: Collection[str], others: set[str]
) -> tuple[list[Superfluous], int]:
    """Cut-outs and thumbnails that can go, and how many stay for other campaigns."""
    gone = [
        (kind, listed)
        for kind, prefix in ((Kind.CUTOUT, CUTOUTS), (Kind.THUMBNAIL, THUMBNAILS))
        for listed in output.list(prefix)
        if _CONTENT.fullmatch(_content(listed)) and _content(listed) not in contents
    ]
    doomed = [_of(kind, listed) for kind, listed in gone if _content(listed) not in others]
    return doomed, len(gone) - len(doomed)


def _content(listed: Listed) -> str:
    """The photo that a cut-out or thumbnail is named after."""
    return PurePosixPath(listed.key).stem


def _of(kind: Kind, listed: Listed) -> Superfluous:
    return Superfluous(kind, listed.key, listed.size)


def _unfinished(output: ObjectStore) -> Iterator[Listed]:
    # A bucket has no half-written objects.
    if isinstance(output, DirStore):
        yield from output.unfinished(before=time.time() - STALE_SECONDS)
