"""One contract suite for every store, then what only one of them can get wrong."""

import errno
import hashlib
import os
import pickle
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import BUCKET

from pipeline import s3store
from pipeline.dirstore import DirStore
from pipeline.errors import (
    AccessDenied,
    ObjectError,
    ObjectGone,
    ObjectTooLarge,
    Reason,
    StoreError,
    Transient,
    UnsafeKey,
)
from pipeline.keys import TEMPORARY, check_key, is_safe_key
from pipeline.store import ObjectStore, S3Store, open_store

HOSTILE = {
    "empty": "",
    "parent": "../outside.jpg",
    "parent inside": "a/../../outside.jpg",
    "here": "./a.jpg",
    "absolute": "/etc/passwd",
    "two slashes": "a//b.jpg",
    "closing slash": "a/",
    "backslash": "a\\b.jpg",
    "NUL": "a\0.jpg",
    "newline": "a\nb.jpg",
    "escape": "a\x1b[31m.jpg",
    "C1 control": "a\x85.jpg",
    "line separator": "a\u2028b.jpg",
    "half a surrogate": "a\ud800.jpg",
    "1025 bytes": "é" * 512 + "a",
    "temporary name": f"a/{TEMPORARY}1",
}

AWKWARD = {
    "percent": "%2e%2e/%2Fetc.jpg",
    "spaces and plus": " a + b & c .jpg",
    "quotes": "'\"`$(x);.jpg",
    "composed": "café.jpg",
    "decomposed": "cafe\u0301.jpg",
    "Arabic": "صور/قميص.jpg",
    "Chinese": "商品/今日限定五折.jpg",
    "emoji": "👩‍🦰.jpg",
    "dots": "...a/..b/c...jpg",
    "dot file": ".hidden.jpg",
    "1024 bytes": "/".join(["d" * 200] * 5 + ["e" * 19]),
}


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return open_store(tmp_path / "made" / "later")
    request.getfixturevalue("s3")
    return open_store(f"s3://{BUCKET}/some/prefix/")


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [item.key for item in store.list(prefix)]


# The contract


def test_what_was_put_is_read_back(store: ObjectStore) -> None:
    store.put_new("a/b.jpg", b"hello", "image/jpeg")
    assert store.get("a/b.jpg") == b"hello"


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put_new("empty", b"")
    assert (store.get("empty"), keys(store)) == (b"", ["empty"])


def test_a_new_store_lists_nothing(store: ObjectStore) -> None:
    assert keys(store) == []


def test_put_new_says_whether_it_stored(store: ObjectStore) -> None:
    assert [store.put_new("a", b"1"), store.put_new("a", b"2")] == [True, False]
    assert store.get("a") == b"1"


def test_exactly_one_of_many_writers_wins(store: ObjectStore) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> bool:
        start.wait()
        return store.put_new("raced", b"%d" % number * 10_000)

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(write, range(8)))
    assert won.count(True) == 1
    assert store.get("raced") == b"%d" % won.index(True) * 10_000
    assert keys(store) == ["raced"]


def test_replace_replaces(store: ObjectStore) -> None:
    store.replace("a", b"old")
    store.replace("a", b"new!")
    assert store.get("a") == b"new!"


def test_a_conditional_replace_needs_the_etag_that_was_read(store: ObjectStore) -> None:
    store.put_new("a.json", b"1")
    etag = store.read("a.json")[0].etag

    assert store.replace_if("a.json", b"22", etag)
    assert not store.replace_if("a.json", b"333", etag)
    assert store.get("a.json") == b"22"


def test_a_conditional_replace_of_what_is_not_there_makes_nothing(store: ObjectStore) -> None:
    store.put_new("b.json", b"1")
    etag = store.read("b.json")[0].etag

    assert not store.replace_if("a.json", b"1", etag)
    assert not store.replace_if("folder/a.json", b"1", etag)
    assert not store.exists("a.json")


def test_one_of_many_conditional_writers_wins(tmp_path: Path) -> None:
    # In a directory only: the bucket of these tests checks and stores in two steps.
    store = DirStore(tmp_path)
    store.put_new("a.json", b"0")
    etag = store.read("a.json")[0].etag

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.replace_if("a.json", f"{n:04}".encode(), etag), range(1, 33)))

    assert sum(won) == 1
    assert store.get("a.json") == f"{won.index(True) + 1:04}".encode()


