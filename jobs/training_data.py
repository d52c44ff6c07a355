"""Training data out of a bucket: `s3://` folders copied to a cache folder, so that `shm` reads plain files.

Only what changed is fetched: an object whose ETag and size are those of the last time is kept; one that is
gone from the bucket goes from the cache. `fingerprint` tells by a listing alone whether anything did.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.decode import MAX_PHOTO_BYTES
from pipeline.dirstore import DirStore
from pipeline.errors import ObjectError, StoreError
from pipeline.keys import is_safe_key, printable
from pipeline.store import ObjectStore, open_store
from pipeline.types import Listed
from shm.data.sources import remote_places, with_folders

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".txt")
"""What training reads: pictures, and lists of them. Whatever else a bucket holds is left there."""
_AT_ONCE = 16
_STATE = "fetched.json"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A bucket's prefix in `folder`. How many objects were `new` (or had changed), `kept` and `removed`;
    `refused` has a line for each that cannot be had."""

    where: str
    folder: Path
    new: int
    kept: int
    removed: int
    refused: tuple[str, ...]

    def __str__(self) -> str:
        changes = f"{self.new:,} fetched, {self.kept:,} unchanged, {self.removed:,} removed"
        return f"{self.where}: {changes}" + (f", {len(self.refused):,} refused" if self.refused else "")


def fetch_sources(
    sources: Mapping[str, Mapping[str, Any]], cache: Path
) -> tuple[dict[str, dict[str, Any]], list[Fetched]]:
    """The recipe's sources with cache folders in place of `s3://` ones, and what was fetched for that.

    Raises `pipeline.errors.StoreError` and `Transient`.
    """
    fetched = [fetch_prefix(place, cache) for place in remote_places(sources)]
    return with_folders(sources, {one.where: one.folder for one in fetched}), fetched


def fetch_prefix(where: str, cache: Path) -> Fetched:
    """Brings a folder of `cache` up to date with `s3://bucket/prefix`.

    Each place has a folder of its own there, which nothing else may write to. A run that was stopped goes on.
    Raises `pipeline.errors.StoreError` and `Transient`.
    """
    # Digested whole: s3://a/b-c and s3://a-b/c must not share a folder, or each would empty the other's.
    place = cache / hashlib.sha256(where.encode()).hexdigest()[:16]
    known = _read_state(place / _STATE)
    store, files = open_store(where), DirStore(place / "files")
    listed, refused = _listed(store, where)
    wanted = [item for item in listed if not _is_kept(item, known, place / "files" / item.key)]
    new = {item.key for item in wanted}
    gone = known.keys() - {item.key for item in listed}
    state = {key: value for key, value in known.items() if key not in new | gone}
    try:
        for key in gone:
            files.delete(key)
        for item, problem in _fetch(store, files, wanted):
            if problem is None:
                state[item.key] = [item.etag, item.size]
            else:
                refused.append(str(problem))
                if item.key in known:
                    files.delete(item.key)
    finally:
        # Also where one failed: what has arrived is not fetched again.
        _write_state(place / _STATE, state)
    fetched = len(new & state.keys())
    return Fetched(where, place / "files", fetched, len(listed) - len(wanted), len(gone), tuple(refused))


def fingerprint(data: str, sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Of the pictures and lists in `data`, a folder or an `s3://` prefix, and in the buckets that `sources`
    name: sha256 (hex) of their names and of what a listing says of them. Nothing is read.

    A folder that this machine does not see is as good as an empty one. Raises `pipeline.errors.StoreError`
    and `Transient`.
    """
    digest = hashlib.sha256()
    for place in sorted({data, *remote_places(sources)}):
        found = _objects(place) if "://" in place else _files(Path(place))
        digest.update(json.dumps([place, sorted(found)]).encode())
    return digest.hexdigest()


def _objects(where: str) -> list[tuple[str, str, int]]:
    """Key, etag and size of each."""
    return [(item.key, item.etag, item.size) for item in _listed(open_store(where), where)[0]]


def _files(folder: Path) -> Iterator[tuple[str, str, int]]:
    """Name, time of change and size of each. Links are followed, as training follows them."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a link that leads back would be followed for ever
            continue
        seen.add(real)
        for file in (Path(place, name) for name in names):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                status = file.stat()
                yield str(file.relative_to(folder)), str(status.st_mtime_ns), status.st_size


def _listed(store: ObjectStore, where: str) -> tuple[list[Listed], list[str]]:
    items = [item for item in store.list() if PurePosixPath(item.key).suffix.lower() in SUFFIXES]
    refused = [f"{printable(item.key)!r}: no safe name" for item in items if not is_safe_key(item.key)]
    listed = [item for item in items if is_safe_key(item.key)]
    if not listed:
        # A slip in a prefix must neither empty a cache nor pass for data.
        raise StoreError(f"{where}: holds no pictures; check the bucket and the prefix")
    return listed, refused


def _is_kept(item: Listed, known: Mapping[str, list[Any]], file: Path) -> bool:
    return (
        known.get(item.key) == [item.etag, item.size] and file.is_file() and file.stat().st_size == item.size
    )


def _fetch(
    store: ObjectStore, files: DirStore, wanted: list[Listed]
) -> Iterator[tuple[Listed, ObjectError | None]]:
    """Each object as it was read, or as it was listed with the reason why it cannot be had."""

    def copy(item: Listed) -> tuple[Listed, ObjectError | None]:
        try:
            found, data = store.read(item.key, max_bytes=MAX_PHOTO_BYTES)
            files.replace(item.key, data)
        except ObjectError as error:
            return item, error
        return found, None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(copy, wanted)


def _read_state(file: Path) -> dict[str, list[Any]]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        # Nothing is known, so everything is fetched again; what lies there is written over.
        return {}


def _write_state(file: Path, state: Mapping[str, list[Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".partial")
    temporary.write_text(json.dumps(state), encoding="utf-8")
    os.replace(temporary, file)
