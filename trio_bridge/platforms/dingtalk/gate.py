"""Which messages the handler is to see."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import trio

from ...messages import Message
from .config import DingTalk
from .frames import word
from .patterns import Pattern, PatternError
from .who import sender_id, staff_id

log = logging.getLogger(__name__)


class Gate:
    """The rules of one account. They are asked in order, and the first that knows an answer decides:

    1. The robot's own messages are not for it.
    2. Somebody who is not in ``allowed_users`` is not heard, neither alone nor in groups.
    3. A direct message is heard; so is everything in ``free_response_chats``, or without ``require_mention``.
    4. A message that mentions the robot, or matches one of ``mention_patterns``, is heard. Others are not.
    """

    def __init__(self, config: DingTalk) -> None:
        self._config = config
        self._everybody = "*" in config.allowed_users
        self._allowed = frozenset(user.lower() for user in config.allowed_users if user)
        self._free_chats = frozenset(config.free_response_chats)
        self._patterns = list(_usable(config))

    async def admits(self, message: Message) -> bool:
        sender, chatbot = sender_id(message.raw), word(message.raw.get("chatbotUserId"))
        if sender and sender == chatbot:
            return False
        if not self._everybody and self._allowed.isdisjoint((sender.lower(), staff_id(message.raw).lower())):
            return False
        if message.mentioned or not self._config.require_mention or message.conversation.id in self._free_chats:
            return True
        return await self._matches(message.text)

    async def _matches(self, text: str) -> bool:
        for pattern in self._patterns:
            for found in pattern.scan(text):
                if found:
                    return True
                await trio.lowlevel.checkpoint()
        return False


def _usable(config: DingTalk) -> Iterator[Pattern]:
    for text in config.mention_patterns:
        try:
            yield Pattern(text)
        except PatternError as error:
            fields = {**config.labels, "pattern": text, "reason": str(error)}
            log.warning("a mention pattern can't be used and is left out", extra=fields)
