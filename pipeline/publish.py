"""What goes live. Stored is not live: only a banner that passed its gates, or was approved, enters the feed.

The feed follows from five things: the rows of the campaign's last finished run, what was decided of its
banners, which photos are in the bucket, the campaign's files, and the day. Whoever changes one of them, a
night or a person, works it out anew; where it comes out as it is, nothing is written. A strict run does not
count as long as somebody has to decide on a banner that a gate held: the one before it does.

A reader never sees a half-written state. Banners are stored before any row tells of them. Then the pointers
are replaced one by one, those of banners that left are removed, and feed.csv and feed.json are replaced last:
each is whole at any moment, and the pictures they name are there. Stopped half-way, the next one finishes the
work. Two at once look again after writing whether what they went by has changed, so that the last one to
write knows what both know.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pipeline.approvals import Approvals, Verdict, list_parts, read_approvals, undecided
from pipeline.campaign import Campaign
from pipeline.errors import ObjectGone, StoreError, Transient
from pipeline.feed import (
    FeedItem,
    csv_key,
    feed_item,
    json_key,
    latest_prefix,
    read_feed,
    to_csv,
    to_json,
    to_pointer,
)
from pipeline.manifest import RunId, latest_run, read_banners, was_strict
from pipeline.present import Present
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, Status
from pipeline.variants import shown_as

WRITERS = 32
"""Threads that write pointers: each is a round trip of some 20 ms to a bucket."""
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run whose rows are at hand already."""

    run: RunId
    rows: Sequence[BannerRow]


@dataclass(frozen=True, slots=True)
class Published:
    """How the feed stands: `live` banners; `came`, `left` and `changed` since before, by their pointers.

    `holding` are the banners that hold back the last run, a strict one, until somebody decides on them.
    """

    live: int
    came: int
    left: int
    changed: int
    url: str
    holding: int = 0

    def after(self, earlier: "Published | None") -> "Published":
        """What both came to, one after the other."""
        if earlier is None:
            return self
        return replace(
            self,
            came=earlier.came + self.came,
            left=earlier.left + self.left,
            changed=earlier.changed + self.changed,
        )


def publish(
    output: ObjectStore,
    campaign: Campaign,
    day: date,
    present: Present,
    known: Finished | None = None,
    *,
    ahead: bool = False,
) -> Published:
    """Bring feed and pointers up to date for `day`; writes nothing where they are.

    What shows a photo that is not `present` leaves. Where that cannot be told, as nobody has read the photo
    since it was touched, what is live stays: nothing is taken down on a guess, and nothing comes by one.
    `ahead` of a night's work banners say what their pictures show, not what the catalogue has by now. A
    campaign of which nothing was ever live has no feed. Raises what the store raises, and `Transient` if
    others never stop changing the same feed.
    """
    before = _Standing.read(output, campaign.name)
    standing, touched = before, set[str]()
    for _ in range(_ROUNDS):
        run, approvals = _last_run(output, campaign, day), read_approvals(output, campaign.name)
        deciding = _Deciding.find(output, run, approvals, known)
        live = standing.keys
        there = [
            row for row in deciding.rows if present.shows(row) or (row.key in live and present.may_show(row))
        ]
        items = live_items(there, campaign, day, approvals)
        if deciding.holding or ahead:
            items = [_as_it_stood(item, standing) for item in items]
        written = _write(output, campaign.name, items, standing, touched)
        published = _compare(before, items, output.url(json_key(campaign.name)), deciding.holding)
        if written is None:
            return published
        touched |= written
        same_run = run == _last_run(output, campaign, day)
        if same_run and approvals.parts == list_parts(output, campaign.name):
            return published
        standing = _Standing.read(output, campaign.name)
    raise Transient(f"{output.url(json_key(campaign.name))}: others keep changing what is live")


def live_items(
    rows: Iterable[BannerRow], campaign: Campaign, day: date, approvals: Approvals
) -> list[FeedItem]:
    """What is live of those `rows` of a run whose photos are there, by segment, product, design and size."""
    if not campaign.runs_on(day):
        return []
    segments = {segment.name: segment for segment in campaign.segments if segment.runs_on(day)}
    products = {product.id: product for product in campaign.products}
    items = [
        feed_item(row, campaign, shown, products[row.product])
        for row in rows
        if row.segment in segments and row.product in products
        # A banner of a variant that is no more belongs to an offer that is over.
        if (shown := shown_as(segments[row.segment], row.variant)) is not None
        if _may_be_seen(row, campaign, approvals)
    ]
    return sorted(items, key=lambda item: (item.segment, item.product, item.design, item.size))


