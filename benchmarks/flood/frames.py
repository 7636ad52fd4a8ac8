"""What is sent in a flood: made before the clock runs, down to the last byte."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import attrs

TOPIC = "/v1.0/im/bot/messages/get"
TEXT_FRAME = 0x81
WEBHOOK_LIFE = 5_400_000
"""Milliseconds for which a session webhook is good."""


@attrs.frozen(kw_only=True)
class Flood:
    """How many messages, in how many conversations, of what size, and how many of them may be under way at a time."""

    count: int = attrs.field(default=20_000, validator=attrs.validators.ge(10))
    lanes: int = attrs.field(default=20, validator=attrs.validators.ge(1))
    size: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
    """Bytes of the WebSocket payload. A message is never smaller than what DingTalk says about it."""
    window: int = attrs.field(default=1000, validator=attrs.validators.ge(1))
    """Messages that may be under way: sent, and not yet both acknowledged and handled."""
    burst: bool = False
    """Whether acknowledged is enough: what a client has not handled by then piles up there."""

    @property
    def step(self) -> int:
        """Messages after which a client reports: no more than a hundred times, but before the window is used up."""
        return max(1, min(self.count // 100, self.window // 4))

    @property
    def worth_sending(self) -> int:
        """Messages for which there must be room before more is sent. One by one would cost both sides more."""
        return max(1, min(64, self.window // 4))


@attrs.frozen
class Frames:
    """A flood on the wire: all frames behind one another, where each ends, and the message id of each."""

    wire: bytes
    ends: list[int]
    ids: list[str]

    @classmethod
    def of(cls, flood: Flood) -> Frames:
        """All messages of a flood. No two have an id in common."""
        framed = [frame(envelope(flood, number)) for number in range(flood.count)]
        return cls(
            wire=b"".join(framed),
            ends=list(itertools.accumulate(map(len, framed))),
            ids=[message_id(number) for number in range(flood.count)],
        )


def message_id(number: int) -> str:
    """What the acknowledgement of a message names."""
    return f"0a1b2c3d_3_19e{number:08x}_1011"


def envelope(flood: Flood, number: int) -> bytes:
    """One robot callback, its text as long as it takes for the size that was asked for."""
    bare = encode(flood, number, text="")
    return encode(flood, number, text="".join(itertools.islice(words(number), max(1, flood.size - len(bare)))))


def words(number: int) -> Iterator[str]:
    """The characters of an endless text, another for each message."""
    for word in itertools.count(number):
        yield from f"word {word} "


def encode(flood: Flood, number: int, text: str) -> bytes:
    """The message as DingTalk would say it: JSON within JSON."""
    now, person = round(time.time() * 1000), number % flood.lanes
    data = {
        "conversationId": f"cidFlood{person:04}==",
        "chatbotCorpId": "dingexamplecorp0001",
        "chatbotUserId": "$:LWCP_v1:$robot0001==",
        "msgId": f"msgFlood{number:08}==",
        "senderNick": f"Person {person}",
        "isAdmin": False,
        "senderStaffId": f"staff{person:04}",
        "sessionWebhookExpiredTime": now + WEBHOOK_LIFE,
        "createAt": now,
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
            "messageId": message_id(number),
            "time": str(now),
            "topic": TOPIC,
        },
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False),
    }
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def frame(payload: bytes) -> bytes:
    """A text frame as a server sends it: unmasked (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((TEXT_FRAME, length)) + payload
    if length < 2**16:
        return bytes((TEXT_FRAME, 126)) + length.to_bytes(2, "big") + payload
    return bytes((TEXT_FRAME, 127)) + length.to_bytes(8, "big") + payload
