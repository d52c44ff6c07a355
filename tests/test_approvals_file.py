"""Decisions that a proof sheet saved: what the file may say, and what of it still holds."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_feed import ROW

from pipeline.approvals import Verdict, read_approvals, record
from pipeline.approvals_file import ApprovalsFile, Mark, Sifted, Standing, read_file, sift
from pipeline.campaign import Publish
from pipeline.errors import InvalidInput
from pipeline.store import DirStore
from pipeline.types import BannerRow, Status

HELD = replace(ROW, key="banners/test/english/300x250/A-1-card-1a.jpg", status=Status.HELD)
STORED = replace(ROW, key="banners/test/english/300x250/B-2-card-2b.jpg", product="B-2")
UNMADE = replace(ROW, key="unmade", status=Status.FAILED, reason="missing_glyph", detail="U+9F98")
PICTURE = b"a picture"


def written(folder: Path, text: str) -> Path:
    path = folder / "approvals.json"
    path.write_text(text, encoding="utf-8")
    return path


# ── what a file may say ───────────────────────────────────────────────────────────────────────────────────


def test_a_file_holds_decisions_of_both_kinds_and_who_made_them(tmp_path: Path) -> None:
    digest = "0f" * 32
    entries = f'[{{"key": "a", "approved": true, "sha256": "{digest}"}}, {{"key": "b", "approved": false}}]'
    path = written(
        tmp_path, f'{{"campaign": "spring", "run": "r1", "who": " \u9673\u7f8e ", "decisions": {entries}}}'
    )

    marks = {"a": Mark("a", Verdict.APPROVED, digest), "b": Mark("b", Verdict.WITHDRAWN, "")}
    assert read_file(path, "spring") == ApprovalsFile("r1", "\u9673\u7f8e", marks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"approvals.json:1: is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "approvals.json: "),
        ('{"campaign": "spring"}', "decisions: "),
        ('{"campaign": "spring", "decisions": [{"key": "a"}]}', r"decisions\[0\].approved: "),
        ('{"campaign": "spring", "decisions": [{"key": "a", "approved": "yes"}]}', r"\[0\].approved: "),
        ('{"campaign": "spring", "decisions": [], "by": "Mei"}', "by: "),
        ('{"campaign": "spring", "decisions": [], "who": "Mei\\nKen"}', "who: .*must be one line"),
        (
            '{"campaign": "spring", "decisions": [{"key": "a", "approved": true, "sha256": "9B"}]}',
            r"decisions\[0\].sha256: ",
        ),
        ('{"campaign": "autumn", "decisions": []}', "campaign: is about the campaign autumn, not about spr"),
        (
            '{"campaign": "spring", "decisions": [{"key": "a", "approved": true},'
            '{"key": "a", "approved": false}]}',
            r"decisions\[1\].approved: a is both approved and not",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_field(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_file(written(tmp_path, text), "spring")


# ── what of it still holds ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(tmp_path: Path) -> DirStore:
    made = DirStore(tmp_path)
    made.put_new(HELD.key, PICTURE, "image/jpeg")
    return made


def decided(
    store: DirStore,
    mark: Mark,
    *,
    looked_at: Sequence[BannerRow] = (HELD, STORED, UNMADE),
    last: Sequence[BannerRow] | None = None,
    publish: Publish = "auto",
) -> Sifted:
    """What becomes of one decision about the run with the rows `looked_at`."""
    now = looked_at if last is None else last
    standing = Standing(looked_at, now, read_approvals(store, "test"), publish)
    return sift(store, ApprovalsFile("r", "Mei", {mark.key: mark}), standing)


def approval(row: BannerRow, data: bytes | None = None) -> Mark:
    return Mark(row.key, Verdict.APPROVED, hashlib.sha256(data).hexdigest() if data else "")


@pytest.mark.parametrize("seen", [None, PICTURE])
def test_a_held_banner_that_is_as_it_was_is_approved(store: DirStore, seen: bytes | None) -> None:
    assert decided(store, approval(HELD, seen)) == Sifted({HELD.key: Verdict.APPROVED}, ())


def test_where_people_approve_a_banner_that_passed_waits_as_well(store: DirStore) -> None:
    assert decided(store, approval(STORED), publish="approved").good == {STORED.key: Verdict.APPROVED}


def test_a_banner_that_was_taken_back_may_be_approved_again(store: DirStore) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    record(store, "test", {STORED.key: Verdict.WITHDRAWN}, who="Ken", run="r", now=now)

    assert decided(store, approval(STORED)).good == {STORED.key: Verdict.APPROVED}


def test_a_banner_is_kept_out_whatever_became_of_its_picture(store: DirStore) -> None:
    mark = Mark(STORED.key, Verdict.WITHDRAWN, "0f" * 32)

    assert decided(store, mark).good == {STORED.key: Verdict.WITHDRAWN}


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (Mark("elsewhere.jpg", Verdict.APPROVED, ""), "elsewhere.jpg: the run has no such banner"),
        (approval(UNMADE), "unmade: this banner was not made (missing_glyph: U+9F98)"),
        (approval(STORED), f"{STORED.key}: no gate held this banner; it is live without approval"),
        (
            approval(HELD, b"another picture"),
            f"{HELD.key}: its picture in the store is another one than was looked at",
        ),
    ],
)
def test_what_cannot_be_approved_is_told_with_its_key(store: DirStore, mark: Mark, words: str) -> None:
    [told] = decided(store, mark).refused

    assert told.startswith(words)


def test_a_picture_that_is_gone_cannot_be_approved(store: DirStore) -> None:
    store.delete(HELD.key)

    told = decided(store, approval(HELD, PICTURE)).refused

    assert told == (f"{HELD.key}: its picture is no longer in the store",)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (
            replace(HELD, key="banners/test/english/300x250/A-1-card-9f.jpg"),
            "was drawn anew as A-1-card-9f.jpg; look at the newest proof sheet",
        ),
        (STORED, "is no longer made"),
    ],
)
def test_a_banner_that_a_later_run_draws_otherwise_has_to_be_looked_at_anew(
    store: DirStore, last: BannerRow, words: str
) -> None:
    told = decided(store, approval(HELD, PICTURE), last=[last]).refused

    assert told == (f"{HELD.key}: this banner {words}",)
