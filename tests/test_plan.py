"""What is planned, from listings and tables alone."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from conftest import DAY, Shop
from scenes import written

from pipeline.banner_plan import KEPT, BannerPlan, plan_banners
from pipeline.campaign import load_campaign
from pipeline.encode import limits_for
from pipeline.errors import Fault
from pipeline.fonts import FontBook
from pipeline.ledger import Ledger, geometry_to_json
from pipeline.manifest import RunId, read_summary
from pipeline.photo_plan import plan_photos
from pipeline.rows import banner_row, photo_row
from pipeline.store import DirStore
from pipeline.types import BannerRow, Box, Geometry, Listed, PhotoRef, PhotoRow, Size, Status
from pipeline.units import Press
from pipeline.wanted import want

RUN = RunId("test", DAY, "120000-abcd")
RECIPE = "5" * 64
SIZES = (Size(300, 250), Size(728, 90))


class Bucket:
    """A listing with nothing behind it."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def list(self, prefix: str = "") -> Any:
        return (Listed(key, "etag", 0 if key.endswith("/") else 9) for key in self.keys)


def photo(key: str, status: Status = Status.STORED, reason: str = "", content: str = "") -> PhotoRow:
    """The ledger's row of a photo."""
    geometry = geometry_to_json(Geometry(9, 9, Box(0, 0, 9, 9), None, ()))
    row = photo_row(PhotoRef(key, "etag", 9, content or f"sha of {key}"), RECIPE, status, reason=reason)
    stored = status is Status.STORED
    return replace(row, geometry=geometry, cutout_key=f"cutouts/{key}" if stored else "")


def planned(
    shop: Shop,
    *photos: PhotoRow,
    stored: Any = (),
    past: dict[str, BannerRow] | None = None,
    quality: int = 90,
) -> BannerPlan:
    """The plan of the shop's campaign if the bucket held `photos`."""
    wanted, _ = want(load_campaign(shop.campaign))
    press = Press(RUN, {size: limits_for(size, quality=quality) for size in SIZES}, FontBook.load())
    return plan_banners(wanted, {row.key: row for row in photos}, press, stored=stored, past=past or {})


ALL = (photo("a.png"), photo("b.png"), photo("c.png"), photo("empty.png"))


# ── photos ────────────────────────────────────────────────────────────────────────────────────────────────


def test_photos_that_nobody_has_seen_are_to_be_done(shop: Shop) -> None:
    plan = plan_photos(
        Bucket("a.png", "b.png"), DirStore(shop.output), Ledger.load(DirStore(shop.output)), RECIPE
    )

    assert [ref.key for ref in plan.todo] == ["a.png", "b.png"]
    assert list(plan.known) == []


def test_known_photos_are_not_looked_at_again(shop: Shop) -> None:
    output = DirStore(shop.output)
    ledger = Ledger.load(output)
    ledger.add([photo("a.png"), photo("bad.jpg", Status.REJECTED, "damaged")])
    output.put_new("cutouts/a.png", b"a cut-out")

    plan = plan_photos(Bucket("a.png", "bad.jpg"), output, ledger, RECIPE)

    assert ([row.key for row in plan.known], plan.todo) == (["a.png", "bad.jpg"], ())


def test_another_recipe_makes_every_photo_new(shop: Shop) -> None:
    output = DirStore(shop.output)
    ledger = Ledger.load(output)
    ledger.add([photo("a.png")])

    plan = plan_photos(Bucket("a.png"), output, ledger, "6" * 64)

    assert [(ref.key, ref.content) for ref in plan.todo] == [("a.png", "sha of a.png")]


def test_names_that_could_lead_anywhere_are_refused_without_a_look(shop: Shop) -> None:
    output = DirStore(shop.output)

    plan = plan_photos(Bucket("../up.jpg", "folder/"), output, Ledger.load(output), RECIPE)

    assert [(row.key, row.reason) for row in plan.known] == [("../up.jpg", "unsafe_key")]
    assert plan.todo == ()


def test_the_same_bytes_under_two_names_are_cut_out_once(shop: Shop) -> None:
    output = DirStore(shop.output)
    ledger = Ledger.load(output)
    ledger.add([photo("a.png"), photo("copy.png", content="sha of a.png"), photo("b.png")])
    for key in ("a.png", "copy.png", "b.png"):
        output.put_new(f"cutouts/{key}", b"a cut-out")

    plan = plan_photos(Bucket("a.png", "b.png", "copy.png"), output, ledger, RECIPE)

    rows = {row.key: row.content for row in plan.known}
    assert rows == {"a.png": "sha of a.png", "b.png": "sha of b.png", "copy.png": "sha of a.png"}
    assert len(plan.known) == 3
    assert plan.todo == ()


