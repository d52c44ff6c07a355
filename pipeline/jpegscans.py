"""What a JPEG's scans hold, read without decoding anything, in one pass over the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import PhotoRejected, Reason
from pipeline.jpegfile import Segment, has_scan, header

MAX_MARKERS = 10_000
"""Behind the first scan's header; 500 scans with their tables have 2,500. Nine million cost a decoder 4 s."""

_SOS, _EOI = 0xDA, 0xD9
_SEQUENTIAL, _PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC9}), frozenset({0xC2, 0xCA})
_DC = 0
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither an escaped 0xff, a restart nor fill


@dataclass(frozen=True, slots=True)
class Scan:
    """Coefficients `first` to `last` (in zigzag order, 0 is DC) of `components`, down to bit `low`."""

    components: bytes
    first: int
    last: int
    low: int


def scans(data: bytes, segments: list[Segment]) -> list[Scan]:
    """Those of the first picture. What follows its end, such as a film, is not looked at.

    Raises `PhotoRejected(DAMAGED)` where there are absurdly many markers between them.
    """
    return [_scan(data, segment) for segment in _behind_header(data, segments) if segment.marker == _SOS]


def lack(found: list[Scan], data: bytes, segments: list[Segment]) -> bool:
    """Whether the scans `found` in `data` cannot be all: then a decoder shows blur or grey, and says nothing.

    Every component needs its DC. A progressive JPEG also needs some AC, and the last bit of all it sends.
    """
    frame = next((s for s in segments if s.marker in _SEQUENTIAL | _PROGRESSIVE), None)
    if frame is None:
        return False
    components = data[frame.start + 10 : frame.start + 10 + 3 * data[frame.start + 9] : 3]
    if frame.marker in _SEQUENTIAL:
        return not set(components) <= {component for scan in found for component in scan.components}
    lowest_bits = {
        (component, coefficient): scan.low
        for scan in found
        for component in scan.components
        for coefficient in range(scan.first, scan.last + 1)
    }
    only_dc = all(coefficient == _DC for _, coefficient in lowest_bits)
    return only_dc or any(lowest_bits.values()) or any((c, _DC) not in lowest_bits for c in components)


def without_padding(data: bytes) -> bytes:
    """`data` up to EOI, without the zeros and the fill (0xff) that some cameras write before it."""
    found = list(_behind_header(data, header(data)))
    if not found or found[-1].marker != _EOI:
        return data
    picture = data[: found[-1].start].rstrip(b"\xff").rstrip(b"\0")
    escaped = b"\0" if picture.endswith(b"\xff") else b""
    return picture + escaped + b"\xff\xd9"


def _behind_header(data: bytes, segments: list[Segment]) -> Iterator[Segment]:
    """From the first scan's to EOI, which is the last if it is there."""
    if not has_scan(segments):
        return
    yield segments[-1]
    at = segments[-1].end
    for _ in range(MAX_MARKERS):
        found = _MARKER.search(data, at)
        if not found:
            return
        start, marker = found.start(), data[found.start() + 1]
        at = start + 2 + (0 if marker == _EOI else int.from_bytes(data[start + 2 : start + 4], "big"))
        yield Segment(marker, start, at)
        if marker == _EOI:
            return
    raise PhotoRejected(Reason.DAMAGED, f"the JPEG has more than {MAX_MARKERS:,} markers in its picture data")


def _scan(data: bytes, segment: Segment) -> Scan:
    """ITU-T T.81, B.2.3: each component's identifier and tables, then Ss, Se, and Al in half a byte."""
    behind = segment.start + 5 + 2 * data[segment.start + 4]
    first, last, bits = data[behind : behind + 3]
    return Scan(data[segment.start + 5 : behind : 2], first, last, bits & 15)
