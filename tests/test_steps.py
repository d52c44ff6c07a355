"""The two lists of steps: what they hand on, and how every kind of failure becomes a row."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from botocore.stub import Stubber
from conftest import BUCKET, DAY, Shop

from pipeline.banner_plan import plan_banners
from pipeline.campaign import load_campaign
from pipeline.cutout import unpack
from pipeline.encode import limits_for
from pipeline.errors import AccessDenied, BannersError, ObjectGone, StoreError, Transient, WorkerLost
from pipeline.fonts import FontBook
from pipeline.manifest import RunId
from pipeline.patience import WAITS, Patience
from pipeline.standin import StandIn
from pipeline.steps import BANNER_STEPS, PHOTO_STEPS, run_photo, run_unit
from pipeline.store import DirStore, S3Store
from pipeline.types import Listed, PhotoRef, Pixels, Size, Status, Unit
from pipeline.units import Press
from pipeline.wanted import want
from pipeline.work import BannerKit, BannerTools, PhotoKit, PhotoTools
from shm.matter import OutOfMemory, Prediction

RUN = RunId("test", DAY, "120000-abcd")
RECIPE = "5" * 64
SIZES = (Size(300, 250), Size(728, 90))


class Failing(DirStore):
    """A store whose first `failures` reads raise `error`."""

    def __init__(self, root: Path, error: BannersError, failures: int) -> None:
        super().__init__(root)
        self.error, self.failures = error, failures

    def read(self, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        self.failures -= 1
        if self.failures >= 0:
            raise self.error
        return super().read(key, max_bytes=max_bytes)


class Buggy(StandIn):
    """A network with a mistake in it."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        raise ZeroDivisionError("division by zero")


def photo_tools(shop: Shop, **changes: Any) -> PhotoTools:
    tools = PhotoKit(DirStore(shop.photos), DirStore(shop.output), StandIn, RECIPE).open()
    return replace(tools, patience=Patience(sleep=lambda _: None), **changes)


def banner_tools(shop: Shop) -> BannerTools:
    limits = {size: limits_for(size) for size in SIZES}
    return replace(
        BannerKit(DirStore(shop.output), RUN, limits, ()).open(), patience=Patience(sleep=lambda _: None)
    )


def units(shop: Shop) -> tuple[Unit, ...]:
    """The planned banners of photo a.png, whose cut-out is stored."""
    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop))
    wanted, _ = want(load_campaign(shop.campaign))
    press = Press(RUN, {size: limits_for(size) for size in SIZES}, FontBook.load())
    return tuple(plan_banners(wanted, {"a.png": row}, press, stored=(), past={}).todo)


def test_the_flow_is_two_lists_of_named_steps() -> None:
    assert [step.__name__ for step in PHOTO_STEPS] == ["fetch", "decode", "matte", "cut_out", "put_cutout"]
    assert [step.__name__ for step in BANNER_STEPS] == ["load", "draw", "encode", "put_banner"]


@pytest.mark.parametrize("open_tools", [photo_tools, banner_tools])
def test_a_worker_keeps_to_one_thread(shop: Shop, open_tools: Callable[[Shop], object]) -> None:
    cv2.setNumThreads(4)

    open_tools(shop)

    assert cv2.getNumThreads() == 1


def test_a_photo_becomes_a_stored_cut_out_and_a_row(shop: Shop) -> None:
    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop))

    cutout = unpack((shop.output / row.cutout_key).read_bytes())
    assert (row.status, row.recipe) == (Status.STORED, RECIPE)
    assert cutout.geometry.cut == ("bottom",)
    assert row.content in row.cutout_key


def test_a_photo_that_was_uploaded_again_is_not_cut_out_again(shop: Shop) -> None:
    once = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop))
    shop.add("copy.png", (shop.photos / "a.png").read_bytes())

    again = run_photo(PhotoRef("copy.png", "", 0), photo_tools(shop, matter=Buggy()))

    same = {"key": "a.png", "etag": once.etag, "seconds": once.seconds}
    assert (again.key, replace(again, **same)) == ("copy.png", once)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"text", "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n", "unsupported_format"),
        (b"", "unsupported_format"),
    ],
)
def test_a_photo_that_cannot_be_used_becomes_a_row_with_its_reason(
    shop: Shop, data: bytes, reason: str
) -> None:
    shop.add("bad.jpg", data)

    row = run_photo(PhotoRef("bad.jpg", "", 0), photo_tools(shop))

    assert (row.status, row.reason) == (Status.REJECTED, reason)
    assert row.content


def test_a_photo_with_nobody_in_it_has_a_thumbnail(shop: Shop) -> None:
    row = run_photo(PhotoRef("empty.png", "", 0), photo_tools(shop))

    assert row.reason == "no_subject"
    assert (shop.output / row.thumbnail_key).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ObjectGone("a.png", "gone"), "source_gone"), (AccessDenied("a.png", "no"), "access_denied")],
)
def test_a_photo_that_cannot_be_read_is_refused(shop: Shop, error: BannersError, reason: str) -> None:
    store = Failing(shop.photos, error, 1)

    row = run_photo(PhotoRef("a.png", "etag", 5), photo_tools(shop, photos=store))

    assert (row.status, row.reason, row.etag, row.content) == (Status.REJECTED, reason, "etag", "")


