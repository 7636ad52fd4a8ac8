"""Presses whose handler is at work. A card that is changed before its press is answered is changed back by that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs
import trio

from ....errors import RequestFailed

ON_ITS_WAY: Final = 1.0
"""Seconds after a handler's return in which its answer may still be on its way to Feishu."""


@attrs.define(eq=False)
class _Press:
    """One that is answered, or soon will be."""

    task: trio.lowlevel.Task
    over: trio.Event = attrs.Factory(trio.Event)
    answered_at: float = 0.0


class Presses:
    """The presses of one account that are being answered, and those that just were, by their tokens."""

    def __init__(self) -> None:
        self._presses: dict[str, _Press] = {}

    @contextmanager
    def answering(self, token: str) -> Iterator[None]:
        """Within the block a handler works on the answer."""
        press = self._presses[token] = _Press(trio.lowlevel.current_task())
        try:
            yield
        finally:
            press.answered_at = now = trio.current_time()
            press.over.set()
            for old, each in list(self._presses.items()):
                if each.over.is_set() and each.answered_at < now - ON_ITS_WAY:
                    del self._presses[old]

    async def wait_answered(self, token: str) -> None:
        """Return when the answer is with Feishu.

        Raises:
          RequestFailed: it is the handler itself that waits for it.
        """
        press = self._presses.get(token)
        if press is None:
            return
        if press.task is trio.lowlevel.current_task() and not press.over.is_set():
            raise RequestFailed(
                "return from on_card_action first: only once a press is answered can its card be changed",
                code="press_unanswered",
            )
        await press.over.wait()
        await trio.sleep_until(press.answered_at + ON_ITS_WAY)
