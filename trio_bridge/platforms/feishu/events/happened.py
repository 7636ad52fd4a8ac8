"""Events of which more is known than their type: each is a class of its own, so that ``match`` tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from ....wire.jsontext import parse, word
from .envelope import read_envelope
from .event import Event
from .moments import moment
from .person import Person, read_person
from .shapes import as_object


@attrs.frozen(kw_only=True)
class _Membership(Event):
    chat_id: str
    """The group (``oc_…``)."""
    chat_name: str
    operator: Person
    """Who did it."""
    external: bool
    """Whether people of other companies are in the group."""


@attrs.frozen(kw_only=True)
class BotAdded(_Membership):
    """The bot is in a group now."""


@attrs.frozen(kw_only=True)
class BotRemoved(_Membership):
    """The bot is in a group no more, and can send nothing there."""


@attrs.frozen(kw_only=True)
class MessageRecalled(Event):
    """A message was taken back."""

    message_id: str
    chat_id: str
    reason: str
    """Who took it back: ``message_owner``, ``group_owner``, ``group_manager``, ``enterprise_manager``."""
    recalled_at: datetime | None


@attrs.frozen(kw_only=True)
class _Reaction(Event):
    message_id: str
    emoji: str
    """Feishu's name of it: ``THUMBSUP``."""
    operator: Person
    """Whose reaction it is. No id is known of an app's."""
    operator_type: str
    """``user``, or ``app``: also the bot's own reactions are told."""
    operator_app_id: str
    """The app whose reaction it is, where it is one's."""
    reacted_at: datetime | None


@attrs.frozen(kw_only=True)
class ReactionAdded(_Reaction):
    """Somebody reacted to a message."""


@attrs.frozen(kw_only=True)
class ReactionRemoved(_Reaction):
    """Somebody took a reaction back."""


@attrs.frozen(kw_only=True)
class MenuPressed(Event):
    """Somebody chose an entry of the bot's menu."""

    key: str
    """The entry, as the developer console calls it."""
    operator: Person
    operator_name: str


@attrs.frozen(kw_only=True)
class ChatEntered(Event):
    """Somebody opened the conversation with the bot."""

    chat_id: str
    operator: Person
    last_message_id: str
    """What was said there last; empty where nothing was."""
    last_message_at: datetime | None


def read_event(text: str) -> Event:
    """The event in the text of a payload: of its own class where there is one. Raises nothing for bad fields."""
    raw = parse(text)
    envelope = read_envelope(raw)
    if envelope is None:
        return Event(type="", id="", raw=as_object(raw))
    cls, read = TYPED.get(envelope.event_type, (Event, _nothing_more))
    return cls(
        type=envelope.event_type,
        id=envelope.event_id,
        tenant_key=envelope.tenant_key,
        created_at=moment(envelope.created_at),
        data=envelope.body,
        raw=raw,
        **read(envelope.body),
    )


def _nothing_more(data: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _membership(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chat_id": word(data.get("chat_id")),
        "chat_name": word(data.get("name")),
        "operator": read_person(as_object(data.get("operator_id"))),
        "external": data.get("external") is True,
    }


def _recall(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message_id": word(data.get("message_id")),
        "chat_id": word(data.get("chat_id")),
        "reason": word(data.get("recall_type")),
        "recalled_at": moment(data.get("recall_time")),
    }


def _reaction(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message_id": word(data.get("message_id")),
        "emoji": word(as_object(data.get("reaction_type")).get("emoji_type")),
        "operator": read_person(as_object(data.get("user_id"))),
        "operator_type": word(data.get("operator_type")),
        "operator_app_id": word(data.get("app_id")),
        "reacted_at": moment(data.get("action_time")),
    }


def _menu(data: Mapping[str, Any]) -> dict[str, Any]:
    operator = as_object(data.get("operator"))
    return {
        "key": word(data.get("event_key")),
        "operator": read_person(as_object(operator.get("operator_id"))),
        "operator_name": word(operator.get("operator_name")),
    }


def _entrance(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chat_id": word(data.get("chat_id")),
        "operator": read_person(as_object(data.get("operator_id"))),
        "last_message_id": word(data.get("last_message_id")),
        "last_message_at": moment(data.get("last_message_create_time")),
    }


TYPED: Final[Mapping[str, tuple[type[Event], Callable[[Mapping[str, Any]], dict[str, Any]]]]] = {
    "im.chat.member.bot.added_v1": (BotAdded, _membership),
    "im.chat.member.bot.deleted_v1": (BotRemoved, _membership),
    "im.message.recalled_v1": (MessageRecalled, _recall),
    "im.message.reaction.created_v1": (ReactionAdded, _reaction),
    "im.message.reaction.deleted_v1": (ReactionRemoved, _reaction),
    "application.bot.menu_v6": (MenuPressed, _menu),
    "im.chat.access_event.bot_p2p_chat_entered_v1": (ChatEntered, _entrance),
}
"""The class of an event by its type, and what reads what it says besides."""
