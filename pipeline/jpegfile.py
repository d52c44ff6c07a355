"""A JPEG's header, read without decoding anything.

What nobody needs is kept from the decoders: Pillow parses Exif and multi-picture tables while it opens a
file, and thousands of entries that all point at the same 64 KB make it fill gigabytes. Everything here is
linear in the file's size, whatever the bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import PhotoRejected, Reason

MAX_SEGMENTS = 10_000
"""In a header; files with a depth map or a long XMP packet have some hundred. Each costs Pillow 2 to 5 us."""
MAX_STRAY_BYTES = 1_000_000
"""Between segments, in all. Pillow walks through them one by one, a second for three million."""

_SOS, _TEM = 0xDA, 0x01
_APP1, _APP2 = 0xE1, 0xE2
_EXTRAS = frozenset({*range(0xE0, 0xF0), 0xFE})
_COLOURS = frozenset({0xE0, 0xEE})
_WITHOUT_LENGTH = frozenset({_TEM, *range(0xD0, _SOS)})
_EXIF, _XMP, _PICTURES = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker with what belongs to it: `data[start:end]`, 0xff and length included."""

    marker: int
    start: int
    end: int


def header(data: bytes) -> list[Segment]:
    """The segments before the first scan, in order; stray bytes between them are in none.

    Raises `PhotoRejected(DAMAGED)` where there are absurdly many of either.
    """
    found: list[Segment] = []
    stray = 0
    for segment in _walk(data):
        stray += segment.start - (found[-1].end if found else 2)
        found.append(segment)
        if len(found) > MAX_SEGMENTS or stray > MAX_STRAY_BYTES:
            raise PhotoRejected(Reason.DAMAGED, "the JPEG's header is a heap of markers and stray bytes")
    if len(data) - (found[-1].end if found else 2) > MAX_STRAY_BYTES and not has_scan(found):
        raise PhotoRejected(Reason.DAMAGED, "the JPEG's header leads nowhere")
    return [segment for segment in found if segment.marker not in (0x00, 0xFF)]


def has_scan(segments: list[Segment]) -> bool:
    """Whether the header ends where picture data begins."""
    return bool(segments) and segments[-1].marker == _SOS


def exif(data: bytes, segments: list[Segment]) -> bytes:
    """What the Exif segments hold together, without their labels: long data is split, and some are empty."""
    return _labelled(data, segments, _EXIF)


def xmp(data: bytes, segments: list[Segment]) -> bytes:
    """What the XMP segments hold together, without their labels."""
    return _labelled(data, segments, _XMP)


def without_tables(data: bytes, segments: list[Segment]) -> bytes:
    """`data` without Exif and multi-picture tables, and otherwise as it is, odd bytes included."""
    dropped = [
        segment
        for segment in segments
        if (segment.marker == _APP1 and data.startswith(_EXIF, segment.start + 4))
        or (segment.marker == _APP2 and data.startswith(_PICTURES, segment.start + 4))
    ]
    return _without(data, dropped)


def bare_picture(data: bytes, segments: list[Segment], *, colours: bool = True) -> bytes:
    """What makes the pixels: `data` with neither comments, application segments nor stray bytes in front.

    `colours` keeps the two segments that say how colours are stored (JFIF's and Adobe's). As it is if no
    scan can be found.
    """
    if not has_scan(segments):
        return data
    dropped = _EXTRAS - _COLOURS if colours else _EXTRAS
    kept = [data[s.start : s.end] for s in segments[:-1] if s.marker not in dropped]
    return b"".join([data[:2], *kept, data[segments[-1].start :]])


def _labelled(data: bytes, segments: list[Segment], label: bytes) -> bytes:
    starts = [(s.start + 4, s.end) for s in segments if s.marker == _APP1]
    return b"".join(data[at + len(label) : end] for at, end in starts if data.startswith(label, at))


def _walk(data: bytes) -> Iterator[Segment]:
    """Segments, and as such of one byte the padding (0xff before 0xff) and escapes (0xff before 0)."""
    at = 2
    while (start := data.find(b"\xff", at)) >= 0 and start + 4 <= len(data):
        marker = data[start + 1]
        if marker in (0x00, 0xFF):
            at = start + 1
        elif marker in _WITHOUT_LENGTH:
            at = start + 2
        else:
            at = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        yield Segment(marker, start, at)
        if marker == _SOS:
            return


def _without(data: bytes, dropped: list[Segment]) -> bytes:
    if not dropped:
        return data
    kept, at = [], 0
    for segment in dropped:
        kept.append(data[at : segment.start])
        at = segment.end
    return b"".join([*kept, data[at:]])
