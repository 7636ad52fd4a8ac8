"""What a bot says that no handler thought of: see the keys of the same names."""

from __future__ import annotations

from typing import Final

from ..engine.platform import Notices
from ..messages import Message
from .settings.conversations import ConversationSettings

SORRY: Final = "⚠️ 处理失败，请稍后再试。This could not be done: please try again later."


class Manners:
    """The words of one account, and the commands that it heeds itself."""

    def __init__(self, settings: ConversationSettings) -> None:
        self._settings = settings
        self._resets = frozenset(command.strip().lower() for command in settings.reset_commands)
        self._longest = max(map(len, self._resets), default=-1)
        sorry = settings.error_text
        self.notices = Notices(
            begun=settings.ack_text if settings.async_mode else "",
            empty=settings.empty_reply_text,
            failed=(SORRY if settings.async_mode else "") if sorry is None else sorry,
        )

    async def heeds(self, message: Message) -> bool:
        """Whether the message was a command, and was carried out: the conversation has forgotten, and says so."""
        text = message.text
        if len(text) > self._longest or message.attachments or text.lower() not in self._resets:
            return False
        async with message.transaction() as tx:
            tx.state.clear()
            if self._settings.reset_text:
                await message.reply(self._settings.reset_text)
        return True

    async def excuse(self, message: Message) -> None:
        """Say that the message was dropped."""
        if self._settings.session_full_text:
            await message.reply(self._settings.session_full_text)
