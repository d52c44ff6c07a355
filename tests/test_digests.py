"""Rows found by digests: the last one counts, and what is not there is not found."""

import numpy as np
import pytest

from pipeline.digests import Digests, Index, KeySet, digests, short_digests


def named(*names: str) -> Digests:
    return digests((name,) for name in names)


def test_rows_are_found_by_their_names() -> None:
    index = Index(named("a", "b", "c"))

    assert index.find(named("c", "a", "x")).tolist() == [2, 0, -1]


def test_of_equal_names_the_last_row_counts() -> None:
    index = Index(named("a", "b", "a", "a", "b"))

    assert index.find(named("a", "b")).tolist() == [3, 4]
    assert index.last().tolist() == [False, False, False, True, True]


def test_nothing_is_found_where_nothing_is() -> None:
    nothing = Index(named())

    assert nothing.find(named("a")).tolist() == [-1]
    assert nothing.find(named()).tolist() == []
    assert nothing.last().tolist() == []


def test_two_digests_that_share_a_half_are_two() -> None:
    rows = np.array([[7, 1], [7, 2]], np.uint64)

    assert Index(rows).last().tolist() == [True, True]
    assert Index(rows).find(rows[1:]).tolist() == [1]


@pytest.mark.parametrize("name", ["", "今日限定", "half \ud800", "nul \0"])
def test_any_text_has_a_digest(name: str) -> None:
    assert Index(named("other", name)).find(named(name)).tolist() == [1]


def test_parts_of_a_name_are_told_apart() -> None:
    assert (digests([("ab", "c")]) != digests([("a", "bc")])).any()


@pytest.mark.parametrize(("keys", "there"), [((), [False, False]), (("b", "c"), [True, False])])
def test_a_set_of_keys_knows_its_keys(keys: tuple[str, ...], there: list[bool]) -> None:
    known = KeySet(keys)

    assert known.has(short_digests(["b", "a"])).tolist() == ["b" in known, "a" in known] == there
