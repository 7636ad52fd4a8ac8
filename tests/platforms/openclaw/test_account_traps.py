"""What surprises whoever talks to a gateway: each is met on purpose, through an account."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

import trio_bridge as tb
from tests.platforms.openclaw.stage import simulated
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.testing.openclaw import Pause, Refuses, Say

both = pytest.mark.parametrize("protocol", [3, 4])
LOCK_OUT = {"code": "AUTH_RATE_LIMITED", "retryAfterMs": 5000}


@both
async def test_trap_1_the_names_and_the_interval_are_those_of_real_gateways(
    autojump_clock: MockClock, protocol: int
) -> None:
    """The examples of its documentation name a client and a mode that it refuses, and half the interval."""
    async with simulated(protocol=protocol) as stage, stage.account() as account:
        await account.wait_ready()
        client = stage.logins[0]["client"]
        assert (client["id"], client["mode"]) == ("cli", "cli")
        assert account.api.info().tick_interval == 30
        async with account.api.events("tick") as ticks:
            await anext(ticks)
            first = trio.current_time()
            await anext(ticks)
            assert trio.current_time() - first == 30


@both
async def test_trap_3_scopes_in_another_order_are_the_same_scopes(
    autojump_clock: MockClock, protocol: int, caplog: pytest.LogCaptureFixture
) -> None:
    scopes = ("operator.write", "operator.read", "operator.admin")
    async with simulated(protocol=protocol) as stage, stage.account(scopes=scopes) as account:
        await account.wait_ready()
        info = account.api.info()
        assert (set(info.scopes), info.missing_scopes) == (set(scopes), ())
    assert "less than was asked for" not in caplog.text


async def test_trap_4_the_wait_stands_on_the_error_and_the_reason_in_its_details(autojump_clock: MockClock) -> None:
    limited = Refusal("INVALID_REQUEST", "no", details=LOCK_OUT, retry_after_ms=299_996)
    starting = Refusal("UNAVAILABLE", "no", details={"reason": "startup-sidecars"}, retry_after_ms=500)
    async with simulated() as stage:
        stage.gateway.script("connect", Refuses(limited), Refuses(starting))
        async with stage.account() as account:
            await account.wait_ready()
        first, second, third = stage.tried_at
        assert 300 <= second - first <= 362
        assert 2.5 <= third - second <= 3, "a close is waited for, and does not come"


@both
async def test_trap_6_a_gateway_behind_a_proxy_of_this_machine_takes_us_for_a_stranger(
    autojump_clock: MockClock, protocol: int
) -> None:
    async with simulated(protocol=protocol) as stage:
        with stage.gateway.remote():
            async with stage.account() as account:
                await trio.sleep(5)
                assert account.api.info().url.startswith("ws://127.0.0.1")
                assert account.alarms == {"pairing_required"}


@pytest.mark.parametrize(("misfits", "generation"), [(15, 1), (25, 2)])
async def test_trap_7_a_gateway_that_understands_nothing_of_us_is_left(
    autojump_clock: MockClock, misfits: int, generation: int
) -> None:
    """It closes for nothing that is said to it: only its answers tell that something is wrong."""
    answer = {"type": "res", "id": "invalid", "ok": False, "error": {"code": "INVALID_REQUEST", "message": "what?"}}
    async with simulated() as stage, stage.account() as account:
        connection = await stage.gateway.next_connection()
        for _ in range(misfits):
            connection.push_frame(json.dumps(answer))
        await trio.sleep(10)
        assert (account.state, account.generation) == ("ready", generation)


async def test_trap_11_an_answer_is_over_when_the_gateway_says_so_and_not_when_its_text_is(
    autojump_clock: MockClock,
) -> None:
    async with simulated() as stage, stage.account() as account:
        stage.gateway.reply([Say("all of it"), Pause(20)])
        await account.wait_ready()
        began = trio.current_time()
        async with account.api.chat("main", "hello") as run:
            assert await anext(run) == "all of it"
            assert trio.current_time() - began < 5
            assert await run.finish() == "all of it"
        assert trio.current_time() - began >= 20


async def test_trap_14_nothing_is_ever_said_elsewhere(autojump_clock: MockClock) -> None:
    """A gateway that is not told to keep an answer to itself sends it to whoever the session last talked to."""
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        async with account.api.chat("main", "hello") as run:
            await run.finish()
        await (await account.send("main", "news")).wait_sent()
        assert [asked.params["deliver"] for asked in stage.gateway.asked_for("chat.send")] == [False, False]


async def test_trap_16_a_gateway_that_holds_back_its_verdict_is_heard_out(autojump_clock: MockClock) -> None:
    """After some wrong logins from one machine it takes five seconds for each, whoever they are from."""
    waited: list[float] = []
    async with simulated(protocol=4) as stage:
        for number in range(8):
            async with stage.account(name=f"wrong-{number}", token="wrong") as account:
                began = trio.current_time()
                with pytest.raises(tb.AccountRefused, match="the secret is not the gateway's"):
                    await account.wait_ready()
                waited.append(trio.current_time() - began)
        async with stage.account() as account:
            await account.wait_ready()
    assert 5 <= max(waited) < 15


@pytest.mark.parametrize(("seconds", "generation"), [(55.0, 1), (100.0, 2)])
async def test_trap_18_a_gateway_that_is_busy_for_most_of_a_minute_is_kept(
    autojump_clock: MockClock, seconds: float, generation: int
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        await trio.sleep(121)  # It has just ticked.
        with stage.gateway.silent():
            await trio.sleep(seconds)
        await trio.sleep(60)
        assert (account.state, account.generation) == ("ready", generation)


async def test_trap_10_and_19_an_answer_under_another_name_is_the_answer(autojump_clock: MockClock) -> None:
    """A newer gateway that is killed takes its runs up again by itself, and tells nobody under which name."""
    async with simulated(protocol=4) as stage, stage.account() as account:
        stage.gateway.agent = lambda question: [Say("one"), Pause(10), Say(" two")]
        await account.wait_ready()
        runs: set[str] = set()
        async with account.api.events("chat") as events, account.api.chat("main", "go") as run:
            assert await anext(run) == "one"
            await stage.gateway.restart(killed=True, down=3)
            assert await run.finish() == "one two"
            with trio.move_on_after(1):
                async for event in events:
                    runs.add(event.payload["runId"])
        assert len(runs) == 2
        assert len(stage.gateway.asked_for("chat.send")) == 1
