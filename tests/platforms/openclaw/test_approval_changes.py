"""Approvals while one looks: what waits, what is decided, and what nobody decides in time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.platforms.openclaw.recorded import P3, P4, Desk, events
from trio_bridge import AccountStopped, NotSent, RateLimited, RequestFailed
from trio_bridge.platforms.openclaw.api import approval_changes
from trio_bridge.platforms.openclaw.api.approval_changes import LOOK_AGAIN, ApprovalChanges
from trio_bridge.platforms.openclaw.api.approval_results import ApprovalChange
from trio_bridge.platforms.openclaw.api.approvals import Approvals
from trio_bridge.platforms.openclaw.events import Events, EventStream, GatewayEvent
from trio_bridge.platforms.openclaw.frames import Event

EPOCH = 1795164000.0


def asked(id_: str, *, at: float = 0.0, life: float | None = 20.0) -> dict[str, Any]:
    """A request as a gateway tells of it, by its own clock."""
    times = {} if life is None else {"createdAtMs": (EPOCH + at) * 1000, "expiresAtMs": (EPOCH + at + life) * 1000}
    return {"id": id_, "request": {"command": f"run {id_}"}, **times}


@attrs.define(eq=False)
class Room:
    """A gateway with approvals, in virtual time."""

    desk: Desk = attrs.Factory(Desk)
    events: Events = attrs.Factory(lambda: Events(100))
    ahead: float = 0.0
    """How far our own clock is ahead of the gateway's."""
    began: float = attrs.Factory(trio.current_time)

    def __attrs_post_init__(self) -> None:
        self.waiting()

    def waiting(self, *requests: dict[str, Any]) -> None:
        """What the gateway answers to whoever looks."""
        self.desk.answers |= {"exec.approval.list": list(requests), "plugin.approval.list": []}

    def tell(self, what: str, payload: dict[str, Any], kind: str = "exec") -> None:
        self.events.publish(Event(f"{kind}.approval.{what}", payload))

    def wall(self) -> float:
        return EPOCH + self.ahead + trio.current_time() - self.began

    @property
    def looks(self) -> int:
        return sum(method == "exec.approval.list" for method, _, _ in self.desk.asked)

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[ApprovalChanges]:
        async with Approvals(self.desk.caller, self.events, self.wall).watch() as changes:
            yield changes


async def told(changes: ApprovalChanges, count: int) -> list[tuple[str, str, str]]:
    """The next changes, in short."""
    with trio.fail_after(1000):
        return [_short(await anext(changes)) for _ in range(count)]


async def nothing_more(changes: ApprovalChanges, within: float) -> None:
    with trio.move_on_after(within):
        raise AssertionError(await anext(changes))


def _short(change: ApprovalChange) -> tuple[str, str, str]:
    return change.kind, change.approval.id, change.approval.status


@pytest.mark.parametrize("gateway", [P3, P4])
async def test_a_recorded_approval(gateway: str, autojump_clock: object) -> None:
    room = Room(Desk(gateway))
    requested, resolved = (events(gateway, f"exec.approval.{what}")[0] for what in ("requested", "resolved"))
    async with room.watch() as changes:
        room.tell("requested", dict(requested))
        room.tell("resolved", dict(resolved))
        first, last = [await anext(changes) for _ in range(2)]
    assert (first.kind, first.approval.text, first.approval.status) == ("requested", "echo hi", "pending")
    assert (last.kind, last.approval.decision, last.approval.status) == ("resolved", "allow-once", "allowed")
    assert last.approval.expires_at == first.approval.expires_at


async def test_what_waits_comes_first_and_is_told_once(autojump_clock: object) -> None:
    room = Room()
    room.waiting(asked("a"), asked("b"))
    async with room.watch() as changes:
        room.tell("requested", asked("b"))
        room.tell("requested", asked("c"))
        assert await told(changes, 3) == [("requested", name, "pending") for name in "abc"]
        assert [approval.id for approval in changes.pending] == ["a", "b", "c"]


