"""A platform of its own: binary frames, answers in acknowledgements, accounts that listen or are called. Its server is
an object."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

import attrs
import trio

from trio_bridge.config import Overlap, Secret
from trio_bridge.engine.bell import Bell
from trio_bridge.engine.platform import (
    CalledPlatform,
    Connection,
    Door,
    ListeningPlatform,
    Outgoing,
    Platform,
    PlatformConfig,
    Services,
)
from trio_bridge.engine.policy import ReturnWishes
from trio_bridge.errors import PeerClosed
from trio_bridge.messages import Conversation, Message, MessageContext, Reply, Sender
from trio_bridge.transport.websocket import Websocket
from trio_bridge.wire.protocol import Batch, Delivery, Frame


class FakeProtocol:
    """``{"key", "lane", "text", "id"}`` in, ``b"ack ID [answer]"`` out."""

    beat_interval: float | None = None

    def receive(self, frames: Sequence[Frame]) -> Batch:
        batch = Batch()
        for frame in frames:
            data = json.loads(frame)
            if "leaving" in data:
                batch.leaving = data["leaving"]
            elif "bad" in data:
                batch.bad += 1
            elif "unwanted" in data:
                batch.unwanted += 1
            elif "beat" in data:
                self.beat_interval = data["beat"]
            else:
                within = data.get("answer_within")
                batch.deliveries.append(
                    Delivery(data["key"], data["lane"], "fake", bytes(frame).decode(), data["id"], None, within)  # type: ignore[arg-type]
                )
        return batch

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        return f"ack {delivery.ack} {answer or ''}".rstrip().encode()

    def refuse(self, delivery: Delivery) -> Frame | None:
        return f"refused {delivery.ack}".encode()

    def beat(self) -> Frame:
        return b"beat"

    def expire(self, now: float) -> None:
        pass


def raising(error: BaseException) -> Callable[[], Any]:
    """What fails with ``error`` whenever it is called."""

    def fail() -> None:
        raise error

    return fail


class FakeLink(Websocket):
    """One connection: what the account holds, with the peer's controls on it."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._incoming: deque[Frame] = deque()
        self._bell = Bell()
        self._pings = 0
        self._error: Exception | None = None
        self.last_received = self.opened_at = trio.current_time()
        self.closed_at: float | None = None
        self.silent = False
        self.answers_pings = True
        self.deaf_writes = False
        self.sent: list[str] = []
        self.pinged_at: list[float] = []

    # The account's side

    @property
    def wants_flush(self) -> bool:
        return False

    async def receive_batch(self) -> list[Frame]:
        while not self._incoming:
            if self._error is not None:
                raise self._error
            await self._bell.wait()
        frames, self._incoming = list(self._incoming), deque()
        return frames

    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        await trio.lowlevel.checkpoint()
        if self.deaf_writes:
            await trio.sleep_forever()
        if self._pings:
            self.pinged_at.append(trio.current_time())
            if not self.silent and self.answers_pings:
                self.last_received = trio.current_time()
            self._pings = 0
        if b"beat" in messages and not self.silent:
            self.last_received = trio.current_time()
        if not self.silent:
            self.sent += [bytes(message).decode() for message in messages]  # type: ignore[arg-type]
            self._server.noticed()

    def ping(self) -> None:
        self._pings += 1

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self.closed_at is None and self.silent:
            with trio.move_on_after(5):
                await trio.sleep_forever()
        self.abort()

    def abort(self) -> None:
        self.closed_at = self.closed_at or trio.current_time()

    # The peer's side

    def push(self, key: str, text: str = "hi", *, lane: str = "talk", **fields: Any) -> str:
        """Deliver something; returns the id that its acknowledgement names."""
        ack_id = f"{key}@{self._server.connections.index(self)}.{next(self._server.ids)}"
        self.push_raw({"key": key, "lane": lane, "text": text, "id": ack_id, **fields})
        return ack_id

    def push_raw(self, data: dict[str, Any]) -> None:
        if not self.silent:
            self.last_received = trio.current_time()
            self._incoming.append(json.dumps(data).encode())
            self._bell.ring()

    def leave(self, reason: str = "maintenance") -> None:
        self.push_raw({"leaving": reason})

    def lose(self, error: Exception | None = None) -> None:
        self._error = error or PeerClosed(1006)
        self._bell.ring()

    @property
    def is_open(self) -> bool:
        return self.closed_at is None and self._error is None

    def acked(self, ack_id: str) -> bool:
        return any(line == f"ack {ack_id}" or line.startswith(f"ack {ack_id} ") for line in self.sent)


