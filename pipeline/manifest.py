"""What became of every planned banner and every photo of one run, as Parquet that any tool can read.

`manifests/<campaign>/<date>/<run>/` holds `banners.parquet`, `photos.parquet` and `_SUCCESS`. While the run
goes on there are parts instead, each written after the objects it tells of: a banner whose row says stored is
there. `_BEGUN` (empty) is written before any work, so that whoever removes things knows of the run.
`_SUCCESS` (JSON) is written last of all: a run without it did not finish. The columns are described in
`docs/manifest.md`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from itertools import islice
from typing import Any

from pipeline.alarm import NOTHING, Alarm, Looked
from pipeline.errors import ObjectGone, StoreError
from pipeline.rowfile import (
    MEDIA_TYPE,
    Part,
    R,
    fetch_parts,
    merge,
    open_part,
    read_parts,
    read_rows,
    write_part,
)
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, PhotoRow

PREFIX = "manifests/"
BEGUN, SUCCESS = "_BEGUN", "_SUCCESS"
MOST_ROWS = 50_000
"""Rows of a part: some 50 MB while it is packed."""

_RUN = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)/(?P<run>[^/]+)/")


@dataclass(frozen=True, slots=True)
class RunId:
    """One run of a campaign for the night of `date`.

    `run` begins with the time of its start in UTC and is unique within the campaign: a campaign's runs sort
    by it, and each is named later than all before it (see `pipeline.clock`). They do not sort by `date`, the
    campaign's local day, and any day at all when a night is run later.
    """

    campaign: str
    date: date
    run: str

    @property
    def prefix(self) -> str:
        """Where the run's manifest lies in the output store; ends in a slash."""
        return f"{PREFIX}{self.campaign}/{self.date.isoformat()}/{self.run}/"


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished run in one object.

    `banners` and `photos` count rows by status, `faults` and `reasons` by why (a banner held for two reasons
    counts under both). `lost` is how many of the `planned` banners have no row: anything but 0 is a bug.
    `timings` in seconds by stage; `gpu_idle` the share of the cut-outs' time in which the GPUs had nothing to
    do, None where there were none or nothing was cut out; `weights` names the network's weights; `versions`
    of what made the pixels. `photos` and `reasons` are of the whole bucket, `looked` is of this night alone;
    `alarms` are reasons that have risen against the nights before. A `strict` run publishes nothing as long
    as somebody has to decide on one of its banners.
    """

    campaign: str
    date: date
    run: str
    started: datetime
    finished: datetime
    planned: int
    lost: int
    banners: Mapping[str, int]
    faults: Mapping[str, int]
    photos: Mapping[str, int]
    reasons: Mapping[str, int]
    timings: Mapping[str, float]
    weights: str
    versions: Mapping[str, str]
    exit_code: int
    gpu_idle: float | None = None
    looked: Looked = NOTHING
    alarms: Sequence[Alarm] = ()
    strict: bool = False


def begin(store: ObjectStore, run: RunId) -> None:
    """Let others know that the run goes on, before there is any row of it. May be repeated."""
    store.put_new(run.prefix + BEGUN, b"")


def write_banners(store: ObjectStore, run: RunId, rows: Sequence[BannerRow]) -> None:
    """Add `rows` to the run. Call it after the objects are stored; no rows write nothing."""
    if rows:
        write_part(store, _parts(run, "banners"), BannerRow, rows)


def write_photos(store: ObjectStore, run: RunId, rows: Iterable[PhotoRow]) -> None:
    """Add `rows` to the run, in parts of at most `MOST_ROWS`; no rows write nothing."""
    left = iter(rows)
    while some := list(islice(left, MOST_ROWS)):
        write_part(store, _parts(run, "photos"), PhotoRow, some)


def read_banners(store: ObjectStore, run: RunId) -> list[BannerRow]:
    """The run's banners, finished or not, one row per key: the one written last. Sorted by key."""
    return _read(store, run, "banners", BannerRow)


def read_photos(store: ObjectStore, run: RunId) -> list[PhotoRow]:
    """The run's photos, finished or not, one row per key: the one written last. Sorted by key."""
    return _read(store, run, "photos", PhotoRow)


def summarise(
    run: RunId,
    banners: Iterable[BannerRow],
    photos: Iterable[PhotoRow],
    *,
    planned: int,
    timings: Mapping[str, float],
    weights: str,
    versions: Mapping[str, str],
    started: datetime,
    finished: datetime,
    exit_code: int,
    gpu_idle: float | None = None,
    looked: Looked = NOTHING,
    alarms: Sequence[Alarm] = (),
    strict: bool = False,
) -> Summary:
    """Count a run's rows."""
    banners = list(banners)
    outcomes = Counter((row.status, row.reason) for row in photos)
    return Summary(
        campaign=run.campaign,
        date=run.date,
        run=run.run,
        started=started,
        finished=finished,
        planned=planned,
        lost=planned - len({row.key for row in banners}),
        banners=_count(row.status for row in banners),
        faults=_count(reason for row in banners for reason in row.reason.split(",") if reason),
        photos=_count(status for status, _ in outcomes.elements()),
        reasons=_count(reason for _, reason in outcomes.elements() if reason),
        timings={name: round(seconds, 3) for name, seconds in timings.items()},
        weights=weights,
        versions=dict(versions),
        exit_code=exit_code,
        gpu_idle=gpu_idle if gpu_idle is None else round(gpu_idle, 3),
        looked=looked,
        alarms=tuple(alarms),
        strict=strict,
    )


