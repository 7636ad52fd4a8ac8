"""What all simulators are: something that runs while its block does."""

from __future__ import annotations

import abc
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self


class Block(abc.ABC):
    """Opened by ``async with``."""

    _stack: AsyncExitStack

    @abc.abstractmethod
    def _open(self) -> AbstractAsyncContextManager[None]:
        """What goes on while the block runs."""

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)
