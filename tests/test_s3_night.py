"""A night whose photos and output are in a bucket."""

import json
from typing import Any

import pytest
from conftest import BUCKET, Shop
from typer.testing import CliRunner

from jobs.cli import app
from pipeline.errors import StoreError
from pipeline.standin import StandIn

pytestmark = pytest.mark.s3


@pytest.fixture
def shop_in_s3(shop: Shop, s3: Any) -> Shop:
    """The shop with its photos and its output in the bucket; a console has marked the folder."""
    s3.put_object(Bucket=BUCKET, Key="photos/", Body=b"")
    for photo in shop.photos.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"photos/{photo.name}", Body=photo.read_bytes())
    shop.edit("campaign.yaml", "photos: photos", f"photos: s3://{BUCKET}/photos")
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")
    return shop


def stored(s3: Any, prefix: str) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"out/{prefix}").get("Contents", [])
    return {
        item["Key"].removeprefix("out/"): s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        for item in listed
    }


def test_a_bucket_holds_the_same_banners_as_a_folder(shop_in_s3: Shop, s3: Any) -> None:
    outcome = shop_in_s3.run()

    shop_in_s3.edit("campaign.yaml", f"output: s3://{BUCKET}/out", "output: out")
    shop_in_s3.run()
    assert len(outcome.banners) == 12
    assert stored(s3, "banners") == shop_in_s3.files("banners")
    assert outcome.sheet == f"s3://{BUCKET}/out/reports/test/report.html"


def test_a_second_night_writes_nothing_to_the_bucket(shop_in_s3: Shop, s3: Any) -> None:
    shop_in_s3.run()
    before = stored(s3, "")

    again = shop_in_s3.run()

    assert not again.made
    assert stored(s3, "") == before


@pytest.mark.parametrize("where", ["photos", "photos/a.png"])
def test_matte_reads_a_prefix_or_one_object(
    shop_in_s3: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr("jobs.commands_matte.Matter.load", lambda *_, **__: StandIn())
    cut = shop_in_s3.folder / "cut"

    result = CliRunner().invoke(app, ["matte", f"s3://{BUCKET}/{where}", "-o", str(cut)])

    assert result.exit_code == 0
    assert (cut / "a.png").is_file()


def test_a_bucket_that_is_not_there_stops_the_night_with_its_name(shop_in_s3: Shop) -> None:
    shop_in_s3.edit("campaign.yaml", f"photos: s3://{BUCKET}/photos", "photos: s3://elsewhere/photos")

    with pytest.raises(StoreError, match="elsewhere"):
        shop_in_s3.run()


def test_approving_and_pruning_work_on_a_bucket(shop_in_s3: Shop, s3: Any) -> None:
    shop_in_s3.run()
    key = sorted(stored(s3, "banners"))[0]
    withdrawn = CliRunner().invoke(
        app, ["approve", str(shop_in_s3.campaign), key, "--withdraw", "--who", "Mei"]
    )
    s3.delete_object(Bucket=BUCKET, Key="photos/b.png")
    s3.delete_object(Bucket=BUCKET, Key="photos/c.png")
    shop_in_s3.run()

    pruned = CliRunner().invoke(app, ["prune", str(shop_in_s3.campaign), "--yes"])

    assert (withdrawn.exit_code, pruned.exit_code) == (0, 0)
    items = json.loads(stored(s3, "feeds")["feeds/test/feed.json"])["banners"]
    live = {item["key"] for item in items}
    assert {item["product"] for item in items} == {"A-1", "D-4"}
    assert key not in live
    assert live <= stored(s3, "banners").keys() <= live | {key}
    assert stored(s3, "latest").keys() == {item["latest"] for item in items}
    assert len(stored(s3, "cutouts")) == 1
