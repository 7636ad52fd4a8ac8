"""Questions to gateways that die more than once, take their time, or say nothing at all. Time is virtual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import opened
from trio_bridge.errors import AccountStopped, OutcomeUnknown, RateLimited
from trio_bridge.platforms.openclaw.gateway.methods import Personality, Refusal
from trio_bridge.platforms.openclaw.gateway.script import Hold, Pause, Question, Reply, Say
from trio_bridge.testing.openclaw import Lost, Refuses

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
