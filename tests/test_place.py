"""Where people go: never floating, never without a head, never enlarged too far."""

import pytest

from pipeline.items import Area, Shape, Slot
from pipeline.place import MAX_UPSCALE, place
from pipeline.types import Box, Geometry

FULL = Geometry(420, 1420, Box(10, 10, 410, 1410), Box(150, 10, 270, 210), ())
HALF = Geometry(700, 1000, Box(50, 20, 650, 1000), Box(250, 20, 450, 300), ("bottom",))


def slot(x: float, y: float, width: float, height: float, **changes: object) -> Slot:
    fields: dict[str, object] = {
        "pose": "auto",
        "head": 0.16,
        "headroom": 0.05,
        "ground": 0.0,
        "overhang": 0.0,
        "frame": None,
        "frame_open": False,
        "drop": None,
        "contact": None,
    }
    return Slot(area=Area(x, y, width, height), **(fields | changes))  # type: ignore[arg-type]


SLOTS = [slot(400, 300, 660, 780), slot(150, 20, 146, 230), slot(590, 0, 130, 90), slot(200, 800, 880, 1120)]


@pytest.mark.parametrize("where", SLOTS, ids=lambda s: f"{s.area.width:.0f}x{s.area.height:.0f}")
@pytest.mark.parametrize("pose", ["auto", "full", "half", "bust"])
def test_a_person_cut_at_the_waist_ends_at_the_lower_edge(where: Slot, pose: str) -> None:
    placed = place(HALF, slot(where.area.x, where.area.y, where.area.width, where.area.height, pose=pose))

    assert placed.floor == where.area.bottom
    assert placed.body.bottom >= where.area.bottom - 1e-6
    assert not placed.feet


@pytest.mark.parametrize("where", SLOTS, ids=lambda s: f"{s.area.width:.0f}x{s.area.height:.0f}")
@pytest.mark.parametrize("geometry", [FULL, HALF], ids=["full", "half"])
@pytest.mark.parametrize("cut", [(), ("bottom",), ("left",), ("left", "right", "bottom")], ids=str)
def test_the_head_is_whole_and_inside_the_slot(where: Slot, geometry: Geometry, cut: tuple[str, ...]) -> None:
    changed = Geometry(geometry.width, geometry.height, geometry.subject, geometry.head, cut)

    head = place(changed, where).head

    assert head is not None
    assert head.y >= where.area.y - 1e-6
    assert head.bottom <= where.area.bottom
    assert head.x >= where.area.x - 1e-6
    assert head.right <= where.area.right + 1e-6


def test_feet_stand_on_the_ground_line() -> None:
    placed = place(FULL, slot(0, 0, 600, 1000, pose="full", ground=60.0))

    assert placed.feet
    assert placed.floor == 940
    assert placed.body.bottom == pytest.approx(940)


def test_a_strip_shows_head_and_shoulders_not_a_tiny_person() -> None:
    placed = place(FULL, slot(0, 0, 130, 90, pose="bust"))

    assert placed.head is not None
    assert placed.head.height > 0.35 * 90
    assert placed.body.bottom > 2 * 90


def test_auto_shows_all_of_a_person_where_the_head_stays_large_enough() -> None:
    assert place(FULL, slot(0, 0, 600, 1000, head=0.12)).feet
    assert not place(FULL, slot(0, 0, 600, 1000, head=0.2)).feet


def test_nobody_is_enlarged_beyond_the_limit_and_the_wish_is_told() -> None:
    placed = place(HALF, slot(0, 0, 3000, 3000))

    assert placed.scale == MAX_UPSCALE
    assert placed.wanted > 2
    assert placed.body.bottom == pytest.approx(3000)


@pytest.mark.parametrize(("side", "edge"), [("left", 400.0), ("right", 1000.0)])
def test_a_side_cut_person_runs_off_at_that_side(side: str, edge: float) -> None:
    geometry = Geometry(700, 1000, HALF.subject, HALF.head, ("bottom", side))

    body = place(geometry, slot(400, 0, 600, 500)).body

    assert (body.x if side == "left" else body.right) == pytest.approx(edge)


def test_arms_cut_on_both_sides_fill_the_width() -> None:
    geometry = Geometry(700, 1000, Box(0, 0, 700, 1000), Box(250, 20, 450, 300), ("bottom", "left", "right"))

    body = place(geometry, slot(100, 0, 500, 600)).body

    assert body.x <= 100 + 1e-6
    assert body.right >= 600 - 1e-6


def test_a_frame_may_cut_arms_nearer_that_the_photo_cut_already() -> None:
    geometry = Geometry(1000, 900, Box(0, 0, 1000, 900), Box(400, 20, 600, 300), ("bottom", "left", "right"))
    frame = Shape("f", Area(0, 0, 400, 800), "rect", 0, 16, 0.8, (), None, None, None, 1, None)

    body = place(geometry, slot(0, 0, 400, 800, frame=frame)).body

    assert body.width == pytest.approx(640)
    assert body.x < 0 < 400 < body.right


def test_the_head_moves_clear_of_text() -> None:
    where = slot(0, 0, 700, 800)
    before = place(HALF, where)
    text = Area(0, 0, 700, before.head.y + 30 if before.head else 0)

    after = place(HALF, where, [text])

    assert after.head is not None
    assert not after.head.meets(text)
    assert after.scale < before.scale
    assert after.body.bottom == pytest.approx(800)


def test_a_wide_gesture_is_as_wide_as_the_slot_or_its_overhang() -> None:
    wide = Geometry(1000, 700, Box(0, 0, 1000, 700), Box(400, 100, 600, 350), ("bottom",))

    assert place(wide, slot(0, 0, 500, 900)).body.width == pytest.approx(500)
    assert place(wide, slot(0, 0, 500, 900, overhang=0.3)).body.width == pytest.approx(650)


def test_a_person_without_a_head_in_the_picture_is_placed_too() -> None:
    headless = Geometry(420, 900, Box(10, 0, 410, 900), None, ("top", "bottom"))

    placed = place(headless, slot(0, 0, 500, 500))

    assert placed.head is None
    assert placed.body.bottom >= 500 - 1e-6
