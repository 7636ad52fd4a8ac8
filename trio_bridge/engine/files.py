"""Where received files land: whole or not at all, under names that are ours, never over what was there."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeVar

import attrs
import trio

from ..errors import StoreUnavailable
from ..messages import PathLike
from ..wire.filenames import safe_name
from .executors import Executor

T = TypeVar("T")
Receive = Callable[[], Awaitable[bytes]]
"""Gives the next piece of a file; empty at its end."""

CHUNK: Final = 256 * 1024
"""Bytes that are gathered before the disk gets them: each turn costs two changes of thread."""

LEFT_OVER: Final = 3600.0
"""Seconds after which an unfinished file is nobody's any more: its process died."""

UNFINISHED: Final = ".part"

CLEAN_UP: Final = 5.0
"""Seconds to take away what is not whole."""


def _new_id() -> str:
    return secrets.token_hex(8)


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


@attrs.frozen(eq=False)
class _Draft:
    """A file that is being written, beside the place where it will be."""

    path: Path
    file: IO[bytes]

    @classmethod
    def begin(cls, directory: Path) -> _Draft:
        path = directory / f".{_new_id()}{UNFINISHED}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return cls(path, os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0))

    def write(self, data: bytearray) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]

    def finish(self, place: Callable[[], Path]) -> Path:
        self.file.close()
        path = place()
        self.path.replace(path)
        return path

    def discard(self) -> None:
        with suppress(OSError):  # what could not be written to is not there, or can't be removed either
            self.file.close()
        with suppress(OSError):
            self.path.unlink()


@attrs.define(eq=False)
class Files:
    """The folder for received files. Without one it is a private temporary folder, made when a file first needs it."""

    _directory: Path | None = attrs.field(converter=attrs.converters.optional(_absolute))
    _disk: Executor
    _new_id: Callable[[], str] = _new_id
    _is_swept: bool = attrs.field(default=False, init=False)
    _temporary: Path | None = attrs.field(default=None, init=False)

    async def keep(self, receive: Receive, name: str, to: PathLike | None = None) -> Path:
        """Write what ``receive`` gives into a file that only its owner may read, and return its path.

        ``to`` is the file, which is replaced if it is there, or a folder. In a folder, and in ours, the file gets a
        random name that ends like ``name``. At most a chunk of it is in memory; if anything fails nothing is left.

        Raises:
          StoreUnavailable: the disk won't have it. What ``receive`` raises comes out as it is.
        """
        draft = await self._write(lambda: _Draft.begin(self._folder(to)), to)
        try:
            chunk = bytearray()
            while piece := await receive():
                chunk += piece
                if len(chunk) >= CHUNK:
                    await self._write(partial(draft.write, chunk), to)
                    chunk = bytearray()
            await self._write(partial(draft.write, chunk), to)
            return await self._write(partial(draft.finish, partial(self._place, name, to)), to)
        except BaseException:
            with trio.move_on_after(CLEAN_UP, shield=True):
                await self._disk(draft.discard)
            raise

    async def aclose(self) -> None:
        """A temporary folder is gone, with everything in it."""
        if self._temporary is not None:
            with trio.move_on_after(CLEAN_UP, shield=True):
                await self._disk(partial(shutil.rmtree, self._temporary, ignore_errors=True))
            self._temporary = None

    async def _write(self, function: Callable[[], T], to: PathLike | None) -> T:
        try:
            return await self._disk(function)
        except OSError as error:
            where = to or self._directory or "the temporary folder"
            reason = (error.strerror or str(error)).lower()
            raise StoreUnavailable(f"a received file can't be kept in {where}: {reason}") from error

    def _folder(self, to: PathLike | None) -> Path:
        """Where the file is written. Ours is made anew where somebody took it away."""
        if to is not None:
            return _folder_of(Path(to).absolute())
        if self._directory is None:
            if self._temporary is None or not self._temporary.is_dir():
                self._temporary = Path(tempfile.mkdtemp(prefix="trio-bridge-"))
            return self._temporary
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_swept:
            _sweep(self._directory)
            self._is_swept = True
        return self._directory

    def _place(self, name: str, to: PathLike | None) -> Path:
        """The path that the file gets: the one that was asked for, or one that nobody has."""
        wanted = None if to is None else Path(to).absolute()
        if wanted is not None and not wanted.is_dir():
            return wanted
        folder = self._folder(to)
        while os.path.lexists(path := folder / f"{self._new_id()}-{safe_name(name)}"):
            pass  # 64 bits of chance: not in this life
        return path


@asynccontextmanager
async def open_files(directory: Path | None, disk: Executor) -> AsyncIterator[Files]:
    """A place for received files while the block runs. ``directory`` and what is in it stay."""
    files = Files(directory, disk)
    try:
        yield files
    finally:
        await files.aclose()


def beside(store: Path) -> Path:
    """The folder that goes with a store: ``bridge-files`` for ``bridge.db``."""
    return store.with_name(f"{store.stem}-files")


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _sweep(directory: Path) -> None:
    """Take away what processes that died left unfinished."""
    for path in directory.glob(f".*{UNFINISHED}"):
        with suppress(OSError):
            if path.stat(follow_symlinks=False).st_mtime < time.time() - LEFT_OVER:
                path.unlink()
