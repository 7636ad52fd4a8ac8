"""Which conversation a message belongs to: one is handled in order, and remembers what was said in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...wire.jsontext import word
from .config import DingTalk
from .who import chat_id, is_group, sender_id, staff_id

Scope = Callable[[Mapping[str, Any]], str]
"""Robot data in, the name of its conversation out. Empty where the data name nobody."""


def scope_of(config: DingTalk) -> Scope:
    """The rule of an account.

    Alone with the robot a person is a conversation; in a group it is the group, or each person in it, as the group's
    own settings say or else the account's. Where conversations are not kept apart, a person is one everywhere.
    """
    if not config.separate_session_by_conversation:
        return _person
    apart = {cid: group.session_scope for cid, group in config.groups.items() if group.session_scope is not None}
    if config.group_session_scope == "group" and not apart:
        return chat_id

    def session(data: Mapping[str, Any]) -> str:
        conversation = word(data.get("conversationId"))
        if not (is_group(data) and conversation):
            return chat_id(data)
        by_person = apart.get(conversation, config.group_session_scope) == "group_sender"
        return f"{conversation}:{_sender(data)}" if by_person else conversation

    return session


def _person(data: Mapping[str, Any]) -> str:
    return _sender(data) or chat_id(data)


def _sender(data: Mapping[str, Any]) -> str:
    return staff_id(data) or sender_id(data)
