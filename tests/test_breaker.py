"""When a night stops because no photo can be read any more, and when it does not."""

from pathlib import Path

import pytest
from conftest import Shop

from pipeline.breaker import IN_A_ROW, Breaker
from pipeline.errors import AccessDenied, Reason, StoreError
from pipeline.rows import photo_row
from pipeline.store import DirStore
from pipeline.types import Listed, PhotoRef, PhotoRow, Status

LOCKED = 25
REFS = [PhotoRef(f"{folder}/{n:03}.jpg", "e", 1) for folder in ("closed", "open") for n in range(50)]


class Refusing(DirStore):
    """A bucket that refuses what begins with `closed`."""

    closed = ""

    def exists(self, key: str) -> bool:
        if key.startswith(self.closed):
            raise AccessDenied(key, "the bucket refuses it")
        return True


def bucket(tmp_path: Path, closed: str) -> Refusing:
    store = Refusing(tmp_path)
    store.closed = closed
    return store


def row(reason: Reason | str) -> PhotoRow:
    return photo_row(REFS[0], "r", Status.REJECTED if reason else Status.STORED, reason=reason, detail="no")


def see(breaker: Breaker, *reasons: Reason | str) -> None:
    for reason in reasons:
        breaker.see(row(reason))


def test_a_bucket_that_refuses_everything_stops_the_night(tmp_path: Path) -> None:
    breaker = Breaker(bucket(tmp_path, ""), REFS, ())
    see(breaker, *[Reason.ACCESS_DENIED] * (IN_A_ROW - 1))

    with pytest.raises(StoreError, match="refuses every photo that was tried; check its policy"):
        see(breaker, Reason.ACCESS_DENIED)


def test_a_bucket_that_refuses_one_folder_does_not(tmp_path: Path) -> None:
    rows = [row(Reason.ACCESS_DENIED)] * 50

    assert list(Breaker(bucket(tmp_path, "closed"), REFS, ()).watch(rows)) == rows


def known(*folders: str) -> list[PhotoRow]:
    refs = [PhotoRef(f"{folder}/{n:03}.jpg", "e", 1) for folder in folders for n in range(50)]
    return [photo_row(ref, "r", Status.STORED) for ref in refs]


def test_a_bucket_in_which_known_photos_can_be_read_does_not(tmp_path: Path) -> None:
    rows = [row(Reason.ACCESS_DENIED)] * 50
    breaker = Breaker(bucket(tmp_path, "closed"), REFS[:50], known("closed", "open"))

    assert list(breaker.watch(rows)) == rows


def test_a_bucket_that_refuses_known_photos_as_well_stops_the_night(tmp_path: Path) -> None:
    breaker = Breaker(bucket(tmp_path, "closed"), REFS[:50], known("closed"))

    with pytest.raises(StoreError, match="refuses every photo that was tried"):
        see(breaker, *[Reason.ACCESS_DENIED] * IN_A_ROW)


@pytest.fixture
def partly_locked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop with more photos that the bucket refuses than it takes to stop a night."""
    reads, looks = DirStore.read, DirStore.exists

    def check(key: str) -> None:
        if key.startswith("locked"):
            raise AccessDenied(key, "the bucket refuses it")

    def read(self: DirStore, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        check(key)
        return reads(self, key, max_bytes=max_bytes)

    def exists(self: DirStore, key: str) -> bool:
        check(key)
        return looks(self, key)

    monkeypatch.setattr(DirStore, "read", read)
    monkeypatch.setattr(DirStore, "exists", exists)
    for number in range(LOCKED):
        shop.add(f"locked-{number:02}.png", b"nobody reads this")
    return shop


def test_photos_that_were_refused_last_night_too_do_not_stop_the_night(partly_locked: Shop) -> None:
    partly_locked.run()
    partly_locked.edit("catalogue.csv", "100,50,5", "100,45,5")

    outcome = partly_locked.run()

    denied = [row for row in outcome.photos if row.reason == Reason.ACCESS_DENIED]
    stored = {row.product for row in outcome.banners if row.status is Status.STORED}
    assert (outcome.made, len(denied), stored) == (True, LOCKED, {"A-1", "B-2", "D-4"})


def test_a_bucket_that_does_not_answer_stops_the_night(tmp_path: Path) -> None:
    breaker = Breaker(bucket(tmp_path, "closed"), REFS, ())
    see(breaker, "", *[Reason.UNAVAILABLE] * (IN_A_ROW - 1))

    with pytest.raises(StoreError, match="has not answered for 20 photos in a row; run again"):
        see(breaker, Reason.UNAVAILABLE)


def test_any_photo_that_was_read_clears_the_bucket(tmp_path: Path) -> None:
    rows = [row(each) for each in [*[Reason.UNAVAILABLE] * (IN_A_ROW - 1), Reason.DAMAGED] * 2]

    assert list(Breaker(bucket(tmp_path, ""), REFS, ()).watch(rows)) == rows