class FakeServer:
    """The platform that accounts connect to and send to."""

    def __init__(self) -> None:
        self.connections: list[FakeLink] = []
        self.connected_at: list[float] = []
        self.attempts: list[float] = []
        self.answers: list[tuple[str, str]] = []
        """Keys and texts that were sent, in order."""
        self.on_connect: Callable[[], object] = lambda: None
        """Raises what the next attempts fail with."""
        self.on_send: Callable[[Outgoing], object] = lambda outgoing: None
        self.send_takes = 0.0
        self.wishes = ReturnWishes()
        self.door: Door | None = None
        self.on_door: Callable[[], object] = lambda: None
        """Raises what opening the door fails with."""
        self.ids = iter(range(1_000_000))
        self.peers_in, self.peers_out = trio.open_memory_channel[Any](10)
        self._lot = trio.lowlevel.ParkingLot()

    def noticed(self) -> None:
        self._lot.unpark_all()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so. Looks again whenever this server sees anything."""
        while not condition():
            await self._lot.park()

    async def connection(self, number: int = 1) -> FakeLink:
        """The n-th connection, as soon as there is one."""
        await self.until(lambda: len(self.connections) >= number)
        await trio.testing.wait_all_tasks_blocked()
        return self.connections[number - 1]

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.answers]

    @asynccontextmanager
    async def open_link(self) -> AsyncGenerator[Connection]:
        link = FakeLink(self)
        self.connections.append(link)
        self.connected_at.append(trio.current_time())
        self.noticed()
        try:
            yield Connection(link, FakeProtocol())
        finally:
            await link.aclose()


class FakePlatform(Platform):
    overlap: ClassVar[Overlap] = "concurrent"

    def __init__(self, config: Fake, keyed: bool) -> None:
        self._config = config
        self.sends_are_keyed = keyed  # type: ignore[misc]
        self.api = config.server

    @property
    def wishes(self) -> ReturnWishes:
        return self._config.server.wishes

    def holds(self, key: str) -> float:
        return self._config.keys_hold

    def open_door(self, door: Door) -> AbstractAsyncContextManager[None] | None:
        return self._stand_at(door) if self._config.called or self._config.door else None

    @asynccontextmanager
    async def _stand_at(self, door: Door) -> AsyncGenerator[None]:
        server = self._config.server
        await trio.lowlevel.checkpoint()
        result = server.on_door()
        if result is not None:
            await result  # type: ignore[misc]
        server.door = door
        server.noticed()
        yield
        server.door = None

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Connection]:
        server = self._config.server
        await trio.lowlevel.checkpoint()
        server.attempts.append(trio.current_time())
        server.noticed()
        self._config.token.read()
        result = server.on_connect()
        if result is not None:
            await result  # type: ignore[misc]
        async with server.open_link() as connection:
            yield connection

    def message(self, delivery: Delivery, context: MessageContext) -> Message | None:
        data = json.loads(delivery.data)
        if data.get("ignore"):
            return None
        return Message(
            platform="fake",
            account=self._config.name,
            id=delivery.key,
            conversation=Conversation(delivery.lane),
            sender=Sender("somebody"),
            text=data["text"],
            context=context,
        )

    def target(self, message: Message) -> str:
        return message.conversation.id

    def target_for(self, conversation_id: str) -> str:
        return conversation_id

    def parts(self, reply: Reply) -> list[Reply]:
        return [attrs.evolve(reply, text=piece) for piece in reply.text.split("|")]

    async def send(self, outgoing: Outgoing) -> str | None:
        server = self._config.server
        await trio.sleep(server.send_takes)
        server.on_send(outgoing)
        if not (self.sends_are_keyed and outgoing.key in dict(server.answers)):
            server.answers.append((outgoing.key, outgoing.reply.text))
        server.noticed()
        return f"sent-{len(server.answers)}"


class FakeListening(FakePlatform, ListeningPlatform):
    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[Any]:
        yield self._config.server.peers_out


class FakeCalled(FakePlatform, CalledPlatform):
    connect = CalledPlatform.connect  # type: ignore[assignment]


@attrs.frozen(kw_only=True)
class Fake(PlatformConfig):
    platform: ClassVar[str] = "fake"

    name: str = "a"
    server: FakeServer
    token: Secret = attrs.field(default="secret", converter=Secret.of)
    keyed: bool = False
    keys_hold: float = float("inf")
    listens: bool = False
    called: bool = False
    """Nothing comes but calls."""
    door: bool = False
    """Calls come beside a connection."""

    @asynccontextmanager
    async def open_platform(self, services: Services) -> AsyncGenerator[Platform]:
        await trio.lowlevel.checkpoint()
        kind = FakeListening if self.listens else FakeCalled if self.called else FakePlatform
        yield kind(self, self.keyed)
