"""What the agent asks a gateway, under which key, and what people see of the answer. The gateway is a fake."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.agents.talkative import Fails, FakeGateway, Says
from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakePlatform, FakeServer
from trio_bridge import Account, OutcomeUnknown, Postponed, RateLimited, RequestFailed, StoreUnavailable, open_bridge
from trio_bridge.agents import OpenClaw, OpenClawRoute
from trio_bridge.agents.openclaw.asking import Asking
from trio_bridge.engine.context import HandlerContext
from trio_bridge.engine.executors import inline
from trio_bridge.engine.memory import state_scope
from trio_bridge.engine.store import Done, Work
from trio_bridge.stores.memory import MemoryAccount, MemoryStore

FAILED = RequestFailed("chat.send: the model is down", code="run_failed", method="chat.send")
REPEATED = RequestFailed(
    "chat.send: the run failed", code="run_failed", method="chat.send", payload={"status": "error"}
)
NO_ANSWER = RequestFailed("chat.send: it ran before and left no answer", code="no_answer", method="chat.send")


class Life:
    """A bridge with one account, from a start to an end. The gateway, the store and the platform outlive it."""

    def __init__(self, account: Account, server: FakeServer, number: int) -> None:
        self.account = account
        self.server = server
        self._number = number

    async def say(self, key: str, text: str, *, lane: str = "talk") -> None:
        """Return when the message is done, one way or another, or waits."""
        (await self.server.connection(self._number)).push(key, text, lane=lane)
        await trio.sleep(200)


Begin = Callable[..., AbstractAsyncContextManager[Life]]


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def begin(gateway: FakeGateway, store: MemoryStore, server: FakeServer) -> Begin:
    lives = iter(range(1, 100))

    @asynccontextmanager
    async def begin(**options: Any) -> AsyncGenerator[Life]:
        asking = Asking(OpenClaw(**options), gateway, inline)  # type: ignore[arg-type]  # A fake will do.
        account = Fake(server=server, max_attempts=3)
        async with open_bridge([account], asking, store=store, environment=virtual_environment()) as bridge:
            yield Life(bridge.account("a"), server, next(lives))

    return begin


async def test_an_answer_is_what_the_gateway_says_and_leaving_does_not_stop_it(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.answers == [("m1/1", "you said hello")]
    assert [(asked.text, asked.files, asked.abort) for asked in gateway.asked] == [("hello", (), False)]


async def test_what_is_taken_back_is_not_shown_at_the_end(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.append(Says(("it is", "it is 4", "I think", "I think it is 5")))
    async with begin() as life:
        await life.say("m1", "2 + 2?")
        assert life.server.texts == ["I think it is 5"]


@pytest.mark.parametrize(
    ("texts", "shown"), [(("half of",), ["half of\n\n⚠ (stopped)"]), ((), ["⚠ (stopped)"])], ids=["begun", "at once"]
)
async def test_an_answer_that_was_stopped_at_the_gateway_says_so(
    texts: tuple[str, ...], shown: list[str], autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.append(Says(texts, status="aborted"))
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == shown


async def test_an_agent_that_says_nothing_is_not_quoted(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.append(Says((), status="silent"))
    async with begin() as life:
        await life.say("m1", "thanks")
        await life.say("m2", "and?")
        assert life.server.texts == ["you said and?"]


# Sessions


async def test_a_conversation_has_one_session_through_restarts_and_another_one_once_it_forgot(
    autojump_clock: MockClock, gateway: FakeGateway, store: MemoryStore, begin: Begin
) -> None:
    async with begin() as life:
        await life.say("m1", "one")
        await life.say("m2", "elsewhere", lane="other")
    async with begin() as life:
        await life.say("m3", "two")
        kept = await store.open_account("a", platform="fake")
        await kept.save(state_scope("talk"), {"openclaw_session": None})
        await life.say("m4", "three")
    first, other, again, anew = [asked.session for asked in gateway.asked]
    assert first == again
    assert len({first, other, anew}) == 3
    assert {session.rpartition("-")[0] for session in (first, anew)} == {"agent:main:trio-bridge:fake-a-direct-talk"}


async def test_another_attempt_is_made_in_the_same_session(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(FAILED), Fails(FAILED)])
    async with begin() as life:
        await life.say("m1", "one")
        await life.say("m2", "two")
        assert life.server.texts == ["you said one", "you said two"]
    assert len({asked.session for asked in gateway.asked}) == 1


async def test_all_may_talk_in_one_session_which_nobody_can_end(
    autojump_clock: MockClock, gateway: FakeGateway, store: MemoryStore, begin: Begin
) -> None:
    async with begin(session_key="main") as life:
        await life.say("m1", "one")
        await life.say("m2", "two", lane="other")
    assert {asked.session for asked in gateway.asked} == {"agent:main:main"}
    assert await (await store.open_account("a", platform="fake")).load(state_scope("talk")) == {}


@pytest.mark.parametrize(
    ("options", "agent_id"),
    [
        ({}, "boss"),
        ({"agent_id": "Clerk"}, "clerk"),
        ({"agent_id": "clerk", "routes": [OpenClawRoute(account="a", agent_id="ops")]}, "ops"),
        ({"agent_id": "clerk", "routes": [OpenClawRoute(account="b", agent_id="ops")]}, "clerk"),
        (
            {
                "routes": [
                    OpenClawRoute(platform="fake", agent_id="far"),
                    OpenClawRoute(peer_kind="direct", agent_id="near"),
                    OpenClawRoute(peer_id="somebody", agent_id="nearest"),
                ]
            },
            "nearest",
        ),
    ],
    ids=["default", "one", "account", "other account", "nearest"],
)
async def test_a_route_chooses_the_agent(
    options: dict[str, Any], agent_id: str, autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.hello = FakeGateway(default_agent="boss").hello
    async with begin(**options) as life:
        await life.say("m1", "hello")
    assert gateway.asked[0].session.split(":")[1] == agent_id


async def test_between_the_answer_and_its_session_nothing_is_asked_or_said_twice(
    autojump_clock: MockClock, gateway: FakeGateway, store: MemoryStore, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, calls = HandlerContext.transaction, itertools.count()

    @asynccontextmanager
    async def disturbed(self: HandlerContext) -> AsyncGenerator[Any]:
        if next(calls) == 0:
            raise StoreUnavailable("disk full")
        async with transaction(self) as tx:
            yield tx

    monkeypatch.setattr(HandlerContext, "transaction", disturbed)
    async with begin() as life:
        await life.say("m1", "one")
        await life.say("m2", "two")
        assert life.server.texts == ["you said one", "you said two"]
    assert len({asked.session for asked in gateway.asked}) == 1
    assert len(gateway.asked) == 2


async def test_of_two_sessions_that_begin_at_once_the_first_stands(
    autojump_clock: MockClock, gateway: FakeGateway, store: MemoryStore, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where conversations share what they remember."""
    work, kept = MemoryAccount.work, []

    async def watched(self: MemoryAccount, round_: Work) -> Done:
        kept.extend(completion.state for completion in round_.finish if completion.state)
        return await work(self, round_)

    monkeypatch.setattr(MemoryAccount, "work", watched)
    monkeypatch.setattr(FakePlatform, "shares_memory", True)
    async with begin() as life:
        connection = await life.server.connection()
        for number in range(3):
            connection.push(f"m{number}", "hi", lane=f"lane{number}")
        await trio.sleep(200)
        await life.say("m3", "two")
        await life.say("m4", "three", lane="lane2")
    sessions = [asked.session for asked in gateway.asked]
    assert len(set(sessions)) == 3
    [[begun]] = [state.values() for state in kept]
    assert {session.rpartition(":")[2] for session in sessions[3:]} == {begun["openclaw_session"]}


