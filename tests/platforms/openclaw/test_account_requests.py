"""What the table of features promises of requests, events and keys: through the account, whatever becomes of it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_bridge as tb
from tests.platforms.openclaw.stage import simulated
from trio_bridge.openclaw import GatewayEvent
from trio_bridge.platforms.openclaw.gateway import settings
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.testing.openclaw import Behind, Late, Refuses, Says

both = pytest.mark.parametrize("protocol", [3, 4])


@both
async def test_answers_may_come_in_any_order(autojump_clock: MockClock, protocol: int) -> None:
    answers: list[int] = []
    async with simulated(protocol=protocol) as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.script("chat.history", Behind(19))

        async def ask(number: int) -> None:
            history = await account.api.request("chat.history", {"sessionKey": f"bridge:{number}"})
            assert history["sessionKey"].endswith(f"bridge:{number}")
            answers.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, number)
                await trio.testing.wait_all_tasks_blocked()
        assert sorted(answers) == [*range(20)]
        assert answers.index(0) >= 18, "it was the first to be asked"


async def test_row_20_each_request_has_a_time_of_its_own(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(request_timeout=50.0) as account:
        await account.wait_ready()
        api = account.api
        stage.gateway.script("models.list", Late(60), times=3)
        for limit, seconds in ((5.0, 5), (None, 50)):
            began = trio.current_time()
            with pytest.raises(tb.OutcomeUnknown, match=f"no answer within {seconds} s"):
                await api.request("models.list", answer_within=limit)
            assert trio.current_time() - began == seconds
        with trio.move_on_after(2):
            await api.request("models.list")
        assert api.info().pending_calls == 0
        await trio.sleep(100)
        assert await api.request("models.list"), "what came late was passed over"
        assert account.generation == 1


STOPPED = (None, "the account is stopped")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        *((code, "") for code in (1000, 1001, 1006, 1009, 1011, 1012, 1013)),
        (1008, "slow consumer"),
        (1008, "something new"),
        (4001, "gateway auth changed"),
        (4001, "device removed"),
        STOPPED,
    ],
)
async def test_row_21_whatever_ends_a_connection_ends_what_was_asked_on_it(
    autojump_clock: MockClock, code: int | None, reason: str
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.script("chat.send", Late(1000), times=5)
        failed_at: list[float] = []

        async def ask(number: int) -> None:
            asked = {"sessionKey": "main", "message": "hello", "idempotencyKey": f"k{number}"}
            with pytest.raises(tb.OutcomeUnknown):
                await account.api.request("chat.send", asked, answer_within=1000)
            failed_at.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(ask, number)
            await trio.sleep(1)
            if code is None:
                account.wish_stopped()
            else:
                stage.gateway.drop_connections(code, reason)
        assert failed_at == [1] * 5


async def test_row_21_silence_ends_what_was_asked_too(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        await trio.sleep(100)  # It has been heard to tick.
        with stage.gateway.silent(), pytest.raises(tb.OutcomeUnknown):
            await account.api.request("models.list", answer_within=1000)
        assert trio.current_time() <= 165


async def test_row_22_one_limit_for_the_wait_and_the_answer(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        api = account.api
        with stage.gateway.refusing_upgrades(503):
            stage.gateway.drop_connections()
            await trio.sleep(1)
            with pytest.raises(tb.NotSent):
                await api.request("models.list")
            assert trio.current_time() == 1
            with trio.move_on_after(20):
                await api.request("models.list", when_ready=True)
            assert trio.current_time() == 21
        stage.gateway.script("models.list", Late(1000))
        with trio.move_on_after(29):
            await api.request("models.list", when_ready=True)
        assert trio.current_time() == 50
        assert len(stage.gateway.asked_for("models.list")) == 1
        account.wish_stopped()
        await trio.sleep(1)
        with pytest.raises(tb.AccountStopped):
            await api.request("models.list", when_ready=True)


def says(**answer: Any) -> Says:
    """An answer to the first request behind the login."""
    return Says(json.dumps({"type": "res", "id": "1", "ok": False, **answer}))


@pytest.mark.parametrize(
    ("answer", "code", "details", "payload", "words"),
    [
        (
            says(error={"code": "FORBIDDEN", "message": "missing scope: x", "details": {"missingScope": "x"}}),
            *("FORBIDDEN", {"missingScope": "x"}, None, "FORBIDDEN missing scope: x"),
        ),
        (says(payload={"error": "no such plugin"}), "", None, {"error": "no such plugin"}, "no such plugin"),
        (
            says(error={"code": "UNAVAILABLE", "message": "model"}, payload={"status": "error", "summary": "burnt"}),
            *("UNAVAILABLE", None, {"status": "error", "summary": "burnt"}, "UNAVAILABLE model"),
        ),
        (says(), "", None, None, "it did not say why"),
    ],
)
async def test_row_23_a_no_has_all_that_was_said(
    autojump_clock: MockClock, answer: Says, code: str, details: Any, payload: Any, words: str
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.script("plugin.do", answer)
        with pytest.raises(tb.RequestFailed) as caught:
            await account.api.request("plugin.do")
        failed = caught.value
        assert (failed.code, failed.details, failed.payload, failed.method) == (code, details, payload, "plugin.do")
        assert str(failed) == f"plugin.do: {words}"


async def test_row_23_a_no_for_now_says_for_how_long(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        busy = Refusal("UNAVAILABLE", "queue full", retryable=True, retry_after_ms=7000)
        stage.gateway.script("models.list", Refuses(busy))
        with pytest.raises(tb.RateLimited, match="queue full") as caught:
            await account.api.request("models.list")
        assert caught.value.retry_after == 7


async def test_a_method_for_nodes_is_refused(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(scopes=("operator.admin",)) as account:
        await account.wait_ready()
        with pytest.raises(tb.RequestFailed, match="unauthorized role: operator"):
            await account.api.request("node.event")
        assert account.generation == 1


async def test_row_25_another_version_is_asked_anew(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulated(protocol=3) as stage, stage.account(scopes=("operator.admin",)) as account:
        await account.wait_ready()
        for version, asked in (("2026.5.3-1", 1), ("2026.5.4", 2)):
            monkeypatch.setitem(settings.VERSIONS, 3, version)
            stage.gateway.drop_connections()
            await trio.sleep(5)
            assert account.api.info().server_version == version
            for _ in range(2):
                assert await account.api.request_or("none", "sessions.branches.list") == "none"
            assert len(stage.gateway.asked_for("sessions.branches.list")) == asked


async def test_row_26_who_hears_slowly_is_told_what_was_missed_and_others_miss_nothing(
    autojump_clock: MockClock,
) -> None:
    quick: list[int] = []
    async with simulated() as stage, stage.account(event_queue_size=2) as account, trio.open_nursery() as nursery:
        await account.wait_ready()

        async def hear() -> None:
            async with account.api.events("news") as events:
                async for event in events:
                    quick.append(event.payload["number"])

        nursery.start_soon(hear)
        async with account.api.events("news") as slow:
            for number in range(5):
                stage.gateway.broadcast("news", {"number": number})
                await trio.sleep(1)
            assert slow.missed == 3
            heard = [await anext(slow) for _ in range(2)]
            stage.gateway.broadcast("news", {"number": 5})
            heard.append(await anext(slow))
        nursery.cancel_scope.cancel()
    assert [(event.payload["number"], event.missed) for event in heard] == [(0, 0), (1, 0), (5, 3)]
    assert quick == [*range(6)]


@both
async def test_row_27_what_comes_twice_is_heard_once_and_what_is_missing_is_told(
    autojump_clock: MockClock, protocol: int
) -> None:
    async with simulated(protocol=protocol) as stage, stage.account() as account:
        connection = await stage.gateway.next_connection()
        await account.wait_ready()
        heard: list[GatewayEvent] = []
        async with account.api.events("news", "gap") as events:
            with connection.doubling():
                for number in range(2):
                    stage.gateway.broadcast("news", {"number": number})
            connection.skip(2)
            stage.gateway.broadcast("news", {"number": 2})
            stage.gateway.broadcast("news", {"number": 3}, numbered=False)
            with trio.move_on_after(5):
                async for event in events:
                    heard.append(event)
    assert [event.payload.get("number", event.payload) for event in heard] == [
        *(0, 1, {"reason": "sequence", "missed": 2}, 2, 3),
    ]
    assert heard[-1].seq is None


async def test_row_28_what_is_remembered_has_its_bounds(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(cached_sessions=2, cached_bytes=4000) as account:
        await account.wait_ready()
        for name in ("a", "b", "c"):
            async with account.api.chat(name, "hello") as run:
                await run.finish()
        assert [len(account.api.cached(name)) for name in ("a", "b", "c")] == [0, 1, 1]
        async with account.api.chat("d", "x" * 8000) as run:
            await run.finish()
        info = account.api.cache_info()
        assert (info.sessions, info.messages, info.dropped) == (2, 1, 3), "one was too large to be kept at all"
        assert 0 < info.bytes <= 4000


async def test_row_46_keys_that_nobody_chose_are_nobody_elses(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        for _ in range(2):
            async with account.api.chat("main", "hello") as run:
                await run.finish()
        keys = [sent.key for sent in stage.gateway.messages]
        assert len(set(keys)) == 2
        assert {uuid.UUID(key).version for key in keys} == {4}
