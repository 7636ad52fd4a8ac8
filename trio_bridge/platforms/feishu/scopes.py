"""Which conversation a message belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...bots import scopes
from .config import Feishu
from .events.extract import Extracted

Scope = Callable[[Mapping[str, Any]], str]
"""The payload of a message in, the name of its conversation out. Empty where the payload names none."""


def scope_of(config: Feishu) -> Scope:
    """The rule of an account, for messages of both schemas."""
    session = scopes.scope_of(config, config.groups)
    if session is scopes.by_chat:
        return lambda data: Extracted(data).chat_id

    def scope(data: Mapping[str, Any]) -> str:
        said = Extracted(data)
        return session(said.chat_id, next(iter(said.sender.ids), ""), said.is_group)

    return scope
