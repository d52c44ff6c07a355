"""Machines whose clocks differ: whoever comes later has the last word, and people are told."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Shop
from test_ledger import PHOTO, REFUSED, STORED
from test_runner import NoWorkers

from pipeline.clock import STAMP_DIGITS, much_ahead, name_after, newest_stamp, stamp_after
from pipeline.feed import json_key
from pipeline.ledger import PREFIX, Ledger
from pipeline.manifest import latest_run
from pipeline.rowfile import put_part, to_parquet
from pipeline.store import DirStore
from pipeline.types import PhotoRow

AHEAD = "20990101T000000Z-aaaa"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = 3600 * 10**9
NOON_STAMP = int(NOON.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("newest", "name", "expected"),
    [
        ("20261122T120000Z-aaaa", "20261123T120000Z-5f0a", "20261123T120000Z-5f0a"),
        ("20261122T120000Z-aaaa", "20261122T120000Z-5f0a", "20261122T120001Z-5f0a"),
        ("20261231T235959Z-aaaa", "20261122T120000Z-5f0a", "20270101T000000Z-5f0a"),
        ("somebody's own", "20261122T120000Z-5f0a", "20261122T120000Z-5f0a"),
    ],
    ids=["a clock that is right", "the same second", "a clock that is behind", "no name of a run"],
)
def test_a_run_is_named_later_than_all_before_it(newest: str, name: str, expected: str) -> None:
    assert name_after(newest, name) == expected


def test_a_part_is_stamped_later_than_all_there_are() -> None:
    parts = [
        "ledger/00000000000000000007-a.parquet",
        f"ledger/{9:0{STAMP_DIGITS}}-b.parquet",
        "ledger/mine.x",
    ]

    assert newest_stamp(parts) == 9
    assert int(stamp_after(9)) > NOON_STAMP
    assert stamp_after(10**19) == f"{10**19 + 1}"


@pytest.mark.parametrize(
    ("run", "stamp", "told"),
    [
        ("20261122T120500Z-aaaa", NOON_STAMP + 300 * 10**9, ()),
        ("20261122T120501Z-aaaa", 0, ("the run 20261122T120501Z-aaaa by 0:05:01",)),
        ("r1", NOON_STAMP + HOUR, ("the newest part of the ledger by 1:00:00",)),
    ],
)
def test_five_minutes_are_forgiven_and_more_is_told(run: str, stamp: int, told: tuple[str, ...]) -> None:
    assert much_ahead(NOON, run, stamp) == told


# ── nights ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_live_follows_the_later_run_though_the_one_before_was_ahead(finished_shop: Shop) -> None:
    output = DirStore(finished_shop.output)
    first = latest_run(output, "test")
    assert first is not None
    (output.root / first.prefix).rename(output.root / replace(first, run=AHEAD).prefix)
    finished_shop.edit("catalogue.csv", "100,50,5", "100,45,5")

    outcome = finished_shop.run()

    assert latest_run(output, "test") == outcome.run
    items = json.loads((finished_shop.output / json_key("test")).read_bytes())["banners"]
    assert {item["key"] for item in items} == {row.key for row in outcome.banners if row.status == "stored"}
    assert "Ahead of this machine's clock" in {notice.title for notice in outcome.notices}
    assert not finished_shop.run(NoWorkers()).made


def test_a_cut_out_counts_after_a_refusal_that_was_written_by_a_clock_that_is_ahead(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    ahead = stamp_after(time.time_ns() + HOUR)
    put_part(store, PREFIX, to_parquet(PhotoRow, [REFUSED]), stamp=ahead)

    ledger = Ledger.load(store)
    ledger.add([STORED])
    ledger.add([replace(STORED, key="b.jpg", content="c2")])

    assert ledger.newest == int(ahead) + 2
    assert Ledger.load(store).lookup(PHOTO, "r1") == STORED
