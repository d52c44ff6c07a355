"""An object store in a directory: what S3 promises, kept with plain files.

A reader sees a whole object or none; of any number of writers of one new key exactly one wins; nothing is
ever read from or written to a place outside the root, not even through a link.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pipeline.errors import AccessDenied, ObjectGone, ObjectTooLarge, StoreError, Transient, UnsafeKey
from pipeline.keys import TEMPORARY, check_key, printable
from pipeline.types import Listed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EMFILE, errno.ENFILE}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


class DirStore:
    """Objects as files under `root`, which is made at the first write.

    The etag is made of size, time of change and inode: it changes whenever a file is rewritten or replaced.
    A link to a file inside the root is that file; a link that leads out of the root, and a link to a folder,
    is listed but cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Every object whose key begins with `prefix`, in the order of the keys' bytes (as S3 lists)."""
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder)
        waiting = [self._entries(folder)]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
            elif entry.is_folder:
                if entry.key.startswith(prefix) or prefix.startswith(entry.key):
                    waiting.append(self._entries(entry.path))
            elif entry.key.startswith(prefix):
                yield Listed(entry.key, entry.etag, entry.size)

    def read(self, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        """The object's bytes, and how a listing shows exactly these bytes."""
        path = self._inside(key)
        try:
            # Without O_NONBLOCK a named pipe among the photos would hang the reader for ever.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                before = os.fstat(handle)
                _check_readable(key, before, max_bytes)
                with open(handle, "rb", closefd=False) as file:
                    data = file.read(before.st_size + 1)
                after = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError as error:
            _raise_for_reading(error, key, path)
        if _etag(before) != _etag(after) or len(data) != before.st_size:
            raise Transient(f"{path}: the file changed while it was read")
        return Listed(key, _etag(before), before.st_size), data

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """The object's bytes."""
        return self.read(key, max_bytes=max_bytes)[1]

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        path = self._inside(key)
        try:
            return path.is_file()
        except OSError as error:
            _raise_for_writing(error, path)

    def put_new(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> bool:
        """Store `data` unless the key exists; True if this call stored it."""
        path = self._place(key)
        if path.is_file():
            return False
        temporary = self._write_temporary(path, data)
        try:
            # A link is made or refused in one step, unlike a look followed by a rename.
            os.link(temporary, path)
        except FileExistsError as error:
            if path.is_dir():
                _raise_for_writing(error, path)
            return False
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise StoreError(
                    f"{path.parent}: this file system has no hard links, which create-only writes need; "
                    "keep the output on another disk or in a bucket"
                ) from error
            _raise_for_writing(error, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return True

    def replace(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data`, whether or not the key exists. Readers see the old or the new bytes, never a mix."""
        path = self._place(key)
        temporary = self._write_temporary(path, data)
        try:
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            _raise_for_writing(error, path)
        _sync_folder(path.parent)

    def replace_if(
        self, key: str, data: bytes, etag: str, content_type: str = "application/octet-stream"
    ) -> bool:
        """Store `data` if the object's etag is still `etag`; True if this call stored it.

        Whoever replaces on a condition holds a lock on the folder; `replace` does not ask for it.
        """
        path = self._place(key)
        try:
            handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not path.is_file() or _etag(path.stat()) != etag:
                return False
            self.replace(key, data, content_type)
        except OSError as error:
            _raise_for_writing(error, path)
        finally:
            os.close(handle)  # and with it the lock
        return True

    def delete(self, key: str) -> None:
        """Remove the object; a key that does not exist is no error."""
        path = self._place(key)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            _raise_for_writing(error, path)

    def unfinished(self, *, before: float) -> Iterator[Listed]:
        """Half-written files whose last byte was written before that time (seconds since 1970).

        `list` never shows them, and their keys fit `remove_unfinished` alone.
        """
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # finished, or removed by another
                    status = path.lstat()
                    if name.startswith(TEMPORARY) and status.st_mtime < before:
                        yield Listed(str(path.relative_to(self.root)), _etag(status), status.st_size)

    def remove_unfinished(self, key: str) -> None:
        """Remove one of `unfinished`; one that is gone is no error."""
        path = self.root / key
        if not path.name.startswith(TEMPORARY):
            raise UnsafeKey(key, "this is no half-written file")
        self._kept_inside(key, os.path.realpath(path.parent))
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _raise_for_writing(error, path)

    def url(self, key: str) -> str:
        """The file's absolute path."""
        return str(self.root / key)

    def _inside(self, key: str) -> Path:
        """The file to read for `key`, links followed; `UnsafeKey` if that is not inside the root."""
        _check_parts(key)
        return self._kept_inside(key, os.path.realpath(self.root / key))

    def _place(self, key: str) -> Path:
        """The name to write for `key`: links among its folders followed, but never a link of that name."""
        _check_parts(key)
        folder, _, name = key.rpartition("/")
        return self._kept_inside(key, os.path.realpath(self.root / folder)) / name

    def _kept_inside(self, key: str, path: str) -> Path:
        if not Path(path).is_relative_to(self.root):
            raise UnsafeKey(key, "this is a link that leads out of the store")
        return Path(path)

    def _write_temporary(self, path: Path, data: bytes) -> Path:
        temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[os.write(file.fileno(), view) :]
                os.fsync(file.fileno())
        except OSError as error:
            # The first error is the one to report, whatever becomes of the remains.
            with suppress(OSError):
                temporary.unlink()
            _raise_for_writing(error, path)
        return temporary

    def _entries(self, folder: str) -> "Iterator[_Entry]":
        path = self.root / folder
        try:
            with os.scandir(path) as found:
                entries = [_Entry.of(item, folder) for item in found if not item.name.startswith(TEMPORARY)]
        except (FileNotFoundError, NotADirectoryError):
            entries = []
        except OSError as error:
            raise StoreError(f"{path}: cannot be listed: {error.strerror}; check its permissions") from error
        present = [entry for entry in entries if entry is not None]
        return iter(sorted(present, key=lambda entry: entry.key.encode()))


class _Entry:
    """One name in a folder. `key` of a folder ends with a slash, so that sorting agrees with S3's order."""

    __slots__ = ("etag", "is_folder", "key", "path", "size")

    def __init__(self, key: str, path: str, is_folder: bool, etag: str, size: int) -> None:
        self.key, self.path, self.is_folder, self.etag, self.size = key, path, is_folder, etag, size

    @classmethod
    def of(cls, item: "os.DirEntry[str]", folder: str) -> "_Entry | None":
        path = f"{folder}/{item.name}" if folder else item.name
        is_folder = item.is_dir(follow_symlinks=False)
        try:
            status = item.stat()
        except FileNotFoundError:
            if not item.is_symlink():
                return None  # deleted since the folder was read
            status = item.stat(follow_symlinks=False)
        except OSError:
            status = item.stat(follow_symlinks=False)  # a link in a circle
        return cls(printable(path) + "/" * is_folder, path, is_folder, _etag(status), status.st_size)


def _check_readable(key: str, status: os.stat_result, max_bytes: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ObjectGone(key, "this is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeKey(key, "this is not a plain file")
    if max_bytes is not None and status.st_size > max_bytes:
        raise ObjectTooLarge(key, f"{status.st_size:,} bytes, more than {max_bytes:,}")


def _check_parts(key: str) -> None:
    check_key(key)
    if any(len(part.encode()) > 255 for part in key.split("/")):
        raise UnsafeKey(key, "a part of the name has more than 255 bytes, which no file system takes")


def _etag(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def _sync_folder(folder: Path) -> None:
    # The name itself must survive a power cut: the manifest will say that the object is there.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _raise_for_reading(error: OSError, key: str, path: Path) -> NoReturn:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ObjectGone(key, "there is no such file") from error
    if error.errno in (errno.ELOOP, errno.ENXIO):
        raise UnsafeKey(key, "this is a link in a circle or a socket, not a plain file") from error
    if error.errno in _FORBIDDEN:
        raise AccessDenied(key, f"the file may not be read: {error.strerror}") from error
    if error.errno in _PASSING:
        raise Transient(f"{path}: {error.strerror}") from error
    raise StoreError(f"{path}: cannot be read: {error.strerror}") from error


def _raise_for_writing(error: OSError, path: Path) -> NoReturn:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        raise StoreError(f"{path}: the disk is full ({reason}); free some space and run again") from error
    if error.errno in _FORBIDDEN | {errno.EROFS}:
        raise StoreError(f"{path}: may not be written ({reason}); check the folder's permissions") from error
    if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
        raise StoreError(
            f"{path}: cannot be written, a file stands where a folder must be, or the reverse"
        ) from error
    if error.errno in _PASSING:
        raise Transient(f"{path}: {reason}") from error
    raise StoreError(f"{path}: cannot be written: {reason}") from error
