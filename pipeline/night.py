"""One night of one campaign: plan, cut out, plan, make, write down, report. Who does the work is `Workers`.

Rows are written down in parts while they come in, always after their objects: whatever stops the run, what is
stored is in the manifest, and the next run goes on from there. A run is finished when its `_SUCCESS` exists.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from importlib.metadata import version

from pipeline import manifest
from pipeline.alarm import NOTHING, TIMES, Alarm, Looked, look_back, risen
from pipeline.approvals import read_approvals, undecided
from pipeline.banner_plan import BannerPlan, plan_banners
from pipeline.beside import run_before
from pipeline.breaker import Breaker
from pipeline.briefs import Briefs
from pipeline.catalogue import compare_photos
from pipeline.clock import much_ahead
from pipeline.digests import KeySet
from pipeline.duplicates import hold_duplicates
from pipeline.errors import ObjectError, StoreError, Transient
from pipeline.gather import gather
from pipeline.known import Photos
from pipeline.ledger import Ledger, geometry_to_json
from pipeline.manifest import RunId
from pipeline.order import Forecast, Order, Outcome, Progress, exit_code
from pipeline.past import Past, essence, nights_before, read_past
from pipeline.patience import Patience
from pipeline.photo_plan import PhotoPlan, plan_photos
from pipeline.present import NOBODY, Present, planned
from pipeline.publish import Finished, Published, publish
from pipeline.recipe import RENDER_VERSION
from pipeline.report import Notice, build_report, latest_report_key
from pipeline.rows import photo_row
from pipeline.runner import Workers
from pipeline.segments import select
from pipeline.selection import Search
from pipeline.store import ObjectStore, open_store
from pipeline.types import BannerRow, Box, Geometry, PhotoRef, PhotoRow, Status, Unit
from pipeline.units import Press, banners_prefix
from pipeline.wanted import Wanted, template_folders, want
from pipeline.work import BannerKit, PhotoKit

_log = logging.getLogger(__name__)
_TELLING = Patience(within=600.0)
"""A night of hours is not given up for one answer of its bucket where all that is left is to tell of it."""
_VERSIONS_OF = ("torch", "opencv-python-headless", "pillow", "numpy", "simplejpeg")
"""What decides bytes, beside our own code."""


def run_night(order: Order, workers: Workers, progress: Progress, now: Callable[[], datetime]) -> Outcome:
    """Make everything that is not there yet.

    Raises `JobError`; also `Transient` and `ObjectError` where the store fails for the ledger, a manifest or
    the sheet, which stand for no single photo or banner.
    """
    night = _Night.begin(order, now())
    photo_plan = night.plan_photos()
    if photo_plan.empty:
        night.publish(NOBODY, order.day)
        raise night.no_photos()
    refs = photo_plan.todo[: order.limit]
    if refs:
        night.set_out(photo_plan)
    waiting = {ref.key for ref in photo_plan.todo[len(refs) :]}
    photos = Photos(photo_plan.known, night.cut_out(refs, photo_plan.known, workers, progress))
    banner_plan = night.plan_banners(photos, waiting, {ref.key for ref in photo_plan.waiting})
    units = banner_plan.todo[: order.limit]
    left = len(waiting) + len(banner_plan.todo) - len(units)
    known = hold_duplicates(banner_plan.rows)
    if not (refs or units or left) and night.is_as_before(known):
        present = Present({row.content for row in photos})
        published = night.publish(present, order.day, night.past.finished, known)
        return night.outcome(known, photos, published, photo_plan.waiting)
    if not refs:
        night.set_out(photo_plan)
    night.note_known(photo_plan.known, banner_plan.rows)
    banners = night.settle((*banner_plan.rows, *night.make(units, workers, progress)))
    night.report(banners, photos, photo_plan.waiting)
    night.check_stored(banners)
    if not left:
        night.finish(banners, photos, planned=len(banner_plan.rows) + len(units), finished=now())
    present, day = night.look_again(photos, photo_plan), night.day_at(now())
    published = night.publish(present, day, None if left else night.run, banners)
    night.tidy()
    return night.outcome(banners, photos, published, photo_plan.waiting, made=True, left=left)


def forecast(order: Order, now: Callable[[], datetime]) -> Forecast:
    """What `run_night` would do; writes nothing and starts no worker."""
    night = _Night.begin(order, now())
    plan = night.plan_photos()
    if plan.empty:
        raise night.no_photos()
    hoped = [_hoped(ref, order.recipe) for ref in plan.todo]
    photos = Photos(plan.known, hoped)
    banners = night.plan_banners(photos, set(), {ref.key for ref in plan.waiting})
    planned = len(banners.rows) + len(banners.todo)
    return Forecast(len(plan.todo), planned, len(banners.todo), night.notices(photos, plan.waiting))


@dataclass(slots=True)
class _Night:
    order: Order
    run: RunId
    photos: ObjectStore
    output: ObjectStore
    ledger: Ledger
    wanted: list[Wanted]
    silent: list[str]
    press: Press
    past: Past
    started: datetime
    seconds: dict[str, float] = field(default_factory=dict)
    gpu_idle: float | None = None
    looked: Looked = NOTHING
    alarms: tuple[Alarm, ...] = ()
    published: Published | None = None

    @classmethod
    def begin(cls, order: Order, now: datetime) -> "_Night":
        """Everything that can be wrong with what the user wrote is told here, before anything is spent."""
        campaign = order.campaign
        output = open_store(campaign.output)
        with Search(campaign.products, campaign.segments) as search:
            # Read while the search's process starts.
            past = read_past(output, campaign.name)
            ledger = Ledger.load(output)
            chosen = select(search, file=campaign.segments_file)
        order = order.after(past.last)
        press = Press.of(order.run, campaign)
        wanted, silent = want(campaign, order.day, Briefs(press.digest, past.briefs), chosen)
        if order.retry:
            ledger.forget_rejected(order.retry)
        return cls(
            order,
            order.run,
            open_store(campaign.photos, must_exist=True),
            output,
            ledger,
            wanted,
            silent,
            press,
            past,
            now,
        )

    def plan_photos(self) -> PhotoPlan:
        order = self.order
        return plan_photos(
            self.photos,
            self.output,
            self.ledger,
            order.recipe,
            earlier=order.earlier,
            most_new=order.most_new,
        )

    def no_photos(self) -> StoreError:
        """What to say of an empty bucket."""
        return StoreError(f"{self.order.campaign.photos}: there are no photos here")

    def plan_banners(self, photos: Iterable[PhotoRow], left: set[str], waiting: set[str]) -> BannerPlan:
        """Photos that are `left` have to wait until this night goes on, and so do the products they show;
        `waiting` ones wait for another night, and other photos stand in for them.
        """
        wanted = [each for each in self.wanted if left.isdisjoint(each.product.photos)]
        stored = KeySet(listed.key for listed in self.output.list(banners_prefix(self.run.campaign)))
        named = {key for each in wanted for key in each.product.photos}
        by_key = {row.key: row for row in photos if row.key in named}
        return plan_banners(wanted, by_key, self.press, stored=stored, past=self.past.rows, waiting=waiting)

    def cut_out(
        self, refs: Sequence[PhotoRef], known: Collection[PhotoRow], workers: Workers, progress: Progress
    ) -> list[PhotoRow]:
        if not refs:
            return []
        kit = PhotoKit(self.photos, self.output, self.order.load_matter, self.order.recipe)
        with self._stage("cut-outs", len(refs), progress):
            rows = Breaker(self.photos, refs, known).watch(workers.photos(kit, refs))
            done = gather(rows, self._note_photos, progress)
        self.gpu_idle = workers.gpu_idle()
        self.looked = look_back(done)
        self.alarms = risen(self.looked, nights_before(self.output, self.run))
        return done

    def make(self, units: Sequence[Unit], workers: Workers, progress: Progress) -> list[BannerRow]:
        if not units:
            return []
        kit = BannerKit(self.output, self.run, self.press.limits, template_folders(self.order.campaign))
        with self._stage("banners", len(units), progress):
            return gather(workers.banners(kit, units), self._note_banners, progress)

    def settle(self, rows: Sequence[BannerRow]) -> list[BannerRow]:
        """All rows of the night, those that look like another held; notes the ones that are held now."""
        settled = hold_duplicates(rows)
        changed = [after for before, after in zip(rows, settled, strict=True) if after is not before]
        manifest.write_banners(self.output, self.run, changed)
        return settled

    def is_as_before(self, rows: Sequence[BannerRow]) -> bool:
        """Whether the last finished run already says all that `rows` say, and as strictly."""
        last = self.past.finished
        if last is None or essence(rows) != essence(self.past.rows.values()):
            return False
        return not self.waiting(rows) or manifest.was_strict(self.output, last) is self.order.strict

    def waiting(self, rows: Iterable[BannerRow]) -> int:
        """How many of `rows` wait for a person."""
        return len(undecided(rows, read_approvals(self.output, self.run.campaign)))

    def note_known(self, photos: Iterable[PhotoRow], banners: Sequence[BannerRow]) -> None:
        """Rows that no worker will bring."""
        manifest.write_photos(self.output, self.run, photos)
        manifest.write_banners(self.output, self.run, banners)

    def report(
        self, banners: Sequence[BannerRow], photos: Collection[PhotoRow], waiting: Sequence[PhotoRef]
    ) -> None:
        """The proof sheet. Before the run counts as finished, so that a run without one is taken up again."""
        build_report(
            self.output,
            self.run,
            banners=banners,
            photos=photos,
            photo_store=self.photos,
            publish=self.order.campaign.publish,
            beside=run_before(self.output, self.run),
            notices=self.notices(photos, waiting),
            timings=self.seconds,
        )

    def finish(
        self, banners: Sequence[BannerRow], photos: Collection[PhotoRow], *, planned: int, finished: datetime
    ) -> None:
        """The mark that the run is finished, last of all."""
        summary = manifest.summarise(
            self.run,
            banners,
            photos,
            planned=planned,
            timings=self.seconds,
            gpu_idle=self.gpu_idle,
            looked=self.looked,
            alarms=self.alarms,
            weights=self.order.weights,
            versions={"render": RENDER_VERSION} | {name: version(name) for name in _VERSIONS_OF},
            started=self.started,
            finished=finished,
            exit_code=exit_code(
                photos,
                banners,
                self.order.campaign.max_rejected_share,
                self.alarms,
                self.waiting(banners) if self.order.strict else 0,
            ),
            strict=self.order.strict,
        )
        _TELLING.run(partial(manifest.finish, self.output, self.run, summary))

    def set_out(self, plan: PhotoPlan) -> None:
        """Before hours of work, and whatever may stop it: say that the run goes on, and take off the feed
        what left the bucket or has expired.
        """
        order = self.order
        manifest.begin(self.output, self.run)
        ahead = partial(publish, self.output, order.campaign, order.day, planned(plan), ahead=True)
        self.published = _TELLING.run(ahead)

    def check_stored(self, rows: Iterable[BannerRow]) -> None:
        """Raise `StoreError` where a banner is gone that this night counts on: somebody may have removed it
        between the listing that showed it and the mark that this run goes on.
        """
        there = KeySet(listed.key for listed in self.output.list(banners_prefix(self.run.campaign)))
        stored = (row.key for row in rows if row.status in (Status.STORED, Status.HELD))
        gone = [key for key in stored if key not in there]
        if gone:
            what = f"{len(gone)} banners, such as {gone[0]}, were removed while this night counted on them"
            raise StoreError(f"{self.output.url(banners_prefix(self.run.campaign))}: {what}; run again")

    def look_again(self, photos: Iterable[PhotoRow], plan: PhotoPlan) -> Present:
        """What of the photos of this night is in the bucket still. A night may take hours, and a photo that
        was withdrawn while it lasted must not come back with its end.
        """
        there = KeySet(listed.key for listed in self.photos.list())
        # A photo that waits for its turn, or whose cut-out failed, is in the bucket as well.
        waiting = [ref for ref in (*plan.todo, *plan.waiting) if ref.key in there]
        contents = {row.content for row in photos if row.key in there}
        contents |= {ref.content for ref in waiting if ref.content}
        return Present(contents, {ref.key for ref in waiting if not ref.content})

    def day_at(self, now: datetime) -> date:
        """The day of this night once it is `now`: one that began before midnight ends on the next day."""
        today = self.order.campaign.today
        return self.order.day + (today(now) - today(self.started))

    def publish(
        self, present: Present, day: date, finished: RunId | None = None, rows: Sequence[BannerRow] = ()
    ) -> Published:
        """The feed, by the `rows` of the run that is `finished`.

        None where `limit` ended this run: it adds nothing to what is live, as the last finished run decides
        that, but what has expired or was withdrawn leaves all the same.
        """
        known = Finished(finished, rows) if finished else None
        done = _TELLING.run(partial(publish, self.output, self.order.campaign, day, present, known))
        return done.after(self.published)

    def tidy(self) -> None:
        """Merge the ledger's parts, once all is done: a merge that fails is the next night's to do."""
        try:
            self.ledger.compact()
        except (Transient, ObjectError) as error:
            _log.warning("the ledger's parts could not be merged: %s", error)

    def outcome(
        self,
        banners: Sequence[BannerRow],
        photos: Collection[PhotoRow],
        published: Published,
        waiting: Sequence[PhotoRef],
        *,
        made: bool = False,
        left: int = 0,
    ) -> Outcome:
        return Outcome(
            self.run,
            tuple(banners),
            photos,
            self.notices(photos, waiting),
            published,
            made=made,
            sheet=self.output.url(latest_report_key(self.run.campaign)),
            left=left,
            alarms=self.alarms,
        )

    def notices(self, photos: Iterable[PhotoRow], waiting: Sequence[PhotoRef]) -> tuple[Notice, ...]:
        """What no row can show: what is not there."""
        put_off = [ref.key for ref in waiting]
        keys, older = put_off.copy(), list[str]()
        for row in photos:
            keys.append(row.key)
            if row.recipe != self.order.recipe:
                older.append(row.key)
        idle = () if self.gpu_idle is None else (f"{self.gpu_idle:.0%} of the time",)
        gaps = compare_photos(self.order.campaign.products, keys)
        missing = tuple(f"{key} (product {product})" for product, key in gaps.missing)
        told = (
            (f"Refused {TIMES:.0f} times as often as in the nights before", tuple(map(str, self.alarms))),
            ("Ahead of this machine's clock", much_ahead(self.started, self.run.run, self.ledger.newest)),
            ("Segments that selected nothing", tuple(self.silent)),
            ("Products without a photo in the bucket", gaps.without_photos),
            ("Photos that the catalogue names and the bucket does not have", missing),
            ("Photos that no product names", gaps.unused),
            ("The GPUs had nothing to do for", idle),
            ("Photos that wait to be cut out another night", tuple(put_off)),
            ("Photos that keep the cut-outs of earlier weights until another night", tuple(older)),
        )
        return tuple(Notice(title, items) for title, items in told if items)

    def _note_photos(self, rows: Sequence[PhotoRow]) -> None:
        # What failed for a passing reason is nothing to remember: the next night tries again.
        self.ledger.add([row for row in rows if row.status is not Status.FAILED])
        manifest.write_photos(self.output, self.run, rows)

    def _note_banners(self, rows: Sequence[BannerRow]) -> None:
        manifest.write_banners(self.output, self.run, rows)

    @contextmanager
    def _stage(self, name: str, total: int, progress: Progress) -> Iterator[None]:
        started = time.perf_counter()
        progress.begin(name, total)
        try:
            yield
        finally:
            progress.end()
            self.seconds[name] = time.perf_counter() - started


def _hoped(ref: PhotoRef, recipe: str) -> PhotoRow:
    nowhere = geometry_to_json(Geometry(1, 1, Box(0, 0, 1, 1), None, ()))
    return replace(photo_row(ref, recipe, Status.STORED), geometry=nowhere)
