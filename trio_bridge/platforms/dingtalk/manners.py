"""What the robot says that no handler thought of: see the keys of the same names."""

from __future__ import annotations

import attrs

from ...engine.platform import Notices
from ...messages import Message
from .config import DingTalk
from .targets import Target

SORRY = "⚠️ 处理失败，请稍后再试。This could not be done: please try again later."


class Manners:
    """The words of one account, and the commands that it heeds itself."""

    def __init__(self, config: DingTalk) -> None:
        self._config = config
        self._resets = frozenset(command.strip().lower() for command in config.reset_commands)
        self._longest = max(map(len, self._resets), default=-1)
        sorry = config.error_text
        self.notices = Notices(
            begun=config.ack_text if config.async_mode else "",
            empty=config.empty_reply_text,
            failed=(SORRY if config.async_mode else "") if sorry is None else sorry,
        )

    async def heeds(self, message: Message) -> bool:
        """Whether the message was a command, and was carried out: the conversation has forgotten, and says so."""
        text = message.text
        if len(text) > self._longest or message.attachments or text.lower() not in self._resets:
            return False
        async with message.transaction() as tx:
            tx.state.clear()
            if self._config.reset_text:
                await message.reply(self._config.reset_text)
        return True

    async def excuse(self, message: Message) -> None:
        """Say that the message was dropped."""
        if self._config.session_full_text:
            await message.reply(self._config.session_full_text)

    def target(self, target: Target) -> Target:
        """Where answers really go: an answer that is awaited for long outlives the webhook of its question."""
        if self._config.async_mode and target.id:
            return attrs.evolve(target, webhook="", expires=0)
        return target