async def test_nothing_is_missed_between_hearing_and_looking(autojump_clock: object) -> None:
    room = Room()
    request = room.desk.request

    async def slow(method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "exec.approval.list":
            room.tell("requested", asked("a"))
        return await request(method, *args, **kwargs)

    room.desk.caller = attrs.evolve(room.desk.caller, request=slow)
    async with room.watch() as changes:
        assert await told(changes, 1) == [("requested", "a", "pending")]


async def test_what_nobody_decides_expires_by_its_own_deadline(autojump_clock: object) -> None:
    room = Room()
    room.waiting(asked("old", at=-15))
    async with room.watch() as changes:
        room.tell("requested", asked("new"))
        assert await told(changes, 2) == [("requested", "old", "pending"), ("requested", "new", "pending")]
        assert await told(changes, 1) == [("expired", "old", "expired")]
        assert trio.current_time() == room.began + 5
        assert await told(changes, 1) == [("expired", "new", "expired")]
        assert trio.current_time() == room.began + 20
        assert changes.pending == ()


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_a_request_that_is_new_expires_in_time_whatever_our_clock_says(
    autojump_clock: object, ahead: float
) -> None:
    room = Room(ahead=ahead)
    async with room.watch() as changes:
        room.tell("requested", asked("a"))
        assert await told(changes, 2) == [("requested", "a", "pending"), ("expired", "a", "expired")]
        assert trio.current_time() == room.began + 20


async def test_of_a_clock_that_is_behind_no_more_is_believed_than_there_can_be(autojump_clock: object) -> None:
    room = Room(ahead=-3600)
    room.waiting(asked("a"))
    async with room.watch() as changes:
        await told(changes, 2)
        assert trio.current_time() == room.began + 20


async def test_one_without_a_deadline_waits(autojump_clock: object) -> None:
    room = Room()
    room.waiting(asked("a", life=None))
    async with room.watch() as changes:
        await told(changes, 1)
        await nothing_more(changes, within=10_000)
        assert len(changes.pending) == 1


async def test_a_decision_behind_the_deadline_is_told(autojump_clock: object) -> None:
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", asked("a"))
        await told(changes, 2)
        room.tell("resolved", asked("a") | {"decision": "deny"})
        room.tell("resolved", asked("a") | {"decision": "deny"})
        room.tell("requested", asked("b"))
        assert await told(changes, 2) == [("resolved", "a", "denied"), ("requested", "b", "pending")]


async def test_after_a_lost_connection_it_looks_again(autojump_clock: object) -> None:
    room = Room()
    room.waiting(asked("decided", life=500), asked("late"), asked("waits", life=500))
    async with room.watch() as changes:
        await told(changes, 3)
        await trio.sleep(30)
        room.waiting(asked("waits", life=500), asked("new", at=25, life=500))
        room.events.gap("reconnected")
        assert await told(changes, 3) == [
            ("expired", "late", "expired"),
            ("requested", "new", "pending"),
            ("resolved", "decided", ""),
        ]
        room.tell("resolved", asked("decided") | {"decision": "deny"})
        await nothing_more(changes, within=100)
    assert room.looks == 2


async def test_what_expires_while_one_looks_has_expired(autojump_clock: object) -> None:
    room = Room()
    request = room.desk.request

    async def slow(*args: Any, **kwargs: Any) -> Any:
        await trio.sleep(15)
        return await request(*args, **kwargs)

    async with room.watch() as changes:
        room.tell("requested", asked("a"))
        await told(changes, 1)
        room.desk.caller = attrs.evolve(room.desk.caller, request=slow)
        changes._look = Approvals(room.desk.caller, room.events, room.wall).list
        await trio.sleep(10)
        room.events.gap("reconnected")
        assert await told(changes, 1) == [("expired", "a", "expired")]
        assert trio.current_time() == room.began + 20, "looking takes longer"


async def test_what_is_gone_right_before_its_deadline_has_expired(autojump_clock: object) -> None:
    """The gateway's clock is the first to say so, and looking then finds nothing."""
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", asked("a", life=2.0))
        room.tell("requested", asked("b", life=20.0))
        assert [change[0] for change in await told(changes, 2)] == ["requested"] * 2
        await trio.sleep(1.99)
        room.events.gap("sequence", 1)
        assert await told(changes, 2) == [("expired", "a", "expired"), ("resolved", "b", "")]


@pytest.mark.parametrize("late", [1.99, 2.01])
async def test_what_nobody_denied_at_the_deadline_has_expired(autojump_clock: object, late: float) -> None:
    """So newer gateways tell of it, a moment before our own clock or behind it."""
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", asked("a", life=2.0))
        assert [change[0] for change in await told(changes, 1)] == ["requested"]
        with trio.move_on_after(late):
            assert await told(changes, 1) == [("expired", "a", "expired")]
        room.tell("resolved", {**asked("a", life=2.0), "decision": "deny", "resolvedBy": None})
        if late < 2:
            assert await told(changes, 1) == [("expired", "a", "expired")]
        await nothing_more(changes, within=10)


async def test_where_events_found_no_room_it_looks_again(autojump_clock: object) -> None:
    room = Room(events=Events(2))
    async with room.watch() as changes:
        for name in "abcd":
            room.tell("requested", asked(name))
        room.waiting(*(asked(name) for name in "abcde"))
        await told(changes, 2)
        room.tell("requested", asked("e"))
        assert sorted(await told(changes, 3)) == [("requested", name, "pending") for name in "cde"]
    assert room.looks == 2


async def test_where_the_last_events_found_no_room_it_looks_at_once(autojump_clock: object) -> None:
    room = Room(events=Events(2))
    async with room.watch() as changes:
        for name in "abcd":
            room.tell("requested", asked(name))
        room.waiting(*(asked(name) for name in "abcd"))
        with trio.fail_after(1):
            assert sorted(await told(changes, 4)) == [("requested", name, "pending") for name in "abcd"]
        await nothing_more(changes, within=10)
    assert room.looks == 2


async def test_it_looks_again_whenever_more_found_no_room(autojump_clock: object) -> None:
    room = Room(events=Events(2))
    waiting: list[dict[str, Any]] = []
    async with room.watch() as changes:
        for names in ("abcdef", "ghij"):
            waiting += [asked(name, life=500) for name in names]
            room.waiting(*waiting)
            for name in names:
                room.tell("requested", asked(name, life=500))
            assert sorted(await told(changes, len(names))) == [("requested", name, "pending") for name in names]
            await nothing_more(changes, within=1)
            # The next event that finds room says how many did not.
            room.tell("resolved", waiting.pop() | {"decision": "deny"})
            room.waiting(*waiting)
            assert await told(changes, 1) == [("resolved", names[-1], "denied")]
            await nothing_more(changes, within=1)


async def test_what_the_next_event_says_of_those_that_found_no_room_is_heeded(autojump_clock: object) -> None:
    class Stream(EventStream):
        """Counts nothing itself: between two looks at the count, the next event had taken it along."""

        async def __anext__(self) -> GatewayEvent:
            return GatewayEvent("exec.approval.requested", asked("a"), missed=2)

    room = Room()
    room.waiting(asked("a"), asked("b"))
    changes = ApprovalChanges(
        Stream(frozenset(), 1), Approvals(room.desk.caller, room.events, room.wall).list, room.wall
    )
    assert await told(changes, 2) == [("requested", "a", "pending"), ("requested", "b", "pending")]


async def test_nobody_can_fill_the_memory_with_approvals(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_changes, "MOST_PENDING", 2)
    room = Room()
    async with room.watch() as changes:
        for name in "abc":
            room.tell("requested", asked(name))
        room.waiting(*(asked(name) for name in "abc"))
        await told(changes, 2)
        await nothing_more(changes, within=10)
        room.tell("resolved", asked("a") | {"decision": "deny"})
        room.waiting(*(asked(name) for name in "bc"))
        room.events.gap("reconnected")
        assert await told(changes, 2) == [("resolved", "a", "denied"), ("requested", "c", "pending")]


@pytest.mark.parametrize("error", [NotSent("no connection"), RateLimited("later")], ids=["unsent", "limited"])
async def test_where_it_cannot_look_it_tries_again(autojump_clock: object, error: Exception) -> None:
    room = Room()
    async with room.watch() as changes:
        room.desk.answers["exec.approval.list"] = error
        room.events.gap("reconnected")
        room.tell("requested", asked("told"))
        assert await told(changes, 1) == [("requested", "told", "pending")], "what is told is not held up"
        await nothing_more(changes, within=LOOK_AGAIN * 1.5)
        assert room.looks == 3
        room.waiting(asked("told"), asked("new"))
        assert await told(changes, 1) == [("requested", "new", "pending")]
        assert trio.current_time() == room.began + LOOK_AGAIN * 2


async def test_a_connection_that_may_not_look_any_more_is_told_so(autojump_clock: object) -> None:
    room = Room()
    refusal = RequestFailed("missing scope", code="FORBIDDEN")
    async with room.watch() as changes:
        room.desk.answers["exec.approval.list"] = refusal
        room.events.gap("reconnected")
        with pytest.raises(RequestFailed):
            await anext(changes)
    with pytest.raises(RequestFailed):
        async with room.watch():
            raise AssertionError("nobody may look")  # pragma: no cover


async def test_it_ends_with_the_account(autojump_clock: object) -> None:
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", asked("a"))
        room.events.stop()
        assert await told(changes, 1) == [("requested", "a", "pending")]
        with pytest.raises(AccountStopped):
            await anext(changes)


async def test_whoever_gives_up_waiting_loses_nothing(autojump_clock: object) -> None:
    room = Room()
    async with room.watch() as changes:
        with trio.move_on_after(3):
            await anext(changes)
        room.events.gap("sequence", 2)
        room.waiting(asked("a", at=3), asked("b", at=3))
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(changes)
        assert await told(changes, 1) == [("requested", "a", "pending")]
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(changes)
        assert await told(changes, 1) == [("requested", "b", "pending")]


@pytest.mark.parametrize("payload", [{}, {"id": 5}, {"id": ""}, {"id": "a", "expiresAtMs": "soon", "request": []}])
async def test_an_event_that_says_nothing_ends_nothing(autojump_clock: object, payload: dict[str, Any]) -> None:
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", payload)
        room.tell("vanished", asked("x"))
        room.tell("requested", asked("z"))
        assert ("requested", "z", "pending") in await told(changes, 1 + ("expiresAtMs" in payload))


async def test_approvals_of_plugins_are_told_as_such(autojump_clock: object) -> None:
    room = Room()
    async with room.watch() as changes:
        room.tell("requested", {"id": "p", "request": {"title": "Send a mail"}}, kind="plugin")
        change = await anext(changes)
    assert (change.approval.kind, change.approval.text) == ("plugin", "Send a mail")


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["requested", "resolved", "gap", "wait", "list"]), st.sampled_from("abc"), st.integers(0, 3)
        ),
        max_size=14,
    )
)
def test_each_is_requested_once_and_ends_once(acts: list[tuple[str, str, int]]) -> None:
    seen = trio.run(_see, acts, clock=MockClock(autojump_threshold=0))
    assert len(seen) == len(set(seen))
    for name in "abc":
        own = [kind for kind, id_ in seen if id_ == name]
        assert own in (
            [],
            ["resolved"],
            ["requested", "resolved"],
            ["requested", "expired"],
            ["requested", "expired", "resolved"],
        )


async def _see(acts: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Everything that is told while this happens, and until nothing waits any more."""
    room = Room()
    seen: list[tuple[str, str]] = []
    async with room.watch() as changes:

        async def look(seconds: float) -> None:
            with trio.move_on_after(seconds):
                async for change in changes:
                    seen.append((change.kind, change.approval.id))

        for what, name, number in acts:
            match what:
                case "gap":
                    room.events.gap("reconnected")
                case "wait":
                    await look(number * 10)
                case "list":
                    room.waiting(*(asked(each) for each in "abc"[:number]))
                case _:
                    room.tell(what, asked(name) | ({"decision": "deny"} if what == "resolved" else {}))
        await look(100)
        assert changes.pending == ()
    return seen
