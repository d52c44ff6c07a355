"""What our stores need of a real S3 server, asked of one: Ceph's RADOS Gateway."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import s3_server
from conftest import Shop
from s3_server import S3Server, gateway_is_installed, serve

from pipeline.errors import StoreError
from pipeline.store import S3Store

pytestmark = [
    pytest.mark.s3,
    pytest.mark.skipif(
        not gateway_is_installed(), reason="needs the Debian packages radosgw, ceph-mon and ceph-osd"
    ),
]

BUCKET = "shop"
WRITERS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with serve(tmp_path_factory.mktemp("gateway") / "s3", memory=256 * 2**20) as started:
        assert started.real
        yield started


@pytest.fixture
def client(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def test_of_many_writers_of_a_new_key_one_wins(client: Any) -> None:
    store = S3Store(BUCKET)
    for number in range(5):
        with ThreadPoolExecutor(WRITERS) as pool:
            bodies = [f"{number} {writer}".encode() for writer in range(WRITERS)]
            won = list(pool.map(lambda body, key=f"key-{number}": store.put_new(key, body), bodies))
        assert won.count(True) == 1
        assert store.get(f"key-{number}") == bodies[won.index(True)]


def test_of_many_who_replace_what_they_read_one_wins(client: Any) -> None:
    store = S3Store(BUCKET)
    store.put_new("pointer", b"first")
    before, _ = store.read("pointer")

    with ThreadPoolExecutor(WRITERS) as pool:
        bodies = [f"by {writer}".encode() for writer in range(WRITERS)]
        won = list(pool.map(lambda body: store.replace_if("pointer", body, before.etag), bodies))

    assert won.count(True) == 1
    assert store.get("pointer") == bodies[won.index(True)]


def test_a_listing_goes_on_past_its_first_page(client: Any) -> None:
    store = S3Store(BUCKET)
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: store.put_new(f"many/{number:04}", b"x"), range(1100)))

    assert [each.key for each in store.list("many/")] == [f"many/{number:04}" for number in range(1100)]


def test_a_server_whose_port_was_taken_meanwhile_comes_up_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([s3_server._free_port() for _ in range(3)])
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        offered = chain([next(ports), taken], ports)
        monkeypatch.setattr(s3_server, "_free_port", lambda: next(offered))
        with serve(tmp_path / "s3", memory=256 * 2**20) as server:
            buckets = server.client().list_buckets()["Buckets"]

    assert buckets == []


def test_a_wrong_secret_stops_the_run(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
        S3Store(BUCKET).get("a")


def test_a_night_on_a_real_server_makes_what_a_night_in_a_folder_makes(shop: Shop, client: Any) -> None:
    shop.run()
    for photo in shop.photos.iterdir():
        client.put_object(Bucket=BUCKET, Key=f"photos/{photo.name}", Body=photo.read_bytes())
    shop.edit("campaign.yaml", "photos: photos", f"photos: s3://{BUCKET}/photos")
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")

    first, second = shop.run(), shop.run()

    store = S3Store(BUCKET, "out")
    made = {listed.key: store.get(listed.key) for listed in store.list("banners/")}
    assert made == shop.files("banners")
    assert (first.made, second.made) == (True, False)