def _may_be_seen(row: BannerRow, campaign: Campaign, approvals: Approvals) -> bool:
    """A person's last word, and without one the gates', if the campaign leaves it to them."""
    if row.status not in (Status.STORED, Status.HELD):
        return False
    decision = approvals.last.get(row.key)
    if decision is not None:
        return decision.verdict is Verdict.APPROVED
    return row.status is Status.STORED and campaign.publish == "auto"


def _last_run(output: ObjectStore, campaign: Campaign, day: date) -> RunId | None:
    # A campaign that is over shows nothing, whatever its runs made.
    return latest_run(output, campaign.name) if campaign.runs_on(day) else None


@dataclass(frozen=True, slots=True)
class _Deciding:
    """The `rows` that decide what is live; `holding` banners keep the last run's own from doing so."""

    rows: Sequence[BannerRow]
    holding: int

    @classmethod
    def find(
        cls, output: ObjectStore, run: RunId | None, approvals: Approvals, known: Finished | None
    ) -> "_Deciding":
        """Of the last finished `run`, or of the last one before it that nobody has to decide on first."""
        holding = 0
        while run is not None:
            rows = known.rows if known and known.run == run else read_banners(output, run)
            waiting = len(undecided(rows, approvals))
            if not (waiting and was_strict(output, run)):
                return cls(rows, holding)
            holding = holding or waiting
            run = latest_run(output, run.campaign, before=run)
        return cls((), holding)


def _as_it_stood(item: FeedItem, standing: "_Standing") -> FeedItem:
    """A banner that was to be replaced says what its picture shows, not what the catalogue has by now."""
    stood = standing.items.get(item.latest, {})
    return replace(item, alt=str(stood.get("alt", item.alt))) if stood.get("key") == item.key else item


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is published now. `items` as the JSON feed has them, by pointer; `pointers` that are there."""

    json: bytes
    csv: bytes
    items: Mapping[str, Mapping[str, Any]]
    pointers: frozenset[str]

    @property
    def keys(self) -> set[str]:
        """The banners that are live."""
        return {str(item["key"]) for item in self.items.values()}

    @classmethod
    def read(cls, output: ObjectStore, campaign: str) -> "_Standing":
        data = _get(output, json_key(campaign))
        items: Mapping[str, Mapping[str, Any]] = {}
        with suppress(StoreError):  # damaged by nobody knows what: it is worked out anew
            items = read_feed(data, output.url(json_key(campaign)))
        pointers = frozenset(listed.key for listed in output.list(latest_prefix(campaign)))
        return cls(data, _get(output, csv_key(campaign)), items, pointers)


def _write(
    output: ObjectStore,
    campaign: str,
    items: Sequence[FeedItem],
    standing: _Standing,
    touched: Collection[str],
) -> set[str] | None:
    """Bring what stands to `items`; the pointers that were written or removed, or None if all was right.

    `touched` pointers are written in any case: another process may have written between them and the feed.
    """
    data, table = to_json(campaign, items), to_csv(items)
    names = {item.latest for item in items}
    stale = [
        item
        for item in items
        if item.latest in touched
        or item.latest not in standing.pointers
        or item.plain() != standing.items.get(item.latest)
    ]
    gone = [key for key in standing.pointers if key not in names]
    never_live = not (items or standing.json or standing.csv)
    same = never_live or (data, table) == (standing.json, standing.csv)
    if same and not stale and not gone:
        return None
    with ThreadPoolExecutor(WRITERS) as pool:
        # Consumed, so that an error in a thread is raised here and the feed stays as it was.
        list(pool.map(lambda each: output.replace(each.latest, to_pointer(each), "application/json"), stale))
        list(pool.map(output.delete, gone))
    if not same:
        output.replace(csv_key(campaign), table, "text/csv; charset=utf-8")
        output.replace(json_key(campaign), data, "application/json")
    return {item.latest for item in stale} | set(gone)


def _compare(before: _Standing, items: Sequence[FeedItem], url: str, holding: int) -> Published:
    new = {item.latest: item.plain() for item in items}
    came, left = new.keys() - before.items.keys(), before.items.keys() - new.keys()
    changed = sum(before.items[key] != new[key] for key in new.keys() & before.items.keys())
    return Published(len(items), len(came), len(left), changed, url, holding)


def _get(output: ObjectStore, key: str) -> bytes:
    try:
        return output.get(key)
    except ObjectGone:
        return b""
