"""Two people on one banner: the second has a photo of their own where the product has another one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOS, Shop, copy_of, figure, make_shop, now
from PIL import Image
from scenes import person, written
from test_plan import ALL, RUN, photo, planned
from test_publish import again, feed
from test_runner import NoWorkers

from pipeline import manifest
from pipeline.cutout import pack
from pipeline.encode import limits_for
from pipeline.night import forecast
from pipeline.prune import plan_pruning
from pipeline.report import latest_report_key
from pipeline.rows import banner_row
from pipeline.standin import StandIn
from pipeline.steps import run_unit
from pipeline.store import DirStore, open_store
from pipeline.types import BannerRow, PhotoRow, Pixels, Size, Status, Unit
from pipeline.work import BannerKit, CutoutShelf
from shm.matter import Prediction

PAIR = """\
  - {type: subject, box: {right: 50%}}
  - {type: subject, who: second, box: {left: 50%}, at: {wide: {visible: false}}}
"""
SQUARE, STRIP = Size(300, 250), Size(728, 90)
TWO_COATS = ("b.png", "c.png")


def with_pairs(shop: Shop, layers: str = PAIR) -> Shop:
    """The shop with a design of two people, the second one not in the strip."""
    written(shop.folder / "looks", layers, name="pair")
    shop.edit("campaign.yaml", "[catalogue-card]", "[pair]\ntemplates: looks")
    return shop


def unit_of(shop: Shop, product: str, *photos: PhotoRow, size: Size = SQUARE) -> Unit:
    """The planned banner of an English product; all photos of the shop are usable unless given."""
    found = planned(shop, *(photos or ALL)).todo
    [unit] = [each for each in found if (each.segment, each.product, each.size) == ("english", product, size)]
    return unit


def shown(unit: Unit) -> tuple[str, str]:
    return unit.cutout.photo.key, unit.second.photo.key if unit.second else ""


def rows_of(shop: Shop, product: str, size: Size = SQUARE) -> list[BannerRow]:
    """What the last run says of a product's English banners."""
    output = open_store(shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    rows = manifest.read_banners(output, run)
    return [row for row in rows if (row.segment, row.product, row.size) == ("english", product, str(size))]


def coats(shop: Shop, row: BannerRow) -> set[str]:
    """The photos whose coats a stored banner shows."""
    picture = np.asarray(Image.open(shop.output / row.key).convert("RGB"))
    return {key for key, bgr in PHOTOS.items() if shows(picture, bgr)}


def shows(picture: Pixels, bgr: tuple[int, int, int]) -> bool:
    near = np.abs(picture.astype(int) - np.array(bgr[::-1])).max(axis=2) < 20
    return bool(near.sum() > 300)


def superfluous(shop: Shop) -> set[str]:
    found = plan_pruning(DirStore(shop.photos), DirStore(shop.output), "test").superfluous
    return {each.key for each in found}


class Doubtful(StandIn):
    """Not sure of photos that show a certain coat."""

    def __init__(self, coat: tuple[int, int, int]) -> None:
        self._coat = coat

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        return [
            replace(answer, confidence=0.2) if shows(seen, self._coat) else answer
            for answer, seen in zip(super().predict(photos), photos, strict=True)
        ]


# ── which photo ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "photos", "expected"),
    [
        ("first", "b.png;c.png;a.png", ("b.png", "c.png")),
        ("last", "b.png;c.png;a.png", ("a.png", "c.png")),
        ("'*c*'", "b.png;c.png;a.png", ("c.png", "b.png")),
        ("'[ac]*'", "b.png;c.png;a.png", ("c.png", "a.png")),
        ("first", "b.png;gone.png;c.png", ("b.png", "c.png")),
        ("first", "gone.png;c.png", ("c.png", "")),
        ("first", "b.png", ("b.png", "")),
    ],
)
def test_the_second_person_is_the_next_usable_photo_by_the_segments_own_rule(
    shop: Shop, rule: str, photos: str, expected: tuple[str, str]
) -> None:
    with_pairs(shop)
    shop.edit("catalogue.csv", "b.png;c.png", photos)
    shop.edit("segments.yaml", "rule: stock > 0", f"rule: stock > 0\n  photo: {rule}")

    assert shown(unit_of(shop, "B-2")) == expected


def test_a_photo_that_was_refused_is_nobodys_second(shop: Shop) -> None:
    refused = photo("c.png", Status.REJECTED, "no_subject")

    unit = unit_of(with_pairs(shop), "B-2", photo("a.png"), photo("b.png"), refused)

    assert shown(unit) == ("b.png", "")


