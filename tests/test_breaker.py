"""When a night stops because no photo can be read any more, and when it does not."""

from pathlib import Path

import pytest

from pipeline.breaker import IN_A_ROW, Breaker
from pipeline.errors import AccessDenied, Reason, StoreError
from pipeline.rows import photo_row
from pipeline.store import DirStore
from pipeline.types import PhotoRef, PhotoRow, Status

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
    breaker = Breaker(bucket(tmp_path, ""), REFS)
    see(breaker, *[Reason.ACCESS_DENIED] * (IN_A_ROW - 1))

    with pytest.raises(StoreError, match="refuses every photo that was tried; check its policy"):
        see(breaker, Reason.ACCESS_DENIED)


def test_a_bucket_that_refuses_one_folder_does_not(tmp_path: Path) -> None:
    rows = [row(Reason.ACCESS_DENIED)] * 50

    assert list(Breaker(bucket(tmp_path, "closed"), REFS).watch(rows)) == rows


def test_a_bucket_that_does_not_answer_stops_the_night(tmp_path: Path) -> None:
    breaker = Breaker(bucket(tmp_path, "closed"), REFS)
    see(breaker, "", *[Reason.UNAVAILABLE] * (IN_A_ROW - 1))

    with pytest.raises(StoreError, match="has not answered for 20 photos in a row; run again"):
        see(breaker, Reason.UNAVAILABLE)


def test_any_photo_that_was_read_clears_the_bucket(tmp_path: Path) -> None:
    rows = [row(each) for each in [*[Reason.UNAVAILABLE] * (IN_A_ROW - 1), Reason.DAMAGED] * 2]

    assert list(Breaker(bucket(tmp_path, ""), REFS).watch(rows)) == rows
