"""Who speaks, for a model that hears many."""

from __future__ import annotations

from ..messages import Message

NAME = 60
"""Characters of a name in front of what somebody said."""


def with_speaker(message: Message) -> str:
    """The text; in a group with the name of who speaks in front: ``mei: how much is it?``."""
    if message.conversation.kind != "group":
        return message.text
    name = " ".join(message.sender.name.split())[:NAME]
    return f"{name or message.sender.id}: {message.text}"
