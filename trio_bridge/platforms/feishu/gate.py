"""Which messages the handler is to see: those of people first, then what the rules of the account say."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final, Literal

import trio

from ...bots.gate.gate import Gate
from ...engine.pairing import Pairing
from ...engine.platform import Services
from ...errors import Postponed
from ...messages import Message
from .config import Feishu
from .events.extract import Extracted

PATIENCE: Final = 120.0
"""Seconds after its start for which an account has messages wait that name somebody in a group, until it knows whether
that is itself. Usually one call tells, and later starts remember."""

WARN_EVERY: Final = 3600.0

Filter = Literal["self", "bot_sender"]

logger = logging.getLogger(__name__)


class FeishuGate:
    """Who is heard by one account. ``open_id`` gives the bot's own, or nothing while that is unknown.

    Without it nobody can tell whether the bot is mentioned in a group, nor which bot is itself: then no bot is heard,
    and a mention waits for a while before it counts as none.
    """

    def __init__(self, config: Feishu, services: Services, open_id: Callable[[], str]) -> None:
        self._config = config
        self._open_id = open_id
        self._gate = Gate(config, config.labels, services, lambda message: self.filtered(message) is not None)
        self._until = trio.current_time() + PATIENCE
        self._warned_at = -math.inf

    @property
    def pairing(self) -> Pairing:
        return self._gate.pairing

    def filtered(self, message: Message) -> Filter | None:
        """Why a message is for nobody, whatever the rules."""
        me = self._open_id()
        if me and message.sender.id == me:
            return "self"
        said = Extracted(message.raw)
        if said.sender_type not in ("app", "bot") or (self._config.allow_bot_senders and me and said.sender.open_id):
            return None
        return "bot_sender"

    async def admits(self, message: Message) -> bool:
        """Whether the message is heard.

        Raises:
          Postponed: it may mention the bot, which does not know yet who it is.
        """
        if not message.mentioned and not self._open_id() and Extracted(message.raw).mentions:
            self._wait()
        return await self.answers(message)

    async def answers(self, message: Message) -> bool:
        """The same at once, of what is known now."""
        return await self._gate.admits(message)

    def _wait(self) -> None:
        now = trio.current_time()
        if now < self._until:
            raise Postponed("the bot does not know its own open id yet: this may mention it")
        if now - self._warned_at >= WARN_EVERY:
            self._warned_at = now
            text = "nobody can tell whether a message mentions the bot: its own open id is unknown"
            logger.warning(text, extra=self._config.labels)
