"""Forty planted faults: each trips its own gate and no other."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scenes import design, document, person

from pipeline.compose import render
from pipeline.encode import EncodeLimits, encode
from pipeline.errors import BannerFailed, Fault
from pipeline.fonts import FontBook
from pipeline.quality import held, measure_file
from pipeline.types import Box, Cutout, Size

SQUARE, BOX, STRIP, STORY = Size(1080, 1080), Size(300, 250), Size(728, 90), Size(1080, 1920)
GROUND = '  - {type: shape, fill: "#ffffff"}\n'
PERSON = "  - {type: subject, box: {left: 40%, right: 0, top: 20%, bottom: 0}}\n"


def text(words: str, box: str, *, size: str = "4vmin", color: str = "#111111", extra: str = "") -> str:
    """A text layer of one line that may not shrink."""
    return (
        f'  - {{type: text, id: planted, text: "{words}", box: {{{box}}}, size: {size}, min_size: {size}, '
        f'color: "{color}"{extra}}}\n'
    )


LEFT = "left: 5%, width: 30%, top: 5%, height: 10%"
GOOD = GROUND + PERSON + text("Sale", LEFT)


@dataclass(frozen=True)
class Planted:
    """A banner with one thing wrong."""

    name: str
    fault: Fault
    layers: str = GOOD
    size: Size = SQUARE
    head: str = ""
    cutout: Cutout | None = None


def headless_room(top: str) -> str:
    """A person whose head is `top` above a closed frame's upper edge."""
    frame = "  - {type: shape, id: frame, fill: '#eeeeee', box: {left: 40%, right: 0, top: 45%, bottom: 0}}\n"
    who = (
        "  - {type: subject, frame: {to: frame}, headroom: 0, "
        f"box: {{left: 40%, right: 0, top: {top}, bottom: 0}}}}\n"
    )
    return GROUND + frame + who + text("Sale", LEFT)


def haloed(ground: tuple[int, int, int]) -> Cutout:
    """A person whose soft edge kept the colour of the photo's ground."""
    cutout = person(legs=True)
    alpha = cv2.GaussianBlur(cutout.alpha, (0, 0), 6)
    share = alpha[..., None] / 255
    rgb = cutout.rgb * share + np.array(ground) * (1 - share)
    return replace(cutout, rgb=rgb.astype(np.uint8), alpha=alpha)


