"""Which messages the handler is to see."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
import trio

from ....engine.pairing import Pairing
from ....engine.platform import Services
from ....messages import Message
from ....wire.jsontext import word
from ..config import DingTalk
from ..settings.groups import DingTalkGroup
from ..who import sender_id, staff_id
from .pairing import Doorkeeper
from .patterns import Pattern, PatternError
from .refusals import Refusals

logger = logging.getLogger(__name__)


class People:
    """A list of people: staff ids or sender ids, in any case. ``*`` is everybody, an empty list nobody."""

    def __init__(self, ids: Iterable[str]) -> None:
        named = {one.lower() for one in ids if one}
        self._everybody = "*" in named
        self._ids = frozenset(named)

    def have(self, raw: Mapping[str, Any]) -> bool:
        """Whether whoever sent a robot message is one of them."""
        return self._everybody or not self._ids.isdisjoint((sender_id(raw).lower(), staff_id(raw).lower()))


@attrs.frozen
class GroupRule:
    """What holds in a group, all things considered."""

    heard: bool
    people: People
    needs_mention: bool


class Gate:
    """The rules of one account. They are asked in order, and the first that knows an answer decides:

    1. The robot's own messages are not for it.
    2. Somebody who is not in ``allowed_users`` is not heard, neither alone nor in groups.
    3. A direct message is heard if ``dm_policy`` lets its sender in.
    4. A group is not heard if ``group_policy`` refuses it, or its own table switches it off; nor is, in a group that
       has a list of its own, whoever is not in that.
    5. Everything is heard in ``free_response_chats``, or without ``require_mention``.
    6. A message that mentions the robot, or matches one of ``mention_patterns``, is heard. Others are not.
    """

    def __init__(self, config: DingTalk, services: Services) -> None:
        store, wall = services.store, services.environment.wall
        self.pairing = Pairing(store, wall)
        self._config = config
        self._refusals = Refusals(store, wall)
        self._doorkeeper = Doorkeeper(config, self.pairing)
        self._allowed = People(config.allowed_users)
        self._direct = People(config.allow_from)
        self._everywhere = _rule(config, None)
        groups = {*config.groups, *config.group_allow_from, *config.free_response_chats} - {"", "*"}
        self._rules = {conversation_id: _rule(config, conversation_id) for conversation_id in groups}
        self._patterns = list(_usable(config))
        self._introduced = False

    def surely_admits(self, message: Message) -> bool:
        """Whether the message will be heard, as far as that is known without asking anybody."""
        if not self._may_speak(message):
            return False
        if message.conversation.kind == "direct":
            policy = self._config.dm_policy
            return policy == "open" or (policy != "disabled" and self._direct.have(message.raw))
        rule = self._rules.get(message.conversation.id, self._everywhere)
        return rule.heard and rule.people.have(message.raw) and (message.mentioned or not rule.needs_mention)

    async def admits(self, message: Message) -> bool:
        if not self._may_speak(message):
            return False
        if message.conversation.kind == "direct":
            return self._config.dm_policy == "open" or await self._lets_in(message)
        rule = self._rules.get(message.conversation.id, self._everywhere)
        if not rule.heard:
            if message.mentioned:
                await self._refusals.say(self._config.group_denied_text, message)
            return False
        if not rule.people.have(message.raw):
            return False
        return message.mentioned or not rule.needs_mention or await self._matches(message.text)

    def _may_speak(self, message: Message) -> bool:
        sender, chatbot = sender_id(message.raw), word(message.raw.get("chatbotUserId"))
        if not self._introduced and chatbot:
            self._introduced = True
            logger.debug("the robot's own id", extra={**self._config.labels, "chatbot_user_id": chatbot})
        return not (sender and sender == chatbot) and self._allowed.have(message.raw)

    async def _lets_in(self, message: Message) -> bool:
        """Whether ``dm_policy`` has anything but a notice for whoever speaks."""
        policy = self._config.dm_policy
        if policy != "disabled" and self._direct.have(message.raw):
            return True
        if policy == "pairing":
            return await self._doorkeeper.admits(message)
        await self._refusals.say(self._config.denied_text, message)
        return False

    async def _matches(self, text: str) -> bool:
        for pattern in self._patterns:
            for found in pattern.scan(text):
                if found:
                    return True
                await trio.lowlevel.checkpoint()
        return False


def _rule(config: DingTalk, conversation_id: str | None) -> GroupRule:
    """The rule of one group, or of all that are named nowhere."""
    group = config.groups.get(conversation_id or "", DingTalkGroup())
    listed = "*" in config.group_allow_from or conversation_id in config.group_allow_from
    let_in = config.group_policy == "open" or (config.group_policy == "allowlist" and listed)
    needs_mention = config.require_mention if group.require_mention is None else group.require_mention
    return GroupRule(
        heard=let_in and group.enabled,
        people=People(("*",) if group.allow_from is None else group.allow_from),
        needs_mention=needs_mention and conversation_id not in config.free_response_chats,
    )


def _usable(config: DingTalk) -> Iterator[Pattern]:
    for text in config.mention_patterns:
        try:
            yield Pattern(text)
        except PatternError as error:
            fields = {**config.labels, "pattern": text, "reason": str(error)}
            logger.warning("a mention pattern can't be used and is left out", extra=fields)
