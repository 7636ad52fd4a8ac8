"""Whether the peer of a connection lives: it is asked, and left when it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from ..config import AccountConfig
from ..errors import PeerSilent
from ..transport.websocket import Websocket
from ..wire.protocol import Frame, PlatformProtocol
from .bell import Bell

PROBE_LIMIT = 3.0
"""How long a peer has to show that it is there, after the clock jumped."""


@attrs.define
class Pulse:
    """What is known of the life of one connection. Times by :func:`trio.current_time`."""

    ready_at: float
    last_delivery_at: float | None = None
    deliveries: int = 0
    last_ping_at: float | None = None
    last_pong_at: float | None = None


class Watched(Protocol):
    """One connection, as far as its life is concerned."""

    @property
    def config(self) -> AccountConfig: ...
    @property
    def link(self) -> Websocket: ...
    @property
    def protocol(self) -> PlatformProtocol: ...
    @property
    def pulse(self) -> Pulse: ...
    @property
    def clock_jumped(self) -> Bell: ...
    @property
    def beat_changed(self) -> Bell: ...


@attrs.frozen
class Heartbeat:
    """Pings, and leaves a peer that is not heard."""

    wiring: Watched
    outgoing: trio.MemorySendChannel[list[Frame]]
    on_proven: Callable[[], None]

    async def run(self) -> None:
        config, link, pulse = self.wiring.config, self.wiring.link, self.wiring.pulse
        misses, due = 0, trio.current_time()
        with self.outgoing:
            while True:
                due = max(due + config.ping_interval, trio.current_time())
                if await self._clock_jumps_before(due):
                    await self._probe()
                    continue
                asked_at = await self._ping(loudly=misses + 1 >= config.ping_misses)
                if await self._clock_jumps_before(asked_at + config.pong_timeout):
                    await self._probe()
                elif link.last_received >= asked_at:
                    misses = 0
                    pulse.last_pong_at = link.last_received
                    self.on_proven()
                else:
                    misses += 1
                    if misses >= config.ping_misses:
                        silence = trio.current_time() - link.last_received
                        raise PeerSilent(f"nothing received for {silence:.0f} s, {misses} pings unanswered")

    async def _clock_jumps_before(self, deadline: float) -> bool:
        with trio.move_on_at(deadline) as pause:
            await self.wiring.clock_jumped.wait()
        return not pause.cancelled_caught

    async def _ping(self, *, loudly: bool = False) -> float:
        """Ask for a sign of life; ``loudly`` also in the platform's own words, for a peer that knows no others."""
        asked_at, protocol = trio.current_time(), self.wiring.protocol
        self.wiring.pulse.last_ping_at = asked_at
        self.wiring.link.ping()
        await self.outgoing.send([protocol.beat()] if loudly and protocol.beat_interval is not None else [])
        return asked_at

    async def _probe(self) -> None:
        asked_at = await self._ping(loudly=True)
        await trio.sleep_until(asked_at + PROBE_LIMIT)
        if self.wiring.link.last_received < asked_at:
            raise PeerSilent(f"no sign of life within {PROBE_LIMIT:g} s after a jump of the clock")


@attrs.frozen
class Beat:
    """Sends the platform's own pings, and leaves a peer that does not answer one. It may change their interval."""

    wiring: Watched
    outgoing: trio.MemorySendChannel[list[Frame]]

    async def run(self) -> None:
        protocol, link, pulse = self.wiring.protocol, self.wiring.link, self.wiring.pulse
        beaten_at = trio.current_time()
        with self.outgoing:
            while (interval := protocol.beat_interval) is not None:
                await self.wiring.beat_changed.wait_until(beaten_at + interval)
                if trio.current_time() < beaten_at + interval:
                    continue
                beaten_at = pulse.last_ping_at = trio.current_time()
                await self.outgoing.send([protocol.beat()])
                patience = min(self.wiring.config.pong_timeout, interval / 2)
                await trio.sleep_until(beaten_at + patience)
                if link.last_received < beaten_at:
                    raise PeerSilent(f"a ping of the platform's own kind was not answered within {patience:g} s")
                pulse.last_pong_at = link.last_received
