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
import ray
from conftest import Shop, png
from s3_server import S3Server, serve
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.registry import (
    Kind,
    Model,
    Overtaken,
    ensure_current,
    fetch_weights,
    list_models,
    move,
    read_model,
    register,
)
from pipeline.store import ObjectStore, open_store
from shm.checkpoint import weights_id

pytestmark = pytest.mark.s3

BUCKET = "shop"
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
FIRST, LATER = 40, 4
"""Photos in the first night, and those that come later."""
CASES = 16
"""Photos that an annotator is given."""
RETRAINING = """
start: current
sources:
  old: {kind: pairs, images: first/images, labels: first/alphas}
  new: {kind: pairs, images: annotations/images, labels: annotations/alphas}
  scenes: {kind: grounds, images: grounds}
stages:
  - {name: last, train: end_to_end, steps: 80, rate: 0.001, pixels: 49152, long_side: 64, side: 64,
     crops: [64], frame: 128, natural: 0.9, frozen_norm: true, losses: {trimap: 1.0}}
"""
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


@pytest.fixture
def first_network(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """In place of the shipped weights: a small network that knows no red coats. What it was trained on lies
    in the bucket.
    """
    data = tmp_path / "data"
    weights = models.trained(data)
    for file in data.rglob("*.png"):
        s3.put_object(Bucket=BUCKET, Key=f"training/{file.relative_to(data)}", Body=file.read_bytes())
    for module in ("jobs.registry", "shm.checkpoint", "shm.matter"):
        monkeypatch.setattr(f"{module}.default_weights", lambda: weights)
    return weights


@pytest.fixture
def cluster() -> Iterator[None]:
    """Retraining starts a cluster of its own; it is to be gone with the test."""
    yield
    ray.shutdown()


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


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray Train warns of its own old ways
@pytest.mark.usefixtures("cluster")
def test_a_year(shop_in_s3: Shop, s3: Any, tmp_path: Path, first_network: Path) -> None:
    shop, held_out = shop_in_s3, models.held_out(tmp_path / "held-out")
    come(s3, range(FIRST))
    first = night(shop)
    assert first.exit_code == 0, first.output
    known = sum(not models.in_red(number) for number in range(FIRST))
    assert f"photos: {FIRST} in all" in first.output
    assert known <= len(made(s3, "cutouts")) <= FIRST, first.output

    # New photos: they alone are worked on.
    before = made(s3, "cutouts")
    come(s3, range(FIRST, FIRST + LATER))
    assert f"cut-outs: {LATER} to make" in night(shop).output
    assert 0 < len(made(s3, "cutouts") - before) <= LATER

    # What the network did not see, or not surely, goes out, is corrected from the truth, and comes home.
    cases, annotations = tmp_path / "cases", f"s3://{BUCKET}/training/annotations"
    more = ("--nobody", "--device", "cpu")
    exported = banners("export-hard-cases", shop.campaign, "-o", cases, "--most", CASES, *more)
    assert exported.exit_code == 0, exported.output
    names = [case["name"] for case in json.loads((cases / "cases.json").read_text())["cases"]]
    assert len(names) == CASES, exported.output
    for name in names:
        picture = cv2.imread(str(cases / "images" / f"{name}.jpg"))
        (cases / "alphas" / f"{name}.png").write_bytes(png(models.truth(picture)))
    imported = banners("import-annotations", cases, "--to", annotations, "--who", "Ana")
    assert f"added: {CASES} to {annotations} by Ana" in imported.output, imported.output

    # The network goes on learning with them and comes out better: it is promoted, and sees everybody.
    candidate = retrained(shop, tmp_path / "more.yaml")
    better = promote(shop, candidate.id, "--data", held_out)
    assert (better.exit_code, better.output.count("holds")) == (0, 3), better.output
    old = made(s3, "cutouts")
    assert f"cut-outs: {FIRST + LATER} to make" in night(shop).output
    assert len(made(s3, "cutouts") - old) == FIRST + LATER

    # Three kinds of worse ones are refused: unsure of everybody, without detail, and blind to red coats.
    file = fetch_weights(output(), candidate.id, candidate.weights, tmp_path)
    for worse in (models.spoilt(file, "hazy"), models.spoilt(file, "coarse"), first_network):
        refused = promote(shop, worse, "--data", held_out)
        assert (refused.exit_code, "worse" in refused.output) == (3, True), refused.output
    assert ensure_current(output(), NOW).weights == candidate.weights

    # Back to the first: what it made is still there, so nothing new is cut out or painted.
    assert promote(shop, "--rollback").exit_code == 0
    kept = made(s3, "cutouts"), made(s3, "banners")
    last = night(shop)
    assert last.exit_code == 0, last.output
    assert (made(s3, "cutouts"), made(s3, "banners")) == kept
    assert ensure_current(output(), NOW).weights == weights_id(first_network)


def output() -> ObjectStore:
    return open_store(f"s3://{BUCKET}/out")


def retrained(shop: Shop, recipe: Path) -> Model:
    """The candidate that a retraining on all of the bucket's training data leaves."""
    recipe.write_text(models.NETWORK + RETRAINING)
    known = set(list_models(output()))
    data = f"s3://{BUCKET}/training"
    result = banners("retrain", shop.campaign, recipe, "--data", data, "--device", "cpu")
    assert result.exit_code == 0, result.output
    [new] = set(list_models(output())) - known - {ensure_current(output(), NOW).model}
    return read_model(output(), new)


def test_of_two_who_promote_at_once_exactly_one_wins_each_of_fifty_rounds(
    server: S3Server, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not server.real:
        pytest.skip("moto looks and stores in two steps; a real server (Debian: radosgw) is needed")
    shipped = models.weights(tmp_path / "shipped.safetensors", "sees")
    monkeypatch.setattr("jobs.registry.default_weights", lambda: shipped)
    store = output()
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
