"""What becomes of messages: acknowledged, handled once, answered once.

A test with a number is about a mistake that is known by it: see test_traps.py.
"""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.conftest import lines
from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge.config import Transport
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, OPEN, TOKEN, WEBHOOK

Frames = dict[str, str]


# Once


@pytest.mark.parametrize("delay", [0, 10, 6 * 3600])
async def test_trap_13_and_23_a_message_that_comes_again_is_acknowledged_again_and_handled_once(
    delay: float, transport: Transport, autojump_clock: MockClock
) -> None:
    """With another message id on its envelope, while it is handled and long after."""
    listener = Listener(takes=5)
    async with simulated(transport=transport) as stage, stage.account(listener, transport=transport) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await trio.sleep(delay)
        assert stage.dingtalk.duplicate(pushed)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(100)
        record = stage.dingtalk.ledger.record(pushed)
        assert len({delivery.message_id for delivery in record.deliveries}) == 2
        assert [ack.message_id for ack in record.acks] == [delivery.message_id for delivery in record.deliveries]
        assert listener.heard == ["hello"]
        assert len(record.replies) == 1
        assert account.counters.duplicates == 1


async def test_trap_13_a_handler_that_fails_is_not_taken_for_one_that_is_done(autojump_clock: MockClock) -> None:
    tries: list[str] = []

    async def handler(message: Message) -> str:
        tries.append(message.text)
        if len(tries) < 3:
            raise ValueError("not yet")
        return "now"

    async with simulated() as stage, stage.account(handler) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await trio.sleep(1)
        stage.dingtalk.duplicate(pushed)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(100)
        assert tries == ["hello"] * 3
        assert [sent.text for sent in stage.dingtalk.sent] == ["now"]


async def test_trap_13_34_and_67_two_robots_that_one_message_names_both_answer_it(autojump_clock: MockClock) -> None:
    """The platform gives both of them the same msgId."""
    listener = Listener()
    async with simulated() as stage:
        one, two = stage.dingtalk.config("one"), stage.dingtalk.config("two")
        async with stage.bridge([one, two], listener) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            all_pushed = [
                await stage.dingtalk.say(
                    "you two", conversation="cidTeam", client_id=config.client_id, changes={"msgId": "msgSame"}
                )
                for config in (one, two)
            ]
            for pushed in all_pushed:
                await stage.dingtalk.wait_replied(pushed)
    assert listener.heard == ["you two"] * 2
    assert stage.dingtalk.ledger.summary().answered == 2


async def test_trap_33_what_does_not_fit_is_not_acknowledged_and_handled_when_it_comes_again(
    autojump_clock: MockClock,
) -> None:
    listener = Listener(takes=10)
    async with simulated() as stage, stage.account(listener, workers=1, queue_size=2, overflow="shed") as account:
        await account.wait_ready()
        all_pushed = [await stage.dingtalk.say(str(index)) for index in range(4)]
        await trio.sleep(1)
        assert [stage.dingtalk.ledger.record(pushed).settled for pushed in all_pushed] == [True, True, False, False]
        assert account.counters.shed == 2
        for pushed in all_pushed:
            await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(200)
    assert listener.heard == ["0", "1", "2", "3"]
    summary = stage.dingtalk.ledger.summary()
    assert (summary.acked, summary.redelivered, summary.answered_twice) == (4, 2, 0)


@pytest.mark.parametrize("by", ["a stop", "a lost connection"])
async def test_trap_60_a_handler_that_is_cut_off_leaves_no_mark_that_keeps_its_message_away(
    by: str, autojump_clock: MockClock
) -> None:
    """It has not failed either: one attempt is enough."""
    runs: list[str] = []

    async def handler(message: Message) -> str:
        runs.append(message.text)
        await trio.sleep(500 if len(runs) == 1 else 0)
        return "done"

    async with simulated() as stage:
        async with stage.bridge([stage.dingtalk.config(max_attempts=1)], handler) as bridge:
            account = bridge.account("dingtalk")
            await account.wait_ready()
            pushed = await stage.dingtalk.say("hello")
            await trio.sleep(10)
            if by == "a stop":
                await bridge.stop("dingtalk")
                await bridge.start("dingtalk")
            else:
                stage.dingtalk.drop_connections()
                await trio.sleep(account.config.drain_grace + 1)
            assert account.counters.interrupted == 1
            await account.wait_ready()
            stage.dingtalk.duplicate(pushed)
            await stage.dingtalk.wait_replied(pushed)
            await trio.sleep(1000)
        assert runs == ["hello", "hello"]
        assert len(stage.dingtalk.sent) == 1


# Frames


async def test_trap_50_the_whole_recording_over_one_connection(autojump_clock: MockClock) -> None:
    """Every frame is answered as it should be, and every message is heard that says something."""
    heard: dict[str, str] = {}

    async def handler(message: Message) -> None:
        assert message.id not in heard
        heard[message.id] = message.text

    rows = [row for row in lines("server_frames.jsonl") if row["expect"].get("kind") != "disconnect"]
    async with simulated() as stage, stage.account(handler, require_mention=False) as account:
        connection = await stage.dingtalk.next_connection()
        for row in rows:
            connection.push_frame(row["frame"])
        await trio.sleep(200)
        assert account.generation == 1
        assert stage.dingtalk.connections == (connection,)
        ledger = stage.dingtalk.ledger
        codes = {ack.message_id: ack.code for record in ledger.records() for ack in record.acks}
        answered = [ping.answered_at is not None for ping in connection.pings]
    expected = {"ok": 200, "event_ok": 200, "400": 400, "404": 404}
    named = [row["expect"] for row in rows if row["expect"].get("message_id")]
    assert codes == {
        expect["message_id"]: expected[expect["ack"]] for expect in named if expect["ack"] not in ("none", "echo")
    }
    pings = [row["expect"] for row in rows if row["expect"].get("kind") == "ping"]
    assert answered == [expect["message_id"] is not None for expect in pings]
    messages = [row["expect"] for row in rows if row["expect"].get("kind") == "message"]
    assert heard == {
        expect["msg_id"] or f"h:{expect['message_id']}": (
            expect["text_char"] * expect["text_len"] if expect["text"] is None else expect["text"]
        )
        for expect in messages
        if "drop" not in expect and "command" not in expect
    }


