"""A bridge that kills itself at one step of its way from its start to the last reply to a message.

Steps are the moments before and after every call of the store and before and after every send. Its platform speaks
lines of text to the tests, which keep the book of what arrived.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import attrs
import trio

import trio_bridge as tb
from tests.crash.watched import Watch, open_watched
from tests.engine.fake import FakePlatform, FakeProtocol
from trio_bridge.engine.dispatch import Handler
from trio_bridge.engine.platform import Connection, Outgoing, Platform, PlatformConfig, Services
from trio_bridge.engine.store import Work
from trio_bridge.errors import PeerClosed
from trio_bridge.transport.websocket import Websocket
from trio_bridge.wire.protocol import Frame


class Steps(Watch):
    """Writes down each step of the process, and kills it at the one that is ``fatal``."""

    def __init__(self, fatal: str, note: Path) -> None:
        self._fatal = fatal
        self._note = note
        self._times: Counter[str] = Counter()

    def before(self, call: str, arguments: tuple[Any, ...]) -> None:
        self.step(f"before {_named(call, arguments)}")

    def after(self, call: str, arguments: tuple[Any, ...], result: Any) -> None:
        self.step(f"after {_named(call, arguments)}")

    def step(self, name: str) -> None:
        """Something is done for the n-th time."""
        self._times[name] += 1
        step = f"{name} {self._times[name]}"
        with self._note.open("a") as note:
            print(step, file=note)
        if step == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def _named(call: str, arguments: tuple[Any, ...]) -> str:
    match arguments:
        case (Work() as work,):
            return " and ".join(part for part in ("finish", "accept", "claim") if getattr(work, part))
    return call


class LineLink(Websocket):
    """Messages as lines on a stream."""

    wants_flush = False

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""
        self.last_received = trio.current_time()

    async def receive_batch(self) -> list[Frame]:
        piece = await self._stream.receive_some()
        if not piece:
            raise PeerClosed(1006)
        self.last_received = trio.current_time()
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return list(lines)

    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        await self._stream.send_all(b"".join(bytes(message) + b"\n" for message in messages))  # type: ignore[arg-type]

    def ping(self) -> None:
        """No process lives long enough here to be asked."""

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._stream.aclose()

    def abort(self) -> None:
        self._stream.socket.close()


class LinePlatform(FakePlatform):
    """The fake platform, with its server at the other end of a socket."""

    def __init__(self, config: Lines) -> None:
        self._config: Any = config
        self.sends_are_keyed = config.keyed  # type: ignore[misc]

    # Its server is elsewhere: nobody calls, nobody has wishes, and no key is ever forgotten.
    open_door = Platform.open_door
    wishes = Platform.wishes
    holds = Platform.holds

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Connection]:
        async with await trio.open_tcp_stream("127.0.0.1", self._config.port) as stream:
            await stream.send_all(b'"connect"\n')
            yield Connection(LineLink(stream), FakeProtocol())

    async def send(self, outgoing: Outgoing) -> str | None:
        self._config.steps.step("before send")
        async with await trio.open_tcp_stream("127.0.0.1", self._config.port) as stream:
            await stream.send_all(json.dumps([outgoing.key, outgoing.reply.text]).encode() + b"\n")
            taken = await stream.receive_some()
        assert taken == b"taken\n"
        self._config.steps.step("after send")
        return outgoing.key


@attrs.frozen(kw_only=True)
class Lines(PlatformConfig):
    platform: ClassVar[str] = "lines"

    name: str = "a"
    port: int
    keyed: bool
    steps: Steps

    @asynccontextmanager
    async def open_platform(self, services: Services) -> AsyncGenerator[Platform]:
        await trio.lowlevel.checkpoint()
        yield LinePlatform(self)


# The handlers. Each process words its replies in its own way: of two wordings of one reply the first that is committed
# is the one that everybody must see.


async def transaction(message: tb.Message) -> None:
    async with message.transaction() as tx:
        tx.state["handled"] = tx.state.get("handled", 0) + 1
        await message.reply(f"one, says {os.getpid()}")
        await message.reply(f"two, says {os.getpid()}")


async def replies(message: tb.Message) -> None:
    await message.reply(f"one, says {os.getpid()}")
    await message.reply(f"two, says {os.getpid()}|and more of it")


async def returned(message: tb.Message) -> str:
    return f"one, says {os.getpid()}"


async def stream(message: tb.Message) -> None:
    async with message.stream() as out:
        await out.write("one, ")
        await out.write(f"says {os.getpid()}")


async def poison(message: tb.Message) -> str:
    """The end of the process, if the message says so; else it takes a while."""
    if message.text == "poison":
        os._exit(1)
    await trio.sleep(0.1)
    return message.text


HANDLERS: Mapping[str, Handler] = {
    handler.__name__: handler for handler in (transaction, replies, returned, stream, poison)
}


def serve(handler: str, folder: str, port: int, keyed: bool, awaited: int, fatal: str = "") -> None:
    """Handle what waits in the store and ``awaited`` deliveries more; then drain."""
    steps = Steps(fatal, Path(folder, "steps"))
    account = Lines(port=port, keyed=keyed, steps=steps)
    trio.run(_serve, Path(folder, "bridge.db"), account, HANDLERS[handler], lambda acked: acked >= awaited)


async def _serve(path: Path, config: Lines, handler: Handler, all_here: Callable[[int], bool]) -> None:
    async with (
        open_watched(path, config.steps) as store,
        tb.open_bridge([config], handler, store=store) as bridge,
    ):
        account = bridge.account(config.name)
        await account.wait_ready()  # What an earlier process left is known from here on.
        while account.statistics().inbox_depth or not all_here(account.counters.acked):
            await trio.sleep(0.002)
