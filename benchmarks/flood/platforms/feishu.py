"""Messages of Feishu's long connection: binary frames of protobuf, with JSON in them, with JSON in that."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from trio_bridge.platforms.feishu.gateway.acks import OK, BadAck, differences, read_ack
from trio_bridge.platforms.feishu.gateway.frames import CONTROL, DATA, BadFrame, Frame, decode, encode

from ..flood import Flood
from .platform import Platform, filling

APP_ID = "cli_f100df100df100d0"
SERVICE_ID = 33554678
CLIENT_CONFIG = {"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": 120}
PONG = encode(
    Frame(service=SERVICE_ID, method=CONTROL, headers=(("type", "pong"),), payload=json.dumps(CLIENT_CONFIG).encode())
)
MESSAGE_ID = "-0a1b-4c2d-8e3f-0011223344ff"
"""How the ids of all frames end; the number of the message is before it."""


@attrs.frozen
class Feishu(Platform):
    """The least of a Feishu."""

    name: ClassVar[str] = "feishu"
    title: ClassVar[str] = "Feishu"
    scenario: ClassVar[str] = "feishu-flood"
    size: ClassVar[int] = 800
    first_byte: ClassVar[int] = 0x82
    shortest_ack: ClassVar[int] = 64
    pong: ClassVar[bytes] = bytes((0x82, 126)) + len(PONG).to_bytes(2, "big") + PONG

    def where_to_connect(self, host: str) -> dict[str, Any]:
        said = (
            f"fpid=493&aid=552564&device_id=6904772725480533182&access_key=flood&service_id={SERVICE_ID}&ticket=flood"
        )
        place = {"URL": f"ws://{host}/ws/v2?{said}", "ClientConfig": CLIENT_CONFIG}
        token = {"tenant_access_token": "t-flood", "expire": 7200}
        return {"code": 0, "msg": "", "data": place, "bot": {"open_id": "ou_flood_bot"}, **token}

    def message_id(self, number: int) -> str:
        return f"{number:08x}{MESSAGE_ID}"

    def message(self, flood: Flood, number: int) -> bytes:
        bare = self._event(flood, number, text="")
        event = self._event(flood, number, text=filling(words(number), flood.size - len(bare)))
        return encode(attrs.evolve(self._frame(number), payload=event))

    def acknowledged(self, ack: bytes) -> str:
        """It must repeat all that was sent; but the Node SDK keeps a LogID in a floating-point number."""
        try:
            frame = decode(ack)
            said = read_ack(frame)
        except (BadFrame, BadAck) as error:
            raise ValueError(f"no acknowledgement: {error}") from error
        if said.code != OK:
            raise ValueError(f"acknowledged with code {said.code}")
        sent = self._frame(int(said.message_id.removesuffix(MESSAGE_ID), 16))
        if wrong := list(differences(frame, sent, rounded=True)):
            raise ValueError(f"not as it was sent: {', '.join(wrong)}")
        return said.message_id

    def _frame(self, number: int) -> Frame:
        """All of a frame but its payload."""
        trace = hashlib.sha256(str(number).encode()).digest()
        headers = (
            ("biz_type", "event"),
            ("timestamp", str(self.began)),
            ("type", "event"),
            ("message_id", self.message_id(number)),
            ("sum", "1"),
            ("seq", "0"),
            ("trace_id", trace.hex()[:32]),
            ("instance_id", "msg-frontier-flood-0001"),
        )
        return Frame(
            seq_id=number + 1,
            log_id=int.from_bytes(trace[:8], "big") >> 4,  # up to 2⁶⁰: no floating-point number has them all
            service=SERVICE_ID,
            method=DATA,
            headers=headers,
            log_id_new=trace.hex()[:32],
        )

    def _event(self, flood: Flood, number: int, text: str) -> bytes:
        """Somebody says something to the bot, in a conversation of theirs."""
        person, said_at, tenant = number % flood.lanes, str(self.began), "2ca1d211f64f6438"
        ids = {"union_id": f"on_{person:032x}", "user_id": f"flood{person:03}", "open_id": f"ou_{person:032x}"}
        message = {
            "message_id": f"om_{number:032x}",
            "create_time": said_at,
            "update_time": said_at,
            "chat_id": f"oc_{person:032x}",
            "chat_type": "p2p",
            "message_type": "text",
            "content": compact({"text": text}),
        }
        header = {
            "event_id": f"{number:032x}",
            "event_type": "im.message.receive_v1",
            "create_time": said_at,
            "token": "",
            "app_id": APP_ID,
            "tenant_key": tenant,
        }
        sender = {"sender_id": ids, "sender_type": "user", "tenant_key": tenant}
        return compact({"schema": "2.0", "header": header, "event": {"sender": sender, "message": message}}).encode()


def compact(value: Any) -> str:
    """JSON as Feishu writes it: characters as they are, and no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def words(number: int) -> Iterator[str]:
    """The characters of an endless text, another for each message."""
    for word in itertools.count(number):
        yield from f"消息 {word} "
