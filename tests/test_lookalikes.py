"""Pictures in cells: the answers of comparing each with all before it, without doing so."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import lookalikes
from pipeline.likeness import TOLERANCE, alike
from pipeline.lookalikes import LookAlikes

Looks = NDArray[np.int16]


def clustered(seed: int, kinds: int, noise: int, number: int = 300) -> Looks:
    """Pictures that lie about some of `kinds`, off by up to `noise` levels in each mean."""
    random = np.random.default_rng(seed)
    centres = random.integers(0, 256, (kinds, 48))
    off = random.integers(-noise, noise + 1, (number, 48))
    return np.clip(centres[random.integers(0, kinds, number)] + off, 0, 255).astype(np.int16)


def coats(number: int) -> Looks:
    """One person in coats of all colours, whose photos differ a little; everything else is the same."""
    random = np.random.default_rng(7)
    looks = random.integers(120, 124, (number, 16, 3))
    looks[:, 5:11] = random.integers(0, 256, (number, 1, 3))
    return looks.reshape(number, 48).astype(np.int16)


def found(looks: Looks) -> list[int | None]:
    """For each picture the first one like it; only those that have none are kept to be found."""
    seen = LookAlikes(looks)
    return [_keep(seen, at, seen.first(at)) for at in range(len(looks))]


def _keep(seen: LookAlikes, at: int, twin: int | None) -> int | None:
    if twin is None:
        seen.add(at)
    return twin


def plainly(looks: Looks) -> list[int | None]:
    """The same, each compared with all that were kept before it."""
    kept: list[int] = []
    return list(_plainly(looks, kept))


def _plainly(looks: Looks, kept: list[int]) -> Iterator[int | None]:
    for at, look in enumerate(looks):
        twins = [other for other in kept if alike(look, looks[other][None])[0]]
        if not twins:
            kept.append(at)
        yield twins[0] if twins else None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kinds", "noise"), [(1, 3), (5, 2), (40, 3), (120, 0), (300, 2)])
def test_the_answers_are_those_of_comparing_with_all(seed: int, kinds: int, noise: int) -> None:
    looks = clustered(seed, kinds, noise)

    answers = found(looks)

    assert answers == plainly(looks)
    assert {*answers} > {None}


@pytest.mark.parametrize("level", range(0, 250, 3))
def test_a_picture_is_found_up_to_the_tolerance_on_either_side_of_any_cell(level: int) -> None:
    steps = np.array([level, level + TOLERANCE, level + TOLERANCE + 1], np.int16)
    looks = np.repeat(steps[:, None], 48, axis=1)
    seen = LookAlikes(looks)
    seen.add(0)

    assert (seen.first(1), seen.first(2)) == (0, None)


def test_twenty_thousand_pictures_take_few_comparisons_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    monkeypatch.setattr(
        lookalikes, "alike", lambda one, others: compared.append(len(others)) or alike(one, others)
    )

    answers = found(coats(20_000))

    assert 5_000 < answers.count(None) < 20_000
    assert sum(compared) < 20 * 20_000