def test_the_etag_changes_with_the_bytes(store: ObjectStore) -> None:
    store.replace("a", b"old")
    before = next(store.list())
    store.replace("a", b"new")
    assert next(store.list()).etag != before.etag


def test_the_etag_stays_while_nothing_changes(store: ObjectStore) -> None:
    store.replace("a", b"same")
    assert list(store.list()) == list(store.list())


def test_reading_tells_what_a_listing_tells(store: ObjectStore) -> None:
    store.replace("a/b", b"bytes")
    assert store.read("a/b") == (next(store.list()), b"bytes")


def test_exists_is_about_objects_not_folders(store: ObjectStore) -> None:
    store.put_new("a/b", b"")
    assert [store.exists(key) for key in ("a/b", "a", "a/c", "a/b/c")] == [True, False, False, False]


def test_delete_removes_and_may_be_repeated(store: ObjectStore) -> None:
    store.put_new("a/b", b"")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("a/b/c")
    assert not store.exists("a/b")


@pytest.mark.parametrize("key", ["missing", "a", "a/b/c"])
def test_reading_what_is_not_there_is_object_gone(store: ObjectStore, key: str) -> None:
    store.put_new("a/b", b"")
    with pytest.raises(ObjectGone) as caught:
        store.get(key)
    assert (caught.value.key, caught.value.reason) == (key, Reason.SOURCE_GONE)


def test_a_listing_is_sorted_by_the_bytes_of_the_whole_key(store: ObjectStore) -> None:
    made = ["a", "a-b", "a.jpg", "b/c", "b/d/e", "b-c", "b0", "é", "z", "👩"]
    for key in sorted(made, key=len):
        store.put_new(key if key != "a" else "a0", b"")
    expected = sorted([*made[1:], "a0"], key=str.encode)
    assert keys(store) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("a", ["a/1", "a/2/3", "ab/4"]),
        ("a/", ["a/1", "a/2/3"]),
        ("a/2", ["a/2/3"]),
        ("a/2/3", ["a/2/3"]),
        ("ab/", ["ab/4"]),
        ("c", ["c"]),
        ("c/", []),
        ("nothing/here", []),
    ],
)
def test_a_prefix_is_the_beginning_of_the_key(store: ObjectStore, prefix: str, expected: list[str]) -> None:
    for key in ("a/1", "a/2/3", "ab/4", "c"):
        store.put_new(key, b"")
    assert keys(store, prefix) == expected