def test_a_listing_longer_than_a_page_is_planned_to_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.photo_plan._PAGE", 2)
    output = DirStore(shop.output)
    ledger = Ledger.load(output)
    ledger.add([photo("b.png", Status.REJECTED, "damaged"), photo("e.png", Status.REJECTED, "damaged")])

    plan = plan_photos(Bucket("a.png", "b.png", "c.png", "d.png", "e.png"), output, ledger, RECIPE)

    assert [ref.key for ref in plan.todo] == ["a.png", "c.png", "d.png"]
    assert {row.key for row in plan.known} == {"b.png", "e.png"}


@pytest.mark.parametrize(
    ("most", "todo", "waiting", "kept"),
    [
        (None, ["new-1.png", "new-2.png", "old-1.png", "old-2.png"], [], []),
        (4, ["new-1.png", "new-2.png", "old-1.png", "old-2.png"], [], []),
        (3, ["new-1.png", "new-2.png", "old-1.png"], [], ["old-2.png"]),
        (1, ["new-1.png"], ["new-2.png"], ["old-1.png", "old-2.png"]),
        (0, [], ["new-1.png", "new-2.png"], ["old-1.png", "old-2.png"]),
    ],
)
def test_a_bounded_night_takes_new_photos_first_and_keeps_what_earlier_weights_made(
    shop: Shop, most: int | None, todo: list[str], waiting: list[str], kept: list[str]
) -> None:
    output = DirStore(shop.output)
    ledger = Ledger.load(output)
    ledger.add([photo("old-1.png"), photo("old-2.png")])
    for key in ("old-1.png", "old-2.png"):
        output.put_new(f"cutouts/{key}", b"a cut-out")
    bucket = Bucket("new-1.png", "new-2.png", "old-1.png", "old-2.png")

    plan = plan_photos(bucket, output, ledger, "6" * 64, earlier=[RECIPE], most_new=most)

    assert [ref.key for ref in plan.todo] == todo
    assert [ref.key for ref in plan.waiting] == waiting
    assert [row.key for row in plan.known] == kept


# ── banners ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_banner_is_planned_once_those_of_one_cut_out_together(shop: Shop) -> None:
    plan = planned(shop, *ALL)

    assert plan.rows == ()
    assert len({unit.key for unit in plan.todo}) == len(plan.todo) == 12
    cutouts = [unit.cutout.key for unit in plan.todo]
    assert cutouts == sorted(cutouts)


def test_a_key_is_readable_and_ends_in_the_recipe(shop: Shop) -> None:
    unit = planned(shop, *ALL).todo[0]

    assert unit.key == f"banners/test/english/300x250/A-1-catalogue-card-{unit.recipe[:20]}.jpg"


def test_the_same_inputs_give_the_same_keys(shop: Shop) -> None:
    assert list(planned(shop, *ALL).todo) == list(planned(shop, *ALL).todo)


def test_units_come_into_being_when_they_are_asked_for_and_are_always_the_same(shop: Shop) -> None:
    todo = planned(shop, *ALL).todo

    some = todo[4:7]

    assert todo[5] is not todo[5]  # a night of a million holds none of them
    assert list(some) == [todo[4], todo[5], todo[6]] == list(todo)[4:7]


@pytest.mark.parametrize(
    ("change", "fresh"),
    [
        (lambda shop: shop.edit("catalogue.csv", "Blue coat", "Navy coat"), {("english", "A-1")}),
        (lambda shop: shop.edit("catalogue.csv", "40,5,b.png", "40,4,b.png"), set()),
        (
            lambda shop: shop.edit("segments.yaml", "cta: 半額", "cta: 購入"),
            {("japanese", "B-2"), ("japanese", "C-3"), ("japanese", "D-4")},
        ),
    ],
)
def test_only_what_is_drawn_counts_in_a_key(shop: Shop, change: Any, fresh: set[tuple[str, str]]) -> None:
    before = {unit.key for unit in planned(shop, *ALL).todo}

    change(shop)

    new = [unit for unit in planned(shop, *ALL).todo if unit.key not in before]
    assert {(unit.segment, unit.product) for unit in new} == fresh