# Keys and failures


async def test_a_failed_run_is_an_attempt_and_the_next_one_is_another_run(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(FAILED, ("half",)), Fails(FAILED)])
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == ["you said hello"]
    assert len({asked.key for asked in gateway.asked}) == 3


async def test_why_a_run_failed_is_never_an_answer(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(FAILED)] * 3)
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == ["⚠ (interrupted)"]


@pytest.mark.parametrize("repeated", [REPEATED, NO_ANSWER], ids=["told", "no answer"])
async def test_a_failure_of_an_earlier_life_costs_no_attempt(
    repeated: RequestFailed, autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(repeated), Fails(repeated), Fails(FAILED), Says(("at last",))])
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == ["at last"]
        assert life.account.counters.failed == 1
    assert len({asked.key for asked in gateway.asked}) == 4


async def test_a_gateway_that_repeats_failures_for_ever_is_not_asked_for_ever(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(REPEATED)] * 1000)
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.account.counters.failed == 3
    assert len(gateway.asked) == 60


async def test_a_question_whose_fate_nobody_knows_is_asked_again_under_its_key(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.append(Fails(OutcomeUnknown("neither going on nor in the history")))
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == ["you said hello"]
    assert [asked.asked_before for asked in gateway.asked] == [False, True]
    assert len({asked.key for asked in gateway.asked}) == 1


async def test_a_message_waits_for_a_gateway_that_is_away_and_no_attempt_is_spent(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    tries = iter(range(100))

    def away() -> None:
        if next(tries) < 10:
            raise Postponed("the gateway is away", retry_after=5)

    gateway.on_wait = away
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.answers == [("m1/1", "you said hello")]
    assert [asked.asked_before for asked in gateway.asked] == [False]


async def test_what_was_asked_before_the_gateway_went_is_known_to_have_been_asked(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    """Nothing was said yet, so the message is as good as new to everybody else."""
    gateway.acts.append(Fails(Postponed("the gateway is away")))
    async with begin() as life:
        await life.say("m1", "hello")
        assert life.server.texts == ["you said hello"]
        assert life.account.counters.failed == 0
    assert [asked.asked_before for asked in gateway.asked] == [False, True]
    assert len({asked.key for asked in gateway.asked}) == 1


async def test_a_gateway_that_is_busy_is_asked_later_at_no_attempts_cost(
    autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    gateway.acts.extend([Fails(RateLimited("chat.send: busy", retry_after=20.0))] * 4)
    async with begin() as life:
        began = trio.current_time()
        await life.say("m1", "hello")
        assert life.server.texts == ["you said hello"]
        assert life.account.counters.failed == 0
    assert len({asked.key for asked in gateway.asked}) == 1
    assert len(gateway.asked) == 5
    assert trio.current_time() - began >= 80


# What is asked


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("/model cheap", "\u2060/model cheap"),
        ("hi /elevated full", "hi \u2060/elevated full"),
        ("!ls", "\u2060!ls"),
        ("[x]/stop", "[x]\u2060/stop"),
        ("mei:/stop", "mei:\u2060/stop"),
        ("a\n/ status", "a\n\u2060/ status"),
        ("/[x]status", "\u2060/[x]status"),
        ("/4o", "\u2060/4o"),
        (r"\n/status", "\\n\u2060/status"),
        (r"hi\n/elevated full", "hi\\n\u2060/elevated full"),
        ("!(ls)", "\u2060!(ls)"),
        ("!\ufeffls", "\u2060!ls"),
        ("!//bin/ls", "\u2060!//bin/ls"),
        ("/\x01status", "\u2060/status"),
        ("a\x00b\x7f\tc\nd", "ab\tc\nd"),
        ("see https://example.com/a, //b, /etc/hosts and ./b/c and ~/d, 1/2 and wow! great", None),
    ],
)
async def test_what_looks_like_a_command_is_text(
    said: str, asked: str | None, autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    async with begin() as life:
        await life.say("m1", said)
    assert gateway.asked[0].text == (asked or said)


@pytest.mark.parametrize(
    ("allowed", "said", "asked"),
    [
        ("*", "hi /model cheap", None),
        ("/status", "/status", None),
        ("/Status, /think", " /STATUS: all of it\n/model cheap", " /STATUS: all of it\n\u2060/model cheap"),
        ("/think", "/think /model cheap", "/think \u2060/model cheap"),
        ("/think", "/think:/model cheap", "/think:\u2060/model cheap"),
        ("/think", "hi /think", "hi \u2060/think"),
        ("/think", "/thinking", "\u2060/thinking"),
        ("/think", "/think[x]ing", "\u2060/think[x]ing"),
        ("/think", "!ls", "\u2060!ls"),
    ],
)
async def test_some_commands_can_be_allowed(
    allowed: str, said: str, asked: str | None, autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    async with begin(commands=allowed) as life:
        await life.say("m1", said)
    assert gateway.asked[0].text == (asked or said)


@pytest.mark.parametrize("said", ["  ", "\ufeff", "\x01 \x7f"], ids=["blanks", "mark", "control characters"])
async def test_what_says_nothing_is_not_asked(
    said: str, autojump_clock: MockClock, gateway: FakeGateway, begin: Begin
) -> None:
    async with begin() as life:
        await life.say("m1", said)
        assert life.server.answers == []
    assert gateway.asked == []
