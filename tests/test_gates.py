"""Which candidates may take the place of the network in use."""

from collections.abc import Sequence

import pytest

from jobs.gates import GATES, Verdict, gates_table, judge_gates
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


def test_what_a_small_set_cannot_tell_is_refused_as_not_proven() -> None:
    candidate = [row(0, sad=0.7), row(1, sad=1.29)]

    verdict = judged([row(0), row(1)], candidate)["SAD"]

    assert not verdict.holds
    assert verdict.words.startswith("not proven: 2 photos")


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
