"""Who is heard, and what is said to those who are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, get_args

import attrs

from ...lists import texts, verbatim
from .groups import Group, groups_of

DmPolicy = Literal["open", "allowlist", "pairing", "disabled"]
GroupPolicy = Literal["open", "allowlist", "disabled"]

CODE: Final = "{code}"


@attrs.frozen
class Directory:
    """Everybody and everything that a configuration names."""

    people: tuple[str, ...]
    """Ids of people."""
    groups: tuple[str, ...]
    """Ids of groups."""


def _groups(given: Mapping[str, Group | Mapping[str, Any]]) -> Mapping[str, Group]:
    return groups_of(Group, given)


@attrs.frozen(kw_only=True, slots=False)
class PolicySettings:
    """Keys about who is heard. Ids of people may be in any case; ids of groups are their conversation ids, letter by
    letter. ``*`` is everybody, and an empty list nobody."""

    group_ids: ClassVar[str]
    """How the conversation ids of groups begin on this platform."""

    allowed_users: tuple[str, ...] = attrs.field(default=("*",), converter=texts)
    """Who is heard at all, alone or in groups. Everybody else is passed over in silence."""
    dm_policy: DmPolicy = attrs.field(default="open", validator=attrs.validators.in_(get_args(DmPolicy)))
    """Who is heard alone: everybody (``open``), those in ``allow_from`` (``allowlist``), those and whom an operator let
    in by ``trio-bridge pairing approve`` (``pairing``), or nobody (``disabled``)."""
    allow_from: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """Who is heard alone, with ``dm_policy`` ``allowlist`` or ``pairing``."""
    group_policy: GroupPolicy = attrs.field(default="open", validator=attrs.validators.in_(get_args(GroupPolicy)))
    """Which groups are heard: all (``open``), those in ``group_allow_from`` (``allowlist``), or none (``disabled``)."""
    group_allow_from: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """Conversation ids of the groups that are heard with ``group_policy`` ``allowlist``."""
    groups: Mapping[str, Group] = attrs.field(factory=dict, converter=_groups, hash=False)
    """Single groups by their conversation ids, where something else holds: ``[accounts.NAME.groups."ID"]``. A group
    need not stand here to be heard, and is not heard because it does."""

    require_mention: bool = True
    """In groups, hear only what is addressed to the robot."""
    free_response_chats: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """Conversation ids of groups in which everything is heard."""
    mention_patterns: tuple[str, ...] = attrs.field(default=(), converter=verbatim)
    """Regular expressions that count as a mention, searched without regard to case. They know no back references and
    no look-around; one that can't be used is left out with a warning."""

    denied_text: str = "抱歉，您没有使用权限，请联系管理员。Sorry, you are not on my list: please ask whoever runs me."
    """Said to a person whom ``dm_policy`` refuses, once a day; empty for silence."""
    group_denied_text: str = ""
    """Said in a group that is refused, when the robot is mentioned, once a day; empty for silence."""
    pairing_text: str = (
        "请把配对码 {code} 发给管理员，批准后再给我发消息。"
        "Give the code {code} to whoever runs me, and write again when it is approved. It is good for an hour."
    )
    """Said to a person who may be paired. ``{code}`` is where the code stands."""

    system_prompt: str = attrs.field(default="", repr=False)
    """Handed to whoever answers, with every message: agents that ask a language model tell it that."""

    def shared_store_keys(self) -> Iterable[str]:
        """Who is let in by an operator is written in the store, by another process."""
        return ("dm_policy",) if self.dm_policy == "pairing" else ()

    def system_prompt_in(self, conversation_id: str) -> str:
        """What whoever answers in a conversation is told: what its group says, or the account."""
        group = self.groups.get(conversation_id)
        return self.system_prompt if group is None or group.system_prompt is None else group.system_prompt

    def directory(self) -> Directory:
        """The people and the groups that the configuration names, each once, as they are written there."""
        people = [*self.allowed_users, *self.allow_from]
        for group in self.groups.values():
            people += group.allow_from or ()
        groups = [*self.group_allow_from, *self.free_response_chats, *self.groups]
        return Directory(_named(people), _named(groups))

    def unheard(self) -> Iterable[str]:
        """Who can never be heard, and why: sentences for whoever wrote the configuration."""
        if not self.allowed_users:
            yield "allowed_users is empty: nobody is heard"
            return
        if self.dm_policy == "allowlist" and not self.allow_from:
            yield "dm_policy is allowlist and allow_from is empty: nobody is heard alone"
        if self.group_policy == "allowlist" and not self.group_allow_from:
            yield "group_policy is allowlist and group_allow_from is empty: no group is heard"
        if self.dm_policy == "disabled" and self.group_policy == "disabled":
            yield "dm_policy and group_policy are disabled: nobody is heard"
        for conversation_id, group in self.groups.items():
            if group.enabled and group.allow_from == ():
                yield f"groups.{conversation_id}.allow_from is empty: nobody is heard there"
        for key in ("group_allow_from", "free_response_chats", "groups"):
            for name in _named(getattr(self, key)):
                if not name.startswith(self.group_ids):
                    begin = f"conversation ids of groups begin with {self.group_ids}"
                    yield f"{key} names {name}: no group is called so, for {begin}"

    def _policy_problems(self) -> Iterable[str]:
        if self.dm_policy == "pairing" and CODE not in self.pairing_text:
            yield f"pairing_text: expected {CODE} somewhere in it, where the code is to stand"


def _named(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in ids if name and name != "*"))
