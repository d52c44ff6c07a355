"""A night in one process: what it makes, what a second one leaves alone, what bad photos cost."""

from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from conftest import DAY, PHOTOS, Shop, figure, now

from pipeline import manifest
from pipeline.errors import InvalidInput, PhotoRejected, Reason, StoreError
from pipeline.night import forecast
from pipeline.order import exit_code
from pipeline.runner import Deferred, LocalWorkers
from pipeline.store import DirStore, open_store
from pipeline.types import BannerRow, PhotoRef, PhotoRow, Status, Unit
from pipeline.work import BannerKit, PhotoKit


class NoWorkers:
    """Workers that nobody may ask for anything."""

    def photos(self, kit: PhotoKit, refs: Sequence[PhotoRef]) -> Iterator[PhotoRow]:
        raise AssertionError("there should be no work")

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        raise AssertionError("there should be no work")

    def gpu_idle(self) -> None: ...

    def close(self) -> None: ...


class Interrupted(LocalWorkers):
    """Somebody presses Ctrl-C after the third banner."""

    def banners(self, kit: BannerKit, units: Sequence[Unit]) -> Iterator[BannerRow]:
        yield from super().banners(kit, units[:3])
        raise KeyboardInterrupt


def statuses(rows: Sequence[BannerRow]) -> dict[str, int]:
    return dict(Counter(str(row.status) for row in rows))


def test_a_first_night_makes_every_banner_that_has_a_person(shop: Shop) -> None:
    outcome = shop.run()

    assert statuses(outcome.banners) == {"stored": 8, "rejected": 4}
    assert {row.key for row in outcome.banners if row.status is Status.STORED} == set(shop.files("banners"))


def test_the_manifest_has_one_row_per_planned_banner(shop: Shop) -> None:
    outcome = shop.run()

    output = open_store(shop.output)
    summary = manifest.read_summary(output, outcome.run)
    assert summary is not None
    assert (summary.planned, summary.lost) == (12, 0)
    assert {row.key for row in manifest.read_banners(output, outcome.run)} == {
        row.key for row in outcome.banners
    }


def test_a_photo_with_nobody_in_it_is_refused_and_its_banners_say_so(shop: Shop) -> None:
    outcome = shop.run()

    [photo] = [row for row in outcome.photos if row.status is Status.REJECTED]
    assert (photo.key, photo.reason) == ("empty.png", "no_subject")
    assert photo.thumbnail_key in shop.files("thumbnails")
    refused = [row for row in outcome.banners if row.status is Status.REJECTED]
    assert {(row.product, row.reason, row.photo_key) for row in refused} == {
        ("C-3", "photo_rejected", "empty.png")
    }


def test_a_second_night_makes_nothing_and_writes_nothing(shop: Shop) -> None:
    first = shop.run()
    before = shop.files()

    second = shop.run(NoWorkers())

    assert not second.made
    assert shop.files() == before
    assert statuses(second.banners) == statuses(first.banners)


def test_three_bad_files_cost_three_rows_and_no_banner(shop: Shop) -> None:
    shop.run()
    banners = shop.files("banners")
    shop.add("notes.jpg", b"this is no picture")
    shop.add("cut.jpg", jpeg_cut_short())
    shop.add("void.png", b"")

    outcome = shop.run()

    reasons = {row.key: row.reason for row in outcome.photos if row.status is Status.REJECTED}
    assert reasons == {
        "notes.jpg": "unsupported_format",
        "cut.jpg": "damaged",
        "void.png": "unsupported_format",
        "empty.png": "no_subject",
    }
    assert shop.files("banners") == banners
    assert exit_code(outcome.photos, outcome.banners, 0.02) == 3


def test_bad_files_beside_good_ones_from_the_start_change_no_banner(shop: Shop) -> None:
    shop.add("notes.jpg", b"this is no picture")
    with_bad_file = shop.run()
    with_it = shop.files("banners")
    (shop.photos / "notes.jpg").unlink()

    without = shop.run()

    assert {row.key for row in without.banners} == {row.key for row in with_bad_file.banners}
    assert shop.files("banners") == with_it


