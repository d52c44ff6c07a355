"""Which candidates may take the place of the network in use."""

from collections.abc import Sequence

import pytest

from jobs.gates import GATES, LEAST, Verdict, gates_table, judge_gates
from shm.metrics import MatteErrors
from shm.train.compare import Comparison
from shm.train.results import Refusal, Report, Row

PHOTOS = 60


def errors(size: float) -> MatteErrors:
    return MatteErrors(
        sad=size, mse=size, mad=size, gradient=size, connectivity=size, counted=1000, pixels=1000
    )


def row(
    name: int, *, sad: float = 1.0, band: float | None = 1.0, iou: float = 0.97, refused: str = ""
) -> Row:
    return Row(
        name=str(name),
        iou=iou,
        iou_outside=iou,
        mad_outside=0.0,
        whole=errors(sad),
        band=None if band is None else errors(band),
        confidence=1.0,
        refused=refused,
    )


def report(rows: Sequence[Row], negatives: Sequence[Refusal] = ()) -> Report:
    return Report("w" * 64, "torch-cpu-fp32", tuple(rows), tuple(negatives))


def judged(present: Sequence[Row], candidate: Sequence[Row]) -> dict[str, Verdict]:
    verdicts = judge_gates(Comparison(report(present), report(candidate)))
    return {verdict.gate.name: verdict for verdict in verdicts}


def failing(verdicts: dict[str, Verdict]) -> set[str]:
    return {name for name, verdict in verdicts.items() if not verdict.holds}


PRESENT = [row(n, sad=1 + n / PHOTOS, band=1 + n / PHOTOS) for n in range(PHOTOS)]


def test_the_same_network_passes_its_own_gates() -> None:
    assert failing(judged(PRESENT, PRESENT)) == set()


def test_a_better_network_passes() -> None:
    better = [row(n, sad=0.9 + n / PHOTOS, band=0.8 + n / PHOTOS, iou=0.98) for n in range(PHOTOS)]

    assert failing(judged(PRESENT, better)) == set()


@pytest.mark.parametrize(
    ("changes", "gates"),
    [
        ({"sad": 2.5}, {"SAD"}),
        ({"band": 2.5}, {"unknown-band MAD"}),
        ({"iou": 0.89}, {"gross failures"}),
        ({"refused": "nobody"}, {"gross failures"}),
    ],
)
def test_each_gate_refuses_what_is_worse_by_its_own_measure_alone(
    changes: dict[str, object], gates: set[str]
) -> None:
    values = [
        {"sad": 1 + n / PHOTOS, "band": 1 + n / PHOTOS} | (changes if n < 9 else {}) for n in range(PHOTOS)
    ]
    worse = [row(n, **each) for n, each in enumerate(values)]  # type: ignore[arg-type]

    verdicts = judged(PRESENT, worse)

    assert failing(verdicts) == gates
    assert [verdicts[name].words for name in gates] == ["worse"]


@pytest.mark.parametrize(("rise", "passes"), [(1.029, True), (1.031, False)])
def test_the_tolerance_is_three_in_a_hundred_of_the_present_error(rise: float, passes: bool) -> None:
    present = [row(n) for n in range(PHOTOS)]
    candidate = [row(n, sad=rise) for n in range(PHOTOS)]

    assert judged(present, candidate)["SAD"].holds is passes


def test_what_a_set_cannot_tell_is_refused_as_not_proven() -> None:
    candidate = [row(n, sad=0.7 if n % 2 else 1.29) for n in range(PHOTOS)]

    verdict = judged([row(n) for n in range(PHOTOS)], candidate)["SAD"]

    assert not verdict.holds
    assert verdict.words == "not proven: 60 photos leave room for more than +3%; add photos"


def test_one_photo_passes_no_gate_however_good_it_is() -> None:
    verdicts = judged([row(0)], [row(0, sad=0.1, band=0.1)])

    assert failing(verdicts) == {"SAD", "unknown-band MAD", "gross failures"}
    assert {verdict.words for verdict in verdicts.values()} == {"not proven: 1 photo; needs 30"}


@pytest.mark.parametrize(("photos", "passes"), [(LEAST - 1, False), (LEAST, True)])
def test_every_gate_asks_for_thirty_photos(photos: int, passes: bool) -> None:
    rows = [row(n) for n in range(photos)]
    refused = [Refusal(str(n), "nobody") for n in range(photos)]

    verdicts = judge_gates(Comparison(report(rows, refused), report(rows, refused)))

    assert [verdict.holds for verdict in verdicts] == [passes] * 4


def test_photos_without_a_soft_alpha_do_not_count_towards_the_thirty_of_the_band() -> None:
    rows = [row(n, band=1.0 if n < LEAST - 1 else None) for n in range(PHOTOS)]

    verdicts = judged(rows, rows)

    assert failing(verdicts) == {"unknown-band MAD"}
    assert verdicts["unknown-band MAD"].words == "not proven: 29 photos; needs 30"


@pytest.mark.parametrize(
    ("photos", "words"),
    [
        (40, "holds (up to +8.8 points cannot be excluded)"),
        (188, "holds (up to +2.0 points cannot be excluded)"),
        (189, "holds"),
    ],
)
def test_what_a_set_without_any_change_leaves_open_is_said(photos: int, words: str) -> None:
    rows = [row(n) for n in range(photos)]

    assert judged(rows, rows)["gross failures"].words == words


@pytest.mark.parametrize(("photos", "passes"), [(60, False), (200, False), (300, True)])
def test_one_more_failure_is_excused_only_by_many_photos(photos: int, passes: bool) -> None:
    present = [row(n) for n in range(photos)]
    candidate = [row(n, iou=0.97 if n else 0.5) for n in range(photos)]

    verdict = judged(present, candidate)["gross failures"]

    assert verdict.holds is passes
    assert verdict.words.startswith("holds" if passes else "not proven")


def test_a_set_without_soft_alphas_cannot_pass_the_band_gate() -> None:
    masks = [row(n, band=None) for n in range(PHOTOS)]

    verdicts = judged(masks, masks)

    assert failing(verdicts) == {"unknown-band MAD"}
    assert "no held-out photo has a soft alpha" in verdicts["unknown-band MAD"].words


def test_letting_garments_through_is_a_gate_where_there_are_photos_without_people() -> None:
    refused = [Refusal(str(n), "nobody") for n in range(50)]
    passed = [Refusal(str(n), "") for n in range(50)]

    verdicts = judge_gates(Comparison(report(PRESENT, refused), report(PRESENT, passed)))

    assert [verdict.gate.name for verdict in verdicts if not verdict.holds] == ["let through without people"]


def test_the_table_has_a_line_for_each_gate_with_its_tolerance() -> None:
    lines = gates_table(judge_gates(Comparison(report(PRESENT), report(PRESENT)))).splitlines()

    assert [line.split("  ")[0] for line in lines[1:]] == [gate.name for gate in GATES]
    assert all("holds" in line for line in lines[1:])
    assert "+3%" in lines[1]
    assert "+2 points" in lines[3]
