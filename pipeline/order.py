"""What is asked of a night, and what it came to."""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Protocol

from pipeline.alarm import Alarm
from pipeline.campaign import Campaign
from pipeline.clock import name_after
from pipeline.cutout import Predictor
from pipeline.errors import Reason
from pipeline.manifest import RunId
from pipeline.publish import Published
from pipeline.report import Notice
from pipeline.types import BannerRow, PhotoRow, Status


class Progress(Protocol):
    """Told of every row as it comes in; what a person sees of it is not our business."""

    def begin(self, stage: str, total: int) -> None:
        """`total` rows of "cut-outs" or "banners" are to come."""

    def advance(self, row: PhotoRow | BannerRow) -> None:
        """One of them has come."""

    def end(self) -> None:
        """The stage is over."""


def _run_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a night.

    `recipe`, `weights` (sha256) and `load_matter` belong to one network. `retry` are reasons whose refused
    photos get another chance; with `limit` at most so many cut-outs and banners are made, and the run stays
    unfinished. With `most_new` at most so many photos are cut out, and the run finishes all the same: new
    ones come first, others wait or keep what one of the `earlier` recipes (of networks that were in use
    before, the last first) made of them. A `strict` run publishes nothing as long as somebody has to decide
    on a banner that a gate held. An order is for one run, which is called `name`.
    """

    campaign: Campaign
    day: date
    recipe: str
    weights: str
    load_matter: Callable[[], Predictor]
    retry: frozenset[str] = frozenset()
    limit: int | None = None
    earlier: tuple[str, ...] = ()
    most_new: int | None = None
    strict: bool = False
    name: str = field(default_factory=_run_name)

    @property
    def run(self) -> RunId:
        """The run that it makes."""
        return RunId(self.campaign.name, self.day, self.name)

    def after(self, last: RunId | None) -> "Order":
        """The same for a run that sorts after the `last` one there is, whatever this machine's clock says."""
        return self if last is None else replace(self, name=name_after(last.run, self.name))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do now: `cutouts` photos to cut out, `planned` banners, `make` of them to be made.

    Photos that nobody has looked at yet count as good.
    """

    cutouts: int
    planned: int
    make: int
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a night came to: one row per planned banner and per photo. `made` False: there was nothing to do.

    `published` is how the feed stands now; `sheet` where a person finds the proof sheet, "" where there is
    none; `left` what `limit` left undone; `alarms` the reasons for which photos were refused much more often
    than in the nights before.
    """

    run: RunId
    banners: tuple[BannerRow, ...]
    photos: Collection[PhotoRow]
    notices: tuple[Notice, ...]
    published: Published
    made: bool
    sheet: str = ""
    left: int = 0
    alarms: tuple[Alarm, ...] = ()


def exit_code(
    photos: Collection[PhotoRow],
    banners: Sequence[BannerRow],
    max_rejected_share: float,
    alarms: Sequence[Alarm] = (),
    holding: int = 0,
) -> int:
    """0: everything that can be made is there. 3: too many photos were refused, or suddenly far more than
    usual, or something failed, or banners are `holding` back a strict run.

    "Nobody in the picture" is an ordinary answer in a catalogue and counts for neither: an alarm tells of it,
    the code does not. The code says how things stand, so running again with nothing to do gives the same one,
    except for alarms, which belong to the night that saw the photos.
    """
    counts = Counter((row.status, row.reason == Reason.NO_SUBJECT) for row in photos)
    refused = counts[Status.REJECTED, False]
    failed = counts[Status.FAILED, False] or any(row.status is Status.FAILED for row in banners)
    risen = any(alarm.reason != Reason.NO_SUBJECT for alarm in alarms)
    return 3 if failed or risen or holding or refused > max_rejected_share * len(photos) else 0
