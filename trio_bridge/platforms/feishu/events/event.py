"""Everything that is told and not answered, by the name of its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Event:
    """Something happened. For some types there is a class of its own, which has read what they say."""

    type: str
    """``im.message.reaction.created_v1`` …"""
    id: str
    """The same on every redelivery."""
    tenant_key: str = ""
    """The company."""
    created_at: datetime | None = None
    """By Feishu's clock; ``None`` where it said nothing."""
    data: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """What happened. Its fields depend on the type."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own data, whole."""


EventHandler = Callable[[Any], Awaitable[None]]
"""``async def on_event(event)``, of an :class:`Event` or of the class that there is for the type."""
