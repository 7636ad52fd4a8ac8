"""The file on disk: private, and held by one store at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreUnavailable

_REMEDY = {
    errno.EACCES: "let this user write there",
    errno.EPERM: "let this user own it",
    errno.EROFS: "name a file on a file system that can be written",
    errno.ENOENT: "create the directory first",
    errno.ENOTDIR: "name a file in a directory",
    errno.ENOSPC: "make room on the disk",
}


def lock(path: Path) -> int:
    """``PATH.lock`` is held by us until the returned descriptor is closed; the kernel frees it if the process dies.

    The lock file stays behind: removing it would let two processes lock two files of the same name.
    """
    holder = path.with_name(path.name + ".lock")
    with _explained(path):
        if path.is_dir():
            raise StoreUnavailable(f"the store {path} is a directory: name a file in it")
        _make_directory(path.parent)
        descriptor = _open_private(holder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreUnavailable(
                f"the store {path} is in use by process {owner}: stop that one first, or name another file"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def create(path: Path) -> None:
    """The file exists and only its owner may read it. Its -wal and -shm will inherit that.

    Called before SQLite has the file open: closing a second descriptor would drop SQLite's own locks.
    """
    with _explained(path):
        os.close(_open_private(path))
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # Else a power loss could take the new name away, and the first messages with it.
        finally:
            os.close(directory)


def _make_directory(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)


def _open_private(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.fstat(descriptor).st_mode & 0o777 != 0o600:
        os.fchmod(descriptor, 0o600)
    return descriptor


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = _REMEDY.get(error.errno or 0, "check the disk and the permissions")
        raise StoreUnavailable(f"the store {path} can't be opened ({reason}): {remedy}") from error
