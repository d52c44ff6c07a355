"""The manifest: nothing lost, nothing twice, finished only when it says so, and its page tells the truth."""

import json
import re
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline import manifest
from pipeline.alarm import Alarm, Looked
from pipeline.errors import StoreError
from pipeline.manifest import RunId, Summary
from pipeline.store import DirStore
from pipeline.types import BannerRow, PhotoRow, Status

PAGE = Path(__file__).parents[1] / "docs" / "manifest.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

RUN = RunId("summer", date(2026, 11, 22), "20261122T010000Z-aa")
LATER = RunId("summer", date(2026, 11, 23), "20261123T010000Z-bb")


def banner(key: str, **changes: Any) -> BannerRow:
    row = BannerRow(
        campaign="summer",
        run=RUN.run,
        date=RUN.date,
        segment="new",
        product="p1",
        design="sale",
        size="300x250",
        locale="en",
        status=Status.STORED,
        reason="",
        detail="",
        key=key,
        recipe="r",
        bytes=1000,
        photo_key="summer/0001.jpg",
        photo_content="c1",
        cutout_key="cutouts/c1",
        confidence=0.75,
        seconds=0.5,
    )
    return replace(row, **changes)


def photo(key: str, **changes: Any) -> PhotoRow:
    row = PhotoRow(
        key=key,
        etag="e",
        size=5,
        content="c1",
        recipe="r",
        status=Status.STORED,
        reason="",
        detail="",
        cutout_key="cutouts/c1",
        thumbnail_key="",
        confidence=0.75,
        geometry="{}",
        seconds=2.0,
    )
    return replace(row, **changes)


def summary(run: RunId, banners: list[BannerRow], photos: list[PhotoRow], planned: int = 2) -> Summary:
    return manifest.summarise(
        run,
        banners,
        photos,
        planned=planned,
        timings={"cut-outs": 1.23456},
        weights="starter",
        versions={"render": "1"},
        started=datetime(2026, 11, 22, 1, tzinfo=UTC),
        finished=datetime(2026, 11, 22, 2, tzinfo=UTC),
        exit_code=0,
    )


@pytest.fixture
def store(tmp_path: Path) -> DirStore:
    return DirStore(tmp_path)


def keys(store: DirStore) -> list[str]:
    return [listed.key.removeprefix(RUN.prefix) for listed in store.list()]


def test_rows_are_read_back_before_the_run_is_finished(store: DirStore) -> None:
    manifest.write_banners(store, RUN, [banner("b"), banner("a", status=Status.HELD, reason="upscaled")])
    manifest.write_photos(store, RUN, [photo("x")])
    assert manifest.read_banners(store, RUN) == [
        banner("a", status=Status.HELD, reason="upscaled"),
        banner("b"),
    ]
    assert manifest.read_photos(store, RUN) == [photo("x")]


def test_no_rows_write_nothing(store: DirStore) -> None:
    manifest.write_banners(store, RUN, [])
    manifest.write_photos(store, RUN, [])
    assert keys(store) == []


def test_a_run_that_wrote_nothing_reads_as_nothing(store: DirStore) -> None:
    assert (manifest.read_banners(store, RUN), manifest.read_summary(store, RUN)) == ([], None)


def test_of_two_rows_for_one_banner_the_later_counts(store: DirStore) -> None:
    manifest.write_banners(store, RUN, [banner("a", status=Status.FAILED, reason="unavailable")])
    manifest.write_banners(store, RUN, [banner("a")])
    assert manifest.read_banners(store, RUN) == [banner("a")]


def test_finishing_leaves_three_objects_with_every_row(store: DirStore) -> None:
    for key in "abc":
        manifest.write_banners(store, RUN, [banner(key)])
    manifest.write_photos(store, RUN, [photo("x")])
    manifest.finish(store, RUN, summary(RUN, [banner(key) for key in "abc"], [photo("x")], planned=3))
    assert keys(store) == ["_SUCCESS", "banners.parquet", "photos.parquet"]
    assert manifest.read_banners(store, RUN) == [banner(key) for key in "abc"]


def test_finishing_a_run_without_rows_leaves_empty_tables(store: DirStore) -> None:
    manifest.finish(store, RUN, summary(RUN, [], [], planned=0))
    assert (manifest.read_banners(store, RUN), manifest.read_photos(store, RUN)) == ([], [])
    assert pq.read_table(store.root / RUN.prefix / "banners.parquet").num_rows == 0