def test_the_same_photo_under_another_name_is_no_second_person(shop: Shop) -> None:
    copy = photo("c.png", content="sha of b.png")

    unit = unit_of(with_pairs(shop), "B-2", photo("a.png"), photo("b.png"), copy)

    assert shown(unit) == ("b.png", "")


def test_a_size_that_shows_one_person_has_no_second_photo(shop: Shop) -> None:
    assert shown(unit_of(with_pairs(shop), "B-2", size=STRIP)) == ("b.png", "")


# ── what counts in the key ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("changed", "same"), [("a.png", True), ("b.png", False), ("c.png", False)])
def test_the_key_covers_both_cut_outs(shop: Shop, changed: str, same: bool) -> None:
    with_pairs(shop)
    others = [replace(row, cutout_key="cutouts/new") if row.key == changed else row for row in ALL]

    before, after = unit_of(shop, "B-2"), unit_of(shop, "B-2", *others)

    assert ((before.key, before.recipe) == (after.key, after.recipe)) is same


def test_two_people_the_other_way_round_are_another_banner(shop: Shop) -> None:
    with_pairs(shop)
    before = unit_of(shop, "B-2")
    shop.edit("catalogue.csv", "b.png;c.png", "c.png;b.png")

    assert unit_of(shop, "B-2").key != before.key


@pytest.mark.parametrize(
    ("design", "size"), [("pair", STRIP), ("catalogue-card", SQUARE), ("catalogue-card", STRIP)]
)
def test_a_banner_of_one_person_does_not_depend_on_a_second_photo(
    shop: Shop, design: str, size: Size
) -> None:
    with_pairs(shop)
    shop.edit("campaign.yaml", "[pair]", f"[{design}]")
    with_second = unit_of(shop, "B-2", size=size)
    shop.edit("catalogue.csv", "b.png;c.png", "b.png")

    assert unit_of(shop, "B-2", size=size) == with_second


def test_without_another_photo_the_key_is_that_of_the_first_alone(shop: Shop) -> None:
    with_pairs(shop)
    alone = unit_of(shop, "B-2", photo("a.png"), photo("b.png"))
    shop.edit("catalogue.csv", "b.png;c.png", "b.png")

    assert unit_of(shop, "B-2") == alone


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_names_both_photos_and_the_less_sure_cut_out_counts(shop: Shop) -> None:
    unsure = replace(photo("c.png"), confidence=0.25)
    sure = replace(photo("b.png"), confidence=0.75)
    unit = unit_of(with_pairs(shop), "B-2", sure, unsure)

    row = banner_row(unit, RUN, Status.STORED)

    assert (row.photo_key, row.second_photo_key) == TWO_COATS
    assert row.photo_contents == ("sha of b.png", "sha of c.png")
    assert row.confidence == 0.25


def test_a_worker_keeps_the_cut_outs_of_both_people(finished_shop: Shop) -> None:
    reads: list[str] = []

    class Counting(DirStore):
        def get(self, key: str) -> bytes:
            reads.append(key)
            return super().get(key)

    first, second, third = sorted(finished_shop.files("cutouts"))
    shelf = CutoutShelf(Counting(finished_shop.output))
    for key in (first, second, first, second, third, second, first):
        shelf.take(key)

    assert reads == [first, second, third, first]


@pytest.mark.parametrize(
    ("there", "ends"), [(TWO_COATS, Status.STORED), (("b.png",), Status.FAILED), (("c.png",), Status.FAILED)]
)
def test_a_banner_is_made_only_of_two_cut_outs_that_are_there(
    shop: Shop, there: tuple[str, ...], ends: Status
) -> None:
    unit, output = unit_of(with_pairs(shop), "B-2"), DirStore(shop.output)
    for key in there:
        output.put_new(f"cutouts/{key}", pack(person()))
    tools = BannerKit(output, RUN, {SQUARE: limits_for(SQUARE)}, (shop.folder / "looks",)).open()

    row = run_unit(unit, tools)

    assert (row.status, row.reason) == (ends, "" if ends is Status.STORED else "source_gone")


# ── a night ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def first_pairs(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with pairs after its first night, for `pairs` to copy; never to be changed."""
    made = with_pairs(make_shop(tmp_path_factory.mktemp("first") / "shop"))
    made.run()
    return made


@pytest.fixture
def pairs(first_pairs: Shop, tmp_path: Path) -> Shop:
    return copy_of(first_pairs, tmp_path / "shop")