def test_a_listing_goes_on_after_its_first_page(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    expected = [f"{number:04}.jpg" for number in range(25)]
    for key in expected:
        store.replace(key, b"")
    assert keys(store) == expected


def test_a_listing_has_its_times_read_the_fast_way(s3: object, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[object]()
    monkeypatch.setattr(s3store, "_parse_time", lambda told: read.append(told) or datetime.now(UTC))
    store = open_store(f"s3://{BUCKET}")
    store.put_new("a.jpg", b"a")

    assert keys(store) == ["a.jpg"]
    assert len(read) == 1


@pytest.mark.parametrize(
    "told",
    ["2026-11-23T12:30:00.000Z", "2026-11-23T12:30:00+00:00", "Mon, 23 Nov 2026 12:30:00 GMT", 1795437000],
)
def test_every_way_to_write_a_time_is_read(told: object) -> None:
    assert s3store._parse_time(told) == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_a_read_accepts_the_limit_and_refuses_one_byte_more(store: ObjectStore) -> None:
    store.put_new("a", b"12345")
    assert store.get("a", max_bytes=5) == b"12345"
    with pytest.raises(ObjectTooLarge, match="5 bytes, more than 4"):
        store.get("a", max_bytes=4)


@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_key_is_refused_by_every_method(store: ObjectStore, key: str) -> None:
    with pytest.raises(UnsafeKey):
        store.get(key)
    with pytest.raises(UnsafeKey):
        store.put_new(key, b"bad")
    with pytest.raises(UnsafeKey):
        store.replace(key, b"bad")
    with pytest.raises(UnsafeKey):
        store.delete(key)
    with pytest.raises(UnsafeKey):
        store.exists(key)
    assert keys(store) == []


@pytest.mark.parametrize("key", AWKWARD.values(), ids=AWKWARD.keys())
def test_an_awkward_key_is_kept_letter_by_letter(store: ObjectStore, key: str) -> None:
    assert store.put_new(key, b"here")
    assert keys(store) == [key]
    assert store.get(key) == b"here"


def test_a_store_survives_pickling(store: ObjectStore) -> None:
    store.put_new("a", b"here")
    copy: ObjectStore = pickle.loads(pickle.dumps(store))
    assert copy.get("a") == b"here"


def test_a_store_may_be_shared_by_threads(store: ObjectStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.put_new(f"t/{n}", b"%d" % n), range(40)))
        assert list(threads.map(lambda n: store.get(f"t/{n}"), range(40))) == [b"%d" % n for n in range(40)]


def test_the_url_of_an_object_is_for_people(store: ObjectStore) -> None:
    assert store.url("a/b.jpg").endswith("/a/b.jpg")
    assert store.url("a/b.jpg").startswith(("/", f"s3://{BUCKET}/some/prefix/"))


# Opening


@pytest.mark.parametrize("where", ["s3://", "s3:///prefix", "gs://bucket", "https://host/path"])
def test_what_cannot_be_opened_is_named(where: str) -> None:
    with pytest.raises(StoreError, match=where):
        open_store(where)


def test_an_input_directory_must_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no/photos: there is no such directory"):
        open_store(tmp_path / "no" / "photos", must_exist=True)


def test_a_prefix_cannot_climb_out() -> None:
    with pytest.raises(UnsafeKey):
        open_store("s3://bucket/../other")


@pytest.mark.parametrize("kind", [ObjectGone, AccessDenied, ObjectTooLarge, UnsafeKey])
def test_object_errors_survive_pickling(kind: type[ObjectError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a/b", "why")))
    assert (type(error), error.key, error.detail, str(error)) == (kind, "a/b", "why", "a/b: why")


def test_a_checked_key_is_a_safe_key() -> None:
    check_key("a/b.jpg")
    assert is_safe_key("a/b.jpg")
    assert not is_safe_key("../b.jpg")


# Directories


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    store = DirStore(tmp_path)

    def half_then_full(handle: int, data: bytes) -> int:
        if len(data) <= 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data[:5])

    monkeypatch.setattr("pipeline.dirstore.os.write", half_then_full)
    with pytest.raises(StoreError, match=r"a\.jpg: the disk is full .* free some space") as caught:
        store.put_new("a.jpg", b"123456789")
    monkeypatch.undo()
    assert "a.jpg" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr("pipeline.dirstore.os.write", lambda handle, data: real(handle, data[:3]))
    store = DirStore(tmp_path)
    store.put_new("a", b"1234567890")
    assert store.get("a") == b"1234567890"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_an_unwritable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr("pipeline.dirstore.os.fsync", failing(code))
    with pytest.raises(StoreError, match="may not be written .* permissions"):
        DirStore(tmp_path).replace("a", b"x")


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("pipeline.dirstore.os.link", failing(code))
    with pytest.raises(StoreError, match="no hard links"):
        DirStore(tmp_path).put_new("a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_root_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="file stands where a folder"):
        DirStore(tmp_path / "file").put_new("a", b"x")


def test_a_folder_where_an_object_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError, match="file stands where a folder"):
        DirStore(tmp_path).put_new("a", b"x")
    with pytest.raises(StoreError, match="file stands where a folder"):
        DirStore(tmp_path).replace("a", b"x")


def test_half_written_files_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY}123").write_bytes(b"half")
    assert keys(DirStore(tmp_path)) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EACCES, AccessDenied),
        (errno.ENOENT, ObjectGone),
        (errno.ELOOP, UnsafeKey),
        (errno.ENXIO, UnsafeKey),
        (errno.EIO, Transient),
        (errno.ESTALE, Transient),
        (errno.ENODEV, StoreError),
    ],
)
def test_every_read_error_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr("pipeline.dirstore.os.open", failing(code))
    with pytest.raises(kind):
        DirStore(tmp_path).get("a")


def test_a_folder_that_may_not_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.dirstore.os.scandir", failing(errno.EACCES))
    with pytest.raises(StoreError, match="cannot be listed"):
        keys(DirStore(tmp_path))


def test_a_link_out_of_the_root_is_listed_but_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "leak.jpg").symlink_to(tmp_path / "secret")
    store = DirStore(root)
    assert keys(store) == ["leak.jpg"]
    with pytest.raises(UnsafeKey, match="leads out"):
        store.get("leak.jpg")


