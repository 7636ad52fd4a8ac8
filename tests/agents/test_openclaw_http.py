"""A gateway that is asked over HTTP: sessions and routes as over the WebSocket, and what becomes of a question."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_bridge import Account, Secret
from trio_bridge.agents import OpenClaw, OpenClawRoute
from trio_bridge.platforms.openclaw.gateway.script import Fail, Pause, Say
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import OpenAISimulator
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork


@asynccontextmanager
async def asking(
    dingtalk: DingTalkSimulator, gateway: OpenClawSimulator, *, store: MemoryStore | None = None, **options: Any
) -> AsyncGenerator[Account]:
    """An account of DingTalk that asks the gateway over HTTP."""
    agent = OpenClaw(**{"url": gateway.url, "token": gateway.token, "over": "http", **options})
    async with dingtalk.open_account(agent, store=store or "memory:", max_attempts=3) as account:
        yield account


def sessions_of(gateway: OpenClawSimulator) -> list[str]:
    return [question.session_key for question in gateway.questions]


async def test_an_answer_grows_and_no_socket_is_open(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("It will "), Pause(5), Say("rain"), Pause(5), Say(".")]
    async with asking(dingtalk, gateway):
        assert await dingtalk.ask("weather?") == "It will rain."
    [card] = dingtalk.cards
    assert [text.strip() for text in card.texts if text] == ["It will", "It will rain", "It will rain."]
    assert not gateway.opened


async def test_sessions_and_routes_are_those_of_conversations(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    gateway4.rooms.sessions.agents.append("ops")
    store, routes = MemoryStore(), [OpenClawRoute(peer_kind="group", agent_id="ops")]
    async with asking(dingtalk, gateway4, store=store, routes=routes):
        await dingtalk.ask("one")
        await dingtalk.ask("all", conversation="cidGroup")
    async with asking(dingtalk, gateway4, store=store, routes=routes):
        await dingtalk.ask("two")
        await dingtalk.ask("/new")
        await dingtalk.ask("three")
    one, group, two, three = sessions_of(gateway4)
    assert one == two != three
    assert [key.split(":")[1] for key in (one, group, three)] == ["main", "ops", "main"]


async def test_all_may_talk_in_one_session(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    async with asking(dingtalk, gateway4, session_key="main"):
        await dingtalk.ask("one")
        await dingtalk.ask("two", sender="staff0002")
    assert set(sessions_of(gateway4)) == {"agent:main:main"}


async def test_messages_wait_for_a_gateway_that_is_away(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    async with asking(dingtalk, gateway) as account:
        await gateway.stop(killed=True)
        pushed = await dingtalk.say("hello")
        await trio.sleep(900)
        await gateway.start()
        await dingtalk.wait_replied(pushed)
        assert account.counters.failed == 0
    assert [sent.text for sent in dingtalk.sent] == ["you said hello"]


async def test_messages_wait_until_the_secret_is_right_and_nobody_is_locked_out(
    autojump_clock: MockClock,
    dingtalk: DingTalkSimulator,
    gateway: OpenClawSimulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "wrong")
    attempts: list[float] = []
    admit = gateway.rooms.door._house.admit
    monkeypatch.setattr(
        gateway.rooms.door._house, "admit", lambda *asked: attempts.append(trio.current_time()) or admit(*asked)
    )
    async with asking(dingtalk, gateway, token=Secret(env="GATEWAY_TOKEN")) as account:
        pushed = [await dingtalk.say("hello", sender=f"staff{n}") for n in range(8)]
        await trio.sleep(600)
        assert len(attempts) <= 8 + 10
        monkeypatch.setenv("GATEWAY_TOKEN", gateway.token or "")
        changed_at = trio.current_time()
        await dingtalk.wait_replied(await dingtalk.say("hello", sender="somebody new"))
        assert trio.current_time() - changed_at < 5
        for each in pushed:
            await dingtalk.wait_replied(each)
        assert account.counters.failed == 0
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["refused"]


async def test_messages_wait_until_the_secret_can_be_read(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(gateway4.token or "")
    async with asking(dingtalk, gateway4, token=Secret(file=file)) as account:
        file.rename(tmp_path / "elsewhere")
        pushed = await dingtalk.say("hello")
        await trio.sleep(600)
        (tmp_path / "elsewhere").rename(file)
        await dingtalk.wait_replied(pushed)
        assert account.counters.failed == 0


async def test_messages_wait_until_the_endpoint_is_switched_on(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    gateway4.rooms.door.completions_enabled = False
    async with asking(dingtalk, gateway4) as account:
        pushed = await dingtalk.say("hello")
        await trio.sleep(600)
        gateway4.rooms.door.completions_enabled = True
        await dingtalk.wait_replied(pushed)
        assert account.counters.failed == 0


async def test_a_model_that_fails_is_asked_again_and_what_it_said_is_told_nobody(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    runs = iter(range(10))
    gateway.agent = lambda question: [Fail("500 no", after=20)] if next(runs) < 2 else "at last"
    async with asking(dingtalk, gateway) as account:
        assert await dingtalk.ask("hello") == "at last"
        assert account.counters.failed == 2


async def test_what_the_account_has_for_its_agents_is_told_as_the_system(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, network: MemoryNetwork
) -> None:
    async with OpenAISimulator(network=network, models=None, token="hush") as model:
        agent = OpenClaw(url=model.url, token="hush", over="http", agent_id="ops")
        async with dingtalk.open_account(agent, system_prompt="Be brief."):
            assert await dingtalk.ask("one") == "you said one"
    assert model.asked[0].messages == [("system", "Be brief."), ("user", "one")]
    assert model.asked[0].body["model"] == "openclaw/ops"


async def test_commands_are_text_and_files_are_named(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    async with asking(dingtalk, gateway4):
        await dingtalk.ask("/status")
        await dingtalk.send_file(b"%PDF", "a] !ls.pdf")
        await gateway4.wait_until(lambda: len(gateway4.questions) == 2)
        await trio.sleep(10)
    texts = [question.text for question in gateway4.questions]
    assert texts == ["\u2060/status", "[file a] \u2060!ls.pdf: not passed on]"]
