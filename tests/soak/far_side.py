"""A DingTalk in a process of its own, so that what a test measures in its own process is the bridge and nothing else.

Run as a program it serves until its standard input ends. Each line there is a command, ``{"do": …}`` with its
arguments, carried out in turn; each gets one line of JSON for an answer. :func:`open_far_side` is the other end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.soak.figures import milliseconds
from tests.soak.ping_watch import PingWatch
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gateway.ledger import MessageRecord
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing.dingtalk import DingTalkSimulator

ROOT = Path(__file__).parents[2]
SECRET = "secret"
PATIENCE = 30.0
"""Seconds that acknowledgements may come late before they are taken for lost."""


class FarSide:
    """The test's end of a DingTalk that runs elsewhere."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        assert process.stdout is not None
        self._answers = Lines(process.stdout)
        self.url = ""

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Have one command carried out, and return its answer."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return json.loads(await self._answers.next())

    async def hear(self) -> None:
        """Learn where it listens."""
        self.url = json.loads(await self._answers.next())["url"]

    def account(self, name: str, **tuning: Any) -> DingTalk:
        """An account there, for the app of that name."""
        return DingTalk(
            name=name,
            client_id=name,
            client_secret=SECRET,
            endpoint=self.url,
            oapi_endpoint=self.url,
            **tuning,
        )


@asynccontextmanager
async def open_far_side() -> AsyncGenerator[FarSide]:
    """A DingTalk in another process, for as long as the block runs."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        far_side = FarSide(process)
        await far_side.hear()
        yield far_side
    finally:
        process.kill()
        with trio.CancelScope(shield=True):  # It was killed: it ends at once.
            await process.wait()


class Lines:
    """What comes on a stream, line by line."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._rest = bytearray()

    async def next(self) -> bytes:
        """The next line; empty at the end of the stream."""
        while b"\n" not in self._rest:
            data = await self._stream.receive_some()
            if not data:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return bytes(line)


@attrs.frozen
class Stage:
    """What can be asked of the far side. Every command is a method."""

    dingtalk: DingTalkSimulator
    watch: PingWatch

    async def apps(self, names: list[str]) -> Any:
        """Let these apps in."""
        for name in names:
            self.dingtalk.add_app(name, SECRET)

    async def talk(self, names: list[str], each: float, seconds: float, people: int) -> Any:
        """Say something to every app once in ``each`` seconds, evenly spread. The answer has what became of it."""
        begun, pushed = trio.current_time(), []
        step, count = each / len(names), round(seconds * len(names) / each)
        for number in range(count):
            await trio.sleep_until(begun + number * step)
            round_, index = divmod(number, len(names))
            sender = f"staff{round_ % people:04}"
            pushed.append(await self.dingtalk.say(f"hello {number}", sender=sender, client_id=names[index]))
        with trio.move_on_after(PATIENCE):
            for message in pushed:
                await self.dingtalk.wait_acked(message)
        records = [self.dingtalk.ledger.record(message) for message in pushed]
        return {"acked_after": acked_after(records), "answered_after": answered_after(records)}

    async def flood(self, name: str, rate: float, seconds: float, people: int) -> Any:
        """Have that many people write to one app, ``rate`` messages a second all together."""
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for index in range(people):
                say = partial(self.dingtalk.flood, rate=rate / people, sender=f"staff{index:04}", client_id=name)
                nursery.start_soon(say, round(rate * seconds / people))
        pushed_in = trio.current_time() - begun
        with trio.move_on_after(PATIENCE):
            await self.dingtalk.wait_until(lambda: self.dingtalk.ledger.summary(name).unacked == 0)
        summary = self.dingtalk.ledger.summary(name)
        return {
            "pushed": summary.pushed,
            "undelivered": summary.undelivered,
            "pushed_in": pushed_in,
            "acked": summary.acked,
            "acked_in": trio.current_time() - begun,
            # In words: to read a hundred thousand numbers would hold up the loop that is being measured.
            "acked_after": milliseconds([wait for wait in acked_after(self.dingtalk.ledger.records(name)) if wait]),
        }

    async def flap(self, name: str, every: float, seconds: float) -> Any:
        """Greet an app and then hang up on it, again and again."""
        opened = 0
        with trio.move_on_after(seconds):
            while True:
                connection = await self.dingtalk.next_connection()
                opened += 1
                await self.dingtalk.say("are you there?", client_id=name)
                await trio.sleep(every)
                connection.drop("fin")
        return {"opened": opened}

    async def disconnect(self) -> Any:
        """Announce everywhere that the server will leave; return when nobody is on a connection of before."""
        before = self.dingtalk.connections
        self.dingtalk.disconnect()
        await self.dingtalk.wait_until(lambda: not any(connection.live for connection in before))

    async def connected(self, count: int) -> Any:
        """Return when that many connections are live."""
        await self.dingtalk.wait_until(lambda: len(self.dingtalk.connections) == count)

    async def judge(self) -> Any:
        """What went wrong, by the ledger, and what is open."""
        summary = self.dingtalk.ledger.summary()
        return {
            "summary": attrs.asdict(summary),
            "faults": [str(fault) for fault in self.dingtalk.ledger.faults[:10]],
            "connections": len(self.dingtalk.connections),
            "opened": len(self.dingtalk.opened),
            "busiest_second": busiest_second([connection.opened_at for connection in self.dingtalk.opened]),
        }

    async def pings(self, interval: float) -> Any:
        """How late each ping of each client was, if one was expected every ``interval`` seconds."""
        return {"lateness": list(self.watch.lateness(interval))}


def acked_after(records: Iterable[MessageRecord]) -> list[float | None]:
    """From the delivery of each message to its acknowledgement; ``None`` where there is none."""
    return [record.acks[0].at - record.deliveries[0].at if record.acks else None for record in records]


def answered_after(records: Iterable[MessageRecord]) -> list[float | None]:
    """The same to its reply."""
    return [record.replies[0].at - record.deliveries[0].at if record.replies else None for record in records]


def busiest_second(moments: Sequence[float]) -> int:
    """How many of these moments, which are in order, lie within one second at most."""
    recent: deque[float] = deque()
    most = 0
    for moment in moments:
        recent.append(moment)
        while recent[0] <= moment - 1.0:
            recent.popleft()
        most = max(most, len(recent))
    return most


async def main() -> None:
    watch = PingWatch()
    # What is not acknowledged stays so: a second delivery would hide it.
    async with DingTalkSimulator(network=watch, rules=Rules(redeliver_after=None)) as dingtalk:
        stage = Stage(dingtalk, watch)
        print(json.dumps({"url": dingtalk.url}), flush=True)
        commands = Lines(trio.lowlevel.FdStream(0))
        while line := await commands.next():
            command = json.loads(line)
            carry_out: Callable[..., Awaitable[Any]] = getattr(stage, command.pop("do"))
            print(json.dumps(await carry_out(**command)), flush=True)


if __name__ == "__main__":
    trio.run(main)
