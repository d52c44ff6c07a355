"""What goes live: what passed or was approved, for as long as it may, and never half of it."""

import json
import operator
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import DAY, Shop, figure, now
from test_runner import NoWorkers

from jobs.console import Silent
from pipeline import manifest, night
from pipeline.approvals import Verdict, record
from pipeline.campaign import load_campaign
from pipeline.errors import InvalidInput, StoreError, Transient
from pipeline.feed import csv_key, json_key
from pipeline.ledger import Ledger
from pipeline.night import run_night
from pipeline.present import NOBODY, look_up
from pipeline.publish import Published, publish
from pipeline.runner import LocalWorkers
from pipeline.store import DirStore, open_store
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Status
from pipeline.work import PhotoKit

A_HELD_ONE = "banners/test/english/300x250/A-1-"


def feed(shop: Shop) -> list[dict[str, Any]]:
    return list(json.loads((shop.output / json_key("test")).read_bytes())["banners"])


def live(shop: Shop) -> set[str]:
    return {item["key"] for item in feed(shop)}


def products(shop: Shop) -> dict[str, int]:
    return dict(Counter(item["product"] for item in feed(shop)))


def hold(shop: Shop) -> str:
    """Let a gate have held one banner of the last run; its key."""
    output = open_store(shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    [row] = [row for row in manifest.read_banners(output, run) if row.key.startswith(A_HELD_ONE)]
    manifest.write_banners(output, run, [replace(row, status=Status.HELD, reason="low_contrast")])
    return row.key


def decide(shop: Shop, key: str, verdict: Verdict) -> None:
    record(open_store(shop.output), "test", {key: verdict}, who="Mei", run="r", now=now())


def replace_photo(shop: Shop, name: str) -> None:
    (shop.photos / name).unlink()
    shop.add(name, figure((1, 2, 3)))


def touch_photos(shop: Shop) -> None:
    """Store every photo once more, with the bytes that it had."""
    for photo in sorted(shop.photos.iterdir()):
        data = photo.read_bytes()
        photo.unlink()  # it is linked to the first shop's
        photo.write_bytes(data)


def last_photos(output: DirStore) -> list[PhotoRow]:
    """The rows of the last finished run."""
    run = manifest.latest_run(output, "test")
    assert run is not None
    return manifest.read_photos(output, run)


def unavailable(*_: object, **__: object) -> None:
    raise Transient("the parts keep changing")


class Stopped(LocalWorkers):
    """Whoever asks for work gets a Ctrl-C."""

    def photos(self, kit: object, refs: object) -> Iterator[PhotoRow]:
        raise KeyboardInterrupt

    def banners(self, kit: object, units: object) -> Iterator[BannerRow]:
        raise KeyboardInterrupt


class Withdrawing(LocalWorkers):
    """Somebody deletes a photo while others are cut out."""

    def __init__(self, photo: Path) -> None:
        super().__init__()
        self._photo = photo

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        yield from super().photos(kit, refs)
        self._photo.unlink()


def again(shop: Shop, store: DirStore | None = None, day: date = DAY) -> Published:
    """Publish by what is in the store, as a command does after a decision."""
    output = store or DirStore(shop.output)
    present = look_up(DirStore(shop.photos), Ledger.load(output), lambda: last_photos(output))
    return publish(output, load_campaign(shop.campaign), day, present)


# ── what is live ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_night_publishes_every_banner_that_it_stored(finished_shop: Shop) -> None:
    assert live(finished_shop) == set(finished_shop.files("banners"))
    assert {item["bytes"] for item in feed(finished_shop)} == {
        len(data) for data in finished_shop.files("banners").values()
    }


def test_every_live_banner_has_a_pointer_that_says_the_same(finished_shop: Shop) -> None:
    pointers = finished_shop.files("latest")

    assert {name: json.loads(data) for name, data in pointers.items()} == {
        item["latest"]: item for item in feed(finished_shop)
    }


def test_a_night_without_work_publishes_nothing_anew(finished_shop: Shop) -> None:
    before = finished_shop.files()

    outcome = finished_shop.run(NoWorkers())

    published = outcome.published
    assert (published.live, published.came, published.left, published.changed) == (8, 0, 0, 0)
    assert finished_shop.files() == before


def test_a_banner_that_a_gate_held_is_not_live(finished_shop: Shop) -> None:
    key = hold(finished_shop)

    published = again(finished_shop)

    assert (published.live, published.left) == (7, 1)
    assert key not in live(finished_shop)
    assert len(finished_shop.files("latest")) == 7


def test_an_approved_banner_is_live_and_stays_so_over_further_nights(finished_shop: Shop) -> None:
    key = hold(finished_shop)
    decide(finished_shop, key, Verdict.APPROVED)

    finished_shop.run(NoWorkers())

    assert key in live(finished_shop)
    assert not finished_shop.run(NoWorkers()).made


def test_a_banner_that_was_taken_back_is_not_live(finished_shop: Shop) -> None:
    key = sorted(live(finished_shop))[0]
    decide(finished_shop, key, Verdict.WITHDRAWN)

    finished_shop.run(NoWorkers())

    assert key not in live(finished_shop)


def test_where_people_approve_nothing_is_live_without_them(finished_shop: Shop) -> None:
    finished_shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\npublish: approved")
    key = sorted(live(finished_shop))[0]
    decide(finished_shop, key, Verdict.APPROVED)

    finished_shop.run(NoWorkers())

    assert live(finished_shop) == {key}


def test_an_approval_of_a_banner_that_was_never_made_publishes_nothing(finished_shop: Shop) -> None:
    rows = finished_shop.run(NoWorkers()).banners
    decide(finished_shop, min(row.key for row in rows if row.product == "C-3"), Verdict.APPROVED)

    assert again(finished_shop).came == 0


def test_a_campaign_that_was_never_live_has_no_feed(shop: Shop) -> None:
    campaign = load_campaign(shop.campaign)

    published = publish(DirStore(shop.output), campaign, DAY, NOBODY)

    assert published.live == 0
    assert not shop.output.exists()


@pytest.mark.parametrize("value", ["never", "true", "Auto", "''"])
def test_how_to_publish_is_auto_or_approved(shop: Shop, value: str) -> None:
    shop.edit("campaign.yaml", "timezone: UTC", f"timezone: UTC\npublish: {value}")

    with pytest.raises(InvalidInput, match=r"campaign.yaml:9: publish: must be 'auto' or 'approved'"):
        load_campaign(shop.campaign)


# ── what leaves ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_of_a_segment_that_is_over_leaves_that_night_without_any_work(finished_shop: Shop) -> None:
    finished_shop.edit("segments.yaml", "  locale: ja", "  locale: ja\n  valid_to: 2026-11-21")

    outcome = finished_shop.run(NoWorkers())

    assert outcome.published.left == 4
    assert {item["segment"] for item in feed(finished_shop)} == {"english"}


@pytest.mark.parametrize(("ends", "live"), [("2026-11-22", 8), ("2026-11-21", 0)])
def test_a_campaigns_last_day_is_included(finished_shop: Shop, ends: str, live: int) -> None:
    finished_shop.edit("campaign.yaml", "timezone: UTC", f"timezone: UTC\nvalid_to: {ends}")

    published = again(finished_shop)

    assert (published.live, len(finished_shop.files("latest"))) == (live, live)


def test_a_segment_that_ends_before_it_begins_is_refused(shop: Shop) -> None:
    days = "  valid_from: 2026-11-22\n  valid_to: 2026-11-21"
    shop.edit("segments.yaml", "  locale: ja", f"  locale: ja\n{days}")

    with pytest.raises(InvalidInput, match=r"segments\[1\].valid_to: 2026-11-21 is before valid_from"):
        load_campaign(shop.campaign)


def test_banners_of_a_withdrawn_photo_leave_that_night_without_any_work(finished_shop: Shop) -> None:
    (finished_shop.photos / "a.png").unlink()

    finished_shop.run(NoWorkers())

    assert products(finished_shop) == {"B-2": 4}


def test_they_leave_also_on_a_night_that_its_limit_ends(finished_shop: Shop) -> None:
    (finished_shop.photos / "a.png").unlink()
    finished_shop.add("new-1.png", figure((10, 20, 30)))
    finished_shop.add("new-2.png", figure((30, 20, 10)))
    finished_shop.limit = 1

    outcome = finished_shop.run()

    assert outcome.left > 0
    assert products(finished_shop) == {"B-2": 4}


def test_a_decision_does_not_bring_a_withdrawn_photo_back(finished_shop: Shop) -> None:
    key = next(item["key"] for item in feed(finished_shop) if item["product"] == "A-1")
    (finished_shop.photos / "a.png").unlink()
    decide(finished_shop, key, Verdict.APPROVED)

    again(finished_shop)

    assert products(finished_shop) == {"B-2": 4}


def test_a_replaced_photo_takes_its_banners_along_once_a_night_has_read_it(finished_shop: Shop) -> None:
    before = {item["key"] for item in feed(finished_shop) if item["product"] in ("A-1", "D-4")}
    replace_photo(finished_shop, "a.png")

    finished_shop.run()

    assert before
    assert not before & live(finished_shop)


def test_what_somebody_decides_takes_nothing_down_on_a_guess(finished_shop: Shop) -> None:
    before = live(finished_shop)
    touch_photos(finished_shop)

    published = again(finished_shop)

    assert published.left == 0
    assert live(finished_shop) == before


def test_nothing_comes_back_on_a_guess(finished_shop: Shop) -> None:
    key = sorted(live(finished_shop))[0]
    decide(finished_shop, key, Verdict.WITHDRAWN)
    again(finished_shop)
    touch_photos(finished_shop)
    decide(finished_shop, key, Verdict.APPROVED)

    published = again(finished_shop)

    assert published.came == 0


def test_a_lost_ledger_takes_nothing_down(finished_shop: Shop) -> None:
    before = live(finished_shop)
    shutil.rmtree(finished_shop.output / "ledger")

    again(finished_shop)

    assert live(finished_shop) == before


def test_a_withdrawn_photo_leaves_before_a_night_that_is_stopped(finished_shop: Shop) -> None:
    (finished_shop.photos / "a.png").unlink()
    finished_shop.add("new.png", figure((1, 2, 3)))

    with pytest.raises(KeyboardInterrupt):
        finished_shop.run(Stopped())

    assert products(finished_shop) == {"B-2": 4}


def test_a_night_that_is_stopped_leaves_what_is_live_as_its_pictures_say(finished_shop: Shop) -> None:
    before = feed(finished_shop)
    finished_shop.edit("catalogue.csv", "100,50,5,a.png", "100,45,5,a.png")

    with pytest.raises(KeyboardInterrupt):
        finished_shop.run(Stopped())

    assert feed(finished_shop) == before


def test_the_last_photos_can_be_withdrawn(finished_shop: Shop) -> None:
    for photo in finished_shop.photos.iterdir():
        photo.unlink()

    with pytest.raises(StoreError, match="there are no photos here"):
        finished_shop.run(NoWorkers())

    assert feed(finished_shop) == []


def test_a_photo_that_is_withdrawn_while_the_night_lasts_does_not_come_back(finished_shop: Shop) -> None:
    finished_shop.add("new.png", figure((1, 2, 3)))

    finished_shop.run(Withdrawing(finished_shop.photos / "a.png"))

    assert products(finished_shop) == {"B-2": 4}


def test_an_offer_ends_with_its_day_although_the_night_began_before(finished_shop: Shop) -> None:
    finished_shop.edit("segments.yaml", "  locale: ja", f"  locale: ja\n  valid_to: {DAY}")
    finished_shop.add("new.png", figure((1, 2, 3)))
    clock = iter(
        [datetime(2026, 11, 22, 23, 59, tzinfo=UTC), *[datetime(2026, 11, 23, 0, 10, tzinfo=UTC)] * 5]
    )

    run_night(finished_shop.order(), LocalWorkers(), Silent(), lambda: next(clock))

    assert {item["segment"] for item in feed(finished_shop)} == {"english"}


@pytest.mark.parametrize("name", ["publish", "manifest.finish"])
def test_one_bad_answer_to_what_it_tells_does_not_end_a_night(
    finished_shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    finished_shop.edit("catalogue.csv", "100,50,5,a.png", "100,45,5,a.png")
    real = operator.attrgetter(name)(night)
    answers = iter([unavailable])
    monkeypatch.setattr(f"pipeline.night.{name}", lambda *told, **more: next(answers, real)(*told, **more))

    outcome = finished_shop.run()

    assert outcome.published.changed == 2


def test_a_ledger_that_cannot_be_merged_keeps_nothing_back(
    finished_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_shop.edit("catalogue.csv", "100,50,5,a.png", "100,45,5,a.png")
    monkeypatch.setattr(Ledger, "compact", unavailable)

    outcome = finished_shop.run()

    assert outcome.published.changed == 2


# ── never half of it ──────────────────────────────────────────────────────────────────────────────────────


class Failing(DirStore):
    """A store that fails when the JSON feed is written."""

    def replace(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        if key == json_key("test"):
            raise StoreError("the disk is full")
        super().replace(key, data, content_type)


class Busy(DirStore):
    """A store in which somebody else decides while the JSON feed is first written."""

    decides = True

    def replace(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        super().replace(key, data, content_type)
        if self.decides and key == json_key("test"):
            self.decides = False
            gone = sorted(item["key"] for item in json.loads(data)["banners"])[0]
            record(self, "test", {gone: Verdict.WITHDRAWN}, who="Ken", run="r", now=now())


def test_stopped_half_way_the_feed_is_the_old_one_and_the_next_one_finishes(finished_shop: Shop) -> None:
    before = feed(finished_shop)
    key = hold(finished_shop)
    with pytest.raises(StoreError, match="full"):
        again(finished_shop, Failing(finished_shop.output))
    assert feed(finished_shop) == before

    again(finished_shop)

    assert key not in live(finished_shop)
    assert set(finished_shop.files("latest")) == {item["latest"] for item in feed(finished_shop)}


def test_a_decision_that_falls_between_reading_and_writing_is_not_lost(finished_shop: Shop) -> None:
    held = hold(finished_shop)

    published = again(finished_shop, Busy(finished_shop.output))

    assert published.live == 6
    assert len(live(finished_shop)) == len(finished_shop.files("latest")) == 6
    assert held not in live(finished_shop)


@pytest.mark.parametrize("damage", ["lost pointer", "stray pointer", "damaged feed", "lost table"])
def test_whatever_was_damaged_is_mended_by_the_next_night(finished_shop: Shop, damage: str) -> None:
    before = finished_shop.files()
    pointer = finished_shop.output / sorted(finished_shop.files("latest"))[0]
    output = DirStore(finished_shop.output)
    harm = {
        "lost pointer": pointer.unlink,
        "stray pointer": lambda: output.replace("latest/test/english/300x250/Z/old.json", b"{}"),
        "damaged feed": lambda: output.replace(json_key("test"), b'{"banners": ['),
        "lost table": lambda: output.delete(csv_key("test")),
    }
    harm[damage]()

    finished_shop.run(NoWorkers())

    assert finished_shop.files() == before


def test_the_feed_follows_the_last_finished_run_not_one_that_was_stopped(finished_shop: Shop) -> None:
    output = DirStore(finished_shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    rows = [replace(row, status=Status.FAILED) for row in manifest.read_banners(output, run)]
    manifest.write_banners(output, replace(run, run="29990101T000000Z-0000"), rows)

    assert again(finished_shop).live == 8


def test_a_feed_in_a_folder_that_is_not_there_is_not_made(tmp_path: Path, shop: Shop) -> None:
    campaign = replace(load_campaign(shop.campaign), valid_to=date(2026, 1, 1))

    publish(DirStore(tmp_path / "nowhere"), campaign, DAY, NOBODY)

    assert not (tmp_path / "nowhere").exists()