def test_other_photo_content_or_encoding_is_another_key(shop: Shop) -> None:
    keys = {unit.key for unit in planned(shop, *ALL).todo}

    other = replace(ALL[0], cutout_key="cutouts/another")
    assert sum(unit.key in keys for unit in planned(shop, other, *ALL[1:]).todo) == 8
    assert not keys & {unit.key for unit in planned(shop, *ALL, quality=80).todo}


def test_a_stored_banner_with_its_row_is_kept(shop: Shop) -> None:
    unit = planned(shop, *ALL).todo[0]
    row = banner_row(unit, replace(RUN, run="last night"), Status.STORED)

    plan = planned(shop, *ALL, stored={unit.key}, past={unit.key: row})

    assert plan.rows == (replace(row, run=RUN.run, detail=KEPT),)
    assert unit not in plan.todo


@pytest.mark.parametrize("stored", [True, False])
def test_a_banner_without_row_or_without_object_is_made_again(shop: Shop, stored: bool) -> None:
    unit = planned(shop, *ALL).todo[0]
    row = banner_row(unit, RUN, Status.STORED)

    plan = planned(shop, *ALL, stored={unit.key} if stored else (), past={} if stored else {unit.key: row})

    assert unit in plan.todo


@pytest.mark.parametrize(
    ("fault", "again"), [(Fault.MISSING_GLYPH, False), (Fault.TOO_HEAVY, True), (Fault.KILLED_WORKER, True)]
)
def test_only_failures_that_may_pass_are_tried_again(shop: Shop, fault: Fault, again: bool) -> None:
    unit = planned(shop, *ALL).todo[0]
    row = banner_row(unit, RUN, Status.FAILED, reason=fault)

    plan = planned(shop, *ALL, past={unit.key: row})

    assert (unit in plan.todo) is again


def test_a_held_banner_stays_held(shop: Shop) -> None:
    unit = planned(shop, *ALL).todo[0]
    row = banner_row(unit, RUN, Status.HELD, reason="low_contrast", detail="contrast 0.4")

    plan = planned(shop, *ALL, stored={unit.key}, past={unit.key: row})

    assert plan.rows == (row,)


@pytest.mark.parametrize(
    ("photos", "status", "reason"),
    [
        ((), Status.REJECTED, "no_photo"),
        ((photo("a.png", Status.REJECTED, "damaged"),), Status.REJECTED, "photo_rejected"),
        ((photo("a.png", Status.FAILED, "unavailable"),), Status.FAILED, "unavailable"),
    ],
)
def test_banners_without_a_usable_photo_have_a_row_that_says_why(
    shop: Shop, photos: tuple[PhotoRow, ...], status: Status, reason: str
) -> None:
    plan = planned(shop, *photos)

    rows = [row for row in plan.rows if row.product == "A-1"]
    assert {(row.status, row.reason) for row in rows} == {(status, reason)}
    assert Counter(row.size for row in rows) == {"300x250": 1, "728x90": 1}
    assert len({row.key for row in plan.rows}) == 12


def test_no_two_banners_without_a_photo_share_a_key_whatever_products_and_designs_are_called(
    shop: Shop,
) -> None:
    written(shop.folder / "looks", "  - {type: subject}\n", name="card")
    shop.edit("campaign.yaml", "[catalogue-card]", "[catalogue-card, card]\ntemplates: looks")
    twins = "X,Coat,x,60,30,5,gone.png\nX-catalogue,Coat,x,60,30,5,gone.png\n"
    shop.edit("catalogue.csv", "D-4,", f"{twins}D-4,")

    outcome = shop.run()

    summary = read_summary(DirStore(shop.output), outcome.run)
    assert summary is not None
    assert (summary.planned, summary.lost) == (40, 0)


def test_a_segment_that_selects_nothing_is_named(shop: Shop) -> None:
    shop.edit("segments.yaml", "price < 45", "price < 1")

    _, silent = want(load_campaign(shop.campaign))

    assert silent == ["japanese"]


def test_a_product_whose_photo_waits_says_so_and_another_photo_stands_in(shop: Shop) -> None:
    wanted, _ = want(load_campaign(shop.campaign))
    press = Press(RUN, {size: limits_for(size) for size in SIZES}, FontBook.load())
    waiting = {"a.png", "b.png", "empty.png"}

    plan = plan_banners(wanted, {"c.png": photo("c.png")}, press, stored=(), past={}, waiting=waiting)

    told = {(row.product, row.reason) for row in plan.rows}
    assert told == {("A-1", "photo_waits"), ("C-3", "photo_waits"), ("D-4", "photo_waits")}
    assert {(unit.product, unit.cutout.photo.key) for unit in plan.todo} == {("B-2", "c.png")}
