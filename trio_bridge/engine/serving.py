"""The tasks that serve one connection. Each raises when the connection is of no further use.

1. One task reads the socket and one writes it. Everybody else uses channels.
2. The reader waits for nobody longer than a second: not for a disk, not for a handler.
3. An acknowledgement goes out on the connection that delivered, or not at all.
4. Received bytes prove that the peer lives. Nothing else does.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import trio

from ..config import AccountConfig
from ..errors import PeerClosed, PeerSilent, RemoteProtocolError
from ..transport.websocket import Websocket
from ..wire.protocol import Delivery, Frame, PlatformProtocol
from .answers import NotAnswered
from .bell import Bell
from .inbox import Inbox
from .liveness import Beat, Heartbeat, Pulse
from .platform import Connection, Requests
from .statistics import Counters

ARRIVALS = 16
"""Batches between reader and ack flusher: about a megabyte at the most."""
OUTGOING = 64
"""Batches between everybody and the writer."""
PATIENCE = 1.0
"""How long the reader waits for room before it sheds."""
WRITE_LIMIT = 10.0
"""How long the peer may refuse to read."""
SLOWEST = 64 * 1024
"""Bytes per second that even a bad line carries: what is large may take longer."""
BAD_FRAMES = 20
BAD_FRAMES_WINDOW = 60.0

Deliveries = list[Delivery]
Frames = list[Frame]
Prompt = tuple[Delivery, float]
"""A delivery whose acknowledgement is the answer, and when that is due at the latest."""
Answer = Callable[[Delivery, float], Awaitable[Any]]

logger = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


@attrs.frozen
class Wiring:
    """One connection and the channels around it. The opener keeps no end: each task gets clones."""

    config: AccountConfig
    connection: Connection
    pulse: Pulse
    counters: Counters
    clock_jumped: Bell = attrs.field(factory=Bell)
    """Rung when the clock jumped: the heartbeat finds out at once whether the peer is still there."""
    beat_changed: Bell = attrs.field(factory=Bell)
    """Rung when the peer wants another interval between the platform's own pings."""

    @property
    def link(self) -> Websocket:
        return self.connection.link

    @property
    def protocol(self) -> PlatformProtocol:
        return self.connection.protocol

    def serve(
        self,
        io: trio.Nursery,
        inbox: Inbox,
        answer: Answer,
        label: str,
        *,
        on_leaving: Callable[[str], None] = _ignore,
        on_fed: Callable[[], None] = _ignore,
        on_proven: Callable[[], None] = _ignore,
    ) -> None:
        """Start the tasks of this connection. What one of them raises ends the connection and nothing else."""
        # Full arrivals are shed after a second; full outgoing is back-pressure, which the writer's limit bounds.
        arrivals_in, arrivals_out = trio.open_memory_channel[Deliveries](ARRIVALS)
        prompts_in, prompts_out = trio.open_memory_channel[Prompt](self.config.queue_size)
        outgoing_in, outgoing_out = trio.open_memory_channel[Frames](OUTGOING)
        with arrivals_in, arrivals_out, prompts_in, prompts_out, outgoing_in, outgoing_out:
            tasks: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                ("writer", _Writer(self.link, outgoing_out.clone(), self.connection.requests).run),
                (
                    "reader",
                    _Reader(
                        self,
                        arrivals_in.clone(),
                        prompts_in.clone(),
                        outgoing_in.clone(),
                        inbox.rescue,
                        on_leaving,
                        on_fed,
                    ).run,
                ),
                ("heartbeat", Heartbeat(self, outgoing_in.clone(), on_proven).run),
                ("ack-flusher", _AckFlusher(self, inbox, arrivals_out.clone(), outgoing_in.clone()).run),
                ("answers", _Answers(self, answer, prompts_out.clone(), outgoing_in.clone()).run),
            ]
            if self.protocol.beat_interval is not None:
                tasks.append(("beat", Beat(self, outgoing_in.clone()).run))
            if self.connection.requests is not None:
                tasks.append(("caller", _Caller(self.connection.requests, outgoing_in.clone()).run))
            if self.connection.watch is not None:
                tasks.append(("watch", self.connection.watch))
            for role, run in tasks:
                io.start_soon(run, name=f"{label}/{role}")


