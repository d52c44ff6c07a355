"""Decisions made on a proof sheet, as the JSON file that it saves: read, and held against what there is.

    {"campaign": "demo",
     "run": "20261122T190000Z-5f0a",
     "who": "Mei",
     "decisions": [{"key": "banners/demo/tw-women/300x250/BLZ-101-sale-poster-0f3c.jpg",
                    "approved": true,
                    "sha256": "9b1d…"}]}

`"approved": false` takes an approval back, and keeps a banner out that would have gone live by itself. What
may be left out: `run` (whose banners were looked at; the last finished one), `who` (the command asks for it)
and `sha256` (hex, of the picture that was looked at; without it nothing is compared).

Days may lie between looking and deciding. So every decision is held against the last finished run and the
stored picture: what somebody looked at is what goes live, or nothing does.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, ValidationError

from pipeline.approvals import Approvals, Verdict, check_name, made
from pipeline.campaign import Publish
from pipeline.errors import InvalidInput, JobError, ObjectGone
from pipeline.store import ObjectStore
from pipeline.textfile import read_text
from pipeline.types import BannerRow, Status
from pipeline.yamlfile import StrictModel, dotted

MAX_FILE_BYTES = 50_000_000
READERS = 8
"""Threads that fetch pictures to compare them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One decision of a file. `sha256` "" where the file has none."""

    key: str
    verdict: Verdict
    sha256: str


@dataclass(frozen=True, slots=True)
class ApprovalsFile:
    """What a file of decisions asks for. `run` and `who` "" where it names none; `marks` by key."""

    run: str
    who: str
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class Sifted:
    """`good` are verdicts by banner key, `refused` one sentence for each decision that cannot be taken."""

    good: Mapping[str, Verdict]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What decisions are held against: the rows of the run that was `looked_at`, those of the `last` finished
    one (the same if nothing ran since), what was decided before, what the campaign publishes by itself.
    """

    looked_at: Sequence[BannerRow]
    last: Sequence[BannerRow]
    approvals: Approvals
    publish: Publish


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
    return ApprovalsFile(document.run, document.who, _marks(path, document.decisions))


def sift(output: ObjectStore, file: ApprovalsFile, standing: Standing) -> Sifted:
    """Which of the file's decisions can be taken, and why not the others; raises what the store raises."""
    rows, now = {row.key: row for row in standing.looked_at}, _Now.of(standing.last)
    wanted, refused = list[Mark](), list[str]()
    for mark in file.marks.values():
        try:
            row = made(mark.key, [rows[mark.key]] if mark.key in rows else [])
            _check_wanted(row, mark, standing, now)
            wanted.append(mark)
        except JobError as error:
            refused.append(str(error))
    with ThreadPoolExecutor(READERS) as pool:
        problems = list(pool.map(partial(_other_picture, output), wanted))
    judged = list(zip(wanted, problems, strict=True))
    refused += [f"{mark.key}: {problem}" for mark, problem in judged if problem]
    return Sifted({mark.key: mark.verdict for mark, problem in judged if not problem}, tuple(refused))


def _check_wanted(row: BannerRow, mark: Mark, standing: Standing, now: "_Now") -> None:
    """Raises `JobError` about a decision that would change nothing, which somebody has to be told."""
    if row.key not in now.keys:
        anew = now.places.get(_place(row))
        became = f"was drawn anew as {anew}; look at the newest proof sheet" if anew else "is no longer made"
        raise JobError(f"{mark.key}: this banner {became}")
    before = standing.approvals.last.get(row.key)
    out = before is not None and before.verdict is Verdict.WITHDRAWN
    by_itself = row.status is Status.STORED and standing.publish == "auto" and not out
    if mark.verdict is Verdict.APPROVED and by_itself:
        raise JobError(f"{mark.key}: no gate held this banner; it is live without approval")


@dataclass(frozen=True, slots=True)
class _Now:
    """What the last finished run made: `keys`, and the file's name at each place in the campaign."""

    keys: frozenset[str]
    places: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, rows: Iterable[BannerRow]) -> "_Now":
        rows = list(rows)
        places: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for row in rows:
            places[_place(row)].append(PurePosixPath(row.key).name)
        return cls(frozenset(row.key for row in rows), {at: " or ".join(each) for at, each in places.items()})


def _place(row: BannerRow) -> tuple[str, ...]:
    return row.segment, row.product, row.design, row.size


def _other_picture(output: ObjectStore, mark: Mark) -> str:
    """Why the stored picture is not the one that was looked at, "" where it is.

    Taking a banner back needs no picture: it is refused to nobody whose banner is gone already.
    """
    if not mark.sha256 or mark.verdict is Verdict.WITHDRAWN:
        return ""
    try:
        data = output.get(mark.key)
    except ObjectGone:
        return "its picture is no longer in the store"
    if hashlib.sha256(data).hexdigest() != mark.sha256:
        return "its picture in the store is another one than was looked at"
    return ""


def _name(who: str) -> str:
    return check_name(who) if who else ""


class _Entry(StrictModel):
    key: str
    approved: bool
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""


class _Document(StrictModel):
    campaign: str
    run: str = ""
    who: Annotated[str, AfterValidator(_name)] = ""
    decisions: list[_Entry]


def _marks(path: Path, entries: Iterable[_Entry]) -> dict[str, Mark]:
    marks: dict[str, Mark] = {}
    for index, entry in enumerate(entries):
        verdict = Verdict.APPROVED if entry.approved else Verdict.WITHDRAWN
        mark = marks.setdefault(entry.key, Mark(entry.key, verdict, entry.sha256))
        if mark.verdict is not verdict:
            problem = f"{entry.key} is both approved and not"
            raise InvalidInput(problem, file=path, field=f"decisions[{index}].approved")
    return marks
