"""Gates: figures measured on the layout and on pixels, and what they hold back."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import Fault
from pipeline.fonts import FontBook
from pipeline.items import Area, Layout, Rgba, Text
from pipeline.patch import Patch, flat
from pipeline.place import Placement
from pipeline.quality import LIMITS, contrast, contrast_ratios, covered, held, measure_layout, measure_subject
from pipeline.spans import Span
from pipeline.text import TextStyle, fit
from pipeline.types import Pixels

GOOD = {
    "text_overflow": 0.0,
    "contrast": 1.2,
    "text_over_head": 0.0,
    "text_covered": 0.0,
    "head_clipped": 0.0,
    "fringe": 0.1,
    "logo_crowded": 0.0,
    "outside_safe_area": 0.0,
    "upscale": 1.0,
    "size_reached": 1.0,
    "confidence": 0.99,
    "weight": 1.0,
}


INK_AREA = Area(20, 20, 100, 30)
HEAD = Area(50, 10, 40, 50)


def text(size: int = 30, color: Rgba = (0, 0, 0, 255), area: Area = INK_AREA) -> Text:
    block = fit("Sale", TextStyle("sans", 400, size, size), 180, 90, FontBook.load())
    return Text("t", 20, 20, area, block, (), False, color, None, 1, None, False)


def placement(head: Area | None = HEAD) -> Placement:
    return Placement(1.25, 2.5, 0, 0, 100, head, Area(0, 0, 100, 100), False)


def ground(colour: tuple[int, int, int]) -> Pixels:
    return np.full((120, 220, 3), colour, np.uint8)


INK = Patch(flat(np.full((30, 100), 255, np.uint8), (0, 0, 0, 255)), 20, 20)


def test_a_banner_that_passes_every_gate_is_not_held() -> None:
    assert set(GOOD) == set(LIMITS)
    assert held(GOOD) == ()


@pytest.mark.parametrize(
    ("gate", "last_good", "first_bad", "fault"),
    [
        ("text_overflow", 0, 1, Fault.TEXT_OVERFLOW),
        ("contrast", 1, 0.99, Fault.LOW_CONTRAST),
        ("text_over_head", 0.02, 0.03, Fault.TEXT_OVER_HEAD),
        ("text_covered", 0.1, 0.11, Fault.TEXT_OVER_HEAD),
        ("head_clipped", 0.03, 0.04, Fault.HEAD_CLIPPED),
        ("logo_crowded", 0, 0.01, Fault.LOGO_CROWDED),
        ("fringe", 0.2, 0.21, Fault.FRINGE),
        ("outside_safe_area", 1, 1.1, Fault.OUT_OF_SAFE_AREA),
        ("upscale", 1.25, 1.26, Fault.UPSCALED),
        ("size_reached", 0.6, 0.59, Fault.UPSCALED),
        ("confidence", 0.985, 0.984, Fault.UNSURE_MATTE),
        ("weight", 1, 1.001, Fault.TOO_HEAVY),
    ],
)
def test_each_gate_holds_just_beyond_its_limit(
    gate: str, last_good: float, first_bad: float, fault: Fault
) -> None:
    assert held(GOOD | {gate: last_good}) == ()
    assert held(GOOD | {gate: first_bad}) == (fault,)


def test_a_fault_is_told_once() -> None:
    assert held(GOOD | {"upscale": 2, "size_reached": 0.1}) == (Fault.UPSCALED,)


def test_a_figure_that_is_no_number_holds() -> None:
    assert held(GOOD | {"confidence": float("nan")}) == (Fault.UNSURE_MATTE,)


@pytest.mark.parametrize(
    ("ink", "behind", "expected"),
    [
        ((0, 0, 0, 255), (255, 255, 255), 21.0),
        ((255, 255, 255, 255), (255, 255, 255), 1.0),
        ((119, 119, 119, 255), (255, 255, 255), 4.48),
        ((0, 0, 0, 0), (255, 255, 255), 1.0),
    ],
)
def test_contrast_ratios_are_those_of_wcag(ink: Rgba, behind: tuple[int, int, int], expected: float) -> None:
    assert contrast_ratios(ink, np.array([behind], np.uint8))[0] == pytest.approx(expected, abs=0.01)


def test_large_text_needs_less_contrast_than_small() -> None:
    behind = ground((149, 149, 149))
    white = (255, 255, 255, 255)

    assert contrast(text(40, white), INK, behind) == pytest.approx(3.0 / 3.0, abs=0.03)
    assert contrast(text(14, white), INK, behind) == pytest.approx(3.0 / 4.5, abs=0.03)


def test_the_palest_letters_of_a_rich_text_decide() -> None:
    pale, dark = (200, 200, 200, 255), (0, 0, 0, 255)
    spans = [Span("Sale "), Span("now", colour=pale)]
    rich = replace(text(), block=fit(spans, TextStyle("sans", 400, 30, 30), 180, 90, FontBook.load()))

    measured = contrast(rich, INK, ground((255, 255, 255)))

    assert measured == contrast(text(color=pale), INK, ground((255, 255, 255)))
    assert measured < 0.6 < contrast(text(color=dark), INK, ground((255, 255, 255)))


def test_small_letters_in_a_large_text_need_the_contrast_of_small_ones() -> None:
    spans = [Span("Sale "), Span("now", scale=0.3)]
    mixed = replace(text(), block=fit(spans, TextStyle("sans", 400, 40, 40), 180, 90, FontBook.load()))
    behind = ground((118, 118, 118))

    assert contrast(text(40), INK, behind) / contrast(mixed, INK, behind) == pytest.approx(1.5)


def test_contrast_is_measured_on_what_is_really_behind() -> None:
    behind = ground((255, 255, 255))
    behind[:, 70:] = (20, 20, 20)

    assert contrast(text(), INK, behind) < 0.5


def test_a_few_odd_pixels_do_not_decide() -> None:
    behind = ground((255, 255, 255))
    behind[20:22, 20:30] = 0

    assert contrast(text(), INK, behind) == pytest.approx(7.0)


def test_layout_figures_count_overflow_and_the_farthest_step_outside() -> None:
    outside = replace(text(area=Area(-7, 20, 100, 30)), overflow=True)
    layout = Layout((text(), outside), Area(10, 10, 200, 100))

    assert measure_layout(layout) == {"text_overflow": 1.0, "outside_safe_area": 17.0}


def test_subject_figures_tell_scale_and_text_over_the_head() -> None:
    half = text(area=Area(0, 10, 70, 50))

    assert measure_subject(placement(), [half]) == {
        "upscale": 1.25,
        "size_reached": 0.5,
        "text_over_head": pytest.approx(0.5),
    }
    assert "text_over_head" not in measure_subject(placement(None), [half])


def test_ink_behind_the_person_counts_as_covered() -> None:
    person = Patch(flat(np.full((100, 25), 255, np.uint8), (9, 9, 9, 255)), 95, 0)

    assert covered(INK, person) == pytest.approx(0.25)
