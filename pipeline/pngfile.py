"""A PNG's chunks, read without decoding anything.

Everything here is linear in the file's size, whatever the bytes, and holds no more than a megabyte of what
it inflates.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = 8
_AROUND = 12
"""Length, name and checksum: what a chunk has beside its content."""
_FED, _INFLATED = 2**16, 2**20
"""At a time: zlib copies what it has not used yet, and a bomb grows a thousandfold."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""A pixel's, by PNG's colour type."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Passes: the first column and row, then the steps to the next (PNG specification, 8.2)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """`data[start:end]`, length and checksum included; where the file is cut, `end` lies behind it."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What IHDR says. `depth`: bits a sample; `colour`: PNG's colour type."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool


def chunks(data: bytes) -> Iterator[Chunk]:
    """Up to IEND or the file's end; what follows IEND is no part of the picture."""
    at, name = _SIGNATURE, b""
    while at + _AROUND <= len(data) and name != b"IEND":
        start, name = at, data[at + 4 : at + 8]
        at += _AROUND + int.from_bytes(data[at : at + 4], "big")
        yield Chunk(name, start, at)


def header(data: bytes) -> Header:
    """Of a PNG that begins with IHDR, as every one has to."""
    size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return Header(*size, depth=data[24], colour=data[25], interlaced=data[28] != 0)


def has_all_rows(data: bytes) -> bool:
    """Whether the picture data inflates to as many bytes as the header promises."""
    missing = _promised(header(data))
    stream = zlib.decompressobj()
    for part in _picture_data(data):
        while part and missing > 0:
            missing -= len(stream.decompress(part, _INFLATED))
            part = stream.unconsumed_tail
        if missing <= 0 or stream.eof:
            break
    return missing <= 0


def _promised(head: Header) -> int:
    """Bytes of all rows, each with its filter byte."""
    bits = head.depth * _SAMPLES[head.colour]
    passes = _ADAM7 if head.interlaced else _WHOLE
    sizes = [(len(range(x, head.width, dx)), len(range(y, head.height, dy))) for x, y, dx, dy in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)


def _picture_data(data: bytes) -> Iterator[bytes]:
    for chunk in chunks(data):
        if chunk.name == b"IDAT":
            content = memoryview(data)[chunk.start + 8 : chunk.end - 4]
            yield from (bytes(content[at : at + _FED]) for at in range(0, len(content), _FED))
