"""Which conversation a message belongs to: one is handled in order, and remembers what was said in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .settings.conversations import ConversationSettings
from .settings.groups import Group

Scope = Callable[[str, str, bool], str]
"""The id of the chat, whoever speaks there, and whether it is a group in; the name of their conversation out."""


def scope_of(settings: ConversationSettings, groups: Mapping[str, Group]) -> Scope:
    """The rule of an account.

    Alone with the bot a person is a conversation; in a group it is the group, or each person in it, as the group's own
    settings say or else the account's. Where conversations are not kept apart, a person is one everywhere.
    """
    if not settings.separate_session_by_conversation:
        return by_person
    apart = {name: group.session_scope for name, group in groups.items() if group.session_scope is not None}
    if settings.group_session_scope == "group" and not apart:
        return by_chat

    def session(chat: str, person: str, is_group: bool) -> str:
        of_each = is_group and apart.get(chat, settings.group_session_scope) == "group_sender"
        return f"{chat}:{person}" if of_each else chat

    return session


def by_chat(chat: str, person: str, is_group: bool) -> str:
    """The usual rule, for which nobody needs to know more than the chat."""
    return chat


def by_person(chat: str, person: str, is_group: bool) -> str:
    return person or chat