@attrs.frozen
class _Reader:
    """Turns frames into deliveries, a batch at a time."""

    wiring: Wiring
    arrivals: trio.MemorySendChannel[Deliveries]
    prompts: trio.MemorySendChannel[Prompt]
    outgoing: trio.MemorySendChannel[Frames]
    rescue: Callable[[Deliveries], None]
    on_leaving: Callable[[str], None]
    on_fed: Callable[[], None]
    bad: deque[float] = attrs.field(factory=lambda: deque(maxlen=BAD_FRAMES + 1))

    async def run(self) -> None:
        link = self.wiring.link
        with self.arrivals, self.prompts, self.outgoing:
            if self.wiring.connection.early:
                await self._understand(self.wiring.connection.early)
            while True:
                try:
                    frames = await link.receive_batch()
                except PeerClosed as close:
                    if (error := self.wiring.connection.meaning(close)) is close:
                        raise
                    raise error from close
                if link.wants_flush:
                    self._post([])
                if frames:
                    await self._understand(frames)

    async def _understand(self, frames: Sequence[Frame]) -> None:
        protocol = self.wiring.protocol
        interval = protocol.beat_interval
        protocol.expire(trio.current_time())
        batch = protocol.receive(frames)
        if batch.replies:
            self._post(batch.replies)
        if protocol.beat_interval != interval:
            self.wiring.beat_changed.ring()
        if batch.unwanted:
            self.wiring.counters.gated += batch.unwanted
            self._note_deliveries(batch.unwanted)
        if batch.deliveries:
            self.wiring.counters.received += len(batch.deliveries)
            self._note_deliveries(len(batch.deliveries))
            await self._hand_over(batch.deliveries)
        for what in batch.lost:
            logger.error("lost: nobody can read it", extra={**self.wiring.config.labels, "what": what})
        if batch.bad:
            self._count_bad(batch.bad)
        if batch.leaving is not None:
            self.on_leaving(batch.leaving)  # and read on: the next connection comes first

    def _post(self, frames: Frames) -> None:
        try:
            self.outgoing.send_nowait(frames)
        except trio.WouldBlock:
            # The peer does not read. What waits inside the link goes out with whatever is sent next.
            logger.debug("replies dropped: the peer does not read", extra={"frames": len(frames)})

    def _note_deliveries(self, count: int) -> None:
        pulse = self.wiring.pulse
        pulse.last_delivery_at = trio.current_time()
        if not pulse.deliveries:
            self.on_fed()
        pulse.deliveries += count

    async def _hand_over(self, deliveries: Deliveries) -> None:
        if any(delivery.answer_within is not None for delivery in deliveries):
            self._ask([delivery for delivery in deliveries if delivery.answer_within is not None])
            deliveries = [delivery for delivery in deliveries if delivery.answer_within is None]
            if not deliveries:
                return
        try:
            with trio.move_on_after(PATIENCE) as patience:  # TCP holds the rest meanwhile
                await self.arrivals.send(deliveries)
        except trio.Cancelled:
            self.rescue(deliveries)  # The connection is gone, and these had arrived.
            raise
        if patience.cancelled_caught:
            self.wiring.counters.shed += len(deliveries)
            fields = {**self.wiring.config.labels, "deliveries": len(deliveries)}
            logger.warning("shed: the store is too slow", extra=fields)

    def _ask(self, prompts: Deliveries) -> None:
        """Have deliveries answered; those for which there is no room get the empty answer at once."""
        empty: Frames = []
        now = trio.current_time()
        for delivery in prompts:
            try:
                self.prompts.send_nowait((delivery, now + (delivery.answer_within or 0.0)))
            except trio.WouldBlock:
                self.wiring.counters.answered += 1
                if (frame := self.wiring.protocol.ack(delivery)) is not None:
                    empty.append(frame)
        if empty:
            self._post(empty)

    def _count_bad(self, count: int) -> None:
        self.wiring.counters.bad_frames += count
        now = trio.current_time()
        self.bad.extend([now] * min(count, BAD_FRAMES + 1))
        if len(self.bad) > BAD_FRAMES and now - self.bad[0] <= BAD_FRAMES_WINDOW:
            raise RemoteProtocolError(f"more than {BAD_FRAMES} frames within a minute were not understood")


