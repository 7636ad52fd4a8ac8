"""A server's answer to an upgrade."""

from __future__ import annotations

from collections.abc import Iterable

import h11
import trio

from ..errors import HandshakeFailed
from ._headers import hint_of
from ._shell import RECEIVE_SIZE
from .websocket import UpgradeRefused

SWITCHING_PROTOCOLS = 101

MAX_BODY = 2**20
"""Bytes of a refusal's body."""

PROPOSAL = h11.Request(
    method="GET", target="/", headers=[("Host", "-"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
)
"""What h11 must believe to have sent, or it would not understand the answer."""


def refusal(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> UpgradeRefused:
    """What a server's answer other than 101 means."""
    lowered = {name.lower(): value for name, value in headers}
    return UpgradeRefused(status, headers=lowered, body=body, retry_after=hint_of(lowered))


def cut_off() -> HandshakeFailed:
    """What it means that the connection broke while an answer was waited for."""
    return HandshakeFailed("upgrade: the connection broke before the answer came", stage="upgrade")


async def read_agreement(stream: trio.abc.Stream) -> bytes:
    """The bytes of a server's 101, and whatever came with them.

    Raises:
      UpgradeRefused: it answered something else.
      HandshakeFailed: it broke HTTP, or the connection.
    """
    try:
        return await _read_agreement(stream)
    except (trio.BrokenResourceError, EOFError) as error:
        raise cut_off() from error
    except h11.RemoteProtocolError as error:
        raise HandshakeFailed(f"upgrade: {error}", stage="upgrade") from error


async def _read_agreement(stream: trio.abc.Stream) -> bytes:
    core = h11.Connection(h11.CLIENT)
    core.send(PROPOSAL)
    core.send(h11.EndOfMessage())
    said, body = b"", b""
    answer: h11.Response | None = None
    while True:
        event = core.next_event()
        match event:
            case h11.NEED_DATA:
                data = bytes(await stream.receive_some(RECEIVE_SIZE))
                if not data and answer is None:
                    raise EOFError("no answer")
                said += data
                core.receive_data(data)
            case h11.InformationalResponse(status_code=status):
                if status == SWITCHING_PROTOCOLS:
                    return said
                raise refusal(status, decoded(event.headers), b"")
            case h11.Response():
                answer = event
            case h11.Data():
                body += event.data
                if len(body) > MAX_BODY:
                    raise h11.RemoteProtocolError(f"a body of more than {MAX_BODY} bytes")
            case h11.EndOfMessage() if answer is not None:
                raise refusal(answer.status_code, decoded(answer.headers), body)
            case _:
                raise AssertionError(f"h11 said {event!r}")  # pragma: no cover


def decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]
