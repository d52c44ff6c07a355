"""What can go, and above all what may not."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from conftest import Shop, figure, make_shop
from test_publish import again, decide, feed, hold, live
from test_runner import NoWorkers

from pipeline import manifest
from pipeline import prune as prune_module
from pipeline.approvals import Verdict
from pipeline.errors import JobError, StoreError, UnsafeKey
from pipeline.ledger import Ledger
from pipeline.manifest import RunId
from pipeline.present import look_up
from pipeline.prune import Kind, Pruning, Superfluous, plan_pruning, prune
from pipeline.runner import LocalWorkers
from pipeline.store import DirStore
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Unit
from pipeline.work import BannerKit, PhotoKit


def plan(shop: Shop) -> Pruning:
    return plan_pruning(DirStore(shop.photos), DirStore(shop.output), "test")


def kinds(pruning: Pruning) -> dict[str, int]:
    return dict(Counter(str(each.kind) for each in pruning.superfluous))


def last_run(shop: Shop) -> RunId:
    run = manifest.latest_run(DirStore(shop.output), "test")
    assert run is not None
    return run


def withdraw_photo(shop: Shop) -> None:
    (shop.photos / "a.png").unlink()
    shop.run(NoWorkers())


def drop_segment(shop: Shop) -> None:
    shop.edit("segments.yaml", "  locale: ja", "  locale: ja\n  valid_to: 2026-11-21")
    shop.run(NoWorkers())


def approve_a_held_one(shop: Shop) -> None:
    decide(shop, hold(shop), Verdict.APPROVED)
    shop.run(NoWorkers())


def withdraw_without_a_night(shop: Shop) -> None:
    (shop.photos / "a.png").unlink()


def lose_the_ledger(shop: Shop) -> None:
    for name in shop.files("ledger"):
        (shop.output / name).unlink()


CHANGES = [withdraw_photo, drop_segment, approve_a_held_one, withdraw_without_a_night, lose_the_ledger]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_live_and_nothing_of_a_photo_that_is_there_is_ever_removed(
    finished_shop: Shop, change: Callable[[Shop], None]
) -> None:
    known = Ledger.load(DirStore(finished_shop.output))
    change(finished_shop)
    before = finished_shop.files()
    present = look_up(DirStore(finished_shop.photos), known, tuple).contents

    prune(DirStore(finished_shop.output), plan(finished_shop))

    after = finished_shop.files()
    kept = {name for name in before if PurePosixPath(name).stem in present}
    told = {name for name in before if name.split("/")[0] in ("manifests", "ledger", "approvals", "feeds")}
    pointers = {item["latest"] for item in feed(finished_shop)}
    assert live(finished_shop) | kept | told | pointers <= after.keys()
    assert all(after[name] == before[name] for name in after)


def test_after_a_first_night_nothing_can_go(finished_shop: Shop) -> None:
    assert plan(finished_shop).superfluous == ()


def test_a_withdrawn_photo_takes_cut_out_thumbnail_and_banners_along(finished_shop: Shop) -> None:
    withdraw_photo(finished_shop)

    pruning = plan(finished_shop)
    prune(DirStore(finished_shop.output), pruning)

    assert kinds(pruning) == {"banners": 4, "cut-outs": 1, "thumbnails": 1}
    assert set(finished_shop.files("banners")) == live(finished_shop)
    assert plan(finished_shop).superfluous == ()


def test_a_plan_removes_nothing(finished_shop: Shop) -> None:
    withdraw_photo(finished_shop)
    before = finished_shop.files()

    pruning = plan(finished_shop)

    assert finished_shop.files() == before
    assert sum(each.size for each in pruning.superfluous) == sum(
        len(before[each.key]) for each in pruning.superfluous
    )


def test_banners_of_no_current_plan_go_but_their_photos_cut_outs_stay(finished_shop: Shop) -> None:
    drop_segment(finished_shop)

    pruning = plan(finished_shop)

    assert kinds(pruning) == {"banners": 4}
    assert {each.key.split("/")[2] for each in pruning.superfluous} == {"japanese"}


def test_what_is_still_live_stays_until_a_night_has_taken_it_down(finished_shop: Shop) -> None:
    withdraw_without_a_night(finished_shop)

    pruning = plan(finished_shop)

    assert kinds(pruning) == {"cut-outs": 1, "thumbnails": 1}
    assert pruning.still_live == 4


def test_a_pointer_that_no_feed_names_goes(finished_shop: Shop) -> None:
    stray = "latest/test/english/300x250/Z/old.json"
    DirStore(finished_shop.output).put_new(stray, b"{}")

    assert [(each.kind, each.key) for each in plan(finished_shop).superfluous] == [(Kind.POINTER, stray)]


def test_only_old_unfinished_files_go(finished_shop: Shop) -> None:
    old = finished_shop.output / "banners" / ".unfinished-1-aa"
    young = finished_shop.output / "banners" / ".unfinished-2-bb"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))

    pruning = plan(finished_shop)
    prune(DirStore(finished_shop.output), pruning)

    assert [(each.kind, each.size) for each in pruning.superfluous] == [(Kind.UNFINISHED, 4)]
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("key", ["banners/a.jpg", "../.unfinished-1-aa"])
def test_only_unfinished_files_inside_the_store_can_be_removed_as_such(finished_shop: Shop, key: str) -> None:
    with pytest.raises(UnsafeKey):
        DirStore(finished_shop.output).remove_unfinished(key)


def test_what_another_campaigns_last_run_had_stays(finished_shop: Shop) -> None:
    output = DirStore(finished_shop.output)
    photos = manifest.read_photos(output, last_run(finished_shop))
    manifest.write_photos(output, RunId("other", last_run(finished_shop).date, "r1"), photos)
    withdraw_photo(finished_shop)

    pruning = plan(finished_shop)

    assert kinds(pruning) == {"banners": 4}
    assert pruning.of_others == 2


def test_while_a_run_goes_on_nothing_can_be_told(finished_shop: Shop) -> None:
    output, run = DirStore(finished_shop.output), last_run(finished_shop)
    rows = manifest.read_photos(output, run)
    manifest.write_photos(output, replace(run, run="29990101T000000Z-0000"), rows)

    with pytest.raises(JobError, match="29990101T000000Z-0000 goes on or was stopped"):
        plan(finished_shop)


def test_before_a_first_run_nothing_can_be_told(shop: Shop) -> None:
    with pytest.raises(JobError, match="no finished run yet"):
        plan(shop)


def test_while_there_are_photos_that_nobody_has_looked_at_nothing_can_be_told(finished_shop: Shop) -> None:
    finished_shop.add("renamed.png", figure((1, 2, 3)))

    with pytest.raises(JobError, match=r"1 photos, such as renamed.png, were added or changed"):
        plan(finished_shop)


def test_what_becomes_live_after_the_plan_stops_the_pruning(finished_shop: Shop) -> None:
    key = hold(finished_shop)
    again(finished_shop)
    pruning = replace(plan(finished_shop), superfluous=(Superfluous(Kind.BANNER, key, 1),))
    decide(finished_shop, key, Verdict.APPROVED)
    again(finished_shop)

    with pytest.raises(JobError, match="became live meanwhile"):
        prune(DirStore(finished_shop.output), pruning)
    assert key in finished_shop.files("banners")


def test_a_run_that_finishes_after_the_plan_stops_the_pruning(finished_shop: Shop) -> None:
    withdraw_photo(finished_shop)
    pruning = plan(finished_shop)
    finished_shop.edit("catalogue.csv", "80,40,5", "80,40,0")
    finished_shop.run(NoWorkers())
    before = finished_shop.files()

    with pytest.raises(JobError, match="a run has finished meanwhile"):
        prune(DirStore(finished_shop.output), pruning)
    assert finished_shop.files() == before


# ── others at work ────────────────────────────────────────────────────────────────────────────────────────


class Meanwhile(DirStore):
    """A store in which somebody runs a night once the first banner has been removed."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.output)
        self._shop, self._ran = shop, False

    def delete(self, key: str) -> None:
        super().delete(key)
        if key.startswith("banners/") and not self._ran:
            self._ran = True
            self._shop.run()


