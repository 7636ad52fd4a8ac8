"""Who said it, and where an answer goes: the ids of a robot message.

A person has a staff id inside the company and a sender id that means nothing elsewhere; outsiders have only the
latter. A direct conversation has a conversation id too, but one that nothing can be sent to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...wire.jsontext import word
from .content import as_object


def is_group(data: Mapping[str, Any]) -> bool:
    return word(data.get("conversationType")) == "2"


def staff_id(data: Mapping[str, Any]) -> str:
    """Empty for outsiders, and for apps that are not published."""
    return word(data.get("senderStaffId"))


def sender_id(data: Mapping[str, Any]) -> str:
    return word(data.get("senderId"))


def chat_id(data: Mapping[str, Any]) -> str:
    """The conversation as it is known to everyone above: the group, or else the person."""
    conversation = word(data.get("conversationId"))
    person = staff_id(data) or sender_id(data)
    return conversation or person if is_group(data) else person or conversation


def host_id(data: Mapping[str, Any]) -> str:
    """The person in whose name the robot answers; empty where it answers in its own."""
    return word(as_object(data["hostingContext"]).get("userId")) if "hostingContext" in data else ""
