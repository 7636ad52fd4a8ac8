"""The least of a chat platform: it lets one client in and then sends as fast as that one takes it.

Plain blocking sockets and no library, because whatever this process uses of the machine is taken from what it measures.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import re
import select
import socket
import time
from typing import Self

import attrs

from .acks import PONG, Acks
from .flood import Flood
from .frames import Frames
from .platforms import Platform
from .reports import Reports

PATIENCE = 30.0
"""Seconds without any progress after which a client is given up."""

MOST_AT_ONCE = 2**18
"""Bytes handed to the kernel in one go, so that acknowledgements are looked at in between."""

RECEIVE_SIZE = 2**18
UPGRADE_KEY = re.compile(rb"^sec-websocket-key:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
CONTENT_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class FloodServer:
    """Listens on a port of the loopback interface while the block runs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def wait_websocket(self, reports: Reports) -> socket.socket:
        """Answer whoever asks where to connect, until somebody does connect.

        Raises ``EOFError`` when the subject ends instead.
        """
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(reports, select.POLLIN)
        while True:
            ready = dict(poll.poll(PATIENCE * 1000))
            if not ready:
                raise TimeoutError("it does not connect")
            if reports.fileno() in ready:
                reports.take()
            elif (connection := self._answer()) is not None:
                return connection

    def _answer(self) -> socket.socket | None:
        """Answer one request. Returns the connection if it has become a WebSocket."""
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if key := UPGRADE_KEY.search(read_request(connection)):
            connection.sendall(upgrade(key[1]))
            return connection
        with connection:
            connection.sendall(self._where_to_connect())
        return None

    def _where_to_connect(self) -> bytes:
        body = json.dumps(self._platform.where_to_connect(self.host)).encode()
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\n" + head.encode() + body


def read_request(connection: socket.socket) -> bytes:
    """The head of a request, when all of the request has come."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = CONTENT_LENGTH.search(head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(receive(connection))
    return head


def receive(connection: socket.socket) -> bytes:
    """What the client sent. Raises ``ConnectionError`` when it has gone."""
    data = connection.recv(RECEIVE_SIZE)
    if not data:
        raise ConnectionError("the client closed the connection")
    return data


def upgrade(key: bytes) -> bytes:
    """The answer that makes a WebSocket of a connection, without extensions (RFC 6455 §4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


@attrs.define
class Sending:
    """A flood on its way to one client."""

    connection: socket.socket
    flood: Flood
    frames: Frames
    reports: Reports
    """What the subject itself says."""
    acks: Acks = attrs.field(init=False)
    aim: int = 0
    """The number of messages that may be sent by now."""
    sent: int = 0
    """Bytes that the kernel has taken."""
    handed_over: list[tuple[int, int]] = attrs.field(factory=list)
    """After each write: how many bytes it were by then, and when."""

    @acks.default
    def _no_acks(self) -> Acks:
        return Acks(self.frames.platform)

    @property
    def target(self) -> int:
        """The byte up to which may be sent: where a message ends."""
        return self.frames.ends[self.aim - 1] if self.aim else 0

    def wait_ready(self) -> None:
        """Wait for the first ping, where clients send any: some lose what comes before they listen."""
        if self.frames.platform.pong:
            while not self.acks.beats:
                self.acks.take(receive(self.connection), time.perf_counter_ns())

    def run(self) -> None:
        """Send everything. Returns when all of it is acknowledged, and reported to be handled and marked done."""
        poll = select.poll()
        poll.register(self.reports, select.POLLIN)
        while not self.reports.finished or self.acks.count < self.flood.count:
            if self.sent == self.target:
                self.go_on()
            poll.register(self.connection, select.POLLIN | (select.POLLOUT if self.sent < self.target else 0))
            ready = dict(poll.poll(PATIENCE * 1000))
            if not ready:
                done = f"{self.acks.count} acknowledged and {self.reports.handled} handled of {self.flood.count}"
                raise TimeoutError(f"{done}, and nothing more comes")
            happened = ready.get(self.connection.fileno(), 0)
            if happened & ~select.POLLOUT:
                self.acks.take(receive(self.connection), time.perf_counter_ns())
            if happened & select.POLLOUT:
                self.send()
            if self.reports.fileno() in ready:
                self.reports.take()

    def go_on(self) -> None:
        """Between two messages: answer pings, and send on if the window has opened far enough."""
        if self.acks.pings:
            pongs = [bytes((PONG, len(said))) + said for said in self.acks.pings]
            self.connection.sendall(b"".join(pongs))
            self.acks.pings.clear()
        if self.acks.beats:
            self.connection.sendall(self.frames.platform.pong * self.acks.beats)
            self.acks.beats = 0
        done = self.acks.count if self.flood.burst else min(self.acks.count, self.reports.handled)
        until = min(self.flood.count, done + self.flood.window)
        if until - self.aim >= min(self.flood.worth_sending, self.flood.count - self.aim):
            self.aim = until

    def send(self) -> None:
        """Hand the kernel what it takes without waiting."""
        piece = memoryview(self.frames.wire)[self.sent : min(self.target, self.sent + MOST_AT_ONCE)]
        try:
            self.sent += self.connection.send(piece, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        self.handed_over.append((self.sent, time.perf_counter_ns()))

    def latencies(self) -> list[int]:
        """From the last byte of each message handed to the kernel to its acknowledgement, in nanoseconds.

        Raises ``ValueError`` unless every message was acknowledged, and once.
        """
        ends = dict(zip(self.frames.ids, self.frames.ends, strict=True))
        waits = []
        for moment, name in self.acks.read():
            end = ends.pop(name, None)
            if end is None:
                raise ValueError(f"acknowledged twice, or never sent: {name}")
            place = bisect.bisect_left(self.handed_over, end, key=lambda written: written[0])
            waits.append(moment - self.handed_over[place][1])
        if ends:
            raise ValueError(f"not acknowledged: {len(ends)} messages")
        return waits
