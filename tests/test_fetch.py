"""Fetching: every way in which an object cannot be had becomes the photo's reason."""

import hashlib
from pathlib import Path

import pytest

from pipeline import fetch as fetch_module
from pipeline.errors import (
    AccessDenied,
    ObjectError,
    ObjectGone,
    ObjectTooLarge,
    PhotoRejected,
    Reason,
    StoreError,
    Transient,
    UnsafeKey,
)
from pipeline.fetch import fetch_photo
from pipeline.store import DirStore
from pipeline.types import Listed


class Failing(DirStore):
    """A store that can be listed but not read."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self.error = error

    def read(self, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        raise self.error


def test_a_photo_comes_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    store.put_new("a.jpg", b"bytes")
    [listed] = store.list()
    ref, data = fetch_photo(store, listed)
    assert data == b"bytes"
    assert (ref.key, ref.etag, ref.size) == (listed.key, listed.etag, listed.size)
    assert ref.content == hashlib.sha256(b"bytes").hexdigest()


def test_a_photo_that_was_replaced_since_the_listing_is_known_by_its_new_etag(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    store.put_new("a.jpg", b"old")
    [old] = store.list()
    store.replace("a.jpg", b"newer")
    [new] = store.list()
    ref, data = fetch_photo(store, old)
    assert (data, ref.etag, ref.size) == (b"newer", new.etag, 5)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ObjectGone("a", "why"), Reason.SOURCE_GONE),
        (AccessDenied("a", "why"), Reason.ACCESS_DENIED),
        (ObjectTooLarge("a", "why"), Reason.TOO_LARGE),
        (UnsafeKey("a", "why"), Reason.UNSAFE_KEY),
    ],
)
def test_what_is_wrong_with_the_object_becomes_the_photos_reason(
    tmp_path: Path, error: ObjectError, reason: Reason
) -> None:
    with pytest.raises(PhotoRejected) as caught:
        fetch_photo(Failing(tmp_path, error), Listed("a", "e", 1))
    assert (caught.value.reason, caught.value.detail) == (reason, "why")


@pytest.mark.parametrize("error", [Transient("later"), StoreError("never")])
def test_what_is_wrong_with_the_store_is_not_the_photos_fault(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        fetch_photo(Failing(tmp_path, error), Listed("a", "e", 1))


def test_bytes_are_accepted_at_the_limit_and_refused_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirStore(tmp_path)
    store.put_new("at", b"1234")
    store.put_new("above", b"12345")
    monkeypatch.setattr(fetch_module, "MAX_PHOTO_BYTES", 4)
    at, above = sorted(store.list(), key=lambda listed: listed.size)
    assert fetch_photo(store, at)[1] == b"1234"
    with pytest.raises(PhotoRejected, match="too_large: 5 bytes, more than 4"):
        fetch_photo(store, above)
