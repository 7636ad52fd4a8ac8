"""One connection's protocol: what is settled, told, dropped and counted."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.events import Events
from trio_bridge.platforms.openclaw.frames import Event, Response
from trio_bridge.platforms.openclaw.protocol import OpenClawProtocol
from trio_bridge.wire.protocol import Delivery


class Bench:
    """A protocol, and everything that it says."""

    def __init__(self, *, waits_for: str = "nothing") -> None:
        self.settled: list[Response] = []
        self.heard: list[Event] = []
        events = Events(10)
        self.listening = events.listening(self.heard.append)
        self.listening.__enter__()
        self._waits_for = waits_for
        self.protocol = OpenClawProtocol(self._settle, events, self._delivery)

    def _settle(self, response: Response) -> bool:
        self.settled.append(response)
        return response.id == self._waits_for

    def _delivery(self, event: Event) -> Delivery | None:
        return Delivery(str(event.seq), "lane", event.name, "{}") if event.name == "wanted" else None

    def take(self, *frames: Any) -> Any:
        return self.protocol.receive(
            [frame if isinstance(frame, str | bytes) else json.dumps(frame) for frame in frames]
        )

    @property
    def names(self) -> list[Any]:
        return [event.payload.get("missed") if event.name == "gap" else event.seq for event in self.heard]


def event(seq: int | None, name: str = "chat", **payload: Any) -> dict[str, Any]:
    numbered = {} if seq is None else {"seq": seq}
    return {"type": "event", "event": name, "payload": payload, **numbered}


def test_numbers_begin_anywhere_come_once_and_a_hole_is_told() -> None:
    bench = Bench()
    bench.take(event(40), event(41), event(41), event(39), event(None), event(45), event(46))
    assert bench.names == [40, 41, None, 3, 45, 46]


def test_each_connection_counts_for_itself() -> None:
    for _ in range(2):
        bench = Bench()
        bench.take(event(1), event(2))
        assert bench.names == [1, 2]


def test_answers_go_to_whoever_waits() -> None:
    bench = Bench(waits_for="7")
    batch = bench.take({"type": "res", "id": "7", "ok": True}, {"type": "res", "id": "6", "ok": True})
    assert [response.id for response in bench.settled] == ["7", "6"]
    assert batch.bad == 0


def test_what_the_gateway_did_not_understand_is_counted() -> None:
    """It says so under a name that no request of ours has, or under none: a client that goes on like that is broken."""
    bench = Bench()
    batch = bench.take(
        {"type": "res", "id": "invalid", "ok": False},
        {"type": "res", "id": 5, "ok": False},
        "{",
        b"\0",
        {"type": "req"},
    )
    assert batch.bad == 4


def test_a_tick_and_a_goodbye_are_remembered() -> None:
    bench = Bench()
    assert not bench.protocol.has_ticked
    bench.take(event(1, "tick", ts=1), event(2, "shutdown", reason="gateway restarting", restartExpectedMs=1500))
    assert bench.protocol.has_ticked
    assert bench.protocol.restart_hint == 1.5
    bench.take(event(3, "shutdown", reason="gateway stopping", restartExpectedMs=None))
    assert bench.protocol.restart_hint is None


def test_some_events_are_deliveries_and_are_told_too() -> None:
    bench = Bench()
    batch = bench.take(event(1, "wanted"), event(2))
    assert [delivery.topic for delivery in batch.deliveries] == ["wanted"]
    assert bench.names == [1, 2]


MEMBERS = st.sampled_from(["type", "event", "seq", "id", "ok"])
VALUES = st.text() | st.integers() | st.none() | st.sampled_from(["res", "event"])


@given(st.lists(st.text() | st.binary() | st.dictionaries(MEMBERS, VALUES)))
def test_no_frame_raises(frames: list[Any]) -> None:
    Bench().take(*frames)