def finish(store: ObjectStore, run: RunId, summary: Summary) -> None:
    """Merge the run's parts into one file of each kind, then mark the run finished. May be repeated."""
    _merge(store, run, "banners", BannerRow)
    _merge(store, run, "photos", PhotoRow)
    text = json.dumps(asdict(summary), indent=2, ensure_ascii=False, default=_iso)
    store.replace(run.prefix + SUCCESS, text.encode(), "application/json")


def read_summary(store: ObjectStore, run: RunId) -> Summary | None:
    """The summary of a finished run; None for a run that did not finish. Raises `StoreError`.

    What a newer version has added to it is left out: an older one may have to follow after all.
    """
    key = run.prefix + SUCCESS
    try:
        values = json.loads(store.get(key))
        times = {name: datetime.fromisoformat(values[name]) for name in ("started", "finished")}
        # Summaries of earlier versions have neither, nor `strict`.
        looked = Looked(**_known(Looked, values.get("looked", {})))
        alarms = tuple(Alarm(**_known(Alarm, each)) for each in values.get("alarms", ()))
        own = {"date": date.fromisoformat(values["date"]), "looked": looked, "alarms": alarms}
        return Summary(**{**_known(Summary, values), **times, **own})
    except ObjectGone:
        return None
    except (ValueError, TypeError, KeyError) as error:
        told = f"{store.url(key)}: no summary of a run: {error}; move this file away and run again"
        raise StoreError(told) from error


def was_strict(store: ObjectStore, run: RunId) -> bool:
    """Whether the run finished and was a strict one; raises as `read_summary` does."""
    summary = read_summary(store, run)
    return summary is not None and summary.strict


def list_runs(store: ObjectStore, campaign: str) -> list[RunId]:
    """The campaign's runs that have written anything, finished or not, in the order of their starts."""
    return sorted(_runs(store, campaign), key=_start)


def latest_run(
    store: ObjectStore, campaign: str, *, finished: bool = True, before: RunId | None = None
) -> RunId | None:
    """The last of `list_runs`, or the last that began `before` that run; with `finished` that did finish."""
    runs = _runs(store, campaign)
    candidates = [run for run, done in runs.items() if done or not finished]
    if before is not None:
        candidates = [run for run in candidates if _start(run) < _start(before)]
    return max(candidates, key=_start, default=None)


def _start(run: RunId) -> tuple[str, date]:
    return run.run, run.date


def _runs(store: ObjectStore, campaign: str) -> dict[RunId, bool]:
    """Every run and whether it finished, from a listing alone."""
    prefix = f"{PREFIX}{campaign}/"
    runs: dict[RunId, bool] = {}
    for listed in store.list(prefix):
        found = _RUN.match(listed.key, len(prefix))
        if found:
            run = RunId(campaign, date.fromisoformat(found["date"]), found["run"])
            runs[run] = runs.get(run, False) or listed.key == run.prefix + SUCCESS
    return runs


def _read(store: ObjectStore, run: RunId, name: str, kind: type[R]) -> list[R]:
    """All rows: those of the merged file, then those of parts that came later."""
    _, later = read_parts(store, _parts(run, name), kind)
    try:
        merged = read_rows(store, _merged(run, name), kind)
    except ObjectGone:
        merged = []
    rows = {_key(row): row for row in [*merged, *later]}
    return [rows[key] for key in sorted(rows)]


def _merge(store: ObjectStore, run: RunId, name: str, kind: type[R]) -> None:
    parts = fetch_parts(store, _parts(run, name))
    before = [Part(_merged(run, name), data) for data in _get(store, _merged(run, name))]
    tables = [open_part(store, part, kind) for part in (*before, *parts)]
    store.replace(_merged(run, name), merge(kind, tables, ("key",)), MEDIA_TYPE)
    for part in parts:
        store.delete(part.key)


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that are fields of the dataclass `kind`."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}


def _get(store: ObjectStore, key: str) -> list[bytes]:
    """The object's bytes, if there is one."""
    try:
        return [store.get(key)]
    except ObjectGone:
        return []


def _parts(run: RunId, name: str) -> str:
    return f"{run.prefix}{name}/"


def _merged(run: RunId, name: str) -> str:
    return f"{run.prefix}{name}.parquet"


def _key(row: Any) -> str:
    return str(row.key)


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(map(str, values)).items()))


def _iso(value: Any) -> str:
    return str(value.isoformat())
