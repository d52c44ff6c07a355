"""Two runs side by side: every banner is followed, whatever became of it."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_feed import ROW

from pipeline import manifest
from pipeline.beside import Change, compare, run_before
from pipeline.manifest import RunId
from pipeline.store import DirStore
from pipeline.types import BannerRow, Status

OTHER = replace(ROW, key="banners/test/english/300x250/B-2-card-2b.jpg", product="B-2")


def change_of(row: BannerRow, before: list[BannerRow]) -> tuple[Change, str]:
    followed = compare([row], before).by_key[row.key]
    return followed.change, followed.words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "a", "recipe": "1a"}, "words, price, design or fonts"),
        ({"key": "a", "recipe": "1a", "cutout_key": "c2"}, "cut out anew"),
        ({"key": "a", "recipe": "1a", "cutout_key": "c2", "photo_content": "p2"}, "another photo"),
        ({"key": "a", "variant": "b"}, "variant none instead of b"),
        ({"status": Status.HELD, "reason": "fringe"}, "was held back, now stored"),
        (
            {"key": "a", "recipe": "", "status": Status.REJECTED, "photo_content": "p2"},
            "was without a photo, now stored; another photo",
        ),
    ],
)
def test_a_banner_that_changed_says_what_is_different(changes: dict[str, Any], words: str) -> None:
    assert change_of(ROW, [OTHER, replace(ROW, **changes)]) == (Change.CHANGED, words)


def test_a_banner_held_for_another_reason_has_changed() -> None:
    now, before = (replace(ROW, status=Status.HELD, reason=reason) for reason in ("fringe", "upscaled"))

    assert change_of(now, [before]) == (Change.CHANGED, "held for another reason")


def test_the_same_banner_of_a_later_run_is_the_same() -> None:
    later = replace(ROW, run="r2", date=date(2026, 11, 23), detail="kept", seconds=0.0)

    assert change_of(later, [ROW]) == (Change.SAME, "")


def test_what_came_and_what_left_are_told_apart() -> None:
    compared = compare([ROW], [OTHER])

    assert compared.by_key[ROW.key].change is Change.NEW
    assert compared.gone == (OTHER,)


def test_of_several_at_one_place_those_with_one_key_belong_together() -> None:
    a, b, c = (replace(ROW, key=key, recipe=key) for key in "abc")

    compared = compare([b, c], [a, b])

    assert {key: each.change for key, each in compared.by_key.items()} == {
        "b": Change.SAME,
        "c": Change.CHANGED,
    }
    assert compared.gone == ()


def test_the_run_before_is_the_last_that_finished_before(tmp_path: Path) -> None:
    store = DirStore(tmp_path)
    runs = [RunId("test", date(2026, 11, day), f"202611{day}T190000Z-{day}") for day in (20, 21, 22, 23)]
    for run in runs:
        manifest.write_banners(store, run, [replace(ROW, run=run.run)])
    for run in (runs[0], runs[3]):
        store.put_new(run.prefix + manifest.SUCCESS, b"{}", "application/json")

    found = run_before(store, runs[2])

    assert found is not None
    assert (found.run, [row.run for row in found.rows]) == (runs[0], [runs[0].run])
    assert run_before(store, runs[0]) is None
