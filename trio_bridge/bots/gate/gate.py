"""Which messages the handler is to see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import trio

from ...engine.pairing import Pairing
from ...engine.platform import Services
from ...messages import Message, Sender
from ..settings.groups import Group
from ..settings.policies import PolicySettings
from .pairing import Doorkeeper
from .patterns import Pattern, PatternError
from .refusals import Refusals

logger = logging.getLogger(__name__)


class People:
    """A list of people: any id of theirs, in any case. ``*`` is everybody, an empty list nobody."""

    def __init__(self, ids: Iterable[str]) -> None:
        named = {one.lower() for one in ids if one}
        self._everybody = "*" in named
        self._ids = frozenset(named)

    def have(self, sender: Sender) -> bool:
        """Whether somebody is one of them."""
        if self._everybody or sender.id.lower() in self._ids:
            return True
        return any(other.lower() in self._ids for other in sender.known_as)


@attrs.frozen
class GroupRule:
    """What holds in a group, all things considered."""

    heard: bool
    people: People
    needs_mention: bool


class Gate:
    """The rules of one account. They are asked in order, and the first that knows an answer decides:

    1. What is ``passed_over`` is for nobody, whatever the rules: the bot's own messages, for example.
    2. Somebody who is not in ``allowed_users`` is not heard, neither alone nor in groups.
    3. A direct message is heard if ``dm_policy`` lets its sender in.
    4. A group is not heard if ``group_policy`` refuses it, or its own table switches it off; nor is, in a group that
       has a list of its own, whoever is not in that.
    5. Everything is heard in ``free_response_chats``, or without ``require_mention``.
    6. A message that mentions the bot, or matches one of ``mention_patterns``, is heard. Others are not.
    """

    def __init__(
        self,
        policies: PolicySettings,
        labels: Mapping[str, Any],
        services: Services,
        passed_over: Callable[[Message], bool],
    ) -> None:
        store, wall = services.store, services.environment.wall
        self.pairing = Pairing(store, wall)
        self._policies = policies
        self._passed_over = passed_over
        self._refusals = Refusals(store, wall)
        self._doorkeeper = Doorkeeper(policies.pairing_text, self.pairing, labels)
        self._allowed = People(policies.allowed_users)
        self._direct = People(policies.allow_from)
        self._everywhere = _rule(policies, None)
        groups = {*policies.groups, *policies.group_allow_from, *policies.free_response_chats} - {"", "*"}
        self._rules = {conversation_id: _rule(policies, conversation_id) for conversation_id in groups}
        self._patterns = list(_usable(policies.mention_patterns, labels))

    def surely_admits(self, message: Message) -> bool:
        """Whether the message will be heard, as far as that is known without asking anybody."""
        if not self._may_speak(message):
            return False
        if message.conversation.kind == "direct":
            policy = self._policies.dm_policy
            return policy == "open" or (policy != "disabled" and self._direct.have(message.sender))
        rule = self._rules.get(message.conversation.id, self._everywhere)
        return rule.heard and rule.people.have(message.sender) and (message.mentioned or not rule.needs_mention)

    async def admits(self, message: Message) -> bool:
        if not self._may_speak(message):
            return False
        if message.conversation.kind == "direct":
            return self._policies.dm_policy == "open" or await self._lets_in(message)
        rule = self._rules.get(message.conversation.id, self._everywhere)
        if not rule.heard:
            if message.mentioned:
                await self._refusals.say(self._policies.group_denied_text, message)
            return False
        if not rule.people.have(message.sender):
            return False
        return message.mentioned or not rule.needs_mention or await self._matches(message.text)

    def _may_speak(self, message: Message) -> bool:
        return not self._passed_over(message) and self._allowed.have(message.sender)

    async def _lets_in(self, message: Message) -> bool:
        """Whether ``dm_policy`` has anything but a notice for whoever speaks."""
        policy = self._policies.dm_policy
        if policy != "disabled" and self._direct.have(message.sender):
            return True
        if policy == "pairing":
            return await self._doorkeeper.admits(message)
        await self._refusals.say(self._policies.denied_text, message)
        return False

    async def _matches(self, text: str) -> bool:
        for pattern in self._patterns:
            for found in pattern.scan(text):
                if found:
                    return True
                await trio.lowlevel.checkpoint()
        return False


def _rule(policies: PolicySettings, conversation_id: str | None) -> GroupRule:
    """The rule of one group, or of all that are named nowhere."""
    group = policies.groups.get(conversation_id or "", Group())
    listed = "*" in policies.group_allow_from or conversation_id in policies.group_allow_from
    let_in = policies.group_policy == "open" or (policies.group_policy == "allowlist" and listed)
    needs_mention = policies.require_mention if group.require_mention is None else group.require_mention
    return GroupRule(
        heard=let_in and group.enabled,
        people=People(("*",) if group.allow_from is None else group.allow_from),
        needs_mention=needs_mention and conversation_id not in policies.free_response_chats,
    )


def _usable(texts: Iterable[str], labels: Mapping[str, Any]) -> Iterator[Pattern]:
    for text in texts:
        try:
            yield Pattern(text)
        except PatternError as error:
            fields = {**labels, "pattern": text, "reason": str(error)}
            logger.warning("a mention pattern can't be used and is left out", extra=fields)
