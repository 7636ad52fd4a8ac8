"""Every question of an account, and whose turn it is in its session."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakValueDictionary

import trio

from ....engine.executors import Executor
from ....errors import BridgeError
from ....messages import Attachment
from ....nurseries import open_background
from ..calls import Calls
from ..config import OpenClaw
from ..events import Events
from ..sessions import main_session, whole_key
from .files import ChatFile, read_file
from .pursuit import Pursuit
from .run import Run
from .tracker import Tracker

ABORT_LIMIT: Final = 2.0
"""Seconds in which the gateway is told that a run is not wanted any more."""
ENDS_LATE: Final = 3
"""Gateways of this protocol are busy with a run for a moment longer than they say."""
REST: Final = 0.5
"""Seconds that those need after the end of a run. What is asked earlier is steered into it."""


class Chats:
    """The questions of an account that are being answered."""

    def __init__(
        self,
        config: OpenClaw,
        calls: Calls,
        events: Events,
        new_id: Callable[[], str],
        wall: Callable[[], float],
        disk: Executor,
    ) -> None:
        self._config = config
        self._calls = calls
        self._events = events
        self._new_id = new_id
        self._wall = wall
        self._disk = disk
        self._turns: WeakValueDictionary[str, trio.StrictFIFOLock] = WeakValueDictionary()
        self._rested_at: dict[str, float] = {}
        self._running: set[Tracker] = set()

    @property
    def runs(self) -> int:
        """Questions without an end."""
        return len(self._running)

    def is_ours(self, run_id: object) -> bool:
        """Whether somebody waits for the answer of this run."""
        return any(run_id in tracker.runs for tracker in self._running)

    @asynccontextmanager
    async def open(
        self,
        session_key: str | None,
        text: str,
        *,
        attachments: Collection[ChatFile | Attachment] = (),
        key: str | None = None,
        asked_before: bool = False,
        asked_since: float = 0.0,
        abort: bool = True,
    ) -> AsyncGenerator[Run]:
        """The answer grows while the block runs: what :meth:`OpenClawApi.chat` promises, and what that raises."""
        files = [await self.read(each) for each in attachments]
        self._check(text, files)
        session_key = session_key or self._config.session_key or main_session(self._calls.last_hello)
        tracker = Tracker(key or self._new_id(), session_key)
        run = Run(tracker)
        pursuit = Pursuit(
            run,
            tracker,
            self.question(session_key, text, files, tracker.key),
            self._calls,
            self._config.run_timeout,
            self._wall,
            asked_before,
            asked_since,
        )
        async with self._turn(session_key):
            self._running.add(tracker)
            try:
                with self._events.listening(pursuit.hear):
                    async with open_background("the run is left") as beside:
                        beside.start_soon(pursuit.see_through)
                        yield run
            finally:
                self._running.discard(tracker)
                if abort and not tracker.over:
                    await self._abort(tracker)

    async def read(self, attachment: ChatFile | Attachment) -> ChatFile:
        """A file as it goes with a question.

        Raises:
          RequestFailed: it can't be read, or is larger than allowed.
        """
        if isinstance(attachment, ChatFile):
            return attachment
        return await read_file(attachment, self._disk, self._config.max_attachment_bytes)

    def question(self, session_key: str, text: str, attachments: Collection[ChatFile], key: str) -> dict[str, Any]:
        """The parameters of ``chat.send``. ``deliver`` is always said: else the session's own way out would be used."""
        question: dict[str, Any] = {
            "sessionKey": session_key,
            "message": text,
            "deliver": False,
            "idempotencyKey": key,
        }
        if attachments:
            question["attachments"] = [file.dump() for file in attachments]
        return question

    def _check(self, text: str, attachments: Collection[ChatFile]) -> None:
        if not text.strip() and not attachments:
            raise ValueError("expected a text or attachments")
        most = self._config.max_attachment_bytes
        for file in attachments:
            if len(file.data) > most:
                raise ValueError(f"attachment {file.name!r}: {len(file.data)} bytes are more than {most}")

    @asynccontextmanager
    async def _turn(self, session_key: str) -> AsyncGenerator[None]:
        if not self._config.single_run_per_session:
            yield
            return
        session = whole_key(session_key, self._calls.last_hello)
        turn = self._turns.get(session)
        if turn is None:
            turn = self._turns[session] = trio.StrictFIFOLock()
        async with turn:
            await trio.sleep_until(self._rested_at.pop(session, 0.0))
            try:
                yield
            finally:
                self._let_rest(session)

    def _let_rest(self, session: str) -> None:
        """A gateway that would take the next question for a part of this one is given time to end."""
        now = trio.current_time()
        self._rested_at = {other: at for other, at in self._rested_at.items() if at > now}
        if self._calls.line is None or self._calls.line.hello.protocol == ENDS_LATE:
            self._rested_at[session] = now + REST

    async def _abort(self, tracker: Tracker) -> None:
        """Tell the gateway, if it can be told now, that nobody wants the answer any more."""
        with trio.move_on_after(ABORT_LIMIT, shield=True):
            for run_id in tuple(tracker.runs):
                try:
                    await self._calls.request("chat.abort", {"sessionKey": tracker.session_key, "runId": run_id})
                except BridgeError:
                    return
