"""A WebP's header, read without decoding anything.

Opening one makes libwebp hold its canvas twice: a header of 30 bytes decides on gigabytes.
"""

MAX_SIDE = 16_384
"""Of a picture (RFC 9649). Only an animation's canvas may be larger, up to 2**24."""

_KIND, _CONTENT = 12, 20
_LOSSLESS, _LOSSY = b"\x2f", b"\x9d\x01\x2a"
"""What comes before the size: without it the bytes are no size."""


def canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height as the first chunk says them; None if it is none that begins a WebP."""
    content = data[_CONTENT : _CONTENT + 10]
    match data[_KIND : _KIND + 4]:
        case b"VP8X" if len(content) == 10:  # one less than each, in 24 bits
            return 1 + _number(content[4:7]), 1 + _number(content[7:10])
        case b"VP8L" if len(content) >= 5 and content.startswith(_LOSSLESS):  # one less, in 14 bits
            sides = _number(content[1:5])
            return 1 + sides % 2**14, 1 + (sides >> 14) % 2**14
        case b"VP8 " if len(content) == 10 and content[3:6] == _LOSSY:  # in 14 bits, below two for scaling
            return _number(content[6:8]) % 2**14, _number(content[8:10]) % 2**14
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