@attrs.frozen
class _Writer:
    """The only task that writes to the socket."""

    link: Websocket
    outgoing: trio.MemoryReceiveChannel[Frames]
    requests: Requests | None

    async def run(self) -> None:
        with self.outgoing:
            async for frames in self.outgoing:
                frames = [*frames, *_gathered(self.outgoing)]
                patience = WRITE_LIMIT
                if self.requests is not None:
                    asked = self.requests.take()
                    patience += sum(map(len, asked)) / SLOWEST
                    frames += asked
                # A send that was cut off has torn a frame: this limit ends the connection, it is not tried again.
                with trio.move_on_after(patience) as limit:
                    await self.link.send_batch(frames)
                if limit.cancelled_caught:
                    raise PeerSilent(f"the peer has not read for {patience:.0f} s")


@attrs.frozen
class _Caller:
    """Wakes the writer when somebody wants something written. The writer takes it, and nobody before."""

    requests: Requests
    outgoing: trio.MemorySendChannel[Frames]

    async def run(self) -> None:
        with self.outgoing:
            while True:
                await self.requests.wait()
                await self.outgoing.send([])


@attrs.frozen
class _AckFlusher:
    """Stores, then acknowledges: in that order, on this connection, many at once."""

    wiring: Wiring
    inbox: Inbox
    arrivals: trio.MemoryReceiveChannel[Deliveries]
    outgoing: trio.MemorySendChannel[Frames]

    async def run(self) -> None:
        protocol = self.wiring.protocol
        with self.arrivals, self.outgoing:
            try:
                async for deliveries in self.arrivals:
                    deliveries = [*deliveries, *_gathered(self.arrivals)]
                    acked, refused = await self.inbox.accept(deliveries)
                    frames = [frame for delivery in acked if (frame := protocol.ack(delivery)) is not None]
                    self.wiring.counters.acked += len(frames)
                    frames += [frame for delivery in refused if (frame := protocol.refuse(delivery)) is not None]
                    if frames:
                        await self.outgoing.send(frames)
            finally:
                # The connection is gone. What had arrived is still stored, and not acknowledged: the platform's copy
                # will be absorbed, and where none comes nothing is lost.
                if late := _gathered(self.arrivals):
                    self.inbox.rescue(late)


@attrs.frozen
class _Answers:
    """Waits for answers that are acknowledgements; at their deadline the empty answer goes out."""

    wiring: Wiring
    answer: Answer
    prompts: trio.MemoryReceiveChannel[Prompt]
    outgoing: trio.MemorySendChannel[Frames]

    async def run(self) -> None:
        room = trio.Semaphore(self.wiring.config.queue_size)
        with self.prompts, self.outgoing:
            async with trio.open_nursery() as waiting:
                async for delivery, deadline in self.prompts:
                    await room.acquire()  # Not for long: each that waits has a deadline.
                    waiting.start_soon(self._answer, delivery, deadline, room)

    async def _answer(self, delivery: Delivery, deadline: float, room: trio.Semaphore) -> None:
        protocol, answer = self.wiring.protocol, None
        try:
            with trio.CancelScope(deadline=deadline):
                answer = await self.answer(delivery, deadline)
        except NotAnswered:
            frame = protocol.refuse(delivery) or protocol.ack(delivery)
        else:
            frame = protocol.ack(delivery, answer)
        finally:
            room.release()
        self.wiring.counters.answered += 1
        if frame is not None:
            await self.outgoing.send([frame])


def _gathered(channel: trio.MemoryReceiveChannel[list[Any]]) -> list[Any]:
    """Everything that waits on the channel, in order."""
    gathered: list[Any] = []
    while True:
        try:
            gathered += channel.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return gathered
