"""Two hundred good banners trip no gate: neither of pixels nor of weight, and none is taken for another."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from conftest import DAY
from scenes import person

from pipeline.compose import Rendered, render
from pipeline.design import design_names, load_design
from pipeline.duplicates import hold_duplicates
from pipeline.encode import encode, limits_for
from pipeline.fonts import FontBook
from pipeline.formats import DISPLAY
from pipeline.gallery import sample
from pipeline.likeness import likeness
from pipeline.quality import LIMITS, held, measure_file
from pipeline.samples import LOCALES
from pipeline.template import NO_BRAND, DocumentRequest, render_documents
from pipeline.types import BannerRow, Cutout, Size, Status

SHIRTS = (0, 60, 120)
"""Degrees by which the shirt's hue is turned: three people who wear the same in other colours."""


@dataclass(frozen=True)
class Good:
    """A banner that nothing is wrong with; `shirt` is who it shows."""

    design: str
    locale: str
    size: Size
    shirt: int
    rendered: Rendered
    gates: dict[str, float]

    def row(self) -> BannerRow:
        """The banner as a night's row; all in one segment, each of a product of its own."""
        name = f"{self.design}-{self.locale}-{self.shirt}"
        return BannerRow(
            campaign="test",
            run="r",
            date=DAY,
            segment="everybody",
            product=name,
            design=self.design,
            size=str(self.size),
            locale=self.locale,
            status=Status.STORED,
            reason="",
            detail="",
            key=f"banners/{self.size}/{name}.jpg",
            recipe="",
            bytes=1,
            photo_key="",
            photo_content="",
            cutout_key="",
            confidence=1,
            seconds=0,
            likeness=likeness(self.rendered),
        )


def wearing(shirt: int, *, legs: bool) -> Cutout:
    cutout = person(legs=legs)
    hsv = cv2.cvtColor(cutout.rgb, cv2.COLOR_RGB2HSV).astype(int)
    # The head keeps its colour.
    hsv[260:, :, 0] = (hsv[260:, :, 0] + shirt // 2) % 180
    return replace(cutout, rgb=cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def documents() -> dict[tuple[str, str], str]:
    """Every design in every language that there are sample words in."""
    keys = [(name, locale) for name in design_names() for locale in LOCALES]
    requests = []
    for name, locale in keys:
        design = load_design(name)
        segment, product = sample(design, locale, DISPLAY)
        requests.append(DocumentRequest(design, segment, product, NO_BRAND, DAY, segment.valid_to))
    return {key: str(made) for key, made in zip(keys, render_documents(requests), strict=True)}


@pytest.fixture(scope="module")
def good() -> list[Good]:
    """Every design at every size of display networks with three people; languages take turns."""
    made, fonts, banners = documents(), FontBook.load(), list[Good]()
    places = [(name, size) for name in design_names() for size in DISPLAY]
    for turn, (name, size) in enumerate(places):
        locale = LOCALES[turn % len(LOCALES)]
        for shirt in SHIRTS:
            first, second = (wearing(shirt, legs=legs) for legs in (turn % 2 == 0, turn % 2 == 1))
            rendered = render(made[name, locale], size, first, second=second, fonts=fonts)
            limits = limits_for(size)
            weight = measure_file(len(encode(rendered.pixels, limits).data), limits.max_bytes)
            banners.append(Good(name, locale, size, shirt, rendered, rendered.gates | weight))
    return banners


def test_two_hundred_good_banners_are_held_by_no_gate(good: list[Good]) -> None:
    broken = {(b.design, b.locale, str(b.size), b.shirt): held(b.gates) for b in good if held(b.gates)}

    assert len(good) >= 200
    assert broken == {}


def test_all_gates_were_asked(good: list[Good]) -> None:
    assert {name for banner in good for name in banner.gates} == set(LIMITS)


def test_people_in_other_colours_are_not_taken_for_each_other(good: list[Good]) -> None:
    rows = [banner.row() for banner in good if banner.rendered.people]

    assert len(rows) >= 200
    assert hold_duplicates(rows) == rows
