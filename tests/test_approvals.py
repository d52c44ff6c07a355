"""Decisions of people: kept for ever, the last one counts, whoever's clock is right."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from test_feed import ROW

from pipeline.approvals import (
    Decision,
    Verdict,
    check_name,
    choose,
    held,
    read_approvals,
    record,
)
from pipeline.errors import JobError
from pipeline.store import DirStore
from pipeline.types import Status

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TAIPEI = timezone(timedelta(hours=8))


@pytest.fixture
def store(tmp_path: Path) -> DirStore:
    return DirStore(tmp_path)


def decide(store: DirStore, key: str, verdict: Verdict, who: str = "Mei") -> None:
    record(store, "spring", {key: verdict}, who=who, run="r1", now=NOON)


def test_a_decision_keeps_who_and_when(store: DirStore) -> None:
    verdicts = {"banners/a.jpg": Verdict.APPROVED}

    record(store, "spring", verdicts, who="Mei", run="r1", now=NOON.astimezone(TAIPEI))

    at = "2026-11-22T12:00:00+00:00"
    wanted = Decision("spring", "banners/a.jpg", Verdict.APPROVED, "Mei", at, "r1")
    assert read_approvals(store, "spring").last == {"banners/a.jpg": wanted}
    assert read_approvals(store, "autumn").last == {}


def test_of_many_people_at_once_nobodys_decision_is_lost(store: DirStore) -> None:
    names = [f"person-{number}" for number in range(16)]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: decide(store, f"banners/{name}.jpg", Verdict.APPROVED, name), names))

    assert {each.who for each in read_approvals(store, "spring").last.values()} == set(names)


def test_the_last_decision_counts_and_all_stay(store: DirStore) -> None:
    for verdict in (Verdict.APPROVED, Verdict.WITHDRAWN, Verdict.APPROVED, Verdict.WITHDRAWN):
        decide(store, "banners/a.jpg", verdict)

    approvals = read_approvals(store, "spring")

    assert approvals.last["banners/a.jpg"].verdict is Verdict.WITHDRAWN
    assert len(approvals.parts) == 4


def test_a_later_decision_counts_although_its_clock_is_behind(
    store: DirStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(store, "banners/a.jpg", Verdict.APPROVED)
    monkeypatch.setattr("pipeline.clock.time.time_ns", lambda: 5)

    decide(store, "banners/a.jpg", Verdict.WITHDRAWN)

    assert read_approvals(store, "spring").last["banners/a.jpg"].verdict is Verdict.WITHDRAWN


def test_no_decision_writes_nothing(store: DirStore) -> None:
    record(store, "spring", {}, who="Mei", run="r1", now=NOON)

    assert list(store.list()) == []


@pytest.mark.parametrize("who", ["", "  ", "a\nb", "a\x07", "x" * 201])
def test_a_name_has_to_be_one(who: str) -> None:
    with pytest.raises(ValueError, match="name is needed|one line"):
        check_name(who)


def test_a_name_may_be_in_any_script() -> None:
    assert check_name(" 陳美 ") == "陳美"


# ── which banners ─────────────────────────────────────────────────────────────────────────────────────────

OTHER = replace(ROW, key=ROW.key.replace("english", "japanese"), segment="japanese")
HELD = replace(ROW, key="banners/test/english/300x250/B-2-card-1a.jpg", status=Status.HELD)
REFUSED = replace(
    ROW,
    key="banners/test/english/300x250/C-3-card-unmade.jpg",
    status=Status.REJECTED,
    reason="no_photo",
    detail="x",
)


@pytest.mark.parametrize("word", [HELD.key, "B-2-card-1a.jpg"])
def test_a_banner_is_named_by_its_key_or_its_file(word: str) -> None:
    assert choose([ROW, OTHER, HELD], [word]) == [HELD.key]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("nothing.jpg", "the run has no such banner"),
        ("A-1-catalogue-card-0f.jpg", "2 banners are called so"),
        (REFUSED.key, r"was not made \(no_photo: x\)"),
    ],
)
def test_what_names_no_single_banner_is_refused(word: str, words: str) -> None:
    with pytest.raises(JobError, match=words):
        choose([ROW, OTHER, HELD, REFUSED], [word])


def test_all_that_is_held_is_what_gates_held() -> None:
    assert held([ROW, OTHER, HELD, REFUSED]) == [HELD.key]
