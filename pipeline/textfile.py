"""Text files that a user wrote, read whole and checked before anything parses them.

Every way in which a file can fail to be text (missing, a folder, too large, another encoding, NUL bytes) is
told as `InvalidInput` with the file and, where there is one, the line.
"""

import unicodedata
from pathlib import Path

from pipeline.errors import InvalidInput

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_bytes(path: Path, *, max_bytes: int) -> bytes:
    """The bytes of `path`, at most `max_bytes` of them; raises `InvalidInput`."""
    try:
        if path.is_dir():
            raise InvalidInput("is a folder, not a file", file=path)
        with path.open("rb") as stream:
            # One byte more than allowed tells a file that is too large without reading all of it.
            data = stream.read(max_bytes + 1)
    except FileNotFoundError:
        raise InvalidInput("there is no such file", file=path) from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", file=path) from error
    if len(data) > max_bytes:
        raise InvalidInput(f"is larger than {max_bytes:,} bytes", file=path)
    return data


def read_text(path: Path, *, max_bytes: int) -> str:
    """The text of `path`: UTF-8, with or without byte order mark, no NUL bytes; raises `InvalidInput`."""
    data = read_bytes(path, max_bytes=max_bytes)
    if data.startswith(_UTF16_MARKS):
        raise InvalidInput("is UTF-16 text", file=path, line=1, hint="save it as UTF-8")
    if (nul := data.find(b"\0")) >= 0:
        raise InvalidInput("has a NUL byte, so it is no text file", file=path, line=_line_at(data, nul))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts positions after the byte order mark, which holds no line end.
        line = _line_at(data, error.start)
        raise InvalidInput("is not UTF-8 text", file=path, line=line, hint="save it as UTF-8") from error


def control_character(text: str) -> str | None:
    """The first character that no text may have, as `U+0007`, or None.

    These are control characters other than tab and line end, and halves of surrogate pairs.
    """
    if text.isascii() and text.isprintable():
        return None
    for letter in text:
        if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\t\n":
            return f"U+{ord(letter):04X}"
    return None


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
