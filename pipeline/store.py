"""The seam between us and wherever objects are kept: a directory or an S3 bucket.

Promises of every store: a key is checked before anything else; an object is whole or absent; `put_new` has
exactly one winner; reads stop at `max_bytes`. Stores are picklable and may be shared by threads.
Each method raises only what `pipeline.errors` draws: an `ObjectError` for one object, `Transient` for what
may work in a moment, `StoreError` when nothing will.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pipeline.dirstore import DirStore
from pipeline.errors import StoreError
from pipeline.s3store import S3Store
from pipeline.types import Listed

__all__ = ["DirStore", "ObjectStore", "S3Store", "open_store"]


class ObjectStore(Protocol):
    """Where photos come from and where everything made goes."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Every object whose key begins with `prefix`, sorted by the keys' bytes where the server sorts: S3's
        directory buckets do not, so whoever needs an order makes it.

        Keys that `pipeline.keys.check_key` refuses are listed too, so that a report can name them.
        """

    def read(self, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        """The bytes, and how a listing shows exactly these bytes. `ObjectTooLarge` over `max_bytes`."""

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """The bytes alone."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""

    def put_new(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> bool:
        """Store `data` unless the key exists; True if this call stored it, False if it was there."""

    def replace(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data`, whether or not the key exists."""

    def replace_if(
        self, key: str, data: bytes, etag: str, content_type: str = "application/octet-stream"
    ) -> bool:
        """Store `data` if the object is still the one that was read with `etag`; False if it is not.

        Of any number of writers that read the same object, exactly one gets True. Its bytes must differ from
        all that ever stood there (a counter in them is enough): a bucket's etag is a hash of the bytes.
        """

    def delete(self, key: str) -> None:
        """Remove the object; a key that does not exist is no error."""

    def url(self, key: str) -> str:
        """Where a person finds the object: an absolute path, or `s3://bucket/key`."""


def open_store(where: str | Path, *, must_exist: bool = False) -> ObjectStore:
    """The store at `s3://bucket/prefix` or in a directory.

    `must_exist` is for inputs: a directory that is not there then raises `StoreError` instead of being empty.
    (A bucket that is not there always raises, at the first call.)
    """
    if isinstance(where, str) and where.startswith("s3://"):
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        if not bucket:
            raise StoreError(f"{where}: names no bucket; write s3://bucket or s3://bucket/prefix")
        return S3Store(bucket, prefix)
    if "://" in str(where):
        raise StoreError(f"{where}: only s3://bucket/prefix or a directory can be opened")
    if must_exist and not Path(where).is_dir():
        raise StoreError(f"{where}: there is no such directory")
    return DirStore(Path(where))
