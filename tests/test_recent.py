"""Results are found again for the same object, and only for the last few."""

from pipeline.recent import KEPT, Recent


def test_work_is_done_once_for_each_of_the_last_values() -> None:
    seen: list[list[int]] = []
    doubled = Recent(lambda value: seen.append(value) or [2 * each for each in value])
    values = [[number] for number in range(KEPT)]

    results = [doubled(value) for value in (*values, *values)]

    assert results == [[0], [2], [0], [2]]
    assert len(seen) == KEPT


def test_equal_values_are_not_the_same_value() -> None:
    seen: list[list[int]] = []
    doubled = Recent(lambda value: seen.append(value) or value)

    doubled([1])
    doubled([1])

    assert len(seen) == 2


def test_what_is_older_is_forgotten() -> None:
    seen: list[list[int]] = []
    doubled = Recent(lambda value: seen.append(value) or value)
    values = [[number] for number in range(KEPT + 1)]

    for value in (*values, values[0]):
        doubled(value)

    assert len(seen) == KEPT + 2
