"""A gateway that does what a test says, in place of one that is connected to: what the agent makes of it is seen."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.errors import BridgeError
from trio_bridge.platforms.openclaw.hello import Hello


@attrs.frozen
class Says:
    """Texts that stand one after another, the last of them for good."""

    texts: tuple[str, ...]
    status: str = "final"


@attrs.frozen
class Fails:
    """Some texts, and then an error."""

    error: BridgeError
    texts: tuple[str, ...] = ()


@attrs.frozen
class Asked:
    session: str
    text: str
    key: str
    files: tuple[Any, ...]
    asked_before: bool
    abort: bool


class FakeRun:
    def __init__(self, act: Says | Fails) -> None:
        self._act = act
        self._left = deque(act.texts)
        self.text = ""
        self.rewritten = 0
        self.status = "running"

    def __aiter__(self) -> FakeRun:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        if self._left:
            given, self.text = self.text, self._left.popleft()
            if self.text.startswith(given):
                return self.text[len(given) :]
            self.rewritten += 1
            return ""
        if isinstance(self._act, Fails):
            raise self._act.error
        self.status = self._act.status
        raise StopAsyncIteration


class FakeGateway:
    """What is not scripted is answered with "you said", and what was said."""

    def __init__(self, **hello: Any) -> None:
        self.hello = Hello(protocol=4, **hello)
        self.asked: list[Asked] = []
        self.acts: deque[Says | Fails] = deque()
        self.on_wait: Callable[[], None] = lambda: None
        self.api = self

    async def wait_ready(self, patience: float) -> None:
        await trio.lowlevel.checkpoint()
        self.on_wait()

    @asynccontextmanager
    async def while_there(self, patience: float) -> AsyncGenerator[None]:
        yield

    async def raise_if_it_goes(self, failure: BridgeError) -> None:
        await trio.lowlevel.checkpoint()

    @asynccontextmanager
    async def chat(
        self,
        session: str,
        text: str,
        *,
        attachments: tuple[Any, ...],
        key: str,
        asked_before: bool,
        asked_since: float,
        abort: bool,
    ) -> AsyncGenerator[FakeRun]:
        await trio.lowlevel.checkpoint()
        self.asked.append(Asked(session, text, key, attachments, asked_before, abort))
        yield FakeRun(self.acts.popleft() if self.acts else Says((f"you said {text}",)))
