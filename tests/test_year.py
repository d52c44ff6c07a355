"""A shop's year at small size, on an S3 server: photos come, cases are corrected, networks come and go."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import models
import pytest
from conftest import Shop, png
from s3_server import S3Server, serve
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.registry import Kind, Overtaken, ensure_current, move, register
from jobs.training_data import fetch_prefix
from pipeline.store import ObjectStore, open_store
from shm.checkpoint import weights_id
from shm.data.sources import load_library
from shm.matter import Matter

pytestmark = pytest.mark.s3

BUCKET = "shop"
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
FIRST, LATER = 12, 4
"""Photos in the first night, and those that come later."""
ROUNDS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with serve(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the server with an empty bucket, which stores find by their settings."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])
    return client


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Networks do what their files say; the shipped one sees well."""
    shipped = models.weights(tmp_path / "shipped.safetensors", "sees")
    monkeypatch.setattr("jobs.registry.default_weights", lambda: shipped)
    monkeypatch.setattr("shm.checkpoint.default_weights", lambda: shipped)
    monkeypatch.setattr(Matter, "load", staticmethod(models.load))
    return shipped


@pytest.fixture
def shop_in_s3(shop: Shop, s3: Any) -> Shop:
    shop.edit("campaign.yaml", "photos: photos", f"photos: s3://{BUCKET}/photos")
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")
    return shop


def banners(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def come(s3: Any, numbers: range) -> None:
    """Photos arrive; the catalogue names the first three of them."""
    names = {0: "a.png", 1: "b.png", 2: "c.png"}
    for number in numbers:
        body = png(models.photo(number))
        s3.put_object(Bucket=BUCKET, Key=f"photos/{names.get(number, f'{number}.png')}", Body=body)


def made(s3: Any, kind: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"out/{kind}/")
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def night(shop: Shop) -> Result:
    return banners("run", shop.campaign, "--runner", "local", "--device", "cpu", "--date", "2026-11-22")


def promote(shop: Shop, *words: object) -> Result:
    return banners("promote", shop.campaign, *words, "--who", "Mei", "--device", "cpu", "--yes")


def test_a_year(shop_in_s3: Shop, s3: Any, tmp_path: Path, stand_ins: Path) -> None:
    shop, held_out = shop_in_s3, models.held_out(tmp_path / "held-out")
    come(s3, range(FIRST))
    first = night(shop)
    assert first.exit_code == 0, first.output
    assert len(made(s3, "cutouts")) == FIRST

    # New photos: they alone are worked on.
    before = made(s3, "cutouts")
    come(s3, range(FIRST, FIRST + LATER))
    assert "cut-outs: 4 to make" in night(shop).output
    assert len(made(s3, "cutouts") - before) == LATER

    # What the network is not sure of goes out, is corrected from the truth, and comes home.
    cases, training = tmp_path / "cases", f"s3://{BUCKET}/training/annotations"
    exported = banners("export-hard-cases", shop.campaign, "-o", cases, "--most", 3, "--device", "cpu")
    assert exported.exit_code == 0, exported.output
    names = [case["name"] for case in json.loads((cases / "cases.json").read_text())["cases"]]
    assert len(names) == 3, exported.output
    for name in names:
        picture = cv2.imread(str(cases / "images" / f"{name}.jpg"))
        (cases / "alphas" / f"{name}.png").write_bytes(png(models.truth(picture)))
    imported = banners("import-annotations", cases, "--to", training, "--who", "Ana")
    assert f"added: 3 to {training} by Ana" in imported.output, imported.output
    fetched = fetch_prefix(training, tmp_path / "cache").folder
    sources = {"new": {"kind": "pairs", "images": "images", "labels": "alphas"}}
    library = load_library(fetched, sources, lists=tmp_path, self_labels=tmp_path)
    assert sorted(person.name for person in library.people) == sorted(names)

    # A better candidate is promoted, and everything is cut out again.
    better = models.weights(tmp_path / "better.safetensors", "sharper")
    assert promote(shop, better, "--data", held_out).exit_code == 0
    old = made(s3, "cutouts")
    assert f"cut-outs: {FIRST + LATER} to make" in night(shop).output
    assert len(made(s3, "cutouts") - old) == FIRST + LATER

    # Three kinds of worse ones are refused.
    for kind in ("hazy", "coarse", "blind"):
        worse = models.weights(tmp_path / f"{kind}.safetensors", kind)
        assert promote(shop, worse, "--data", held_out).exit_code == 3
    assert ensure_current(open_store(f"s3://{BUCKET}/out"), NOW).weights == weights_id(better)

    # Back to the first: what it made is still there, so nothing new is cut out or painted.
    assert promote(shop, "--rollback").exit_code == 0
    kept = made(s3, "cutouts"), made(s3, "banners")
    last = night(shop)
    assert last.exit_code == 0, last.output
    assert (made(s3, "cutouts"), made(s3, "banners")) == kept
    assert ensure_current(open_store(f"s3://{BUCKET}/out"), NOW).weights == weights_id(stand_ins)


def test_of_two_who_promote_at_once_exactly_one_wins_each_of_fifty_rounds(
    server: S3Server, s3: Any, tmp_path: Path
) -> None:
    if not server.real:
        pytest.skip("moto looks and stores in two steps; a real server (Debian: radosgw) is needed")
    store = open_store(f"s3://{BUCKET}/out")
    files = [models.weights(tmp_path / f"{does}.safetensors", does) for does in ("sees", "sharper")]
    candidates = [register(store, file, origin={}, now=NOW) for file in files]
    ensure_current(store, NOW)

    winners = [sum(_race(store, candidates)) for _ in range(ROUNDS)]

    assert winners == [1] * ROUNDS
    assert len(ensure_current(store, NOW).moves) == ROUNDS + 1


def _race(store: ObjectStore, candidates: list[Any]) -> list[bool]:
    """Both judge the same present model, then move at the same moment; who has won."""
    current, together = ensure_current(store, NOW), threading.Barrier(len(candidates))

    def attempt(number: int) -> bool:
        together.wait()
        try:
            move(store, current, candidates[number], Kind.PROMOTED, who=str(number), now=NOW)
        except Overtaken:
            return False
        return True

    with ThreadPoolExecutor(len(candidates)) as pool:
        return list(pool.map(attempt, range(len(candidates))))
