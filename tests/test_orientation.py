"""Which way up: Exif in all its spellings, and what is none."""

import struct

import pytest

from pipeline.orientation import orientation

TAG, BYTE, ASCII, SHORT, LONG = 0x0112, 1, 2, 3, 4


def entry(order: str, tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0")


def directory(order: str, *entries: bytes, at: int = 8) -> bytes:
    """Exif data without its label: a header, and one directory at byte `at`."""
    begin = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", at)
    return begin.ljust(at, b"\0") + struct.pack(f"{order}H", len(entries)) + b"".join(entries)


def turn(value: int, order: str = ">", kind: int = SHORT, count: int = 1) -> bytes:
    letter = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I"}[kind]
    return entry(order, TAG, kind, count, struct.pack(f"{order}{letter}", value))


WIDTH = entry(">", 0x0100, SHORT, 1, b"\0\x06")


@pytest.mark.parametrize(
    ("exif", "expected"),
    [
        (directory(">", turn(6)), 6),
        (directory("<", turn(8, "<")), 8),
        (b"Exif\0\0" + directory("<", turn(3, "<")), 3),
        (b"Exif\0\0Exif\0\0" + directory("<", turn(3, "<")), 3),
        (b"MM*\0" + directory(">", turn(6))[4:], 6),
        (b"II\0*" + directory("<", turn(8, "<"))[4:], 8),
        (directory(">", turn(5, kind=LONG)), 5),
        (directory(">", turn(5, kind=BYTE)), 5),
        (directory(">", WIDTH, turn(7)), 7),
        (directory(">", turn(2), at=200), 2),
        (directory(">", WIDTH), 1),
        (directory(">", turn(0)), 1),
        (directory(">", turn(9)), 1),
        (directory(">", turn(6, kind=ASCII)), 1),
        (directory(">", turn(6, count=2)), 1),
        (directory(">", turn(6))[:-1], 1),
        (directory(">", WIDTH, turn(6))[:24], 1),
        (b"MM\0*\xff\xff\xff\xff", 1),
        (b"MM\0*\0\0\0\x08", 1),
        (b"MM\0*", 1),
        (b"XX\0*\0\0\0\x08" + bytes(20), 1),
        (b"rubbish", 1),
        (b"", 1),
    ],
)
def test_the_first_directory_says_which_way_up(exif: bytes, expected: int) -> None:
    assert orientation(exif) == expected


def test_a_directory_that_promises_more_entries_than_there_are_is_read_as_far_as_it_goes() -> None:
    exif = directory(">", WIDTH, turn(6))
    promising = exif[:8] + b"\xff\xff" + exif[10:]
    assert orientation(promising) == 6


@pytest.mark.parametrize("xmp", [b'<x tiff:Orientation="6"/>', b"<tiff:Orientation>6</tiff:Orientation>"])
def test_xmp_is_asked_where_exif_is_silent(xmp: bytes) -> None:
    assert orientation(b"", xmp) == 6
    assert orientation(directory(">", WIDTH), xmp) == 6


def test_exif_goes_before_xmp() -> None:
    assert orientation(directory(">", turn(8)), b'tiff:Orientation="6"') == 8
