"""The gateway's protocol on one connection: frames in; answers settled, events told, deliveries out.

Numbers of events begin anywhere and rise by one. What has an old number came twice and is dropped; where numbers are
missing, events are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ...wire.protocol import Batch, Delivery, Frame
from .events import Events
from .frames import BadFrame, Event, Response, decode, seconds

TICK: Final = "tick"
SHUTDOWN: Final = "shutdown"


class OpenClawProtocol:
    """One connection, from its hello on. Nothing of it is ever acknowledged."""

    beat_interval: float | None = None
    """The gateway answers a ping in JSON with an error. WebSocket pings are the engine's."""

    def __init__(
        self, settle: Callable[[Response], bool], events: Events, delivers: Callable[[Event], Delivery | None]
    ) -> None:
        self._settle = settle
        self._events = events
        self._delivers = delivers
        self._last_seq: int | None = None
        self.heard_at = 0.0
        """When frames last arrived, by the clock of whoever calls :meth:`expire`."""
        self.has_ticked = False
        self.restart_hint: float | None = None
        """How many seconds the gateway said that it will be away."""

    def receive(self, frames: Sequence[Frame]) -> Batch:
        batch = Batch()
        for frame in frames:
            try:
                said = decode(frame)
            except BadFrame:
                batch.bad += 1
                continue
            if isinstance(said, Event):
                self._take(said, batch)
            # An answer that has no id is about something that we said and the gateway did not understand.
            elif isinstance(said, Response) and not self._settle(said) and said.id in ("", "invalid"):
                batch.bad += 1
        return batch

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        return None

    def refuse(self, delivery: Delivery) -> Frame | None:
        return None

    def beat(self) -> Frame:
        raise AssertionError("the gateway knows no ping in JSON")  # pragma: no cover

    def expire(self, now: float) -> None:
        """Nothing waits here. It is how a protocol without a clock learns when it was heard from."""
        self.heard_at = now

    def _take(self, event: Event, batch: Batch) -> None:
        if event.seq is not None:
            last = self._last_seq
            if last is not None and event.seq <= last:
                return
            self._last_seq = event.seq
            if last is not None and event.seq > last + 1:
                self._events.gap("sequence", event.seq - last - 1)
        if event.name == TICK:
            self.has_ticked = True
        elif event.name == SHUTDOWN:
            self.restart_hint = seconds(event.payload.get("restartExpectedMs"))
        self._events.publish(event)
        if (delivery := self._delivers(event)) is not None:
            batch.deliveries.append(delivery)
