"""How a test hears of processes that are not its own children: whether they have begun, and that none is left."""

from __future__ import annotations

import os
from pathlib import Path

import trio


class Fifo:
    """Programs write to it. It ends when every process that had it open, children included, is gone."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._stream: trio.lowlevel.FdStream | None = None
        self._heard = b""

    async def heard(self, word: str) -> None:
        """Return when somebody has written ``word``."""
        while word.encode() not in self._heard:
            piece = await (await self._opened()).receive_some()
            assert piece, f"everybody left without a word of {word}"
            self._heard += piece

    async def left(self) -> None:
        """Return when nobody has it open any more."""
        stream = await self._opened()
        while await stream.receive_some():
            pass

    async def _opened(self) -> trio.lowlevel.FdStream:
        if self._stream is None:  # Opening waits for the first writer.
            descriptor = await trio.to_thread.run_sync(os.open, self.path, os.O_RDONLY, abandon_on_cancel=True)
            self._stream = trio.lowlevel.FdStream(descriptor)
        return self._stream

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