def test_nothing_is_written_through_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeKey, match="leads out"):
        DirStore(root).put_new("linked/a", b"x")
    assert list((tmp_path / "outside").iterdir()) == []


def test_replacing_and_deleting_a_link_leave_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "one").symlink_to("target")
    (tmp_path / "two").symlink_to("target")
    store = DirStore(tmp_path)
    store.replace("one", b"new")
    store.delete("two")
    assert (store.get("target"), store.get("one"), store.exists("two")) == (b"kept", b"new", False)


def test_links_inside_the_root_are_read(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"here")
    (tmp_path / "link").symlink_to("target")
    assert DirStore(tmp_path).get("link") == b"here"


def test_links_in_a_circle_and_to_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "nothing").symlink_to("gone")
    store = DirStore(tmp_path)
    assert keys(store) == ["circle", "nothing"]
    with pytest.raises(ObjectError):
        store.get("circle")
    with pytest.raises(ObjectGone):
        store.get("nothing")


def test_a_root_that_is_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    store = DirStore(tmp_path / "link")
    store.put_new("a/b", b"here")
    assert (store.get("a/b"), keys(store)) == (b"here", ["a/b"])


def test_a_named_pipe_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnsafeKey, match="not a plain file"):
        DirStore(tmp_path).get("pipe.jpg")


def test_names_that_no_key_may_have_are_listed_for_the_report(tmp_path: Path) -> None:
    for name in (b"a\nb.jpg", b"back\\slash.jpg", b"latin-\xe9.jpg"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    listed = keys(DirStore(tmp_path))
    assert listed == ["a\nb.jpg", "back\\slash.jpg", "latin-\\udce9.jpg"]
    assert not any(is_safe_key(key) for key in listed)


def test_a_folder_with_a_name_that_no_key_may_have_is_still_walked(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"latin-\xe9")
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"")
    assert keys(DirStore(tmp_path)) == ["latin-\\udce9/a.jpg"]


@pytest.mark.parametrize("prefix", ["../", "//", "a/../../"])
def test_a_listing_does_not_leave_the_root(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(UnsafeKey):
        keys(DirStore(tmp_path), prefix)


def test_a_name_too_long_for_a_file_is_unsafe(tmp_path: Path) -> None:
    with pytest.raises(UnsafeKey, match="255 bytes"):
        DirStore(tmp_path).put_new("a" * 256, b"")


def test_a_file_that_grows_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"123")
    real = os.fstat

    def grow_after(handle: int) -> os.stat_result:
        status = real(handle)
        with path.open("ab") as file:
            file.write(b"4")
        return status

    monkeypatch.setattr("pipeline.dirstore.os.fstat", grow_after)
    with pytest.raises(Transient, match="changed while it was read"):
        DirStore(tmp_path).get("a")


# S3


def test_hostile_names_in_a_bucket_are_listed_for_the_report(s3: Any) -> None:
    for key in ("photos/../etc", "photos//a", "photos/a\\b", "photos/folder/", "photos/"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"" if key.endswith("/") else b"x")
    listed = keys(S3Store(BUCKET, "photos"))
    assert sorted(listed) == ["../etc", "/a", "a\\b"]
    assert not any(is_safe_key(key) for key in listed)


