"""Why a gate held a banner: with what it measured, and with the limit that holds today."""

from dataclasses import replace

import pytest
from test_feed import ROW

from pipeline.errors import Fault
from pipeline.held_words import HELP, MEASURED, explain
from pipeline.quality import LIMITS
from pipeline.types import Status

HELD = replace(ROW, status=Status.HELD)


def test_a_reason_is_told_with_its_figure_its_limit_and_what_helps() -> None:
    row = replace(HELD, reason="unsure_matte", detail="confidence 0.94, contrast 1.3, fringe 0.1")

    assert explain(row) == [
        "The cut-out looks unsure: 94.0% sure; 98.5% is needed. "
        "Look at the cut-out: nothing may be missing, and nothing of the ground left."
    ]


def test_of_two_figures_of_one_gate_only_the_one_beyond_its_limit_is_told() -> None:
    [told] = explain(replace(HELD, reason="upscaled", detail="size_reached 0.9, upscale 1.6"))

    assert told.startswith("The person had to be enlarged too much: enlarged 1.60 times; 1.25 is allowed.")


def test_every_reason_has_its_own_sentence() -> None:
    told = explain(replace(HELD, reason="text_overflow,low_contrast", detail="contrast 0.5, text_overflow 2"))

    assert [each.split(".")[0] for each in told] == [
        "The text does not fit: 2 of its texts do not fit",
        "The text is hard to read on its background: 50% of the contrast that WCAG AA asks for",
    ]


@pytest.mark.parametrize(
    "detail", ["", "kept", "no figures at all", "contrast nan, contrast", "contrast 1e400"]
)
def test_without_a_figure_the_reason_stands_alone(detail: str) -> None:
    [told] = explain(replace(HELD, reason="low_contrast", detail=detail))

    assert told.startswith("The text is hard to read on its background. ")


def test_an_unknown_reason_is_told_as_it_is() -> None:
    assert explain(replace(HELD, reason="new_gate", detail="new_gate 3")) == ["new_gate."]


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_every_figure_has_words(name: str) -> None:
    assert name in MEASURED


@pytest.mark.parametrize("fault", sorted({limit.fault for limit in LIMITS.values()}))
def test_every_gate_says_what_helps(fault: Fault) -> None:
    assert fault in HELP
