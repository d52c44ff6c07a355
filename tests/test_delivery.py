"""The files that a night delivers: weight and format, from the campaign's words to the feed."""

import io
import json
from datetime import date
from typing import Any

import pytest
from conftest import BUCKET, DAY, Shop, now
from PIL import Image

from pipeline.approvals import Verdict, record
from pipeline.campaign import load_campaign
from pipeline.feed import json_key
from pipeline.ledger import Ledger
from pipeline.present import look_up
from pipeline.publish import publish
from pipeline.store import DirStore
from pipeline.types import Status

TIGHT = "sizes: [300x250, 728x90]\nfiles: {max_bytes: {300x250: 2000}}"


@pytest.fixture
def tight_shop(shop: Shop) -> Shop:
    """A shop whose 300x250 may weigh hardly anything, after its night."""
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", TIGHT)
    shop.run()
    return shop


MIXED = "sizes: [300x250, 728x90]\nfiles: {format: avif, formats: {728x90: png}}"


def live(shop: Shop) -> set[str]:
    return {item["key"] for item in json.loads((shop.output / json_key("test")).read_bytes())["banners"]}


def pictures_on_sheets(shop: Shop) -> int:
    """Pictures in everything that was written beside the banners."""
    sheets = [data for key, data in shop.files().items() if key.endswith((".html", ".js"))]
    return sum(data.count(b"data:image/webp;base64,") for data in sheets)


def publish_again(shop: Shop, day: date = DAY) -> None:
    output = DirStore(shop.output)
    present = look_up(DirStore(shop.photos), Ledger.load(output), tuple)
    publish(output, load_campaign(shop.campaign), day, present)


def test_banners_over_their_weight_limit_are_held_and_not_live(tight_shop: Shop) -> None:
    outcome = tight_shop.run()

    held = {row.key for row in outcome.banners if row.status is Status.HELD}
    assert held == {key for key in tight_shop.files("banners") if "/300x250/" in key}
    assert {row.reason for row in outcome.banners if row.key in held} == {"too_heavy"}
    assert live(tight_shop) == set(tight_shop.files("banners")) - held


def test_a_banner_over_its_weight_limit_is_live_once_somebody_approved_it(tight_shop: Shop) -> None:
    key = min(key for key in tight_shop.files("banners") if "/300x250/" in key)
    record(DirStore(tight_shop.output), "test", {key: Verdict.APPROVED}, who="Mei", run="r", now=now())

    publish_again(tight_shop)

    assert key in live(tight_shop)


def test_a_campaign_says_in_which_format_its_banners_come(shop: Shop) -> None:
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", MIXED)

    outcome = shop.run()

    kinds = {key: Image.open(io.BytesIO(data)).format for key, data in shop.files("banners").items()}
    assert {(key.split("/")[3], key[-4:], kind) for key, kind in kinds.items()} == {
        ("300x250", "avif", "AVIF"),
        ("728x90", ".png", "PNG"),
    }
    assert live(shop) == set(kinds) == {row.key for row in outcome.banners if row.bytes}


def test_another_format_is_another_banner_and_the_old_file_stays(shop: Shop) -> None:
    shop.run()
    before = shop.files("banners")
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", "sizes: [300x250, 728x90]\nfiles: {format: webp}")

    shop.run()

    assert before.items() < shop.files("banners").items()
    assert {key[-5:] for key in live(shop)} == {".webp"}


def test_every_format_has_its_content_type_in_a_bucket(shop: Shop, s3: Any) -> None:
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", MIXED)

    shop.run()

    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="out/banners/")["Contents"]
    types = {
        each["Key"][-4:]: s3.head_object(Bucket=BUCKET, Key=each["Key"])["ContentType"] for each in listed
    }
    assert types == {"avif": "image/avif", ".png": "image/png"}


def test_the_proof_sheet_shows_as_many_pictures_whatever_the_format(first_night: Shop, shop: Shop) -> None:
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", MIXED)
    shop.run()

    assert pictures_on_sheets(shop) == pictures_on_sheets(first_night) > 8