def test_a_night_that_begins_while_things_are_removed_loses_nothing(
    finished_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_module, "_LOOK_SECONDS", 0.0)
    finished_shop.edit("catalogue.csv", "100,50,5", "100,45,5")
    finished_shop.run()
    finished_shop.edit("catalogue.csv", "100,45,5", "100,50,5")
    pruning = plan(finished_shop)

    with pytest.raises(JobError, match="meanwhile"):
        prune(Meanwhile(finished_shop), pruning)

    assert len(live(finished_shop)) == 8
    assert live(finished_shop) <= finished_shop.files().keys()


def test_nothing_is_removed_while_another_campaign_cuts_out(finished_shop: Shop, tmp_path: Path) -> None:
    other = make_shop(tmp_path / "other")
    other.edit("campaign.yaml", "name: test", "name: other")
    other.edit("campaign.yaml", "output: out", f"output: {finished_shop.output}")

    with pytest.raises(JobError, match=r"of other goes on, or was stopped within a day"):
        other.run(LookingWhatCanGo(finished_shop))


class LookingWhatCanGo(LocalWorkers):
    """Somebody looks what can go while photos are cut out."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self._shop = shop

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        yield from super().photos(kit, refs)
        plan(self._shop)


def test_a_banner_that_was_removed_under_a_night_is_made_by_the_next(finished_shop: Shop) -> None:
    finished_shop.edit("catalogue.csv", "100,50,5", "100,45,5")
    doomed = next(key for key in sorted(live(finished_shop)) if "/B-2-" in key)

    with pytest.raises(StoreError, match="1 banners, such as .* were removed while this night"):
        finished_shop.run(Removing(finished_shop.output / doomed))
    finished_shop.run()

    assert live(finished_shop) <= finished_shop.files().keys()
    assert doomed in live(finished_shop)


class Removing(LocalWorkers):
    """Somebody removes a banner while others are made."""

    def __init__(self, banner: Path) -> None:
        super().__init__()
        self._banner = banner

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        yield from super().banners(kit, units)
        self._banner.unlink()
