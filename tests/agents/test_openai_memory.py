"""What a model is told of the conversation before: what people saw, through failures and restarts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge import Account, RequestFailed, StoreUnavailable, open_bridge
from trio_bridge.engine.context import HandlerContext
from trio_bridge.engine.memory import state_scope
from trio_bridge.engine.store import AccountStore, Done, Work
from trio_bridge.stores.memory import MemoryAccount, MemoryStore
from trio_bridge.testing.openai import Asked, OpenAISimulator, Refuses, Says
from trio_bridge.transport.memory import MemoryNetwork

SCOPE = state_scope("talk")


class Life:
    """A bridge with one account, from a start to an end. The store and the platform outlive it."""

    def __init__(self, account: Account, server: FakeServer, number: int) -> None:
        self.account = account
        self.server = server
        self._number = number

    async def ask(self, key: str, text: str, *, lane: str = "talk") -> None:
        """Return when the message is answered and done."""
        (await self.server.connection(self._number)).push(key, text, lane=lane)
        await self.server.until(lambda: f"{key}/1" in dict(self.server.answers))
        await trio.testing.wait_all_tasks_blocked()


Begin = Callable[..., AbstractAsyncContextManager[Life]]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def kept(store: MemoryStore) -> AccountStore:
    """What the account keeps."""
    return await store.open_account("a", platform="fake")


@pytest.fixture
async def begin(network: MemoryNetwork, model: OpenAISimulator, store: MemoryStore) -> Begin:
    server, lives = FakeServer(), iter(range(1, 100))

    @asynccontextmanager
    async def begin(**options: Any) -> AsyncGenerator[Life]:
        environment = virtual_environment(network=network)
        account = Fake(server=server, max_attempts=2)
        async with open_bridge([account], model.agent(**options), store=store, environment=environment) as bridge:
            yield Life(bridge.account("a"), server, next(lives))

    return begin


def told(asked: Asked) -> list[str]:
    """What the model was told, in order."""
    return [content for _, content in asked.messages]


async def test_earlier_turns_are_told_through_a_restart(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin
) -> None:
    async with begin(system="be brief") as life:
        await life.ask("m1", "one")
        await life.ask("m2", "two")
        await life.ask("m3", "elsewhere", lane="other")
    async with begin() as life:
        await life.ask("m4", "three")
    assert model.asked[1].messages == [
        ("system", "be brief"),
        ("user", "one"),
        ("assistant", "you said one"),
        ("user", "two"),
    ]
    assert told(model.asked[2]) == ["be brief", "elsewhere"]
    assert told(model.asked[3]) == ["one", "you said one", "two", "you said two", "three"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"memory": 1}, ["2", "you said 2", "3"]),
        ({"memory_size": 20}, ["2", "you said 2", "3"]),
        ({"memory_size": 22}, ["1", "you said 1", "2", "you said 2", "3"]),
        ({"memory_size": 10}, ["3"]),
        ({"memory": 0}, ["3"]),
    ],
)
async def test_older_turns_are_forgotten_whole(
    options: dict[str, int],
    expected: list[str],
    autojump_clock: MockClock,
    model: OpenAISimulator,
    begin: Begin,
    kept: AccountStore,
) -> None:
    async with begin(**options) as life:
        for number in "123":
            await life.ask(f"m{number}", number)
    assert told(model.asked[-1]) == expected
    kept_turns = await kept.load(SCOPE)
    assert kept_turns == {} if options == {"memory": 0} else kept_turns["openai"][-1:] in ([], [["3", "you said 3"]])


async def test_turns_are_committed_in_the_moment_in_which_their_message_is_done(
    autojump_clock: MockClock, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, commits = MemoryAccount.work, []

    async def watched(self: MemoryAccount, round_: Work) -> Done:
        commits.extend((completion.result, dict(completion.state)) for completion in round_.finish)
        return await work(self, round_)

    monkeypatch.setattr(MemoryAccount, "work", watched)
    async with begin() as life:
        await life.ask("m1", "one")
    assert commits == [("done", {SCOPE: {"openai": [("one", "you said one")]}})]


async def test_what_failed_is_not_remembered(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    async with begin() as life:
        await life.ask("m1", "one")
        model.script(*[Says("half", ending="early")] * 2)
        await life.ask("m2", "two")
        assert await kept.load(SCOPE) == {"openai": [["one", "you said one"]]}
        await life.ask("m3", "three")
    assert told(model.asked[-1]) == ["one", "you said one", "three"]


async def test_what_was_cut_short_is_remembered_as_it_was_seen_and_what_was_withheld_is_not(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin
) -> None:
    model.script(Says("a long", finish="length"), Says("a bad", finish="content_filter"))
    async with begin() as life:
        for number, text in enumerate(("one", "two", "three")):
            await life.ask(f"m{number}", text)
    assert told(model.asked[-1]) == ["one", "a long\n\n⚠ (cut short)", "three"]


@pytest.mark.parametrize("how", ["killed", "failed", "the store is away"])
async def test_between_the_answer_and_the_turn_nothing_is_asked_or_said_twice(
    how: str,
    autojump_clock: MockClock,
    model: OpenAISimulator,
    begin: Begin,
    kept: AccountStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer was seen to its end. Another one would be neither shown nor remembered, so nobody asks for it."""
    model.script(Says("first"), Says("second"))
    transaction, reached, calls = HandlerContext.transaction, trio.Event(), 0

    @asynccontextmanager
    async def disturbed(self: HandlerContext) -> AsyncGenerator[Any]:
        nonlocal calls
        calls += 1
        reached.set()
        if calls == 1 and how == "killed":
            await trio.sleep_forever()
        if calls == 1 and how == "failed":
            raise RuntimeError
        if calls == 1:
            raise StoreUnavailable("disk full")
        async with transaction(self) as tx:
            yield tx

    monkeypatch.setattr(HandlerContext, "transaction", disturbed)
    with trio.CancelScope() as life_span:
        async with begin() as life:
            (await life.server.connection()).push("m1", "hello")
            await reached.wait()
            if how == "killed":
                life_span.cancel()
            await trio.sleep(100)
    async with begin() as life:
        await life.server.until(lambda: life.server.answers)
        await trio.sleep(100)
        assert await kept.load(SCOPE) == {"openai": [["hello", "first"]]}
        assert life.server.answers == [("m1/1", "first")]
        assert life.account.statistics().inbox_depth == 0
    assert len(model.asked) == 1
    assert calls == 2


