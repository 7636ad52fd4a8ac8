"""What is sent in a flood: made before the clock runs, down to the last byte."""

from __future__ import annotations

import itertools

import attrs

from .flood import Flood
from .platforms.platform import Platform


@attrs.frozen
class Frames:
    """A flood on the wire: all frames behind one another, where each ends, and the message id of each."""

    platform: Platform
    wire: bytes
    ends: list[int]
    ids: list[str]

    @classmethod
    def of(cls, platform: Platform, flood: Flood) -> Frames:
        """All messages of a flood. No two have an id in common."""
        framed = [frame(platform.first_byte, platform.message(flood, number)) for number in range(flood.count)]
        return cls(
            platform=platform,
            wire=b"".join(framed),
            ends=list(itertools.accumulate(map(len, framed))),
            ids=[platform.message_id(number) for number in range(flood.count)],
        )


def frame(first_byte: int, payload: bytes) -> bytes:
    """A whole frame as a server sends it: unmasked (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((first_byte, length)) + payload
    if length < 2**16:
        return bytes((first_byte, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first_byte, 127)) + length.to_bytes(8, "big") + payload
