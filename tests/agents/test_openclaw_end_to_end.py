"""People in DingTalk, answered by the agents of a gateway: each question once, whatever happens to either of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_bridge import Alarm, Bridge, Postponed, open_bridge
from trio_bridge.agents import OpenClaw, OpenClawRoute, Route, Router
from trio_bridge.agents.openclaw.gateway import open_gateway
from trio_bridge.agents.protocol import Agent, OpenableAgent
from trio_bridge.config import Secret
from trio_bridge.engine.store import Store
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.openclaw.gateway.script import Fail, Hold, Pause, Question, Reply, Retake, Say
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openclaw import OpenClawSimulator


def agent_of(gateway: OpenClawSimulator, **options: Any) -> OpenClaw:
    return OpenClaw(**{"url": gateway.url, "token": gateway.token, **options})


@asynccontextmanager
async def bridge_of(
    dingtalk: DingTalkSimulator,
    agent: Agent | OpenableAgent,
    *accounts: DingTalk,
    store: Store | None = None,
) -> AsyncGenerator[Bridge]:
    """A bridge whose accounts are connected."""
    store = store or MemoryStore()
    described: Sequence[DingTalk] = accounts or [dingtalk.config()]
    async with open_bridge(described, agent, store=store, environment=dingtalk.environment) as bridge:
        for account in bridge.accounts.values():
            await account.wait_ready()
        yield bridge


def keys_of(gateway: OpenClawSimulator) -> list[str]:
    """Under which keys models were asked, in order."""
    return [question.key for question in gateway.questions]


def sessions_of(gateway: OpenClawSimulator) -> list[str]:
    return [question.session_key for question in gateway.questions]


async def test_an_answer_grows_in_a_card(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("It will "), Pause(5), Say("rain"), Pause(5), Say(".")]
    async with bridge_of(dingtalk, agent_of(gateway)):
        assert await dingtalk.ask("weather?") == "It will rain."
    [card] = dingtalk.cards
    assert [text.strip() for text in card.texts if text] == ["It will", "It will rain", "It will rain."]
    assert card.ended


async def test_what_the_gateway_takes_back_leaves_the_card(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("No idea"), Pause(5), Retake("Rain"), Pause(5), Say(".")]
    async with bridge_of(dingtalk, agent_of(gateway)):
        assert await dingtalk.ask("weather?") == "Rain."
    [card] = dingtalk.cards
    assert [text for text in card.texts if text] == ["No idea", "Rain", "Rain."]


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
async def test_a_gateway_that_restarts_in_the_middle_answers_once(
    killed: bool, autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("half "), Pause(8), Say("and half")]
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
        pushed = await dingtalk.say("hello")
        await gateway.wait_until(lambda: gateway.questions)
        await trio.sleep(2)
        await gateway.restart(down=5, starting=3, killed=killed)
        await dingtalk.wait_replied(pushed)
        await trio.sleep(200)
        account = bridge.account("dingtalk")
        assert (account.counters.failed, account.statistics().inbox_depth) == (0, 0)
    assert [sent.text for sent in dingtalk.sent] == ["half and half"]


async def test_messages_wait_for_a_gateway_that_is_away_and_cost_nothing(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
        await gateway.stop(killed=True)
        pushed = [await dingtalk.say(f"question {n}", sender=f"staff{n % 5}") for n in range(10)]
        await trio.sleep(900)
        account = bridge.account("dingtalk")
        assert account.statistics().inbox_depth == 10
        await gateway.start()
        for each in pushed:
            await dingtalk.wait_replied(each)
        await trio.sleep(100)
        assert (account.counters.failed, account.statistics().inbox_depth) == (0, 0)
    assert sorted(sent.text for sent in dingtalk.sent) == [f"you said question {n}" for n in range(10)]
    assert len(set(keys_of(gateway))) == len(keys_of(gateway)) == 10
    assert account.alarms == frozenset()


async def test_a_message_that_waits_leaves_its_worker_to_others(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    """Eight people ask a gateway that is away; the ninth asks somebody else."""

    async def parrot(message: Any) -> str:
        return f"parrot: {message.text}"

    router = Router(routes=[Route(peer_id="staff9", agent=parrot)], default=agent_of(gateway4))
    async with bridge_of(dingtalk, router):
        await gateway4.stop(killed=True)
        for n in range(8):
            await dingtalk.say("hello", sender=f"staff{n}")
        await trio.sleep(60)
        began = trio.current_time()
        assert await dingtalk.ask("hello", sender="staff9") == "parrot: hello"
        assert trio.current_time() - began < 5


async def test_a_run_that_is_going_on_when_the_gateway_goes_waits_in_the_store_too(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("half "), Pause(8), Say("and half")]
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
        pushed = await dingtalk.say("hello")
        await gateway.wait_until(lambda: gateway.questions)
        await trio.sleep(2)
        await gateway.restart(down=900, killed=True)
        await dingtalk.wait_replied(pushed)
        await trio.sleep(200)
        account = bridge.account("dingtalk")
        assert (account.counters.failed, account.statistics().inbox_depth) == (0, 0)
    assert [sent.text for sent in dingtalk.sent] == ["half and half"]


async def test_one_connection_serves_all_accounts_and_all_who_name_the_gateway(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    gateway4.rooms.sessions.agents.append("ops")
    everybody, ops = agent_of(gateway4), agent_of(gateway4, agent_id="ops")
    accounts = [dingtalk.config("sales"), dingtalk.config("hr")]
    router = Router(
        routes=[Route(account="hr", agent=everybody), Route(peer_kind="group", agent=ops)], default=everybody
    )
    async with bridge_of(dingtalk, router, *accounts):
        for account in accounts:
            assert await dingtalk.ask("hello", client_id=account.client_id) == "you said hello"
        said = await dingtalk.ask("hello", conversation="cidGroup", client_id=accounts[0].client_id)
        assert said == "you said hello"
        assert len(gateway4.connections) == 1
    assert len(set(sessions_of(gateway4))) == 3
    assert [key.split(":")[1] for key in sessions_of(gateway4)] == ["main", "main", "ops"]
    assert len(gateway4.opened) == len(gateway4.devices.paired) == 1


async def test_new_begins_another_session(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    store = MemoryStore()
    async with bridge_of(dingtalk, agent_of(gateway4), store=store):
        await dingtalk.ask("one")
        await dingtalk.ask("two")
    async with bridge_of(dingtalk, agent_of(gateway4), store=store):
        await dingtalk.ask("three")
        assert "new conversation" in await dingtalk.ask("/new")
        await dingtalk.ask("four")
        await dingtalk.ask("five", sender="staff0002")
    one, two, three, four, five = sessions_of(gateway4)
    assert one == two == three
    assert len({one, four, five}) == 3


async def test_the_device_of_the_bridge_survives_it_and_is_no_account_of_the_bridge(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    store, agent = MemoryStore(), agent_of(gateway4)
    namesake = dingtalk.config(agent.account.name, client_id="dingnamesake")
    for _ in range(2):
        async with bridge_of(dingtalk, agent, namesake, store=store) as bridge:
            assert await dingtalk.ask("hello") == "you said hello"
            assert list(bridge.accounts) == [namesake.name]
    assert len(gateway4.opened) == 2
    assert len(gateway4.devices.paired) == 1
    assert {record.platform for record in await store.accounts() if record.name == namesake.name} == {"dingtalk"}


async def test_messages_wait_until_somebody_approves_the_device(
    autojump_clock: MockClock,
    dingtalk: DingTalkSimulator,
    gateway: OpenClawSimulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with gateway.remote():
        async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
            pushed = [await dingtalk.say(f"question {n}", sender=f"staff{n}") for n in range(10)]
            await trio.sleep(600)
            request = await gateway.next_request()
            await gateway.approve(request.id)
            for each in pushed:
                await dingtalk.wait_replied(each)
            assert bridge.account("dingtalk").counters.failed == 0
    said = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert [record.getMessage() for record in said] == ["refused", "messages wait for the gateway"]
    for record in said:
        assert f"openclaw devices approve {request.id}" in record.__dict__["cause"]


async def test_messages_wait_until_the_secret_is_right(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator, tmp_path: Any
) -> None:
    file = tmp_path / "token"
    file.write_text("wrong")
    async with bridge_of(dingtalk, agent_of(gateway, token=Secret(file=file))) as bridge:
        pushed = await dingtalk.say("hello")
        await trio.sleep(1000)
        file.write_text(gateway.token or "")
        await dingtalk.wait_replied(pushed)
        assert bridge.account("dingtalk").counters.failed == 0
    assert [sent.text for sent in dingtalk.sent] == ["you said hello"]


async def test_a_model_that_fails_is_asked_again_and_what_it_said_is_told_nobody(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    runs = itertools.count()

    def answer(question: Question) -> Reply:
        return [Say("half"), Fail("500 no", after=70)] if next(runs) < 2 else "at last"

    gateway.agent = answer
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
        assert await dingtalk.ask("hello") == "at last"
        assert bridge.account("dingtalk").counters.failed == 2
    assert len(set(keys_of(gateway))) == 3


async def test_a_gateway_that_takes_nothing_on_because_it_stops_costs_no_attempt(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    """Newer ones fail what they have not begun, and close a moment later."""
    runs = itertools.count()

    def answer(question: Question) -> Reply:
        return [Fail("Gateway is draining; new tasks are not accepted")] if next(runs) == 0 else "at last"

    gateway.agent = answer
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge, trio.open_nursery() as nursery:

        async def stop() -> None:
            await gateway.wait_until(lambda: gateway.questions)
            await trio.sleep(0.1)
            await gateway.restart(down=60)

        nursery.start_soon(stop)
        assert await dingtalk.ask("hello") == "at last"
        assert bridge.account("dingtalk").counters.failed == 0


async def test_a_bridge_that_dies_in_the_middle_finds_its_question_again(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    store = MemoryStore()
    gateway.agent = lambda question: [Say("half "), Pause(60), Say("and half")]
    with trio.CancelScope() as life:
        async with bridge_of(dingtalk, agent_of(gateway), store=store):
            await dingtalk.say("hello")
            await gateway.wait_until(lambda: gateway.questions)
            await trio.sleep(3)
            life.cancel()
    async with bridge_of(dingtalk, agent_of(gateway), store=store):
        await dingtalk.wait_until(lambda: bool(dingtalk.sent))
        await trio.sleep(200)
    assert [sent.text for sent in dingtalk.sent] == ["half and half"]
    assert len(keys_of(gateway)) == 1


async def test_an_answer_that_came_while_the_bridge_was_away_is_the_answer(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    store = MemoryStore()
    gateway.agent = lambda question: [Say("half "), Pause(10), Say("and half")]
    with trio.CancelScope() as life:
        async with bridge_of(dingtalk, agent_of(gateway), store=store):
            await dingtalk.say("hello")
            await gateway.wait_until(lambda: gateway.questions)
            await trio.sleep(3)
            life.cancel()
    await trio.sleep(30)
    async with bridge_of(dingtalk, agent_of(gateway), store=store):
        await dingtalk.wait_until(lambda: bool(dingtalk.sent))
        await trio.sleep(200)
    assert [sent.text for sent in dingtalk.sent] == ["half and half"]
    assert len(keys_of(gateway)) == 1


async def test_somebody_at_the_gateway_may_stop_an_answer(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: [Say("half "), Hold()]
    async with bridge_of(dingtalk, agent_of(gateway)):
        pushed = await dingtalk.say("hello")
        await gateway.wait_until(lambda: gateway.held)
        await trio.sleep(3)
        [run] = gateway.held
        async with gateway.open_account(name="boss") as boss:
            await boss.api.request("chat.abort", {"sessionKey": run.session.key, "runId": run.id})
        await dingtalk.wait_replied(pushed)
    assert [sent.text for sent in dingtalk.sent] == ["half\n\n⚠ (stopped)"]


async def test_a_picture_is_seen_and_a_file_is_named(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(100)
    async with bridge_of(dingtalk, agent_of(gateway)):
        await dingtalk.send_file(picture)
        await gateway.wait_until(lambda: len(gateway.questions) == 1)
        await dingtalk.send_file(b"%PDF", "report.pdf")
        await gateway.wait_until(lambda: len(gateway.questions) == 2)
        await trio.sleep(100)
    seen, named = gateway.questions
    assert [(each.kind, each.mime_type, each.content) for each in seen.attachments] == [("image", "image/png", picture)]
    assert (named.attachments, named.text) == ((), "[file report.pdf: not passed on]")


async def test_routes_are_about_who_speaks_and_where(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    gateway4.rooms.sessions.agents.extend(["ops", "boss"])
    routes = [OpenClawRoute(peer_kind="group", agent_id="ops"), OpenClawRoute(peer_id="staff0001", agent_id="boss")]
    async with bridge_of(dingtalk, agent_of(gateway4, routes=routes)):
        await dingtalk.ask("hello", sender="staff0002")
        await dingtalk.ask("hello", sender="staff0001")
        await dingtalk.ask("hello", sender="staff0001", conversation="cidGroup")
    assert [key.split(":")[1] for key in sessions_of(gateway4)] == ["main", "boss", "ops"]


async def test_what_the_account_has_for_its_agents_is_told_once_in_a_session(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    async with bridge_of(dingtalk, agent_of(gateway4), dingtalk.config(system_prompt="Be brief.")):
        for text in ("one", "two", "/new", "three"):
            await dingtalk.ask(text)
    assert [question.text for question in gateway4.questions] == ["Be brief.\n\none", "two", "Be brief.\n\nthree"]


async def test_an_agent_may_be_told_who_speaks_in_a_group(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    async with bridge_of(dingtalk, agent_of(gateway4, show_sender=True, commands=["/shout"])):
        await dingtalk.ask("hello", sender="mei")
        await dingtalk.ask("hello", sender="mei", conversation="cidGroup")
        await dingtalk.ask("/shout", sender="mei", conversation="cidGroup")
    alone, together, command = [question.text for question in gateway4.questions]
    assert alone == "hello"
    assert together.endswith(": hello")
    assert command == "/shout", "with a name in front it would be none"


async def test_an_agent_that_says_nothing_is_not_quoted(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway: OpenClawSimulator
) -> None:
    gateway.agent = lambda question: "NO_REPLY" if "thanks" in question.text else "yes?"
    async with bridge_of(dingtalk, agent_of(gateway)) as bridge:
        await dingtalk.say("thanks")
        await dingtalk.say("hello")
        await trio.sleep(200)
        account = bridge.account("dingtalk")
        assert (account.counters.handled, account.counters.failed) == (2, 0)
    assert [sent.text for sent in dingtalk.sent] == ["yes?"]
    assert len(dingtalk.cards) == 1


async def test_the_account_shows_what_is_wrong(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    agent, environment = agent_of(gateway4), dingtalk.environment
    with gateway4.remote():
        async with open_gateway(agent.account, environment) as gateway:
            await trio.sleep(10)
            assert gateway.account.alarms == {Alarm.PAIRING_REQUIRED}


async def test_those_who_wait_look_one_after_another_however_many_they_are(
    autojump_clock: MockClock, dingtalk: DingTalkSimulator, gateway4: OpenClawSimulator
) -> None:
    await gateway4.stop(killed=True)
    async with open_gateway(agent_of(gateway4).account, dingtalk.environment) as gateway:

        async def next_look() -> float:
            with pytest.raises(Postponed) as postponed:
                await gateway.wait_ready(0.0)
            assert postponed.value.retry_after is not None
            return postponed.value.retry_after

        assert [await next_look() for _ in range(3)] == pytest.approx([5.0, 5.01, 5.02])
        for _ in range(1000):
            await next_look()
        assert await next_look() == pytest.approx(15.03)
        await trio.sleep(1)
        assert await next_look() == pytest.approx(14.04)
        await gateway4.start()
        await gateway.wait_ready(100.0)
        await gateway4.stop(killed=True)
        while gateway.account.api.hello is not None:
            await trio.sleep(0.1)
        assert await next_look() == pytest.approx(5.0)
