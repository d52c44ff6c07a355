"""Whether anything in a folder has changed: its files, their sizes and when each was last written."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

Snapshot = tuple[tuple[str, int, int], ...]
"""(path, mtime in ns, bytes) of each file, sorted by path."""


def snapshot(folders: Iterable[Path]) -> Snapshot:
    """Every file below `folders`; a folder that is not there has none."""
    return tuple(sorted(_files(folders)))


def _files(folders: Iterable[Path]) -> Iterator[tuple[str, int, int]]:
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                try:
                    found = os.stat(path)
                except OSError:  # an editor that saves under another name first has taken it away meanwhile
                    continue
                yield path, found.st_mtime_ns, found.st_size
