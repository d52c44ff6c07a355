"""Two banners that a customer would take for one: one stays live, the other waits for a person."""

import json
from dataclasses import replace
from itertools import permutations

import cv2
import pytest
from conftest import DAY, Shop, figure, now
from test_runner import NoWorkers

from pipeline.approvals import Verdict, record
from pipeline.campaign import load_campaign
from pipeline.duplicates import hold_duplicates, unmarked
from pipeline.feed import json_key
from pipeline.ledger import Ledger
from pipeline.order import Outcome
from pipeline.present import look_up
from pipeline.publish import publish
from pipeline.store import DirStore
from pipeline.types import BannerRow, Status

TWICE = "A-1,Blue coat,青いコート,100,50,5,a.png"
AGAIN = "A-2,Blue coat,青いコート,100,50,5,a.png"


def live(shop: Shop) -> set[str]:
    """The products that the feed shows to the first segment."""
    items = json.loads((shop.output / json_key("test")).read_bytes())["banners"]
    return {item["product"] for item in items if item["segment"] == "english"}


def twins(outcome: Outcome) -> list[BannerRow]:
    return [row for row in outcome.banners if "near_duplicate" in row.reason]


def list_twice(shop: Shop, again: str = AGAIN) -> Outcome:
    shop.edit("catalogue.csv", TWICE, f"{TWICE}\n{again}")
    return shop.run()


# ── nights ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_a_product_that_is_listed_twice_one_is_live_and_the_other_held(finished_shop: Shop) -> None:
    outcome = list_twice(finished_shop)

    first = {row.size: row.key for row in outcome.banners if row.product == "A-1"}
    held = twins(outcome)
    assert {(row.product, row.status, row.reason) for row in held} == {("A-2", Status.HELD, "near_duplicate")}
    assert {row.size: row.detail for row in held} == {size: f"looks like {first[size]}" for size in first}
    assert live(finished_shop) == {"A-1", "B-2"}


def test_the_smaller_product_stays_though_it_came_later(finished_shop: Shop) -> None:
    outcome = list_twice(finished_shop, AGAIN.replace("A-2", "A-0"))

    assert {row.product for row in twins(outcome)} == {"A-1"}
    assert live(finished_shop) == {"A-0", "B-2"}


def test_another_night_decides_alike_and_writes_nothing(finished_shop: Shop) -> None:
    list_twice(finished_shop)
    before = finished_shop.files()

    outcome = finished_shop.run(NoWorkers())

    assert (outcome.made, {row.product for row in twins(outcome)}) == (False, {"A-2"})
    assert finished_shop.files() == before


def test_the_held_one_goes_live_unmade_when_the_other_leaves_the_catalogue(finished_shop: Shop) -> None:
    list_twice(finished_shop)
    finished_shop.edit("catalogue.csv", f"{TWICE}\n", "")

    outcome = finished_shop.run(NoWorkers())

    assert twins(outcome) == []
    assert live(finished_shop) == {"A-2", "B-2"}


def test_the_held_one_is_live_once_somebody_approved_it_and_stays_so(finished_shop: Shop) -> None:
    keys = [row.key for row in twins(list_twice(finished_shop))]
    store = DirStore(finished_shop.output)
    record(store, "test", dict.fromkeys(keys, Verdict.APPROVED), who="Mei", run="r", now=now())

    present = look_up(DirStore(finished_shop.photos), Ledger.load(store), tuple)
    publish(store, load_campaign(finished_shop.campaign), DAY, present)

    assert live(finished_shop) == {"A-1", "A-2", "B-2"}
    assert not finished_shop.run(NoWorkers()).made
    assert live(finished_shop) == {"A-1", "A-2", "B-2"}


@pytest.mark.parametrize(
    "again",
    [
        AGAIN.replace("Blue coat", "Blue coats"),
        AGAIN.replace(",50,", ",51,"),
        AGAIN.replace("a.png", "red.png"),
    ],
    ids=["other words", "another price", "another colour"],
)
def test_what_differs_in_words_price_or_colour_is_no_duplicate(finished_shop: Shop, again: str) -> None:
    finished_shop.add("red.png", figure((60, 60, 200)))

    assert twins(list_twice(finished_shop, again)) == []
    assert live(finished_shop) == {"A-1", "A-2", "B-2"}


def test_the_same_photo_saved_again_is_a_duplicate(finished_shop: Shop) -> None:
    picture = cv2.imread(str(finished_shop.photos / "a.png"))
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    finished_shop.add("again.jpg", data)

    outcome = list_twice(finished_shop, AGAIN.replace("a.png", "again.jpg"))

    assert {row.product for row in twins(outcome)} == {"A-2"}


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────

LOOK = "0" * 16 + "A" * 64
ROW = BannerRow(
    campaign="test",
    run="r",
    date=DAY,
    segment="english",
    product="B",
    design="card",
    size="300x250",
    locale="en",
    status=Status.STORED,
    reason="",
    detail="",
    key="banners/b.jpg",
    recipe="",
    bytes=9,
    photo_key="b.png",
    photo_content="c",
    cutout_key="k",
    confidence=0.99,
    seconds=0.1,
    likeness=LOOK,
)
UNSURE = {"status": Status.HELD, "reason": "unsure_matte", "detail": "confidence 0.9, weight 0.5"}


def row(product: str, **changes: object) -> BannerRow:
    return replace(ROW, product=product, key=f"banners/{product}.jpg", **changes)  # type: ignore[arg-type]


def held(rows: list[BannerRow]) -> set[str]:
    return {each.product for each in hold_duplicates(rows) if "near_duplicate" in each.reason}


@pytest.mark.parametrize("order", list(permutations("ABC")), ids="".join)
def test_the_order_of_rows_does_not_matter(order: tuple[str, ...]) -> None:
    assert held([row(product) for product in order]) == {"B", "C"}


def test_one_that_passed_its_gates_stays_before_one_that_did_not() -> None:
    first, second = hold_duplicates([row("A", **UNSURE), row("B")])

    assert (first.reason, first.detail) == (
        "unsure_matte,near_duplicate",
        "confidence 0.9, weight 0.5, looks like banners/B.jpg",
    )
    assert second == row("B")


@pytest.mark.parametrize(
    "changes",
    [
        {"segment": "japanese"},
        {"size": "728x90"},
        {"design": "poster"},
        {"likeness": "1" * 16 + "A" * 64},
        {"likeness": "0" * 16 + "A" * 63 + "F"},
        {"likeness": ""},
        {"status": Status.FAILED, "reason": "crashed"},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_rows_that_differ_in_one_of_these_are_left_alone(changes: dict[str, object]) -> None:
    rows = [row("A"), row("B", **changes)]

    assert hold_duplicates(rows) == rows


@pytest.mark.parametrize("before", [{}, UNSURE, UNSURE | {"detail": ""}], ids=["stored", "held", "untold"])
def test_a_mark_can_be_taken_back(before: dict[str, object]) -> None:
    rows = [row("A"), row("B", **before)]

    marked = hold_duplicates(rows)

    assert marked != rows
    assert [unmarked(each) for each in marked] == rows