def test_a_changed_price_makes_only_that_products_banners(shop: Shop) -> None:
    first = shop.run()
    shop.edit("catalogue.csv", "B-2,Green coat,緑のコート,80,40", "B-2,Green coat,緑のコート,80,39")

    second = shop.run()

    before = {row.key for row in first.banners}
    assert {row.product for row in second.banners if row.key not in before} == {"B-2"}
    assert {row.product for row in second.banners if row.detail == "kept"} == {"A-1", "D-4"}


def test_a_product_that_leaves_the_segment_leaves_the_manifest_without_any_work(shop: Shop) -> None:
    shop.run()
    shop.edit("catalogue.csv", "100,50,5,a.png", "100,50,0,a.png")

    second = shop.run(NoWorkers())

    assert second.made
    assert "A-1" not in {row.product for row in second.banners}


def test_an_interrupted_night_keeps_what_it_stored_and_the_next_goes_on(shop: Shop) -> None:
    with pytest.raises(KeyboardInterrupt):
        shop.run(Interrupted())
    output = open_store(shop.output)
    [run] = manifest.list_runs(output, "test")
    noted = [row for row in manifest.read_banners(output, run) if row.status is Status.STORED]

    second = shop.run()

    assert {row.key for row in noted} <= set(shop.files("banners"))
    assert len(noted) == 3
    assert sum(row.detail == "kept" for row in second.banners) == 3
    assert statuses(second.banners) == {"stored": 8, "rejected": 4}


def test_a_night_with_a_limit_leaves_the_rest_for_the_next(shop: Shop) -> None:
    shop.limit = 2
    first = shop.run()
    shop.limit = None

    second = shop.run()

    assert first.left > 0
    assert sum(row.status is Status.STORED for row in first.banners) == 2
    assert manifest.read_summary(open_store(shop.output), first.run) is None
    assert statuses(second.banners) == {"stored": 8, "rejected": 4}


def test_a_lost_cut_out_is_made_again_to_the_same_bytes(shop: Shop) -> None:
    shop.run()
    before = shop.files("cutouts")
    (shop.output / sorted(before)[0]).unlink()

    outcome = shop.run()

    assert shop.files("cutouts") == before
    assert all(row.detail == "kept" for row in outcome.banners if row.status is Status.STORED)


def test_two_nights_from_nothing_give_the_same_bytes(shop: Shop) -> None:
    shop.run()
    once = shop.files("banners") | shop.files("cutouts")
    shop.edit("campaign.yaml", "output: out", "output: out2")

    shop.run()

    again = {name: (shop.folder / "out2" / name).read_bytes() for name in once}
    assert again == once


def test_the_proof_sheet_is_written(shop: Shop) -> None:
    outcome = shop.run()

    assert outcome.sheet.endswith("reports/test/report.html")
    assert "reports/test/report.html" in shop.files("reports")


def test_what_is_missing_is_said_aloud(shop: Shop) -> None:
    shop.edit("catalogue.csv", "5,b.png;c.png", "5,gone.png")
    shop.edit("segments.yaml", "price < 45", "price < 1")

    outcome = shop.run()

    told = {notice.title: notice.items for notice in outcome.notices}
    assert told == {
        "Segments that selected nothing": ("japanese",),
        "Products without a photo in the bucket": ("B-2",),
        "Photos that the catalogue names and the bucket does not have": ("gone.png (product B-2)",),
        "Photos that no product names": ("b.png", "c.png"),
    }
    lacking = {(row.product, row.reason) for row in outcome.banners if row.status is Status.REJECTED}
    assert ("B-2", "no_photo") in lacking


def test_a_products_next_photo_takes_the_place_of_a_refused_one(shop: Shop) -> None:
    shop.add("b.png", b"damaged beyond hope")

    outcome = shop.run()

    assert {row.photo_key for row in outcome.banners if row.product == "B-2"} == {"c.png"}


def test_a_forecast_counts_and_writes_nothing(shop: Shop) -> None:
    coming = forecast(shop.order(), now)

    assert (coming.cutouts, coming.planned, coming.make) == (4, 12, 12)
    assert not shop.output.exists()


