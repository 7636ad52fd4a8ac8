"""Robot messages of DingTalk's Stream Mode: text frames, JSON within JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from ..flood import Flood
from .platform import Platform, filling

TOPIC = "/v1.0/im/bot/messages/get"
WEBHOOK_LIFE = 5_400_000
"""Milliseconds for which a session webhook is good."""


@attrs.frozen
class DingTalk(Platform):
    """The least of a DingTalk."""

    name: ClassVar[str] = "dingtalk"
    title: ClassVar[str] = "DingTalk"
    scenario: ClassVar[str] = "flood"
    size: ClassVar[int] = 1024
    first_byte: ClassVar[int] = 0x81

    def where_to_connect(self, host: str) -> dict[str, Any]:
        return {"endpoint": f"ws://{host}/connect", "ticket": "flood"}

    def message_id(self, number: int) -> str:
        return f"0a1b2c3d_3_19e{number:08x}_1011"

    def message(self, flood: Flood, number: int) -> bytes:
        bare = self._said(flood, number, text="")
        return self._said(flood, number, text=filling(words(number), flood.size - len(bare)))

    def acknowledged(self, ack: bytes) -> str:
        said = json.loads(ack)
        if said["code"] != 200:
            raise ValueError(f"acknowledged with code {said['code']}")
        return str(said["headers"]["messageId"])

    def _said(self, flood: Flood, number: int, text: str) -> bytes:
        person = number % flood.lanes
        data = {
            "conversationId": f"cidFlood{person:04}==",
            "chatbotCorpId": "dingexamplecorp0001",
            "chatbotUserId": "$:LWCP_v1:$robot0001==",
            "msgId": f"msgFlood{number:08}==",
            "senderNick": f"Person {person}",
            "isAdmin": False,
            "senderStaffId": f"staff{person:04}",
            "sessionWebhookExpiredTime": self.began + WEBHOOK_LIFE,
            "createAt": self.began,
            "senderCorpId": "dingexamplecorp0001",
            "conversationType": "1",
            "senderId": f"$:LWCP_v1:$person{person:04}==",
            "sessionWebhook": f"https://oapi.dingtalk.com/robot/sendBySession?session={number:032x}",
            "robotCode": "dingfloodexample0001",
            "senderPlatform": "Win",
            "msgtype": "text",
            "text": {"content": text},
        }
        whole = {
            "specVersion": "1.0",
            "type": "CALLBACK",
            "headers": {
                "appId": "0f0e0d0c-0b0a-0908-0706-050403020100",
                "connectionId": "11111111-2222-3333-4444-555555555555",
                "contentType": "application/json",
                "messageId": self.message_id(number),
                "time": str(self.began),
                "topic": TOPIC,
            },
            "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        }
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def words(number: int) -> Iterator[str]:
    """The characters of an endless text, another for each message."""
    for word in itertools.count(number):
        yield from f"word {word} "
