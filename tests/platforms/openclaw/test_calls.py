"""Requests: concurrent, in any order, and never in limbo."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_bridge.errors import (
    AccountRefused,
    AccountStopped,
    BridgeError,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
)
from trio_bridge.platforms.openclaw.calls import MOST_ASKED, Calls, Line
from trio_bridge.platforms.openclaw.frames import Response, WireError
from trio_bridge.platforms.openclaw.hello import Hello


def line(**facts: Any) -> Line:
    return Line(Hello(protocol=4, **facts))


def taken(line: Line) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in line.take()]


class Asking:
    """One request in a task of its own, and what came of it."""

    def __init__(self, nursery: trio.Nursery, calls: Calls, method: str = "health", **how: Any) -> None:
        self.result: Any = None
        self.scope = trio.CancelScope()
        nursery.start_soon(self._ask, calls, method, how)

    async def _ask(self, calls: Calls, method: str, how: dict[str, Any]) -> None:
        with self.scope:
            try:
                self.result = await calls.request(method, {}, **how)
            except BridgeError as error:
                self.result = error


async def test_a_thousand_requests_and_answers_in_any_order(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    got: dict[int, Any] = {}

    async def ask(number: int) -> None:
        got[number] = await calls.request("echo", {"n": number})

    async with trio.open_nursery() as nursery:
        for number in range(1000):
            nursery.start_soon(ask, number)
        ids: set[str] = set()
        while len(got) < 1000:
            await wait_all_tasks_blocked()
            requests = taken(connection)
            assert 0 < len(requests) <= MOST_ASKED
            ids |= {request["id"] for request in requests}
            for request in sorted(requests, key=lambda request: hash(request["id"])):
                assert connection.settle(Response(request["id"], True, request["params"]["n"]))
            await wait_all_tasks_blocked()
    assert len(ids) == 1000
    assert got == {number: number for number in range(1000)}
    assert connection.waiting == 0


async def test_without_a_connection_nothing_is_sent(autojump_clock: MockClock) -> None:
    with pytest.raises(NotSent, match="health: there is no connection"):
        await Calls(30.0).request("health")


async def test_whoever_wants_waits_for_a_connection(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, calls, when_ready=True)
        await trio.sleep(1000)
        calls.connected(connection)
        await wait_all_tasks_blocked()
        [request] = taken(connection)
        connection.settle(Response(request["id"], True, "fine"))
    assert asking.result == "fine"


@pytest.mark.parametrize("kind", ["auth", "misconfigured", "incompatible"])
async def test_a_refusal_ends_the_wait(autojump_clock: MockClock, kind: Any) -> None:
    calls = Calls(30.0)
    async with trio.open_nursery() as nursery:
        early = Asking(nursery, calls, when_ready=True)
        await wait_all_tasks_blocked()
        calls.refused(AccountRefused("no", kind=kind))
        await wait_all_tasks_blocked()
        late = Asking(nursery, calls, when_ready=True)
    assert isinstance(early.result, AccountRefused)
    assert isinstance(late.result, AccountRefused)


async def test_a_refusal_is_over_with_the_next_connection(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.refused(AccountRefused("no", kind="auth"))
    calls.connected(connection)
    calls.lost(connection, ConnectionLost("gone"))
    with trio.move_on_after(100) as patience:
        await calls.request("health", when_ready=True)
    assert patience.cancelled_caught


async def test_a_loss_tells_apart_what_was_written_and_what_was_not(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        written = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        connection.take()
        waiting = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        calls.lost(connection, ConnectionLost("the network took it"))
    assert isinstance(written.result, OutcomeUnknown)
    assert isinstance(waiting.result, NotSent)
    assert "the network took it" in str(written.result)
    assert connection.waiting == 0
    assert connection.take() == []


async def test_only_what_is_idempotent_is_asked_again(autojump_clock: MockClock) -> None:
    calls, first, second = Calls(30.0), line(), line()
    calls.connected(first)
    async with trio.open_nursery() as nursery:
        once = Asking(nursery, calls)
        again = Asking(nursery, calls, idempotent=True)
        await wait_all_tasks_blocked()
        first.take()
        calls.lost(first, ConnectionLost("gone"))
        await trio.sleep(100)
        calls.connected(second)
        await wait_all_tasks_blocked()
        [request] = taken(second)
        second.settle(Response(request["id"], True, "fine"))
    assert isinstance(once.result, OutcomeUnknown)
    assert again.result == "fine"


async def test_what_was_not_written_goes_out_over_the_next_connection_for_whoever_waits(
    autojump_clock: MockClock,
) -> None:
    calls, first, second = Calls(30.0), line(), line()
    calls.connected(first)
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, calls, when_ready=True)
        await wait_all_tasks_blocked()
        calls.lost(first, ConnectionLost("gone"))
        calls.connected(second)
        await wait_all_tasks_blocked()
        [request] = taken(second)
        second.settle(Response(request["id"], True, "fine"))
    assert asking.result == "fine"


async def test_no_answer_in_time(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        written = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        patient = Asking(nursery, calls, answer_within=100)
        await wait_all_tasks_blocked()
        requests = taken(connection)
        unwritten = Asking(nursery, calls)
        await trio.sleep(31)
        assert isinstance(written.result, OutcomeUnknown)
        assert isinstance(unwritten.result, NotSent)
        assert connection.take() == []
        assert not connection.settle(Response(requests[0]["id"], True, "late"))
        connection.settle(Response(requests[1]["id"], True, "fine"))
    assert patient.result == "fine"


async def test_whoever_gives_up_takes_back_what_was_not_written(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        asking.scope.cancel()
        await wait_all_tasks_blocked()
        assert connection.take() == []
        assert connection.waiting == 0


async def test_an_answer_before_the_question_was_written_is_none(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        assert not connection.settle(Response("1", True, "forged"))
        nursery.cancel_scope.cancel()
    assert asking.result is None


async def test_a_no_is_raised_and_one_for_later_too(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        no = Asking(nursery, calls, "chat.send")
        await wait_all_tasks_blocked()
        later = Asking(nursery, calls)
        await wait_all_tasks_blocked()
        first, second = taken(connection)
        connection.settle(Response(first["id"], False, None, WireError("INVALID_REQUEST", "no such agent")))
        connection.settle(Response(second["id"], False, None, WireError("UNAVAILABLE", "busy", None, True, 3.0)))
    assert isinstance(no.result, RequestFailed)
    assert (no.result.code, no.result.method) == ("INVALID_REQUEST", "chat.send")
    assert isinstance(later.result, RateLimited)
    assert later.result.retry_after == 3.0


async def test_what_is_larger_than_the_gateway_takes_is_not_sent(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line(max_payload=1000)
    calls.connected(connection)
    with pytest.raises(RequestFailed, match="larger than the 1000") as refused:
        await calls.request("chat.send", {"message": "中" * 320})
    assert (refused.value.code, refused.value.method) == ("too_large", "chat.send")
    async with trio.open_nursery() as nursery:
        Asking(nursery, calls)
        await wait_all_tasks_blocked()
        assert len(connection.take()) == 1
        nursery.cancel_scope.cancel()


async def test_whoever_gives_up_makes_room_for_the_next(autojump_clock: MockClock) -> None:
    """The gateway refuses whoever asks too much at once, so the rest waits here, and is told of a loss as not sent."""
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        asking = [Asking(nursery, calls) for _ in range(MOST_ASKED + 10)]
        await wait_all_tasks_blocked()
        assert len(connection.take()) == MOST_ASKED
        assert connection.take() == []
        with trio.move_on_after(1) as nothing:
            await connection.wait()
        assert nothing.cancelled_caught
        connection.settle(Response("1", True))
        await connection.wait()
        assert len(connection.take()) == 1
        calls.lost(connection, ConnectionLost("gone"))
    kinds = [type(each.result) for each in asking]
    assert (kinds.count(NotSent), kinds.count(OutcomeUnknown), kinds.count(type(None))) == (9, MOST_ASKED, 1)


async def test_there_is_a_bound_to_what_waits(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_bridge.platforms.openclaw.calls.MOST_WAITING", 20)
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            Asking(nursery, calls)
        await wait_all_tasks_blocked()
        with pytest.raises(NotSent, match="too many"):
            await calls.request("health")
        nursery.cancel_scope.cancel()
    assert connection.waiting == 0
    assert connection.take() == []


async def test_the_writer_is_given_a_part_at_a_time(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            await calls.request("x", {"data": "y" * 100_000})

        for _ in range(5):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert [len(connection.take()) for _ in range(4)] == [2, 2, 1, 0]
        nursery.cancel_scope.cancel()


async def test_a_stopped_account_asks_nothing(autojump_clock: MockClock) -> None:
    calls, connection = Calls(30.0), line()
    async with trio.open_nursery() as nursery:
        waiting = Asking(nursery, calls, when_ready=True)
        await wait_all_tasks_blocked()
        calls.connected(connection)
        await wait_all_tasks_blocked()
        connection.take()
        calls.stop()
    assert isinstance(waiting.result, OutcomeUnknown)
    with pytest.raises(AccountStopped):
        await calls.request("health", when_ready=True)
    with pytest.raises(AccountStopped):
        await calls.request("health")


async def test_the_loss_of_an_old_connection_leaves_the_new_one_alone(autojump_clock: MockClock) -> None:
    calls, old, new = Calls(30.0), line(), line()
    calls.connected(old)
    calls.connected(new)
    calls.lost(old, ConnectionLost("gone"))
    assert calls.line is new


async def test_a_connection_that_is_lost_takes_nothing_more(autojump_clock: MockClock) -> None:
    connection = line()
    connection.lose(ConnectionLost("cut"))
    with pytest.raises(NotSent, match="echo: cut"):
        await connection.request("echo", '"method":"echo"}', 30.0)
    assert (connection.waiting, connection.take()) == (0, [])


async def test_without_waiting_a_request_fails_also_where_another_connection_is_there(
    autojump_clock: MockClock,
) -> None:
    calls, first, second = Calls(30.0), line(), line()
    calls.connected(first)
    async with trio.open_nursery() as nursery:
        waits, fails = Asking(nursery, calls, when_ready=True), Asking(nursery, calls)
        await wait_all_tasks_blocked()
        calls.connected(second)
        calls.lost(first, ConnectionLost("cut"))
        await wait_all_tasks_blocked()
        assert isinstance(fails.result, NotSent)
        assert waits.result is None
        [again] = taken(second)
        second.settle(Response(again["id"], True, "done"))
    assert waits.result == "done"


async def test_what_nobody_waits_for_any_more_leaves_room_for_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_bridge.platforms.openclaw.calls.MOST_UNSENT", 150)
    calls, connection = Calls(30.0), line()
    calls.connected(connection)
    async with trio.open_nursery() as nursery:
        first = Asking(nursery, calls, "m" * 40)
        await wait_all_tasks_blocked()
        refused = Asking(nursery, calls, "m" * 40)
        await wait_all_tasks_blocked()
        assert isinstance(refused.result, NotSent)
        first.scope.cancel()
        await wait_all_tasks_blocked()
        second = Asking(nursery, calls, "m" * 40)
        await wait_all_tasks_blocked()
        assert len(taken(connection)) == 1
        Asking(nursery, calls, "m" * 40)
        await wait_all_tasks_blocked()
        assert len(taken(connection)) == 1
        assert second.result is None
        nursery.cancel_scope.cancel()