def test_an_empty_bucket_stops_the_night_with_its_name(shop: Shop) -> None:
    for name in (*PHOTOS, "empty.png"):
        (shop.photos / name).unlink()

    with pytest.raises(StoreError, match=r"photos: there are no photos here"):
        shop.run()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "segments.yaml",
            "  currency: USD\n  rule: stock > 0",
            "  colour: red\n  currency: USD\n  rule: stock > 0",
            "colour",
        ),
        ("segments.yaml", "stock > 0", "id IN (SELECT column0 FROM read_csv('/etc/passwd'))", "rule"),
        ("segments.yaml", "stock > 0", "size > 3", "size"),
        ("campaign.yaml", "[catalogue-card]", "[catalog-card]", "catalog-card"),
        ("catalogue.csv", "100,50,5", "100,fifty,5", "fifty"),
    ],
)
def test_what_a_user_wrote_wrong_stops_the_night_before_any_work(
    shop: Shop, file: str, old: str, new: str, message: str
) -> None:
    shop.edit(file, old, new)

    with pytest.raises(InvalidInput, match=message):
        shop.run(NoWorkers())
    assert not shop.output.exists()


def test_an_unwritable_output_stops_the_night_with_its_name(shop: Shop) -> None:
    shop.edit("campaign.yaml", "output: out", "output: /proc/banners")

    with pytest.raises(StoreError, match="/proc/banners"):
        shop.run()


def test_a_missing_value_fails_its_own_banners_alone(shop: Shop) -> None:
    shop.edit("catalogue.csv", "B-2,Green coat", "B-2,")

    outcome = shop.run()

    failed = [row for row in outcome.banners if row.status is Status.FAILED]
    assert {(row.segment, row.product, row.reason) for row in failed} == {("english", "B-2", "missing_value")}
    assert exit_code(outcome.photos, outcome.banners, 0.02) == 3


@pytest.mark.parametrize(("share", "code"), [(0.25, 0), (0.24, 3)])
def test_the_exit_code_follows_the_share_of_refused_photos(shop: Shop, share: float, code: int) -> None:
    shop.add("empty.png", b"no picture")

    outcome = shop.run()

    assert exit_code(outcome.photos, outcome.banners, share) == code


def test_workers_that_nobody_needs_are_never_made(shop: Shop) -> None:
    shop.run()

    deferred = Deferred(lambda: pytest.fail("there is no work"))
    shop.run(deferred)
    deferred.close()


def test_the_row_says_which_night_it_was(shop: Shop) -> None:
    outcome = shop.run()

    assert {(row.date, row.run) for row in outcome.banners} == {(DAY, outcome.run.run)}


def jpeg_cut_short() -> bytes:
    picture = cv2.imdecode(np.frombuffer(figure((1, 2, 3)), np.uint8), cv2.IMREAD_COLOR)
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    return whole[: len(whole) // 2]


def test_a_bounded_night_finishes_and_the_next_ones_go_on(shop: Shop) -> None:
    first = shop.run(most_new=1)
    second = shop.run(most_new=2)
    third = shop.run(most_new=1)

    waiting = {row.product for row in first.banners if row.reason == "photo_waits"}
    assert manifest.read_summary(open_store(shop.output), first.run) is not None
    assert waiting == {"B-2", "C-3"}
    assert [len(each.photos) for each in (first, second, third)] == [1, 3, 4]
    assert statuses(third.banners) == {"stored": 8, "rejected": 4}
    assert exit_code(first.photos, first.banners, 0.02) == 0


def test_photos_that_wait_are_said_aloud(shop: Shop) -> None:
    outcome = shop.run(most_new=2)

    told = {notice.title: notice.items for notice in outcome.notices}
    assert told["Photos that wait to be cut out another night"] == ("c.png", "empty.png")


def refuse_all(store: DirStore, ref: PhotoRef) -> None:
    raise PhotoRejected(Reason.ACCESS_DENIED, "the bucket refuses it")


def test_a_bucket_that_refuses_every_photo_stops_the_night(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        shop.add(f"more-{number}.png", b"never read")
    monkeypatch.setattr("pipeline.breaker.Breaker._is_readable", lambda *_: False)
    monkeypatch.setattr("pipeline.steps.fetch_photo", refuse_all)

    with pytest.raises(StoreError, match="refuses every photo that was tried"):
        shop.run()
