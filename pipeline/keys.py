"""What a key may look like. Keys come from buckets and catalogues, so they are hostile until checked.

A key is a relative POSIX path, at most 1024 bytes of UTF-8 (S3's limit). Percent signs mean themselves:
nothing here or in a store ever decodes `%2e`, so an escaped `..` is just an odd file name.
"""

import unicodedata

from pipeline.errors import UnsafeKey

MAX_KEY_BYTES = 1024

TEMPORARY = ".unfinished-"
"""How the names of half-written files begin. Never listed, never accepted as part of a key."""


def check_key(key: str) -> None:
    """Return if `key` names one object inside a store; otherwise raise `UnsafeKey` saying what is wrong."""
    problem = _problem(key)
    if problem:
        raise UnsafeKey(printable(key), problem)


def is_safe_key(key: str) -> bool:
    """Whether `check_key` accepts `key`."""
    return _problem(key) is None


def printable(name: str) -> str:
    """`name` with what is no UTF-8 written as an escape; such a name fails `check_key` in either form."""
    return name.encode("utf-8", "backslashreplace").decode()


def _problem(key: str) -> str | None:
    try:
        encoded = key.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if not encoded:
        return "the name is empty"
    if len(encoded) > MAX_KEY_BYTES:
        return f"the name has {len(encoded)} bytes, more than {MAX_KEY_BYTES}"
    if "\\" in key:
        return "the name has a backslash"
    # Cc control, Cs half a surrogate pair, Zl and Zp line separators: none can be shown on one line.
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in key):
        return "the name has control characters"
    return _part_problem(key.split("/"))


def _part_problem(parts: list[str]) -> str | None:
    if "" in parts:
        return "the name begins or ends with a slash, or has two in a row"
    if "." in parts or ".." in parts:
        return "the name has a part that is . or .."
    if any(part.startswith(TEMPORARY) for part in parts):
        return f"names that begin with {TEMPORARY} are kept for half-written files"
    return None
