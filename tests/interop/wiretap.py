"""What clients really send, byte by byte: the simulator's own records are of what it understood."""

from __future__ import annotations

import attrs
import trio
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from trio_bridge.transport.tcp import SystemNetwork


@attrs.frozen
class Request:
    """An HTTP request as it was written: headers in their order, their names as they were spelt."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@attrs.define(eq=False)
class Wire:
    """Everything that a client wrote on one TCP connection."""

    raw: bytearray = attrs.field(factory=bytearray, repr=False)

    @property
    def requests(self) -> list[Request]:
        return self._read()[0]

    @property
    def upgraded(self) -> bool:
        return any(request.header("Upgrade") for request in self.requests)

    @property
    def texts(self) -> list[str]:
        """The text messages that followed an upgrade."""
        return [bytes(frame.data).decode() for frame in self._frames() if frame.opcode is Opcode.TEXT]

    @property
    def close_code(self) -> int | None:
        """With which code the client closed, if it said so."""
        closes = [frame for frame in self._frames() if frame.opcode is Opcode.CLOSE]
        return int.from_bytes(closes[0].data[:2]) if closes and closes[0].data else None

    def _read(self) -> tuple[list[Request], bytes]:
        """The requests, and what comes after them."""
        requests, rest = [], bytes(self.raw)
        while not (requests and requests[-1].header("Upgrade")):
            head, end, after = rest.partition(b"\r\n\r\n")
            if not end:
                break
            line, *lines = head.decode().split("\r\n")
            request = Request(line, tuple(tuple(each.split(": ", 1)) for each in lines), "")
            length = int(request.header("Content-Length") or 0)
            requests.append(attrs.evolve(request, body=after[:length].decode(errors="replace")))
            rest = after[length:]
        return requests, rest

    def _frames(self) -> list[Frame]:
        requests, rest = self._read()
        if not (requests and requests[-1].header("Upgrade")):
            return []
        core = Protocol(Side.SERVER, state=State.OPEN, max_size=None)
        core.receive_data(rest)
        return [event for event in core.events_received() if isinstance(event, Frame)]


@attrs.define(eq=False)
class Wiretap(SystemNetwork):
    """Loopback, with everything written down that comes in."""

    wires: list[Wire] = attrs.field(factory=list, init=False)

    async def listen_tcp(self, host: str, port: int) -> trio.SocketListener:
        listener = await super().listen_tcp(host, port)
        accept = listener.accept

        async def accept_tapped() -> trio.SocketStream:
            return self._tapped(await accept())

        listener.accept = accept_tapped  # Trio's classes can't be derived from
        return listener

    def requests(self, path: str) -> list[Request]:
        """Every request for a path so far, whatever its query, in the order of the connections."""
        return [each for wire in self.wires for each in wire.requests if each.path.partition("?")[0] == path]

    @property
    def sockets(self) -> list[Wire]:
        """The connections that became WebSockets."""
        return [wire for wire in self.wires if wire.upgraded]

    def _tapped(self, stream: trio.SocketStream) -> trio.SocketStream:
        wire = Wire()
        self.wires.append(wire)
        receive = stream.receive_some

        async def receive_tapped(max_bytes: int | None = None) -> bytes:
            data = await receive(max_bytes)
            wire.raw += data
            return data

        stream.receive_some = receive_tapped
        return stream
