"""The files that a night delivers: their weight, from the campaign's words to the feed."""

import json
from datetime import date

import pytest
from conftest import DAY, Shop, now

from pipeline.approvals import Verdict, record
from pipeline.campaign import load_campaign
from pipeline.feed import json_key
from pipeline.ledger import Ledger
from pipeline.publish import present_contents, publish
from pipeline.store import DirStore
from pipeline.types import Status

TIGHT = "sizes: [300x250, 728x90]\njpeg: {max_bytes: {300x250: 2000}}"


@pytest.fixture
def tight_shop(shop: Shop) -> Shop:
    """A shop whose 300x250 may weigh hardly anything, after its night."""
    shop.edit("campaign.yaml", "sizes: [300x250, 728x90]", TIGHT)
    shop.run()
    return shop


def live(shop: Shop) -> set[str]:
    return {item["key"] for item in json.loads((shop.output / json_key("test")).read_bytes())["banners"]}


def publish_again(shop: Shop, day: date = DAY) -> None:
    output = DirStore(shop.output)
    contents = present_contents(DirStore(shop.photos), Ledger.load(output))
    publish(output, load_campaign(shop.campaign), day, contents)


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
