"""What Trio's streams lack."""

from __future__ import annotations

import socket
import struct
from typing import Any

import trio

from ._pipe import MemoryStream


def close_now(stream: Any) -> None:
    """The stream is closed when this returns: no checkpoint, no closing handshake. Whoever waits on it is woken."""
    match stream:
        case trio.SSLStream():
            close_now(stream.transport_stream)
        case trio.SocketStream():
            stream.socket.close()
        case trio.StapledStream():
            close_now(stream.send_stream)
            close_now(stream.receive_stream)
        case _:
            stream.close()  # streams in memory


def reset_now(stream: Any) -> None:
    """The stream is broken for both sides when this returns, and what was under way is lost."""
    match stream:
        case trio.SSLStream():
            reset_now(stream.transport_stream)
        case trio.SocketStream():
            # With a linger time of 0 the kernel sends RST instead of FIN.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.socket.close()
        case MemoryStream():
            stream.break_()
        case _:
            raise TypeError(f"can't reset {stream!r}")


def is_readable(stream: Any) -> bool:
    """Whether something came, be it the end: an idle connection for which this holds is of no use."""
    match stream:
        case trio.SSLStream():
            return is_readable(stream.transport_stream)
        case trio.SocketStream():
            return stream.socket.is_readable()
        case MemoryStream():
            return stream.is_readable()
        case _:
            return False
