"""Training data in a bucket: fetched once, kept up to date, read as plain files."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import BUCKET

import jobs.training_data
from jobs.training_data import fetch_prefix, fetch_sources, fingerprint
from pipeline.errors import StoreError
from shm.data.sources import load_library

pytestmark = pytest.mark.s3

WHERE = f"s3://{BUCKET}/new/images"


@pytest.fixture
def s3(s3: Any) -> Any:
    """The bucket of the other tests with three objects in it."""
    for key in ("a.png", "b.png", "more/c.jpg"):
        put(s3, key, key.encode())
    return s3


def put(client: Any, key: str, data: bytes) -> None:
    client.put_object(Bucket=BUCKET, Key=f"new/images/{key}", Body=data)


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_prefix_is_copied_with_its_folders(s3: Any, tmp_path: Path) -> None:
    found = fetch_prefix(WHERE, tmp_path)

    assert files(found.folder) == {"a.png": b"a.png", "b.png": b"b.png", "more/c.jpg": b"more/c.jpg"}
    assert str(found) == f"{WHERE}: 3 fetched, 0 unchanged, 0 removed"


def test_what_has_not_changed_is_not_fetched_again(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_prefix(WHERE, tmp_path)
    monkeypatch.setattr("pipeline.store.S3Store.read", None)  # fetching anything would fail

    again = fetch_prefix(WHERE, tmp_path)

    assert (again.new, again.kept, again.removed) == (0, 3, 0)


def test_changed_new_and_deleted_objects_are_followed(s3: Any, tmp_path: Path) -> None:
    fetch_prefix(WHERE, tmp_path)
    put(s3, "b.png", b"B.PNG")  # as many bytes as before: only the ETag tells
    put(s3, "d.png", b"d")
    s3.delete_object(Bucket=BUCKET, Key="new/images/a.png")

    found = fetch_prefix(WHERE, tmp_path)

    assert files(found.folder) == {"b.png": b"B.PNG", "d.png": b"d", "more/c.jpg": b"more/c.jpg"}
    assert (found.new, found.kept, found.removed) == (2, 1, 1)


def test_a_file_lost_from_the_cache_is_fetched_again(s3: Any, tmp_path: Path) -> None:
    (fetch_prefix(WHERE, tmp_path).folder / "a.png").unlink()

    found = fetch_prefix(WHERE, tmp_path)

    assert (found.new, found.kept) == (1, 2)
    assert files(found.folder)["a.png"] == b"a.png"


def test_a_record_that_was_cut_short_costs_a_second_fetch_and_nothing_else(s3: Any, tmp_path: Path) -> None:
    found = fetch_prefix(WHERE, tmp_path)
    (found.folder.parent / "fetched.json").write_text('{"a.png": ["')

    again = fetch_prefix(WHERE, tmp_path)

    assert (again.new, files(again.folder)) == (3, files(found.folder))


def test_only_pictures_and_lists_are_fetched(s3: Any, tmp_path: Path) -> None:
    put(s3, "train.txt", b"a")
    put(s3, "everything.tar", b"0" * 1000)

    found = fetch_prefix(WHERE, tmp_path)

    assert sorted(files(found.folder)) == ["a.png", "b.png", "more/c.jpg", "train.txt"]


def test_what_cannot_be_had_is_named_and_the_rest_is_fetched(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.training_data, "MAX_PHOTO_BYTES", 10)
    put(s3, "../outside.png", b"x")
    put(s3, "large.png", b"x" * 11)

    found = fetch_prefix(WHERE, tmp_path)

    assert sorted(files(tmp_path)) == sorted(
        [f"{found.folder.parent.name}/{rest}" for rest in ("fetched.json", *(f"files/{k}" for k in KEPT))]
    )
    assert [line.split(":")[0].strip("'") for line in found.refused] == ["../outside.png", "large.png"]


KEPT = ("a.png", "b.png", "more/c.jpg")


def test_a_prefix_without_pictures_is_refused_and_the_cache_left_alone(s3: Any, tmp_path: Path) -> None:
    folder = fetch_prefix(WHERE, tmp_path).folder
    for key in KEPT:
        s3.delete_object(Bucket=BUCKET, Key=f"new/images/{key}")

    with pytest.raises(StoreError, match=f"{WHERE}: holds no pictures"):
        fetch_prefix(WHERE, tmp_path)

    assert sorted(files(folder)) == sorted(KEPT)


def test_sources_in_a_bucket_are_loaded_like_sources_in_a_folder(s3: Any, tmp_path: Path) -> None:
    mask = np.zeros((300, 280), np.uint8)
    mask[60:290, 90:190] = 255
    photo = np.random.default_rng(0).integers(0, 255, (300, 280, 3), np.uint8)
    for folder, picture in (("photos", photo), ("masks", mask)):
        data = cv2.imencode(".png", picture)[1].tobytes()
        s3.put_object(Bucket=BUCKET, Key=f"{folder}/p.png", Body=data)
    sources = {
        "street": {"kind": "masks", "images": f"s3://{BUCKET}/photos", "labels": f"s3://{BUCKET}/masks"}
    }

    local, fetched = fetch_sources(sources, tmp_path / "cache")
    library = load_library(tmp_path, local, lists=tmp_path, self_labels=tmp_path)

    assert [one.new for one in fetched] == [1, 1]
    assert (library.people[0].photo[..., ::-1] == photo).all()
    assert (library.people[0].alpha == mask).all()


def test_a_fingerprint_stays_until_an_object_is_added_or_changed(s3: Any) -> None:
    first, again = fingerprint(WHERE, {}), fingerprint(WHERE, {})
    put(s3, "b.png", b"B.PNG")
    changed = fingerprint(WHERE, {})
    put(s3, "d.png", b"d")

    assert again == first
    assert len({first, changed, fingerprint(WHERE, {})}) == 3


def test_a_fingerprint_covers_the_buckets_that_a_recipe_names_itself(s3: Any, tmp_path: Path) -> None:
    sources = {"new": {"kind": "grounds", "images": WHERE}}
    first = fingerprint(str(tmp_path), sources)
    put(s3, "d.png", b"d")

    assert fingerprint(str(tmp_path), sources) != first


def test_a_fingerprint_of_a_prefix_without_pictures_is_refused(s3: Any) -> None:
    with pytest.raises(StoreError, match="holds no pictures; check the bucket and the prefix"):
        fingerprint(f"s3://{BUCKET}/nothing", {})