def test_a_store_keeps_to_its_prefix(s3: Any) -> None:
    for key in ("photos/in", "photos-2/out", "other"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert keys(S3Store(BUCKET, "photos")) == ["in"]


def test_the_content_type_is_stored(s3: Any) -> None:
    S3Store(BUCKET).put_new("a.jpg", b"x", "image/jpeg")
    assert s3.head_object(Bucket=BUCKET, Key="a.jpg")["ContentType"] == "image/jpeg"


def test_bytes_that_are_not_the_stored_ones_are_transient(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"wrong", Metadata={"banners-sha256": "0" * 64})
    with pytest.raises(Transient, match="not the ones that were stored"):
        S3Store(BUCKET).get("a")


class Garbled(S3Store):
    """A bucket behind a line that garbles its answers, each as `bodies` say in turn."""

    bodies: Iterator[bytes]
    more: dict[str, str] = {}

    def _fetch(self, key: str, max_bytes: int | None) -> tuple[Any, bytes]:
        answer, _ = super()._fetch(key, max_bytes)
        return answer | self.more, next(self.bodies)


def test_garbled_bytes_of_others_are_read_again(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"right")
    store = Garbled(BUCKET)
    store.bodies = iter([b"wrong", b"right"])

    assert store.get("a") == b"right"


def test_bytes_that_are_garbled_each_time_are_transient(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"right")
    store = Garbled(BUCKET)
    store.bodies = iter([b"wrong", b"worse"])

    with pytest.raises(Transient, match="other bytes arrive than etag or metadata tell of"):
        store.get("a")


def test_an_etag_that_only_looks_like_a_hash_is_believed_by_nobody(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"right")
    store = Garbled(BUCKET)
    store.bodies = iter([b"other", b"other"])

    assert store.get("a") == b"other"


@pytest.mark.parametrize(
    "more",
    [{"ETag": '"0123-2"'}, {"ServerSideEncryption": "aws:kms"}, {"SSECustomerAlgorithm": "AES256"}],
    ids=["parts", "bucket key", "customer key"],
)
def test_an_etag_that_is_no_hash_is_not_compared(s3: Any, more: dict[str, str]) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"right")
    store = Garbled(BUCKET)
    store.bodies, store.more = iter([b"other"]), more

    assert store.get("a") == b"other"


@pytest.mark.parametrize(
    "told",
    [hashlib.sha256(b"theirs").hexdigest().upper(), "ftkvy5xmVVw5g9ZBI2kTJ7Y6Xw8=", "0" * 64],
    ids=["capitals", "base64", "of another file"],
)
@pytest.mark.parametrize("more", [{}, {"ETag": '"0123-2"'}], ids=["one part", "parts"])
def test_objects_of_others_are_read_whatever_hash_they_are_said_to_have(
    s3: Any, told: str, more: dict[str, str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"theirs", Metadata={"sha256": told})
    store = Garbled(BUCKET)
    store.bodies, store.more = iter([b"theirs", b"theirs"]), more

    assert store.get("a") == b"theirs"


def test_bytes_that_do_not_fit_the_hash_others_gave_them_are_read_again(s3: Any) -> None:
    told = {"sha256": hashlib.sha256(b"right").hexdigest()}
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"right", Metadata=told)
    store = Garbled(BUCKET)
    store.bodies, store.more = iter([b"wrong", b"right"]), {"ETag": '"0123-2"'}

    assert store.get("a") == b"right"


def test_what_is_written_is_told_by_a_hash_of_a_name_of_ours(s3: Any) -> None:
    S3Store(BUCKET).put_new("a", b"ours")

    told = s3.head_object(Bucket=BUCKET, Key="a")["Metadata"]
    assert told == {"banners-sha256": hashlib.sha256(b"ours").hexdigest()}


def test_objects_of_others_need_no_hash(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"theirs")
    assert S3Store(BUCKET).get("a") == b"theirs"


@pytest.mark.parametrize(
    "call",
    [
        lambda store: list(store.list()),
        lambda store: store.get("a"),
        lambda store: store.put_new("a", b""),
        lambda store: store.replace("a", b""),
    ],
    ids=["list", "get", "put_new", "replace"],
)
def test_a_bucket_that_is_not_there_stops_the_run(s3: Any, call: Callable[[ObjectStore], object]) -> None:
    with pytest.raises(StoreError, match="s3://no-such-bucket/.* no such bucket"):
        call(S3Store("no-such-bucket"))


def test_no_credentials_stop_the_run(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match="credentials"):
        S3Store(BUCKET).get("a")


class Answers(socketserver.BaseRequestHandler):
    """Answers one request after the other, the last answer for ever, then closes; where `resets`, with the
    connection torn off under the reader.
    """

    answers: ClassVar[list[bytes]] = []
    resets: ClassVar[bool] = False

    def handle(self) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.request.recv(65536)
        self.request.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        if self.resets:
            time.sleep(0.3)  # until the reader has the head and waits for the body
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()


def answer(status: str, code: str, body: bytes = b"", length: int | None = None) -> bytes:
    body = body or f"<Error><Code>{code}</Code><Message>told</Message></Error>".encode()
    length = len(body) if length is None else length
    return (
        f'HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: "e"\r\nConnection: close\r\n\r\n'.encode()
        + body
    )