def test_a_finish_that_was_cut_off_can_be_repeated(store: DirStore, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.write_banners(store, RUN, [banner("a")])
    manifest.write_banners(store, RUN, [banner("b")])
    told = summary(RUN, [banner("a"), banner("b")], [])
    monkeypatch.setattr(DirStore, "delete", lambda self, key: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        manifest.finish(store, RUN, told)
    monkeypatch.undo()
    assert manifest.read_summary(store, RUN) is None
    manifest.write_banners(store, RUN, [banner("b", bytes=2)])
    manifest.finish(store, RUN, told)
    assert manifest.read_banners(store, RUN) == [banner("a"), banner("b", bytes=2)]
    assert manifest.read_summary(store, RUN) == told


def test_a_summary_counts_by_status_and_reason() -> None:
    banners = [
        banner("a"),
        banner("b", status=Status.HELD, reason="low_contrast,upscaled"),
        banner("c", status=Status.HELD, reason="upscaled"),
    ]
    photos = [photo("x"), photo("y", status=Status.REJECTED, reason="damaged")]
    told = summary(RUN, banners, photos, planned=5)
    assert told.banners == {"held": 2, "stored": 1}
    assert told.faults == {"low_contrast": 1, "upscaled": 2}
    assert told.photos == {"rejected": 1, "stored": 1}
    assert told.reasons == {"damaged": 1}
    assert told.timings == {"cut-outs": 1.235}
    assert told.lost == 2


def test_a_banner_with_two_rows_is_no_substitute_for_a_lost_one() -> None:
    assert summary(RUN, [banner("a"), banner("a")], [], planned=2).lost == 1


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"date": 1}'])
def test_a_broken_summary_is_named(store: DirStore, text: bytes) -> None:
    store.put_new(RUN.prefix + "_SUCCESS", text)
    with pytest.raises(StoreError, match="_SUCCESS: no summary of a run: .* move this file away"):
        manifest.read_summary(store, RUN)


def test_what_a_newer_version_added_to_a_summary_is_left_out(store: DirStore) -> None:
    alarm = Alarm("damaged", 5, 9, 0.0, 7)
    told = replace(summary(RUN, [], []), looked=Looked(9, {"damaged": 5}), alarms=(alarm,))
    newer = asdict(told) | {"mood": "good", "looked": asdict(told.looked) | {"twice": 1}}
    newer["alarms"] = [asdict(alarm) | {"loud": True}]
    store.put_new(RUN.prefix + "_SUCCESS", json.dumps(newer, default=str).encode())

    assert manifest.read_summary(store, RUN) == told


def test_runs_are_listed_by_their_start_and_only_of_the_campaign(store: DirStore) -> None:
    second = replace(RUN, run="20261122T020000Z-cc")
    other = replace(RUN, campaign="summer-2")
    for run in (LATER, second, RUN, other):
        manifest.write_banners(store, run, [banner("a")])
    assert manifest.list_runs(store, "summer") == [RUN, second, LATER]


def test_the_latest_run_is_the_latest_finished_one_unless_asked_otherwise(store: DirStore) -> None:
    assert manifest.latest_run(store, "summer") is None
    manifest.write_banners(store, RUN, [banner("a")])
    manifest.write_banners(store, LATER, [banner("a")])
    assert manifest.latest_run(store, "summer") is None
    manifest.finish(store, RUN, summary(RUN, [banner("a")], []))
    assert manifest.latest_run(store, "summer") == RUN
    assert manifest.latest_run(store, "summer", finished=False) == LATER


def test_a_night_run_ahead_is_the_latest_only_until_the_next_run(store: DirStore) -> None:
    ahead = RunId("summer", date(2026, 12, 24), "20261122T120000Z-dd")
    for run in (ahead, LATER):
        manifest.finish(store, run, summary(run, [], []))

    assert manifest.list_runs(store, "summer") == [ahead, LATER]
    assert manifest.latest_run(store, "summer") == LATER


# The page


def test_the_page_describes_every_column_in_order() -> None:
    _, banners, photos, _ = re.split(
        r"^## ", PAGE.read_text(encoding="utf-8"), maxsplit=3, flags=re.MULTILINE
    )
    columns = [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in (banners, photos)]
    assert columns == [[field.name for field in fields(kind)] for kind in (BannerRow, PhotoRow)]


def test_the_page_names_every_field_of_the_summary(store: DirStore) -> None:
    manifest.finish(store, RUN, summary(RUN, [], []))
    written = json.loads(store.get(RUN.prefix + "_SUCCESS"))
    described = PAGE.read_text(encoding="utf-8").split("## _SUCCESS")[1].split("##")[0]
    assert set(re.findall(r"`(\w+)`", described)) - {"status", "reason"} == set(written)


@pytest.fixture
def two_nights(store: DirStore, monkeypatch: pytest.MonkeyPatch) -> DirStore:
    pair = {"photo_content": "c9", "second_photo_content": "c1"}
    first = [banner("a"), banner("b", status=Status.HELD, reason="low_contrast,upscaled", segment="vip")]
    second = [replace(row, run=LATER.run, date=LATER.date) for row in (*first, banner("c", **pair))]
    refused = photo("cut.jpg", status=Status.REJECTED, reason="damaged", content="c2", detail="cut short")
    mended = photo("mended.jpg", status=Status.REJECTED, reason="damaged", content="c4")
    nobody = photo("shirt.jpg", status=Status.REJECTED, reason="no_subject", content="c3")
    photos = [photo("summer/0001.jpg"), refused, nobody]
    for run, rows, seen in ((RUN, first, [*photos, mended]), (LATER, second, photos)):
        manifest.write_banners(store, run, rows)
        manifest.write_photos(store, run, seen)
        manifest.finish(store, run, summary(run, rows, seen, planned=len(rows)))
    monkeypatch.chdir(store.root)
    return store


ANSWERS = [
    [
        (RUN.date, RUN.run, "new", "stored", 1),
        (RUN.date, RUN.run, "vip", "held", 1),
        (LATER.date, LATER.run, "new", "stored", 2),
        (LATER.date, LATER.run, "vip", "held", 1),
    ],
    [("vip", "p1", "300x250", "low_contrast,upscaled", "", "b")],
    [("cut.jpg", "damaged", "cut short")],
    [
        ("low_contrast", RUN.date, 1),
        ("low_contrast", LATER.date, 1),
        ("upscaled", RUN.date, 1),
        ("upscaled", LATER.date, 1),
    ],
    [("a",), ("b",), ("c",)],
]


@pytest.mark.usefixtures("two_nights")
@pytest.mark.parametrize(("query", "answer"), list(zip(QUERIES, ANSWERS, strict=True)))
def test_every_query_on_the_page_answers_its_question(query: str, answer: list[tuple[Any, ...]]) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall() == answer