def small(cutout: Cutout, shrink: int) -> Cutout:
    """The cut-out of a photo `shrink` times smaller."""

    def less(box: Box) -> Box:
        return Box(*(getattr(box, side) // shrink for side in ("left", "top", "right", "bottom")))

    g = cutout.geometry
    alpha, rgb = cutout.alpha[::shrink, ::shrink], cutout.rgb[::shrink, ::shrink]
    head = less(g.head) if g.head else None
    geometry = replace(g, width=alpha.shape[1], height=alpha.shape[0], subject=less(g.subject), head=head)
    return replace(
        cutout, rgb=np.ascontiguousarray(rgb), alpha=np.ascontiguousarray(alpha), geometry=geometry
    )


LOGO = "  - {{type: logo, asset: logo.png, clear: {clear}, box: {{{box}}}}}\n"
CORNER = "left: 5%, width: 20%, top: 5%, height: 8%"
DARK = '  - {type: shape, fill: "#444444"}\n'
HALF = "  - {type: shape, fill: '#101010', box: {left: 0, width: 14%}}\n"
OVER_FACE = "left: 62%, width: 20%, top: 33%, height: 10%"

FAULTS = [
    # what does not fit
    Planted("too many words", Fault.TEXT_OVERFLOW, GROUND + PERSON + text("Sale " * 20, LEFT)),
    Planted("one long word", Fault.TEXT_OVERFLOW, GROUND + PERSON + text("S" * 60, LEFT)),
    Planted(
        "too many lines",
        Fault.TEXT_OVERFLOW,
        GROUND + PERSON + text("Today only " * 9, LEFT, extra=", lines: 2"),
    ),
    Planted(
        "a low box",
        Fault.TEXT_OVERFLOW,
        GROUND + PERSON + text("Sale", "left: 5%, width: 30%, top: 5%, height: 2%"),
    ),
    Planted(
        "no Chinese letter is cut", Fault.TEXT_OVERFLOW, GROUND + PERSON + text("今日限定五折優惠" * 4, LEFT)
    ),
    Planted(
        "a full stack",
        Fault.TEXT_OVERFLOW,
        GROUND
        + PERSON
        + f"  - type: stack\n    box: {{{LEFT}}}\n    children:\n"
        + "".join("    " + text("Sale", "").lstrip().replace("planted", name) for name in "abcd"),
    ),
    Planted(
        "a full grid",
        Fault.TEXT_OVERFLOW,
        GROUND
        + PERSON
        + f"  - type: grid\n    box: {{{LEFT}}}\n    rows: [auto]\n    children:\n"
        + "    "
        + text("Sale now on today", "", size="9vmin").lstrip(),
    ),
    # what cannot be drawn
    Planted("a hieroglyph", Fault.MISSING_GLYPH, GROUND + text("\N{EGYPTIAN HIEROGLYPH A001}", LEFT)),
    Planted("a private character", Fault.MISSING_GLYPH, GROUND + text("Sale \ue000", LEFT)),
    Planted("a Phoenician letter among others", Fault.MISSING_GLYPH, GROUND + text("Sale 𐤀 now", LEFT)),
    Planted("cuneiform in a price", Fault.MISSING_GLYPH, GROUND + text("𒀀 1,280", LEFT)),
    # what cannot be read
    Planted("grey on white", Fault.LOW_CONTRAST, GROUND + PERSON + text("Sale", LEFT, color="#B0B0B0")),
    Planted("yellow on white", Fault.LOW_CONTRAST, GROUND + PERSON + text("Sale", LEFT, color="#FFE600")),
    Planted("black on charcoal", Fault.LOW_CONTRAST, DARK + PERSON + text("Sale", LEFT, color="#000000")),
    Planted("half over a bar", Fault.LOW_CONTRAST, GROUND + HALF + PERSON + text("Sale", LEFT)),
    Planted(
        "nearly transparent", Fault.LOW_CONTRAST, GROUND + PERSON + text("Sale", LEFT, color="#00000040")
    ),
    Planted(
        "small grey text",
        Fault.LOW_CONTRAST,
        GROUND + PERSON + text("Sale", LEFT, size="1.5vmin", color="#808080"),
    ),
    Planted(
        "on the garment",
        Fault.LOW_CONTRAST,
        GROUND + PERSON + text("Sale", "left: 62%, width: 20%, bottom: 4%, height: 8%", color="#205A9C"),
    ),
    # what hides a face, or is hidden
    Planted(
        "over the face",
        Fault.TEXT_OVER_HEAD,
        GROUND
        + "  - {type: subject, pose: half}\n"
        + text("SALE", "left: 0, right: 0, top: 0, height: 36%", size="30vmin", extra=", align: center"),
    ),
    Planted(
        "behind the person",
        Fault.TEXT_OVER_HEAD,
        GROUND + text("Sale", "left: 60%, width: 30%, top: 70%, height: 10%", size="9vmin") + PERSON,
    ),
    Planted(
        "half behind the person",
        Fault.TEXT_OVER_HEAD,
        GROUND + text("Sale now", "left: 42%, width: 40%, top: 75%, height: 12%", size="8vmin") + PERSON,
    ),
    # heads that are cut
    Planted("a frame across the face", Fault.HEAD_CLIPPED, headless_room("35%")),
    Planted("a frame across the brow", Fault.HEAD_CLIPPED, headless_room("42%")),
    Planted(
        "a region above the banner",
        Fault.HEAD_CLIPPED,
        GROUND
        + "  - {type: subject, headroom: 0, box: {left: 40%, right: 0, top: -15%, bottom: 0}}\n"
        + text("Sale", LEFT),
    ),
    Planted(
        "a region beyond the side",
        Fault.HEAD_CLIPPED,
        GROUND
        + "  - {type: subject, box: {left: 78%, width: 50%, top: 20%, bottom: 0}}\n"
        + text("Sale", LEFT),
    ),
    # margins
    Planted(
        "at the edge",
        Fault.OUT_OF_SAFE_AREA,
        GROUND + PERSON + text("Sale", "left: 1%, width: 30%, top: 6%, height: 10%"),
        head="safe: {left: 4%, top: 4%, right: 4%, bottom: 4%}\n",
    ),
    Planted(
        "over the edge",
        Fault.OUT_OF_SAFE_AREA,
        GROUND + PERSON + text("Sale", "left: -3%, width: 30%, top: 6%, height: 10%"),
    ),
    Planted(
        "under the app's own bar",
        Fault.OUT_OF_SAFE_AREA,
        GROUND + PERSON + text("Sale", LEFT),
        STORY,
        "safe: {top: 14%, bottom: 35%}\n",
    ),
    Planted(
        "among the app's buttons",
        Fault.OUT_OF_SAFE_AREA,
        GROUND + PERSON + text("Sale", "left: 5%, width: 20%, top: 80%, height: 6%"),
        STORY,
        "safe: {top: 14%, bottom: 35%}\n",
    ),
    Planted(
        "a strip's lower edge",
        Fault.OUT_OF_SAFE_AREA,
        GROUND + text("Sale", "left: 5%, width: 30%, bottom: 0, height: 34%", size="24vmin"),
        STRIP,
        "safe: {bottom: 30%}\n",
    ),
    # people who are too small
    Planted("a thumbnail", Fault.UPSCALED, cutout=small(person(legs=True), 8)),
    Planted(
        "a small photo on a large banner", Fault.UPSCALED, size=STORY, cutout=small(person(legs=True), 4)
    ),
    # logos
    Planted(
        "a text beside the logo",
        Fault.LOGO_CROWDED,
        GROUND
        + PERSON
        + LOGO.format(clear=0.5, box=CORNER)
        + text("Sale", "left: 26%, width: 12%, top: 5%, height: 8%"),
    ),
    Planted(
        "a text on the logo",
        Fault.LOGO_CROWDED,
        GROUND
        + PERSON
        + LOGO.format(clear=0.1, box=CORNER)
        + text("Sale", "left: 8%, width: 12%, top: 6%, height: 6%", color="#FFFFFF"),
    ),
    Planted(
        "a head beside the logo",
        Fault.LOGO_CROWDED,
        GROUND
        + PERSON
        + text("Sale", "left: 5%, width: 30%, top: 40%, height: 10%")
        + LOGO.format(clear=1, box="left: 64%, width: 12%, top: 8%, height: 10%"),
    ),
    # cut-outs
    Planted("an unsure matte", Fault.UNSURE_MATTE, cutout=person(legs=True, confidence=0.6)),
    Planted("a matte just below the line", Fault.UNSURE_MATTE, cutout=person(legs=True, confidence=0.979)),
    Planted("a white halo", Fault.FRINGE, cutout=haloed((255, 255, 255))),
    Planted("a green halo", Fault.FRINGE, cutout=haloed((30, 240, 60))),
    Planted("a black halo", Fault.FRINGE, cutout=haloed((0, 0, 0))),
]


def drawn(folder: Path, planted: Planted) -> tuple[Fault, ...]:
    """What holds or fails the planted banner."""
    (folder / "mine").mkdir()
    Image.new("RGB", (200, 80), (20, 20, 20)).save(folder / "mine" / "logo.png")
    mine = design(folder, planted.layers, head=planted.head)
    try:
        made = render(
            document(mine, "en_US"),
            planted.size,
            planted.cutout or person(legs=True),
            fonts=FontBook.load(),
            folders=(folder,),
        )
    except BannerFailed as failure:
        return (failure.fault,)
    return made.held


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.name)
def test_a_planted_fault_trips_exactly_its_gate(tmp_path: Path, planted: Planted) -> None:
    assert drawn(tmp_path, planted) == (planted.fault,)


@pytest.mark.parametrize("size", [SQUARE, BOX, STORY, Size(1200, 628)], ids=str)
def test_the_banner_that_faults_are_planted_in_is_good(tmp_path: Path, size: Size) -> None:
    assert drawn(tmp_path, Planted("nothing", Fault.TEXT_OVERFLOW, size=size)) == ()


@pytest.mark.parametrize(("max_bytes", "faults"), [(20_000, (Fault.TOO_HEAVY,)), (80_000, ())])
def test_noise_that_no_quality_makes_light_enough_trips_the_weight_alone(
    max_bytes: int, faults: tuple[Fault, ...]
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (250, 300, 3), dtype=np.uint8)

    made = encode(noise, EncodeLimits(max_bytes=max_bytes))

    assert held(measure_file(len(made.data), max_bytes)) == faults


def test_there_are_forty_of_them_with_the_weight() -> None:
    assert len(FAULTS) + 1 >= 40
    assert len({planted.name for planted in FAULTS}) == len(FAULTS)
