"""A test asks a bot and gets its answer, or is told how far its message came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.engine.states import AccountState
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.platforms.dingtalk.gateway.frames import Verdict, letter_of
from trio_bridge.platforms.dingtalk.gateway.ledger import Acked, Delivery, MessageRecord, Pushed
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.dingtalk_story import story_of, words_of
from trio_bridge.transport.memory import MemoryNetwork


async def echo(message: Message) -> str:
    return f"you said {message.text}"


async def silent(message: Message) -> None:
    """Hears it, and says nothing."""


async def twice(message: Message) -> None:
    await message.reply("one")
    await message.reply("two")


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalkSimulator]:
    with trio.fail_after(300_000):
        async with DingTalkSimulator(network=MemoryNetwork()) as simulator:
            yield simulator


async def test_an_account_is_open_and_ready_in_one_line(dingtalk: DingTalkSimulator, autojump_clock: MockClock) -> None:
    async with dingtalk.open_account(echo, name="sales", workers=1) as account:
        assert (account.name, account.state) == ("sales", AccountState.READY)
        assert await dingtalk.ask("hello") == "you said hello"


async def test_an_account_that_does_not_get_ready_is_an_error(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    dingtalk.patience = 50
    account = dingtalk.open_account(echo)
    with dingtalk.hanging_open_calls(), pytest.raises(AssertionError) as caught:
        await account.__aenter__()
    told = str(caught.value).splitlines()
    assert told[0] == "account dingtalk was not ready within 50 s"
    assert told[-1].startswith("  account dingtalk: last error: HandshakeFailed: ")


async def test_a_question_waits_for_a_bot_of_any_kind(dingtalk: DingTalkSimulator, autojump_clock: MockClock) -> None:
    configs = [dingtalk.config("a"), dingtalk.config("b")]
    async with open_bridge(configs, echo, environment=dingtalk.environment):
        for config in configs:
            assert await dingtalk.ask("hello", client_id=config.client_id) == "you said hello"


async def test_everybody_gets_the_answer_to_what_they_asked(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    answers = {}

    async def person(name: str) -> None:
        answers[name] = await dingtalk.ask(f"I am {name}", sender=name)

    async with dingtalk.open_account(echo), trio.open_nursery() as nursery:
        for name in ("mei", "jun", "ines"):
            nursery.start_soon(person, name)
    assert answers == {name: f"you said I am {name}" for name in ("mei", "jun", "ines")}


async def test_each_answer_is_heard_once(dingtalk: DingTalkSimulator, autojump_clock: MockClock) -> None:
    async with dingtalk.open_account(twice):
        await dingtalk.say("first")
        assert [(await dingtalk.next_reply()).text for _ in range(2)] == ["one", "two"]
        assert await dingtalk.ask("second") == "one"
        assert (await dingtalk.next_reply()).text == "two"


async def test_the_clock_of_the_environment_is_the_simulator_s(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    simulator = DingTalkSimulator(wall=lambda: 42.0)
    assert simulator.environment.wall() == 42.0
    assert dingtalk.environment.network is dingtalk.environment.network


async def test_silence_is_an_error_that_tells_everything(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    begun = trio.current_time()
    async with dingtalk.open_account(silent):
        with pytest.raises(AssertionError) as caught:
            await dingtalk.ask("hello")
    assert trio.current_time() - begun == 100
    assert str(caught.value).splitlines() == [
        "the bot did not answer within 100 s",
        "  connections: 1",
        "  message 0 'hello': once delivered, acknowledged, never answered",
        "  account dingtalk: ready; gated 0, handled 1, handler failed 0 (see the log), sending failed 0, "
        "dead letters 0",
    ]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_of_accounts_that_are_closed_nothing_is_told(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    async with dingtalk.open_account(echo):
        pass
    with pytest.raises(AssertionError) as caught:
        await dingtalk.ask("hello")
    assert str(caught.value).splitlines() == ["no bot connected within 100 s", "  connections: 0"]


async def test_rules_that_were_broken_are_told(dingtalk: DingTalkSimulator, autojump_clock: MockClock) -> None:
    twins = [dingtalk.config(name, client_id="dingtwin") for name in ("one", "two")]
    async with open_bridge(twins, silent, environment=dingtalk.environment):
        with pytest.raises(AssertionError, match="rule broken: two_connections beside"):
            await dingtalk.ask("hello")


async def test_what_is_said_too_early_is_told_to_be_lost(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    dingtalk.config()
    await dingtalk.say("too early")
    with pytest.raises(AssertionError, match="message 0 'too early': never delivered, as nobody was there"):
        await dingtalk.next_reply()


async def test_any_credentials_are_let_in_if_the_rules_say_so(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    dingtalk.rules = Rules(any_credentials=True)
    config = dingtalk.config()
    dingtalk.remove_app(config.client_id)
    async with open_bridge([config], echo, environment=dingtalk.environment):
        assert await dingtalk.ask("hello") == "you said hello"
        dingtalk.add_app(config.client_id, "another secret", "robot")
        dingtalk.drop_connections()
        dingtalk.rest.expire_tokens()
        assert await dingtalk.ask("hello") == "you said hello"
        await dingtalk.say("hello")
    assert {call.status for call in dingtalk.open_calls} == {200}
    newest = list(dingtalk.ledger.records())[-1].pushed
    assert json.loads(newest.letter.data)["robotCode"] == "robot"


async def test_who_watches_the_ledger_is_told_of_everything_at_once(
    dingtalk: DingTalkSimulator, autojump_clock: MockClock
) -> None:
    notes: list[tuple[Pushed, type]] = []
    dingtalk.ledger.watch = lambda pushed, note: notes.append((pushed, type(note)))
    async with dingtalk.open_account(echo):
        pushed = await dingtalk.say("hello")
        assert notes == [(pushed, type(None)), (pushed, Delivery)]
        await dingtalk.wait_acked(pushed)
        assert notes[2:] == [(pushed, Acked)]


async def test_the_story_of_a_message(dingtalk: DingTalkSimulator, autojump_clock: MockClock) -> None:
    async with dingtalk.open_account(echo):
        with dingtalk.deaf():
            lost = await dingtalk.say("x" * 100)
            assert story_of(dingtalk.ledger.record(lost)) == (
                f"message 0 '{'x' * 59}…': once delivered, never acknowledged, never answered"
            )
            await dingtalk.wait_replied(lost)
        while len(dingtalk.ledger.record(lost).deliveries) < 3:
            dingtalk.duplicate(lost)
        story = "times delivered, acknowledged, once answered"
        assert story_of(dingtalk.ledger.record(lost)).endswith(story)


@pytest.mark.parametrize(
    ("verdict", "rightly", "story"),
    [("later", True, "acknowledged as later"), ("accepted", False, "acknowledged on another connection")],
)
def test_the_story_of_an_acknowledgement_that_settles_nothing(verdict: Verdict, rightly: bool, story: str) -> None:
    pushed = Pushed(7, "ding", 0.0, letter_of({}, kind="EVENT", topic="*"))
    acked = Acked("c", "m", 1.0, 200, verdict, rightly, "{}")
    record = MessageRecord(pushed, (Delivery("c", "m", 0.0),), (acked,), ())
    assert story_of(record) == f"message 7 '*': once delivered, {story}"


@pytest.mark.parametrize(
    ("data", "headers", "words"),
    [
        ({"msgtype": "text", "text": {"content": "  hello "}}, {}, "hello"),
        ({"msgtype": "picture"}, {}, "picture"),
        ("no JSON", {}, "/topic"),
        ({}, {"eventType": "user_add_org"}, "user_add_org"),
    ],
)
def test_a_message_is_named_by_what_is_in_it(
    data: dict[str, object] | str, headers: dict[str, str], words: str
) -> None:
    assert words_of(letter_of(data, topic="/topic", headers=headers)) == words
