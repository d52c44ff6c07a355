"""Who let which banner go live, or took it back: one row per decision, never changed and never deleted.

A decision is about a banner's key, and so about everything that is drawn: the key holds the recipe's hash. A
changed price, photo or design makes another banner, which has to be approved anew; the same banner made again
is approved already. Of several decisions on one key the last counts.

Each call of `record` writes one Parquet part of its own under `approvals/<campaign>/`, create-only, so that
any number of people deciding at once lose nothing; `SELECT * FROM 'approvals/demo/*.parquet'` shows who did
what.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath

from pipeline.clock import newest_stamp, stamp_after
from pipeline.errors import JobError
from pipeline.rowfile import read_parts, write_part
from pipeline.store import ObjectStore
from pipeline.textfile import control_character
from pipeline.types import BannerRow, Status

MAX_NAME_CHARACTERS = 200


class Verdict(StrEnum):
    """What was decided."""

    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's word on one banner. `at` in UTC, ISO 8601; `run` whose banner was looked at."""

    campaign: str
    key: str
    verdict: Verdict
    who: str
    at: str
    run: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """All that was decided of a campaign: `last` by banner key; `parts` says which parts it was read from."""

    parts: tuple[str, ...]
    last: dict[str, Decision]


def read_approvals(store: ObjectStore, campaign: str) -> Approvals:
    """Every decision so far."""
    parts, rows = read_parts(store, _prefix(campaign), Decision)
    return Approvals(tuple(parts), {row.key: row for row in rows})


def list_parts(store: ObjectStore, campaign: str) -> tuple[str, ...]:
    """What `read_approvals` would read now: another answer than before means that somebody has decided."""
    return tuple(sorted(each.key for each in store.list(_prefix(campaign)) if each.key.endswith(".parquet")))


def record(
    store: ObjectStore,
    campaign: str,
    verdicts: Mapping[str, Verdict],
    *,
    who: str,
    run: str,
    now: datetime,
) -> None:
    """Write down what `who` decided, by banner key, in one part; nothing where nothing was decided."""
    if not verdicts:
        return
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    rows = [Decision(campaign, key, verdict, who, at, run) for key, verdict in verdicts.items()]
    stamp = stamp_after(newest_stamp(list_parts(store, campaign)))
    write_part(store, _prefix(campaign), Decision, rows, stamp=stamp)


def held(rows: Iterable[BannerRow]) -> list[str]:
    """The keys of all banners of a run that a gate held back."""
    return [row.key for row in rows if row.status is Status.HELD]


def undecided(rows: Iterable[BannerRow], approvals: Approvals) -> list[str]:
    """The keys of all banners of a run that a gate held back and that nobody has approved or withdrawn."""
    return [key for key in held(rows) if key not in approvals.last]


def choose(rows: Iterable[BannerRow], words: Iterable[str]) -> list[str]:
    """The keys of a run's banners that `words` name, each by its key or its file's name.

    Raises `JobError` for a word that names none, or several, or a banner that was never made.
    """
    known = named(rows)
    return [made(word, known.get(word, [])).key for word in words]


def named(rows: Iterable[BannerRow]) -> dict[str, list[BannerRow]]:
    """A run's banners by each word that may name one: its key, and its file's name."""
    by_word: dict[str, list[BannerRow]] = {}
    for row in rows:
        for word in (row.key, PurePosixPath(row.key).name):
            by_word.setdefault(word, []).append(row)
    return by_word


def made(word: str, found: Sequence[BannerRow]) -> BannerRow:
    """The one banner `found` by `word`; raises `JobError` as `choose` does."""
    if not found:
        raise JobError(f"{word}: the run has no such banner; its manifest has the keys of all it has")
    if len(found) > 1:
        raise JobError(f"{word}: {len(found)} banners are called so; write the whole key of one of them")
    if found[0].status not in (Status.STORED, Status.HELD):
        raise JobError(f"{word}: this banner was not made ({found[0].reason}: {found[0].detail})")
    return found[0]


def check_name(who: str) -> str:
    """A person's name without blanks around it; raises ValueError."""
    name = who.strip()
    if not name:
        raise ValueError("a name is needed: who decides?")
    if len(name) > MAX_NAME_CHARACTERS or control_character(name) or "\n" in name or "\t" in name:
        raise ValueError(f"must be one line of at most {MAX_NAME_CHARACTERS} characters")
    return name


def _prefix(campaign: str) -> str:
    return f"approvals/{campaign}/"
