"""Which conversation a robot message belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...bots import scopes
from ...wire.jsontext import word
from .config import DingTalk
from .who import chat_id, is_group, sender_id, staff_id

Scope = Callable[[Mapping[str, Any]], str]
"""Robot data in, the name of its conversation out. Empty where the data name nobody."""


def scope_of(config: DingTalk) -> Scope:
    """The rule of an account, for robot data."""
    session = scopes.scope_of(config, config.groups)
    if session is scopes.by_chat:
        return chat_id

    def scope(data: Mapping[str, Any]) -> str:
        in_group = is_group(data) and bool(word(data.get("conversationId")))
        return session(chat_id(data), staff_id(data) or sender_id(data), in_group)

    return scope
