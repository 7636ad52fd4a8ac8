"""People whom an operator lets in: strangers get a code to show."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import trio

from ...engine.pairing import Pairing
from ...messages import Message
from ..settings.policies import CODE
from .refusals import LONGEST_ID

TELL_EVERY: Final = 600.0
"""Seconds between two answers to the same stranger."""
LONGEST_NAME: Final = 60

logger = logging.getLogger(__name__)


class Doorkeeper:
    """Knows who was let in, and tells everybody else a code: the same one while it is good, and not too often."""

    def __init__(self, text: str, pairing: Pairing, labels: Mapping[str, Any]) -> None:
        self._text = text
        self._labels = labels
        self._pairing = pairing
        self._one_at_a_time = trio.Lock()

    async def admits(self, message: Message) -> bool:
        """Whether whoever speaks was let in. Operators let people in, and out, at any time."""
        sender = message.sender
        if not sender.id or len(sender.id) > LONGEST_ID:
            await trio.lowlevel.checkpoint()
            return False
        if await self._pairing.is_paired(sender.id):
            return True
        async with self._one_at_a_time:
            name = sender.name[:LONGEST_NAME]
            request = await self._pairing.ask(sender.id, name, message.id, tell_every=TELL_EVERY)
        if request is not None:
            logger.info("somebody asks to be let in", extra={**self._labels, "sender": sender.id})
            await message.reply(self._text.replace(CODE, request.code))
        return False
