"""Where an answer goes, in a form that the store can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from ...errors import RequestFailed
from ...wire.jsontext import word
from .extract import milliseconds
from .who import host_id, is_group, staff_id

PREFIXES = ("dingtalk:", "ding:", "dd:")


@attrs.frozen(kw_only=True)
class Target:
    """A group or a person, with the session webhook of the message that is answered, if one came with it.

    ``id`` is what the robot API takes: the conversation id of a group, the staff id of a person. It is empty where the
    API reaches nobody: a person who has no staff id, a conversation in which the robot stands in for somebody.
    ``staff`` is whoever is answered in a group.
    """

    kind: Literal["group", "user"]
    id: str
    staff: str = ""
    host: str = ""
    """In whose name the robot answers, if it is not its own."""
    webhook: str = attrs.field(default="", repr=False)
    expires: int = 0
    """When the webhook ends, in milliseconds since the epoch."""

    def dump(self) -> str:
        """Compact JSON, without what is empty."""
        return json.dumps({key: value for key, value in attrs.asdict(self).items() if value}, separators=(",", ":"))

    def outliving(self) -> Target:
        """The same without the webhook, which ends before some answers are there; as it is if there is no other way."""
        return attrs.evolve(self, webhook="", expires=0) if self.id else self

    @classmethod
    def load(cls, text: str) -> Target:
        return cls(**{"id": "", **json.loads(text)})


def answer_to(data: Mapping[str, Any]) -> Target:
    """Where an answer to a robot message goes."""
    conversation = word(data.get("conversationId"))
    webhook = word(data.get("sessionWebhook"))
    expires = milliseconds(data.get("sessionWebhookExpiredTime")) or 0
    host = host_id(data)
    if is_group(data) and conversation:
        id_ = "" if host else conversation
        return Target(kind="group", id=id_, staff=staff_id(data), host=host, webhook=webhook, expires=expires)
    # The API would write from the robot to the person: that is another conversation, and other people read it.
    return Target(kind="user", id="" if host else staff_id(data), host=host, webhook=webhook, expires=expires)


def address(conversation_id: str) -> Target:
    """What an application calls a conversation: ``user:ID``, ``group:ID``, ``chat:ID``, or an id alone.

    Ids that begin with ``cid`` are groups, all others are people. Upper and lower case are part of an id.

    Raises:
      RequestFailed: nobody can be reached under it.
    """
    name = conversation_id.strip()
    for prefix in PREFIXES:
        if name.lower().startswith(prefix):
            name = name[len(prefix) :]
            break
    kind, colon, rest = name.partition(":")
    match kind.lower() if colon else "":
        case "user":
            target = Target(kind="user", id=rest)
        case "chat" | "group":
            target = Target(kind="group", id=rest)
        case _:
            target = Target(kind="group" if name.startswith("cid") else "user", id=name)
    if not target.id:
        raise RequestFailed("the name of a conversation is missing", code="bad_target")
    if target.kind == "user" and target.id.startswith("$:"):
        raise outsider()
    return target


def unreachable(target: Target) -> RequestFailed:
    """Why the API is of no use for a target without an id."""
    if not target.host:
        return outsider()
    return RequestFailed(
        "the robot stands in for somebody here: it can answer by the session webhook of a message, while it lasts",
        code="host.webhookOver",
    )


def outsider() -> RequestFailed:
    """Why a person without a staff id gets no message."""
    return RequestFailed(
        "this person has no staff id (from outside the company, or the app is not published): "
        "they can be answered by the session webhook of a message of theirs, while it lasts",
        code="staffId.missing",
    )
