"""Who let which banner go live, or took it back: one row per decision, never changed and never deleted.

A decision is about a banner's key, and so about everything that is drawn: the key holds the recipe's hash. A
changed price, photo or design makes another banner, which has to be approved anew; the same banner made again
is approved already. Of several decisions on one key the last counts.

Each call of `record` writes one Parquet part of its own under `approvals/<campaign>/`, create-only, so that
any number of people deciding at once lose nothing; `SELECT * FROM 'approvals/demo/*.parquet'` shows who did
what.

Decisions made elsewhere, such as on a proof sheet, come as a JSON file:

    {"campaign": "demo",
     "run": "20261122T190000Z-5f0a",
     "decisions": [{"key": "banners/demo/tw-women/300x250/BLZ-101-sale-poster-0f3c.jpg", "approved": true}]}

`run` (the run whose banners were looked at) may be left out: the last finished one. `"approved": false` takes
an approval back, and keeps a banner out that would have gone live by itself.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from pipeline.errors import InvalidInput, JobError
from pipeline.rowfile import STAMP_DIGITS, read_parts, write_part
from pipeline.store import ObjectStore
from pipeline.textfile import control_character, read_text
from pipeline.types import BannerRow, Status
from pipeline.yamlfile import StrictModel, dotted

MAX_FILE_BYTES = 50_000_000
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


@dataclass(frozen=True, slots=True)
class ApprovalsFile:
    """What a file of decisions asks for. `run` "" where it names none."""

    run: str
    verdicts: dict[str, Verdict]


def read_approvals(store: ObjectStore, campaign: str) -> Approvals:
    """Every decision so far."""
    parts, rows = read_parts(store, _prefix(campaign), Decision)
    return Approvals(tuple(parts), {row.key: row for row in rows})


def list_parts(store: ObjectStore, campaign: str) -> tuple[str, ...]:
    """What `read_approvals` would read now: another answer than before means that somebody has decided."""
    return tuple(each.key for each in store.list(_prefix(campaign)) if each.key.endswith(".parquet"))


def record(
    store: ObjectStore,
    campaign: str,
    verdicts: dict[str, Verdict],
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
    stamp = _later_than(list_parts(store, campaign), _prefix(campaign))
    write_part(store, _prefix(campaign), Decision, rows, stamp=stamp)


def held(rows: Iterable[BannerRow]) -> list[str]:
    """The keys of all banners of a run that a gate held back."""
    return [row.key for row in rows if row.status is Status.HELD]


def choose(rows: Iterable[BannerRow], words: Iterable[str]) -> list[str]:
    """The keys of a run's banners that `words` name, each by its key or its file's name.

    Raises `JobError` for a word that names none, or several, or a banner that was never made.
    """
    by_word: dict[str, list[BannerRow]] = {}
    for row in rows:
        for word in (row.key, PurePosixPath(row.key).name):
            by_word.setdefault(word, []).append(row)
    return [_made(word, by_word.get(word, [])).key for word in words]


def check_name(who: str) -> str:
    """A person's name without blanks around it; raises ValueError."""
    name = who.strip()
    if not name:
        raise ValueError("a name is needed: who decides?")
    if len(name) > MAX_NAME_CHARACTERS or control_character(name) or "\n" in name or "\t" in name:
        raise ValueError(f"must be one line of at most {MAX_NAME_CHARACTERS} characters")
    return name


def read_file(path: Path, campaign: str) -> ApprovalsFile:
    """The decisions in a JSON file about `campaign`; raises `InvalidInput`."""
    text = read_text(path, max_bytes=MAX_FILE_BYTES)
    try:
        document = _Document.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise InvalidInput(f"is no JSON: {error.msg}", file=path, line=error.lineno) from error
    except RecursionError:
        raise InvalidInput("is nested too deeply", file=path) from None
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidInput(fault["msg"], file=path, field=dotted(fault["loc"])) from None
    if document.campaign != campaign:
        problem = f"is about the campaign {document.campaign}, not about {campaign}"
        raise InvalidInput(problem, file=path, field="campaign")
    return ApprovalsFile(document.run, _verdicts(path, document.decisions))


class _Entry(StrictModel):
    key: str
    approved: bool


class _Document(StrictModel):
    campaign: str
    run: str = ""
    decisions: list[_Entry]


def _verdicts(path: Path, entries: Iterable[_Entry]) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for index, entry in enumerate(entries):
        verdict = Verdict.APPROVED if entry.approved else Verdict.WITHDRAWN
        if verdicts.setdefault(entry.key, verdict) is not verdict:
            problem = f"{entry.key} is both approved and not"
            raise InvalidInput(problem, file=path, field=f"decisions[{index}].approved")
    return verdicts


def _made(word: str, found: Sequence[BannerRow]) -> BannerRow:
    if not found:
        raise JobError(f"{word}: the run has no such banner; its manifest has the keys of all it has")
    if len(found) > 1:
        raise JobError(f"{word}: {len(found)} banners are called so; write the whole key of one of them")
    if found[0].status not in (Status.STORED, Status.HELD):
        raise JobError(f"{word}: this banner was not made ({found[0].reason}: {found[0].detail})")
    return found[0]


def _later_than(parts: Sequence[str], prefix: str) -> str:
    """The present time as a part's stamp, but after every part: the clock of this machine may be behind that
    of the person who decided before.
    """
    newest = max((int(key.removeprefix(prefix)[:STAMP_DIGITS]) for key in parts), default=0)
    return f"{max(time.time_ns(), newest + 1):0{STAMP_DIGITS}}"


def _prefix(campaign: str) -> str:
    return f"approvals/{campaign}/"