def test_a_night_shows_both_people_and_its_rows_name_both_photos(pairs: Shop) -> None:
    [row] = rows_of(pairs, "B-2")

    assert (row.status, row.photo_key, row.second_photo_key) == (Status.STORED, *TWO_COATS)
    assert row.second_photo_content == hashlib.sha256((pairs.photos / "c.png").read_bytes()).hexdigest()
    assert coats(pairs, row) == {"b.png", "c.png"}
    assert '"photoKey":"b.png, c.png"' in (pairs.output / latest_report_key("test")).read_text("utf-8")


def test_where_there_is_no_other_photo_the_first_person_is_shown_twice(pairs: Shop) -> None:
    [row] = rows_of(pairs, "A-1")

    assert (row.photo_key, row.second_photo_key, row.second_photo_content) == ("a.png", "", "")
    assert coats(pairs, row) == {"a.png"}


def test_a_second_night_with_pairs_makes_nothing(pairs: Shop) -> None:
    before = pairs.files()

    assert not pairs.run(NoWorkers()).made
    assert pairs.files() == before


def test_a_forecast_counts_the_banner_that_a_new_second_photo_changes(pairs: Shop) -> None:
    pairs.add("d.png", figure((10, 20, 30)))
    pairs.edit("catalogue.csv", "5,a.png", "5,a.png;d.png")

    told = forecast(pairs.order(), now)

    assert (told.cutouts, told.make) == (1, 1)


@pytest.mark.parametrize("photo_key", TWO_COATS)
def test_a_banner_leaves_the_feed_with_either_of_its_photos(pairs: Shop, photo_key: str) -> None:
    [row] = rows_of(pairs, "B-2")
    (pairs.photos / photo_key).unlink()

    again(pairs)

    assert row.key not in {item["key"] for item in feed(pairs)}
    assert {item["product"] for item in feed(pairs) if item["size"] == str(SQUARE)} == {"A-1", "D-4"}


def test_a_strip_of_one_person_stays_when_the_other_photo_goes(pairs: Shop) -> None:
    [strip] = rows_of(pairs, "B-2", STRIP)
    (pairs.photos / "c.png").unlink()

    again(pairs)

    assert strip.key in {item["key"] for item in feed(pairs)}


def test_after_its_second_photo_was_withdrawn_a_banner_is_made_anew_and_the_old_one_can_go(
    pairs: Shop,
) -> None:
    [old] = rows_of(pairs, "B-2")
    [strip] = rows_of(pairs, "B-2", STRIP)
    (pairs.photos / "c.png").unlink()

    pairs.run()

    [new] = rows_of(pairs, "B-2")
    assert (new.status, new.photo_key, new.second_photo_key) == (Status.STORED, "b.png", "")
    assert coats(pairs, new) == {"b.png"}
    live = {item["key"] for item in feed(pairs)}
    assert {old.key, new.key, strip.key} & live == {new.key, strip.key}
    assert {old.key, new.key, strip.key} & superfluous(pairs) == {old.key}


@pytest.mark.parametrize("photo_key", TWO_COATS)
def test_before_the_next_night_a_banner_of_a_withdrawn_photo_can_go_once_it_left_the_feed(
    pairs: Shop, photo_key: str
) -> None:
    [row] = rows_of(pairs, "B-2")
    (pairs.photos / photo_key).unlink()

    assert row.key not in superfluous(pairs)
    again(pairs)
    assert row.key in superfluous(pairs)


def test_a_cut_out_stays_as_long_as_another_campaign_shows_its_photo_second(pairs: Shop) -> None:
    output = DirStore(pairs.output)
    [row] = rows_of(pairs, "B-2")
    [cutout] = [key for key in pairs.files("cutouts") if row.second_photo_content in key]
    manifest.write_banners(output, replace(RUN, campaign="winter"), [replace(row, campaign="winter")])
    (pairs.photos / "c.png").unlink()
    again(pairs)

    assert cutout not in superfluous(pairs)


@pytest.mark.parametrize("unsure", TWO_COATS)
def test_the_gate_sees_the_less_sure_of_two_cut_outs(shop: Shop, unsure: str) -> None:
    with_pairs(shop)
    shop.load_matter = partial(Doubtful, PHOTOS[unsure])

    shop.run()

    [row] = rows_of(shop, "B-2")
    assert (row.status, row.reason, row.confidence) == (Status.HELD, "unsure_matte", 0.2)
    [other] = rows_of(shop, "A-1")
    assert other.status is Status.STORED