async def test_trap_43_and_55_a_message_behind_bad_frames_is_answered(
    transport: Transport, autojump_clock: MockClock, frames: Frames
) -> None:
    listener = Listener()
    async with simulated(transport=transport) as stage, stage.account(listener, transport=transport) as account:
        connection = await stage.dingtalk.next_connection()
        for name, frame in frames.items():
            if name.startswith("bad_"):
                connection.push_frame(frame)
        pushed = connection.push_frame(frames["text_dm"])
        assert pushed is not None
        await stage.dingtalk.wait_replied(pushed)
        assert listener.heard == ["hello"]
        assert account.generation == 1
        assert account.counters.bad_frames == 14


@pytest.mark.parametrize("manner", ["binary", "fragments"])
async def test_frames_may_come_in_any_form(manner: str, transport: Transport, autojump_clock: MockClock) -> None:
    async with simulated(transport=transport) as stage, stage.account(Listener(), transport=transport) as account:
        await account.wait_ready()
        with stage.dingtalk.sending_binary() if manner == "binary" else stage.dingtalk.fragmenting(7):
            pushed = await stage.dingtalk.say("你好, world")
            await stage.dingtalk.wait_replied(pushed)
        assert stage.dingtalk.sent[0].text == "you said 你好, world"


async def test_trap_44_a_handler_that_raises_costs_no_acknowledgement(autojump_clock: MockClock) -> None:
    async def handler(message: Message) -> None:
        raise ValueError("always")

    async with simulated() as stage, stage.account(handler, max_attempts=2) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await trio.sleep(300)
        record = stage.dingtalk.ledger.record(pushed)
        assert len(record.deliveries) == len(record.acks) == 1
        assert record.acks[0].at == pushed.at
        assert account.alarms == {"dead_letters"}


async def test_trap_45_pings_are_answered_while_all_workers_are_busy(autojump_clock: MockClock) -> None:
    """And there are never more of them than there should be."""
    running = most = 0

    async def handler(message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(60)
        running -= 1

    async with simulated() as stage, stage.account(handler, workers=8, queue_size=1000) as account:
        connection = await stage.dingtalk.next_connection()
        for person in range(100):
            await stage.dingtalk.flood(10, sender=f"staff{person}")
        await trio.sleep(30)
        assert stage.dingtalk.ledger.summary().acked == 1000
        ping = connection.ping()
        await trio.sleep(0.1)
        assert ping.answered_at is not None
        assert account.statistics().running_handlers == most == 8


# Answers


async def test_trap_9_and_18_an_expired_session_is_replaced_by_one_call_at_the_configured_endpoint(
    autojump_clock: MockClock,
) -> None:
    """The network in memory has no other hosts: a call anywhere else would fail."""
    async with simulated() as stage, stage.account(Listener()) as account:
        await account.wait_ready()
        stage.dingtalk.script(WEBHOOK, Answer(body='{"errcode":300001,"errmsg":"session 不存在"}'))
        pushed = await stage.dingtalk.say("hello")
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(100)
        assert [(sent.via, sent.text) for sent in stage.dingtalk.sent] == [("direct", "you said hello")]
        assert stage.dingtalk.rest.calls == {OPEN: 1, WEBHOOK: 1, TOKEN: 1, DIRECT: 1}


async def test_trap_12_two_accounts_answer_with_tokens_of_their_own(autojump_clock: MockClock) -> None:
    """The simulator refuses a robot with the token of another."""
    async with simulated() as stage:
        configs = [stage.dingtalk.config(name) for name in ("one", "two")]
        async with stage.bridge(configs, Listener()) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            for config in configs * 2:
                without = {"sessionWebhook": None}
                pushed = await stage.dingtalk.say("hello", client_id=config.client_id, changes=without)
                await stage.dingtalk.wait_replied(pushed)
        assert [sent.client_id for sent in stage.dingtalk.sent] == [config.client_id for config in configs] * 2
        assert stage.dingtalk.rest.calls[TOKEN] == 2


async def test_an_answer_that_may_have_been_sent_is_not_sent_again(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener()) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(WEBHOOK)
        pushed = await stage.dingtalk.say("hello")
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(4000)
        assert len(stage.dingtalk.sent) == 1
        assert account.alarms == {"dead_letters"}, "a person may look into it"


async def test_an_answer_is_sent_when_the_platform_is_back(autojump_clock: MockClock) -> None:
    """It was kept while nothing could be reached, connection or API."""
    async with simulated() as stage, stage.account(Listener(takes=5)) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await trio.sleep(1)
        with stage.network.refusing():
            stage.dingtalk.drop_connections()
            await trio.sleep(600)
            assert stage.dingtalk.sent == []
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(600)
        assert len(stage.dingtalk.sent) == 1