@pytest.fixture
def answering(
    s3_settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., S3Store]]:
    """A store whose server gives the answers it is told to, the last for ever; no waiting between tries."""
    servers = []

    def start(*given: bytes) -> S3Store:
        handler = type("Handler", (Answers,), {"answers": list(given)})
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        s3_settings(f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setattr(s3store, "_ATTEMPTS", 2)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        return S3Store(BUCKET)

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("404 Not Found", "NoSuchKey", ObjectGone),
        ("403 Forbidden", "AccessDenied", AccessDenied),
        ("403 Forbidden", "InvalidObjectState", AccessDenied),
        ("400 Bad Request", "KMS.DisabledException", AccessDenied),
        ("400 Bad Request", "InvalidRequest", AccessDenied),
        ("400 Bad Request", "ExpiredToken", StoreError),
        ("400 Bad Request", "AuthorizationHeaderMalformed", StoreError),
        ("403 Forbidden", "InvalidAccessKeyId", StoreError),
        ("403 Forbidden", "SignatureDoesNotMatch", StoreError),
        ("403 Forbidden", "RequestTimeTooSkewed", StoreError),
        ("501 Not Implemented", "NotImplemented", StoreError),
        ("500 Internal Server Error", "InternalError", Transient),
        ("503 Slow Down", "SlowDown", Transient),
        ("400 Bad Request", "RequestTimeout", Transient),
        ("429 Too Many Requests", "TooManyRequests", Transient),
        ("408 Request Timeout", "", Transient),
        ("400 Bad Request", "ThrottlingException", Transient),
        ("400 Bad Request", "KMS.ThrottlingException", Transient),
        ("400 Bad Request", "RequestLimitExceeded", Transient),
    ],
)
def test_every_answer_to_a_read_is_mapped(
    answering: Callable[..., S3Store], status: str, code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        answering(answer(status, code)).get("a")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("403 Forbidden", "AccessDenied", StoreError),
        ("507 Insufficient Storage", "QuotaExceeded", StoreError),
        ("400 Bad Request", "InvalidRequest", StoreError),
        ("400 Bad Request", "KMS.DisabledException", StoreError),
        ("400 Bad Request", "BadDigest", Transient),
        ("400 Bad Request", "ThrottlingException", Transient),
        ("400 Bad Request", "KMS.ThrottlingException", Transient),
        ("409 Conflict", "ConditionalRequestConflict", Transient),
    ],
)
def test_every_answer_to_a_write_is_mapped(
    answering: Callable[..., S3Store], status: str, code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        answering(answer(status, code)).put_new("a", b"x")


@pytest.mark.parametrize(
    ("last", "body", "moved"), [("200 OK", b"<Stored/>", True), ("412 Precondition Failed", b"", False)]
)
def test_a_server_that_fails_where_two_writers_meet_is_asked_again(
    answering: Callable[..., S3Store], last: str, body: bytes, moved: bool
) -> None:
    failed = answer("500 Internal Server Error", "UnknownError")
    store = answering(failed, failed, failed, answer(last, "PreconditionFailed", body))

    assert store.replace_if("a", b"x", "e") is moved


def test_a_server_that_keeps_failing_a_conditional_write_is_no_conflict(
    answering: Callable[..., S3Store],
) -> None:
    store = answering(answer("500 Internal Server Error", "UnknownError"))

    with pytest.raises(Transient, match="or the server fails"):
        store.replace_if("a", b"x", "e")


def test_an_object_with_a_key_of_its_uploaders_own_is_refused_to_a_look_as_well(
    answering: Callable[..., S3Store],
) -> None:
    with pytest.raises(AccessDenied):
        answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").exists("a")


def test_access_denied_to_a_listing_stops_the_run(answering: Callable[..., S3Store]) -> None:
    with pytest.raises(StoreError, match="AccessDenied told; check the bucket's name"):
        keys(answering(answer("403 Forbidden", "AccessDenied")))


def test_a_connection_that_breaks_within_a_body_is_transient(
    answering: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "resets", True)

    with pytest.raises(Transient, match="Connection broken"):
        answering(answer("200 OK", "", b"half", length=50_000)).get("a")


def test_a_body_shorter_than_declared_is_transient(answering: Callable[..., S3Store]) -> None:
    with pytest.raises(Transient):
        answering(answer("200 OK", "", b"short", length=50)).get("a")


def test_an_answer_that_is_no_xml_is_transient(answering: Callable[..., S3Store]) -> None:
    with pytest.raises(Transient):
        keys(answering(answer("200 OK", "", b"<html>please log in<br>")))


def test_a_declared_size_over_the_limit_is_refused_unread(answering: Callable[..., S3Store]) -> None:
    with pytest.raises(ObjectTooLarge, match="1,000,000,000 bytes"):
        answering(answer("200 OK", "", b"begins", length=10**9)).get("a", max_bytes=10)


def test_an_answer_lost_after_the_object_was_stored_counts_as_stored(
    answering: Callable[..., S3Store],
) -> None:
    assert answering(answer("412 Precondition Failed", "PreconditionFailed")).put_new("a", b"x") is False


def test_a_server_that_is_not_there_is_transient(
    answering: Callable[..., S3Store], s3_settings: Callable[[str], None]
) -> None:
    store = answering(b"")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        s3_settings(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Transient):
            store.get("a")


def test_a_server_that_never_answers_is_not_tried_as_often_as_one_that_fails(
    s3_settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(s3store, "_READ_SECONDS", 0.1)
    monkeypatch.setattr(s3store, "_LAST_TRY_SECONDS", 0.25)
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        s3_settings(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Transient, match="failing for 0 s now: Read timeout"):
            S3Store(BUCKET).get("a")

    assert len(waits) < s3store._ATTEMPTS - 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [("503 Slow Down", "SlowDown", Transient), ("404 Not Found", "NoSuchKey", ObjectGone)],
)
def test_an_answer_that_took_long_is_the_last_only_where_another_might_differ(
    answering: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch, status: str, code: str, kind: type
) -> None:
    monkeypatch.setattr(s3store, "_LAST_TRY_SECONDS", -1)

    with pytest.raises(kind):
        answering(answer(status, code), answer("200 OK", "", b"late")).get("a")


def test_looks_at_what_is_not_there_use_up_no_tries(answering: Callable[..., S3Store]) -> None:
    failed, missing = (
        answer("500 Internal Server Error", "InternalError"),
        answer("404 Not Found", "NoSuchKey"),
    )
    store = answering(*[failed, missing] * 150, failed, answer("200 OK", "", b"here"))

    found = [store.exists("a") for _ in range(150)]

    assert not any(found)
    assert store.get("a") == b"here"


def test_a_bucket_that_is_gone_has_one_try_a_call_until_it_answers(
    answering: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, here = answer("500 Internal Server Error", "InternalError"), answer("200 OK", "", b"here")
    tries = [2] * s3store._HOPELESS + [1] * 3
    store, waits = answering(*[failed] * sum(tries), here, failed, here), list[float]()
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)

    for _ in tries:
        with pytest.raises(Transient):
            store.get("a")
    found = [store.get("a"), store.get("a")]

    assert found == [b"here", b"here"]
    assert len(waits) == s3store._HOPELESS + 1


def test_a_conflict_between_writers_is_the_callers_to_try_again(
    answering: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, waits = answering(answer("409 Conflict", "OperationAborted")), list[float]()
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)

    with pytest.raises(Transient, match="others keep writing"):
        store.put_new("a", b"x")

    assert waits == []


@pytest.mark.parametrize(
    ("status", "code", "longest"),
    [
        ("503 Slow Down", "SlowDown", [1, 2, 4, 8, 16, 20, 20]),
        ("500 Oops", "InternalError", [0.05, 0.1, 0.2]),
    ],
)
def test_waits_between_tries_grow_up_to_a_limit(
    answering: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch, status: str, code: str, longest: list
) -> None:
    store, waits = answering(answer(status, code)), list[float]()
    monkeypatch.setattr(s3store, "_ATTEMPTS", len(longest) + 1)
    monkeypatch.setattr(s3store, "_LAST_TRY_SECONDS", 100)
    monkeypatch.setattr("random.random", lambda: 1.0)
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)

    with pytest.raises(Transient):
        store.get("a")

    assert waits == pytest.approx(longest)


def test_an_endpoint_that_is_no_address_is_said(s3_settings: Callable[[str], None]) -> None:
    s3_settings("not an address")
    with pytest.raises(StoreError, match="settings are wrong"):
        S3Store(BUCKET).get("a")


def test_a_client_is_kept_within_a_process_and_made_anew_after_a_fork(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Store(BUCKET)
    first = store._client()
    assert store._client() is first
    monkeypatch.setattr("pipeline.s3store.os.getpid", lambda: -1)
    assert store._client() is not first
