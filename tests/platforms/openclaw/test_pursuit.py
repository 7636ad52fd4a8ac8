"""Questions to gateways that die more than once, take their time, or say nothing at all. Time is virtual."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import opened
from trio_bridge.errors import AccountStopped, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.platforms.openclaw.chat.files import ChatFile
from trio_bridge.platforms.openclaw.gateway.methods import Personality, Refusal
from trio_bridge.platforms.openclaw.gateway.script import Fail, Hold, Pause, Question, Reply, Say
from trio_bridge.testing.openclaw import Closes, Lost, Refuses, Says

both = pytest.mark.parametrize("protocol", [3, 4])


def saying(*steps: Any) -> Callable[[Question], Reply]:
    return lambda question: list(steps)


def busy(seconds: float) -> Refuses:
    return Refuses(Refusal("UNAVAILABLE", "busy", retryable=True, retry_after_ms=int(seconds * 1000)))


async def test_a_gateway_takes_up_one_session_after_another_and_the_last_one_waits_for_its_turn(
    autojump_clock: MockClock,
) -> None:
    async with opened(protocol=4, agent=saying(Say("one"), Pause(60), Say(" two")), run_timeout=100.0) as (
        simulator,
        account,
    ):
        answers: list[str] = []

        async def ask(session: str) -> None:
            async with account.api.chat(session, f"go {session}") as run:
                answers.append(await run.finish())

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(ask, f"s{number}")
            await trio.sleep(2)
            await simulator.restart(killed=True)
        assert answers == ["one two"] * 6
        assert len(simulator.asked_for("chat.send")) == 6
        assert len(simulator.questions) == 12


async def test_a_run_that_another_was_to_answer_is_asked_again_where_that_one_died(autojump_clock: MockClock) -> None:
    async with opened(protocol=3, agent=saying(Pause(40), Say("answer"))) as (simulator, account):
        async with account.api.chat("main", "before", abort=False, key="b"):
            await simulator.wait_until(lambda: simulator.questions)
        await trio.sleep(1)
        async with account.api.chat("main", "go", key="k") as run:
            await trio.sleep(1)
            assert [sent.key for sent in simulator.messages] == ["b", "k"]
            await simulator.restart(killed=True)
            assert await run.finish() == "answer"
        assert run.status == "final"


@both
async def test_what_ran_long_ago_is_found_by_whoever_asks_it_again(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with opened(protocol=protocol) as (simulator, account):
        for _ in range(3):
            async with account.api.chat("main", "go", key="k") as run:
                assert await run.finish() == "you said go"
            await trio.sleep(100)
        assert simulator.times_asked(text="go") == 1


@both
async def test_a_gateway_that_answers_nothing_is_given_up(autojump_clock: MockClock, protocol: Personality) -> None:
    async with opened(protocol=protocol, agent=saying(Hold()), run_timeout=100.0) as (simulator, account):
        simulator.script("chat.send", Lost(), times=100)
        simulator.script("chat.history", Lost(), times=100)
        began = trio.current_time()
        with pytest.raises(OutcomeUnknown, match=r"chat\.(send|history): no answer within 30 s"):
            async with account.api.chat("main", "go") as run:
                await run.finish()
        assert 100 <= trio.current_time() - began <= 165
        assert account.api.info().pending_calls == 0


@pytest.mark.parametrize(("wait", "limit"), [(7.0, 100.0), (59.0, 100.0), (86_400.0, 100.0)])
async def test_a_gateway_that_is_always_busy_is_given_up(autojump_clock: MockClock, wait: float, limit: float) -> None:
    async with opened(run_timeout=100.0) as (simulator, account):
        simulator.script("chat.send", busy(wait), times=100)
        began = trio.current_time()
        with pytest.raises(RateLimited, match="busy"):
            async with account.api.chat("main", "go") as run:
                await run.finish()
        assert limit - min(wait, 60.0) <= trio.current_time() - began <= limit + 1


async def test_whoever_waits_for_a_busy_gateway_hears_at_once_that_the_account_stops(autojump_clock: MockClock) -> None:
    async with opened() as (simulator, account):
        simulator.script("chat.send", busy(200.0))
        began = trio.current_time()
        async with account.api.chat("main", "go") as run:
            await trio.sleep(10)
            account.wish_stopped()
            with pytest.raises(AccountStopped):
                await run.finish()
        assert trio.current_time() - began < 20


@pytest.mark.parametrize(("protocol", "rest"), [(3, 0.5), (4, 0.0)])
async def test_older_gateways_are_given_time_to_end_before_the_next_question_of_a_session(
    autojump_clock: MockClock, protocol: Personality, rest: float
) -> None:
    async with opened(protocol=protocol, agent=saying(Say("yes"))) as (simulator, account):
        async with account.api.chat("main", "one") as run:
            await run.finish()
        ended = trio.current_time()
        async with account.api.chat("other", "elsewhere") as run:
            await run.finish()
        assert trio.current_time() - ended < 0.1
        async with account.api.chat("main", "two") as run:
            await simulator.wait_until(lambda: len(simulator.messages) == 3)
            assert trio.current_time() - ended == pytest.approx(rest, abs=0.05)
            await run.finish()
        assert not simulator.asked_for("chat.abort")


async def test_questions_are_counted_while_they_are_asked(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Hold())) as (_, account):
        async with account.api.chat("a", "one"), account.api.chat("b", "two"):
            assert account.api.info().runs == 2
        assert account.api.info().runs == 0


async def test_a_question_without_a_session_goes_to_the_configured_one_or_the_main_one(
    autojump_clock: MockClock,
) -> None:
    async with opened(session_key="desk") as (simulator, account):
        async with simulator.open_account(name="other") as other:
            for api in (account.api, other.api):
                async with api.chat(None, "hello") as run:
                    await run.finish()
        assert [question.session_key for question in simulator.questions] == ["agent:main:desk", "agent:main:main"]


async def test_a_file_needs_no_words_and_may_be_as_large_as_allowed(autojump_clock: MockClock) -> None:
    async with opened(max_attachment_bytes=10) as (simulator, account):
        async with account.api.chat("main", "", attachments=[ChatFile("a.bin", b"x" * 10)]) as run:
            await run.finish()
        assert [len(each.content) for each in simulator.questions[0].attachments] == [10]


async def test_words_that_were_said_before_are_not_answered_from_the_past(autojump_clock: MockClock) -> None:
    """The connection is lost before the second question arrives, and the history has the same words."""
    numbers = itertools.count(1)
    async with opened(protocol=3, agent=lambda question: f"answer {next(numbers)}") as (simulator, account):
        for number in (1, 2):
            async with account.api.chat("main", "yes") as run:
                assert await run.finish() == f"answer {number}"
            await trio.sleep(60)
            simulator.script("chat.send", Closes(1006, done=False))


async def test_an_answer_that_is_written_late_is_waited_for(autojump_clock: MockClock) -> None:
    async with opened(protocol=3, agent=saying(Say("one"), Pause(1), Say(" two"))) as (simulator, account):
        async with simulator.open_account(name="other") as other:
            async with account.api.chat("main", "go", key="k") as run:
                await run.finish()
                async with other.api.chat("main", "go", key="k") as again:
                    assert await again.finish() == "one two"


async def test_a_run_that_failed_while_nobody_listened_has_failed(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Say("one"), Fail("no", after=3.0))) as (simulator, account):
        async with account.api.chat("main", "go") as run:
            await anext(run)
            with simulator.refusing_upgrades(503):
                simulator.drop_connections()
                await trio.sleep(60)
            with pytest.raises(RequestFailed, match="before producing a reply"):
                await run.finish()
        assert run.status == "failed"


async def test_a_gateway_that_knows_of_a_failure_is_believed(autojump_clock: MockClock) -> None:
    told = '{"type":"res","id":"1","ok":true,"payload":{"status":"error","summary":"the model burnt"}}'
    async with opened() as (simulator, account):
        simulator.script("chat.send", Says(told))
        with pytest.raises(RequestFailed, match=r"chat\.send: the model burnt") as failed:
            async with account.api.chat("main", "go") as run:
                await run.finish()
        assert failed.value.payload == {"status": "error", "summary": "the model burnt"}


async def test_whoever_comes_late_is_told_at_once_what_was_said_so_far(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Say("one"), Hold())) as (simulator, account):
        async with account.api.chat("main", "go", key="k", abort=False) as run:
            await anext(run)
        async with simulator.open_account(name="other") as other:
            began = trio.current_time()
            async with other.api.chat("main", "go", key="k", asked_before=True) as run:
                assert await anext(run) == "one"
            assert trio.current_time() - began < 1


async def test_a_missing_number_has_the_history_read_at_once(autojump_clock: MockClock) -> None:
    async with opened(agent=saying(Hold())) as (simulator, account):
        async with account.api.chat("main", "go"):
            await trio.sleep(1)
            (connection,) = simulator.connections
            connection.tell("health", {})
            connection.skip()
            connection.tell("health", {})
            await trio.sleep(1)
            assert len(simulator.asked_for("chat.history")) == 1


async def test_a_run_that_ended_without_a_word_is_silent_if_no_other_speaks_for_it(autojump_clock: MockClock) -> None:
    async with opened(protocol=3, agent=saying(Hold())) as (simulator, account):
        async with account.api.chat("main", "go", key="k", abort=False) as run:
            await trio.sleep(1)
            began = trio.current_time()
            for connection in simulator.connections:
                connection.tell("chat", {"runId": "k", "sessionKey": "agent:main:main", "state": "final"})
            assert await run.finish() == ""
        assert run.status == "silent"
        assert 25 <= trio.current_time() - began <= 27


async def test_who_speaks_in_the_session_in_place_of_a_run_that_ended_without_a_word_is_believed(
    autojump_clock: MockClock,
) -> None:
    """The history has nothing of the question: an older gateway writes it down with its answer, or never."""
    message = {"role": "assistant", "content": [{"type": "text", "text": "answer"}]}
    async with opened(protocol=3, agent=saying(Hold())) as (simulator, account):
        async with account.api.chat("main", "go", key="k", abort=False) as run:
            await trio.sleep(1)
            began = trio.current_time()
            simulator.script("chat.send", *[Lost()] * 9)
            for connection in simulator.connections:
                connection.tell("chat", {"runId": "k", "sessionKey": "agent:main:main", "state": "final"})
            for session in simulator.rooms.sessions:
                session.rows.clear()
            for connection in simulator.connections:
                said = {"runId": "x", "sessionKey": "agent:main:main", "state": "final", "message": message}
                connection.tell("chat", said)
            assert await run.finish() == "answer"
        assert 5 <= trio.current_time() - began <= 8


async def test_an_older_gateway_is_given_time_to_take_a_question_up(autojump_clock: MockClock) -> None:
    async with opened(protocol=3, agent=saying(Say("one"), Pause(30), Say(" two"))) as (simulator, account):
        async with account.api.chat("main", "before") as run:
            await run.finish()
        await trio.sleep(100)
        async with account.api.chat("main", "go") as run:
            await anext(run)
            await simulator.restart(killed=True)
            assert await run.finish() == "one two"
        assert len(simulator.asked_for("chat.send")) == 2
