"""A gateway that means harm: what it says takes no more room, time or trust than it should."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from trio.testing import MockClock

from tests.platforms.openclaw.stage import simulated
from trio_bridge.errors import RequestFailed
from trio_bridge.platforms.openclaw.chat.rows import told_of
from trio_bridge.platforms.openclaw.chat.tracker import LONGEST, MOST_RUNS, Tracker
from trio_bridge.platforms.openclaw.delivering import delivery_of
from trio_bridge.platforms.openclaw.events import MOST_UNHEARD, Events
from trio_bridge.platforms.openclaw.failures import connect_failure
from trio_bridge.platforms.openclaw.frames import LONGEST_CODE, LONGEST_MESSAGE, BadFrame, Event, Response, decode
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.platforms.openclaw.hello import LONGEST_TOKEN, Hello
from trio_bridge.testing.openclaw import Refuses, Says

HUGE = "x" * 10**6


def delta(text: str) -> dict[str, Any]:
    return {"runId": "k", "sessionKey": "s", "state": "delta", "deltaText": text}


def test_an_answer_in_pieces_without_an_end_fails() -> None:
    tracker = Tracker("k", "s")
    pieces = 0
    while not tracker.over:
        tracker.hear("chat", delta(HUGE))
        pieces += 1
    assert pieces == LONGEST // len(HUGE) + 1
    assert isinstance(tracker.failure, RequestFailed)
    assert (tracker.failure.code, tracker.text) == ("too_long", "")


def test_one_answer_does_not_go_by_any_number_of_names() -> None:
    tracker = Tracker("k", "s")
    for begin in range(0, 1000, 300):
        tracker.adopt(f"run {number}" for number in range(begin, begin + 300))
    assert len(tracker.runs) == MOST_RUNS
    assert "k" in tracker.runs


@pytest.mark.parametrize("timestamp", [10**400, -(10**400), float("inf"), float("nan"), "1", True, [], None])
def test_a_time_that_no_clock_shows_is_none(timestamp: Any) -> None:
    rows = [{"role": "user", "content": "hi", "timestamp": timestamp}]
    assert told_of({"messages": rows}, key="k", text="hi", asked_at=0.0).question == "waiting"


async def test_events_that_wait_take_no_more_room_than_one_frame_may(autojump_clock: MockClock) -> None:
    events = Events(1024)
    async with events.open("chat") as stream:
        for number in range(10):
            events.publish(Event("chat", {"n": number}, number, size=MOST_UNHEARD // 4))
        assert stream.missed == 6
        assert [(await anext(stream)).seq for _ in range(4)] == [0, 1, 2, 3]
        events.publish(Event("chat", {}, 10, size=2 * MOST_UNHEARD))
        events.publish(Event("chat", {}, 11, size=1))
        first = await anext(stream)
        assert (first.seq, first.missed, stream.missed) == (10, 6, 1)


def test_an_event_knows_the_room_that_it_takes() -> None:
    frame = json.dumps({"type": "event", "event": "chat", "payload": {"text": HUGE}})
    event = decode(frame)
    assert isinstance(event, Event)
    assert event.size == len(frame)


def test_no_nesting_that_can_be_read_breaks_who_stores_it() -> None:
    """It is read with less on the stack than it is written with: some depths can be read and not written."""

    def depth(levels: int) -> str:
        return '{"type":"event","event":"chat","payload":{"id":"1","deep":' + "[" * levels + "]" * levels + "}}"

    def stored(levels: int, below: int) -> bool:
        if below:
            return stored(levels, below - 1)
        assert isinstance(event, Event)
        return delivery_of(event, ("presence",), lambda run_id: False) is not None

    outcomes = set()
    for levels in range(10, 1000, 10):
        try:
            event = decode(depth(levels).replace("chat", "presence"))
        except BadFrame as error:
            outcomes.add(str(error))
        else:
            outcomes.add(str(stored(levels, 40)))
    assert {"True"} <= outcomes <= {"True", "False", "not_json"}


@pytest.mark.parametrize("error", [{"code": HUGE, "message": HUGE, "details": {"code": HUGE}}, HUGE])
def test_an_error_without_an_end_is_cut(error: Any) -> None:
    answer = decode(json.dumps({"type": "res", "id": "1", "ok": False, "error": error}))
    assert isinstance(answer, Response)
    assert answer.error is not None
    assert len(answer.error.code) <= LONGEST_CODE
    assert len(answer.error.message) == LONGEST_MESSAGE
    refusal = connect_failure(answer.error, None)
    assert len(str(refusal)) < 2000
    assert len(getattr(refusal, "code", "")) <= LONGEST_CODE


@pytest.mark.parametrize(("size", "kept"), [(LONGEST_TOKEN, True), (LONGEST_TOKEN + 1, False)])
def test_a_token_that_no_login_has_room_for_is_none(size: int, kept: bool) -> None:
    hello = Hello.of({"auth": {"deviceToken": "t" * size}})
    assert bool(hello.device_token) is kept


@pytest.mark.parametrize(("wish", "waits"), [(0, 0.25), (500, 0.5), (86_400_000, 60.0)])
async def test_a_busy_gateway_is_asked_again_in_time_whatever_it_wishes(
    wish: int, waits: float, autojump_clock: MockClock
) -> None:
    busy = Refuses(Refusal("UNAVAILABLE", "busy", retryable=True, retry_after_ms=wish))
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.script("chat.send", busy, times=3)
        async with account.api.chat("main", "hello") as run:
            assert await run.finish() == "you said hello"
        asked_at = [asked.at for asked in stage.gateway.asked_for("chat.send")]
    assert [later - earlier for earlier, later in pairwise(asked_at)] == [waits] * 3


@pytest.mark.parametrize("summary", [HUGE, {"a": HUGE}, None, 5])
async def test_a_run_that_failed_before_says_so_in_few_words(summary: Any, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        answer = {"type": "res", "id": "1", "ok": True, "payload": {"status": "error", "summary": summary}}
        stage.gateway.script("chat.send", Says(json.dumps(answer)))
        with pytest.raises(RequestFailed) as failure:
            async with account.api.chat("main", "hello") as run:
                await run.finish()
    assert len(str(failure.value)) < 600
