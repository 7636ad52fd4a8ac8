"""Acknowledgements as they come in: cheaply counted while the clock runs, read when it has stopped."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .platforms import Platform

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
"""First bytes of whole frames. No client that is measured sends its acknowledgements in pieces."""


@attrs.define
class Acks:
    """What a client has sent. Frames are kept as they came, with the moment at which they did."""

    platform: Platform
    count: int = 0
    pings: list[bytes] = attrs.field(factory=list)
    """What the pings said that nobody has answered yet."""
    beats: int = 0
    """Pings of the platform's own kind that nobody has answered yet."""
    _rest: bytes = b""
    _kept: list[tuple[int, bytes, bytes]] = attrs.field(factory=list)

    def take(self, data: bytes, now: int) -> None:
        """Keep every frame that is complete now."""
        data, at = self._rest + data, 0
        while (parts := split(data, at)) is not None:
            kind, mask, payload, at = parts
            if kind in (TEXT, BINARY) and len(payload) < self.platform.shortest_ack:
                self.beats += 1
            elif kind in (TEXT, BINARY):
                self._kept.append((now, mask, payload))
            elif kind == PING:
                self.pings.append(unmask(mask, payload))
            elif kind != PONG:
                raise ConnectionError(f"the client sent a frame that begins with 0x{kind:02x}")
        self._rest = data[at:]
        self.count = len(self._kept)

    def read(self) -> Iterator[tuple[int, str]]:
        """When each message was acknowledged. Raises ``ValueError`` for what is no good acknowledgement."""
        for moment, mask, payload in self._kept:
            yield moment, self.platform.acknowledged(unmask(mask, payload))


def split(data: bytes, at: int) -> tuple[int, bytes, bytes, int] | None:
    """The masked frame that begins there: kind, mask, payload and where the next one begins. ``None``: incomplete."""
    if len(data) < at + 6:
        return None
    length, body = data[at + 1] & 0x7F, at + 6
    if length == 126:
        length, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
    elif length == 127:
        length, body = int.from_bytes(data[at + 2 : at + 10], "big"), at + 14
    if len(data) < body + length:
        return None
    return data[at], data[body - 4 : body], data[body : body + length], body + length


def unmask(mask: bytes, payload: bytes) -> bytes:
    """The payload as it was meant (RFC 6455 §5.3)."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