def test_a_photo_that_was_stored_with_a_key_of_its_uploaders_own_costs_itself_alone(
    shop: Shop, s3_settings: Callable[[str], None]
) -> None:
    s3_settings("http://127.0.0.1:9")
    store = S3Store(BUCKET)

    with Stubber(store._client()) as stub:
        stub.add_client_error("get_object", "InvalidRequest", "stored using server side encryption", 400)
        row = run_photo(PhotoRef("a.png", "etag", 5), photo_tools(shop, photos=store))

    assert (row.status, row.reason) == (Status.REJECTED, "access_denied")


@pytest.mark.parametrize(
    ("failures", "status"), [(len(WAITS), Status.STORED), (len(WAITS) + 1, Status.FAILED)]
)
def test_what_fails_in_passing_is_tried_again_a_few_times(shop: Shop, failures: int, status: Status) -> None:
    store = Failing(shop.photos, Transient("slow down"), failures)

    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, photos=store))

    assert row.status is status


def test_a_mistake_in_a_step_becomes_a_row_that_says_where(shop: Shop) -> None:
    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, matter=Buggy()))

    assert (row.status, row.reason) == (Status.FAILED, "crashed")
    assert row.detail.startswith("ZeroDivisionError: division by zero (test_steps.py, line ")


def test_a_store_that_is_broken_stops_everything(shop: Shop) -> None:
    store = Failing(shop.photos, StoreError("no such bucket"), 1)

    with pytest.raises(StoreError):
        run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, photos=store))


def test_a_unit_becomes_a_stored_banner_and_a_row(shop: Shop) -> None:
    unit = units(shop)[0]

    row = run_unit(unit, banner_tools(shop))

    data = (shop.output / unit.key).read_bytes()
    assert (row.status, row.key, row.recipe, row.bytes) == (Status.STORED, unit.key, unit.recipe, len(data))
    assert data.startswith(b"\xff\xd8")


def test_a_unit_made_twice_gives_the_same_row_and_bytes(shop: Shop) -> None:
    unit, tools = units(shop)[0], banner_tools(shop)
    once = run_unit(unit, tools)
    data = (shop.output / unit.key).read_bytes()
    (shop.output / unit.key).unlink()

    again = run_unit(unit, banner_tools(shop))

    assert replace(again, seconds=0.0) == replace(once, seconds=0.0)
    assert (shop.output / unit.key).read_bytes() == data


def test_a_banner_over_its_weight_limit_is_stored_and_held_with_its_figure(shop: Shop) -> None:
    unit, tools = units(shop)[0], banner_tools(shop)
    light = replace(tools.limits[unit.size], max_bytes=1_000)

    row = run_unit(unit, replace(tools, limits={unit.size: light}))

    assert (row.status, row.reason) == (Status.HELD, "too_heavy")
    assert row.bytes == len((shop.output / unit.key).read_bytes()) > 1_000
    assert f"weight {row.bytes / 1_000:.3g}" in row.detail.split(", ")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"damaged")])
def test_a_unit_without_its_cut_out_fails_alone(shop: Shop, damage: Any) -> None:
    unit = units(shop)[0]
    damage(shop.output / unit.cutout.key)

    row = run_unit(unit, banner_tools(shop))

    assert (row.status, row.reason) == (Status.FAILED, "source_gone")
    assert not (shop.output / unit.key).exists()


def test_kits_and_units_travel_between_processes(shop: Shop) -> None:
    kit = PhotoKit(DirStore(shop.photos), DirStore(shop.output), StandIn, RECIPE)

    copy = pickle.loads(pickle.dumps((kit, units(shop))))

    assert copy[1] == units(shop)
    assert run_photo(PhotoRef("b.png", "", 0), copy[0].open()).status is Status.STORED


class Cramped(StandIn):
    """A network on a device without room."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        raise OutOfMemory("no room for 1 photos of (480, 384)")


class Lost(StandIn):
    """A network whose process is gone."""

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        raise WorkerLost("it died")


class Counting(StandIn):
    """A network that counts what it is asked."""

    calls = 0

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        self.calls += 1
        return super().predict(photos)


class FullNow(DirStore):
    """A store whose first write fails in passing."""

    writes = 0

    def put_new(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> bool:
        self.writes += 1
        if self.writes == 1:
            raise Transient("slow down")
        return super().put_new(key, data, content_type)


def test_a_photo_that_alone_does_not_fit_into_the_device_is_refused(shop: Shop) -> None:
    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, matter=Cramped()))

    assert (row.status, row.reason) == (Status.REJECTED, "too_large_for_gpu")


def test_a_lost_worker_is_a_matter_of_whoever_handed_out_the_work(shop: Shop) -> None:
    with pytest.raises(WorkerLost):
        run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, matter=Lost()))


def test_a_write_that_fails_in_passing_does_not_cost_the_network_twice(shop: Shop) -> None:
    matter = Counting()

    row = run_photo(PhotoRef("a.png", "", 0), photo_tools(shop, matter=matter, output=FullNow(shop.output)))

    assert (row.status, matter.calls) == (Status.STORED, 1)
