"""The mark on a message that is thought about: best effort, by an API that is not documented.

1. Nothing waits for it: neither the handler, nor the answer, nor the end of the account.
2. A message that is handled within a second gets none, for each call counts against a monthly quota.
3. Whatever was marked is unmarked, however its handling ends.
4. After three errors in a row there are no more calls.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import trio

from ...engine.keys import message_of
from ...errors import BridgeError, OutcomeUnknown
from ...messages import Message
from ...wire.jsontext import word
from .config import DingTalk
from .failures import describe
from .rest import Rest

MARK: Final = "/v1.0/robot/emotion/reply"
UNMARK: Final = "/v1.0/robot/emotion/recall"
NAME: Final = "🤔思考中"
EMOTION: Final = {
    "emotionType": 2,
    "emotionName": NAME,
    "textEmotion": {"emotionId": "2659900", "emotionName": NAME, "text": NAME, "backgroundId": "im_bg_1"},
}

PATIENCE: Final = 1.0
"""Seconds of work that nobody is told of."""
LIMIT: Final = 5.0
"""Seconds for one call."""
LAST_LIMIT: Final = 0.5
"""Seconds for unmarking at the end of the account, which is to be over within one."""
ERRORS: Final = 3

logger = logging.getLogger(__name__)


class Attention:
    """One message while its handler is at work on it."""

    __slots__ = ("_thinking", "message", "over", "since")

    def __init__(self, thinking: Thinking, message: Message) -> None:
        self._thinking = thinking
        self.message = message
        self.since = trio.current_time()
        self.over: trio.Event | None = None
        """Set when the mark is to go; there is none before there is a mark."""

    async def __aenter__(self) -> None:
        self._thinking.begin(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thinking.end(self)


class Thinking:
    """Marks what the handlers of one account take their time for. One task watches over all of them."""

    def __init__(self, config: DingTalk, rest: Rest, nursery: trio.Nursery) -> None:
        self._labels = config.labels
        self._robot_code = config.robot_code
        self._rest = rest
        self._nursery = nursery
        self._name = f"{config.platform}:{config.name}"
        self._errors = 0
        self._new: dict[str, Attention] = {}
        """What is not marked yet, the oldest first."""
        self._marked: dict[str, Attention] = {}
        self._asleep: trio.Event | None = None
        self.off = not config.thinking_emotion
        if not self.off:
            nursery.start_soon(self._watch, name=f"{self._name}/thinking")

    def attending(self, message: Message) -> Attention | None:
        """What surrounds one run of the handler; ``None``: there are to be no marks."""
        return None if self.off else Attention(self, message)

    def unneeded(self, reply_key: str) -> None:
        """People see the answer of that key grow: its message needs no mark."""
        message_id = message_of(reply_key)
        attention = self._new.pop(message_id, None) or self._marked.get(message_id)
        if attention is not None and attention.over is not None:
            attention.over.set()

    def begin(self, attention: Attention) -> None:
        """A handler is at work on the message."""
        self._new[attention.message.id] = attention
        if self._asleep is not None:
            self._asleep.set()
            self._asleep = None

    def end(self, attention: Attention) -> None:
        """The handler is through with it."""
        if attention.over is not None:
            attention.over.set()
        elif self._new.get(attention.message.id) is attention:
            del self._new[attention.message.id]

    async def _watch(self) -> None:
        while not self.off:
            if not self._new:
                self._asleep = asleep = trio.Event()
                await asleep.wait()
                # Nothing is due before, and most are through by then: busy robots need not wake us for each.
                await trio.sleep(PATIENCE)
                continue
            await trio.sleep_until(self._due())
            while self._due() <= trio.current_time():
                self._mark_oldest()

    def _due(self) -> float:
        return next(iter(self._new.values())).since + PATIENCE if self._new else float("inf")

    def _mark_oldest(self) -> None:
        key = next(iter(self._new))
        attention = self._marked[key] = self._new.pop(key)
        attention.over = trio.Event()
        self._nursery.start_soon(self._mark, attention, attention.over, name=f"{self._name}/emotion")

    async def _mark(self, attention: Attention, over: trio.Event) -> None:
        body = {
            "robotCode": self._robot_code,
            "openMsgId": word(attention.message.raw.get("msgId")),
            "openConversationId": word(attention.message.raw.get("conversationId")),
            **EMOTION,
        }
        known = body["openMsgId"] and body["openConversationId"]
        try:
            if known and not self.off and await self._call(MARK, body):
                await over.wait()
                await self._call(UNMARK, body)
        except trio.Cancelled:
            with trio.move_on_after(LAST_LIMIT, shield=True):
                await self._call(UNMARK, body)
            raise
        finally:
            if self._marked.get(attention.message.id) is attention:
                del self._marked[attention.message.id]

    async def _call(self, path: str, body: Mapping[str, Any]) -> bool:
        """Make a call. Whether it was carried out, as far as anybody knows."""
        carried_out = False
        with trio.move_on_after(LIMIT) as limit:
            try:
                outcome = await self._rest.call("POST", path, body)
            except OutcomeUnknown as error:
                carried_out, reason = True, str(error)
            except BridgeError as error:
                reason = str(error)
            else:
                carried_out = outcome.category in ("ok", "unknown_outcome")
                reason = "" if outcome.category == "ok" else describe(outcome)
        if limit.cancelled_caught:
            carried_out, reason = True, f"no answer within {LIMIT:g} s"
        self._note(reason)
        return carried_out

    def _note(self, reason: str) -> None:
        self._errors = self._errors + 1 if reason else 0
        if self._errors == ERRORS and not self.off:
            self.off = True
            fields = {**self._labels, "cause": reason}
            logger.warning("messages are not marked as thought about any more: the calls fail", extra=fields)