async def test_a_kill_in_the_middle_of_an_answer_leaves_nothing_of_it(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    model.script(Says("half of", ending="hanging"), Says("whole"))
    with trio.CancelScope() as life_span:
        async with begin() as life:
            (await life.server.connection()).push("m1", "hello")
            await model.wait_until(lambda: model.asked)
            await trio.testing.wait_all_tasks_blocked()
            life_span.cancel()
    async with begin() as life:
        await life.server.until(lambda: life.server.answers)
        await trio.testing.wait_all_tasks_blocked()
    assert life.server.answers == [("m1/1", "whole")]
    assert await kept.load(SCOPE) == {"openai": [["hello", "whole"]]}


async def test_a_replay_of_what_was_given_up_is_remembered_as_it_was_answered(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    model.script(*[Says("half", ending="early")] * 2)
    async with begin() as life:
        await life.ask("m1", "hello")
    assert await kept.replay("inbox", "m1")
    async with begin() as life:
        await life.server.until(lambda: len(life.server.answers) == 2)
        await trio.testing.wait_all_tasks_blocked()
    assert life.server.answers == [("m1/1", "half\n\n⚠ (interrupted)"), ("m1/2", "you said hello")]
    assert await kept.load(SCOPE) == {"openai": [["hello", "you said hello"]]}


async def test_a_reply_that_an_operator_purged_is_not_remembered_either(
    autojump_clock: MockClock,
    model: OpenAISimulator,
    begin: Begin,
    kept: AccountStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RequestFailed("no")

    async with begin() as life:
        life.server.on_send = refuse
        with monkeypatch.context() as patch:
            patch.setattr(HandlerContext, "transaction", refuse)
            (await life.server.connection()).push("m1", "hello")
            await trio.sleep(100)
        assert await kept.purge("outbox", "m1/1")
        assert await kept.replay("inbox", "m1")
    async with begin() as life:
        await trio.sleep(100)
        assert life.account.statistics().inbox_depth == 0
    assert await kept.load(SCOPE) == {}
    assert len(model.asked) == 1


async def test_a_conversation_that_is_too_long_begins_anew(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    async with begin() as life:
        await life.ask("m1", "one")
        model.script(Refuses(400, "too long", code="context_length_exceeded"))
        await life.ask("m2", "two")
        assert life.account.counters.failed == 0
        await life.ask("m3", "three")
    assert list(map(told, model.asked[1:])) == [
        ["one", "you said one", "two"],
        ["two"],
        ["two", "you said two", "three"],
    ]


async def test_a_refusal_that_has_nothing_to_do_with_memory_is_asked_for_once_in_each_attempt(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    model.script(*[Refuses(400, "no")] * 2)
    async with begin() as life:
        await life.ask("m1", "one")
        assert life.account.counters.failed == 2
    assert len(model.asked) == 2
    assert await kept.load(SCOPE) == {}


@pytest.mark.parametrize("stored", [5, "x" * 10**5, [["a"]], {"a": [1]}, [["a", "b"], None]])
async def test_what_is_no_memory_is_forgotten_and_what_belongs_to_others_stays(
    stored: object, autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    await kept.save(SCOPE, {"openai": stored, "other": [1]})
    async with begin() as life:
        await life.ask("m1", "one")
    assert told(model.asked[0]) == ["one"]
    assert await kept.load(SCOPE) == {"openai": [["one", "you said one"]], "other": [1]}


async def test_half_a_character_that_was_remembered_does_no_harm(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    await kept.save(SCOPE, {"openai": [["a\ud83d", "b"]]})
    async with begin() as life:
        await life.ask("m1", "one")
    assert told(model.asked[0]) == ["a\N{REPLACEMENT CHARACTER}", "b", "one"]


def sessions(model: OpenAISimulator) -> list[str | None]:
    """In which session each question was asked."""
    return [asked.body.get("user") for asked in model.asked]


async def test_an_endpoint_that_remembers_is_told_which_session_it_is_and_no_turns(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    async with begin(keeps_sessions=True, system="be brief") as life:
        await life.ask("m1", "one")
        await life.ask("m2", "elsewhere", lane="other")
    async with begin(keeps_sessions=True) as life:
        await life.ask("m3", "two")
    assert sessions(model) == ["trio-bridge:fake:a:m1", "trio-bridge:fake:a:m2", "trio-bridge:fake:a:m1"]
    assert [told(asked) for asked in model.asked] == [["be brief", "one"], ["be brief", "elsewhere"], ["two"]]
    assert await kept.load(SCOPE) == {"openai_session": "trio-bridge:fake:a:m1"}


async def test_other_endpoints_are_not_told_of_sessions(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin
) -> None:
    async with begin() as life:
        await life.ask("m1", "one")
    assert "user" not in model.asked[0].body


@pytest.mark.parametrize("stored", [{}, {"openai_session": 5}, {"openai": [["a", "b"]]}])
async def test_where_no_session_is_remembered_one_begins(
    stored: dict[str, object], autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    await kept.save(SCOPE, stored)
    async with begin(keeps_sessions=True) as life:
        await life.ask("m1", "one")
        await life.ask("m2", "two")
    assert sessions(model) == ["trio-bridge:fake:a:m1"] * 2
    assert told(model.asked[1]) == ["two"]


async def test_another_attempt_is_made_in_the_same_session_and_what_failed_begins_none(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin
) -> None:
    model.script(Says("half of it", ending="broken"), Says("half of it", ending="broken"))
    async with begin(keeps_sessions=True) as life:
        await life.ask("m1", "one")
        await life.ask("m2", "two")
        await life.ask("m3", "three")
    first, second = "trio-bridge:fake:a:m1", "trio-bridge:fake:a:m2"
    assert sessions(model) == [first, first, second, second]


async def test_of_two_sessions_that_begin_at_once_the_first_stands(
    autojump_clock: MockClock, model: OpenAISimulator, begin: Begin, kept: AccountStore
) -> None:
    model.script(Says("that took long", pause=5))
    async with begin(keeps_sessions=True) as life, trio.open_nursery() as nursery:
        nursery.start_soon(life.ask, "m1", "one")
        await model.wait_until(lambda: model.asked)
        await kept.save(SCOPE, {"openai_session": "begun beside"})
    assert await kept.load(SCOPE) == {"openai_session": "begun beside"}
