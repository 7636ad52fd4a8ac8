"""What people, and bots, say to a bot on Feishu: payloads, and the messages that they become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trio_bridge.messages import Message, Reply
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.events.message import message_of
from trio_bridge.wire.protocol import Delivery

BOT = "ou_bot"
MEI: Mapping[str, str] = {"open_id": "ou_mei", "union_id": "on_mei", "user_id": "e33ggbyz"}
TEAM, ALONE = "oc_team", "oc_mei"


class Ear:
    """Hears what is said to whoever is refused."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def reply(self, reply: Reply) -> None:
        self.said.append(reply.text)


def config(**settings: Any) -> Feishu:
    return Feishu(**{"name": "hr", "app_id": "cli_a1b2c3d4e5f60718", "app_secret": "s3cr3t", **settings})


def payload(
    text: str = "hello",
    *,
    chat: str = TEAM,
    mentions: str = "",
    sender: Mapping[str, str] = MEI,
    sender_type: str = "user",
) -> dict[str, Any]:
    """Something said in the team, or alone with the bot. ``mentions`` is the open id of whoever it is said to."""
    message: dict[str, Any] = {
        "message_id": "om_1",
        "chat_id": chat,
        "chat_type": "group" if chat == TEAM else "p2p",
        "message_type": "text",
        "content": json.dumps({"text": f"@_user_1 {text}" if mentions else text}),
    }
    if mentions:
        message["mentions"] = [{"key": "@_user_1", "id": {"open_id": mentions}, "name": "Somebody"}]
    return {
        "schema": "2.0",
        "header": {"event_id": "e1", "event_type": "im.message.receive_v1", "app_id": "cli_a1b2c3d4e5f60718"},
        "event": {"sender": {"sender_id": dict(sender), "sender_type": sender_type}, "message": message},
    }


def read(said: Mapping[str, Any], *, open_id: str = BOT, name: str = "e1", ear: Ear | None = None) -> Message:
    """The message that a payload is, to a bot with this open id; empty while it does not know that."""
    schema_2 = "schema" in said
    topic = said["header"]["event_type"] if schema_2 else said["event"]["type"]
    delivery = Delivery(key=name, lane=TEAM, topic=topic, data=json.dumps(said))
    message = message_of(config(), delivery, open_id, ear or Ear())  # type: ignore[arg-type]
    assert message is not None
    return message
