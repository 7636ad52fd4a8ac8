"""Conversations of an account: what is handled side by side, what is remembered and forgotten, what is too much."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge.bots.settings.conversations import RESETS
from trio_bridge.engine.memory import SHARED, state_scope
from trio_bridge.errors import NotSent
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.openai import OpenAISimulator, Says

BY_SENDER: dict[str, Any] = {"group_session_scope": "group_sender"}
SHARED_MEMORY: dict[str, Any] = {"shared_memory_across_conversations": True}
FULL: dict[str, Any] = {"session_full_text": "full", "session_queue_max": 2}


class Rooms:
    """A handler that sees who is at work at the same time."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.together = 0
        self._at_work = 0

    async def __call__(self, message: Message) -> str:
        self.begun.append(message.text)
        self._at_work += 1
        self.together = max(self.together, self._at_work)
        try:
            await trio.sleep(10)
        finally:
            self._at_work -= 1
        return message.conversation.id


async def count(message: Message) -> None:
    async with message.transaction() as tx:
        tx.state["n"] = n = tx.state.get("n", 0) + 1
        await message.reply(str(n))


# Scopes


@pytest.mark.parametrize(
    ("keys", "together"),
    [({}, 2), (BY_SENDER, 3), ({"separate_session_by_conversation": False}, 2), (SHARED_MEMORY, 2)],
)
async def test_conversations_are_handled_side_by_side_and_each_in_order(
    keys: dict[str, Any], together: int, autojump_clock: MockClock
) -> None:
    rooms = Rooms()
    async with simulated() as stage, stage.account(rooms, at_sender=False, **keys) as account:
        await account.wait_ready()
        for sender, conversation in [("mei", "cidTeam"), ("mei", None), ("li", "cidTeam")]:
            pushed = await stage.dingtalk.say("hello", sender=sender, conversation=conversation)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(30)
        assert rooms.together == together
        assert {sent.text for sent in stage.dingtalk.sent} == {"cidTeam", "mei"}, "the real peer, whatever the scope"


async def test_one_conversation_keeps_its_order_over_reconnects(autojump_clock: MockClock) -> None:
    rooms = Rooms()
    async with simulated() as stage, stage.account(rooms, **BY_SENDER) as account:
        await account.wait_ready()
        for number in range(3):
            for sender in ("mei", "li"):
                for part in "ab":
                    await stage.dingtalk.say(f"{sender}{number}{part}", sender=sender, conversation="cidTeam")
            await trio.sleep(4)
            stage.dingtalk.connections[-1].drop()
            await stage.dingtalk.wait_until(lambda: account.generation == number + 2)  # noqa: B023 - at once
            await account.wait_ready()
        await trio.sleep(200)
    for sender in ("mei", "li"):
        assert [text for text in rooms.begun if text.startswith(sender)] == [
            f"{sender}{number}{part}" for number in range(3) for part in "ab"
        ]
    assert rooms.together == 2


@pytest.mark.parametrize(
    ("keys", "answers"),
    [
        ({}, ["1", "1", "2"]),
        (BY_SENDER, ["1", "1", "1"]),
        ({"separate_session_by_conversation": False}, ["1", "2", "1"]),
        (SHARED_MEMORY, ["1", "2", "3"]),
    ],
)
async def test_a_conversation_remembers_what_is_its_own(
    keys: dict[str, Any], answers: list[str], autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(count, at_sender=False, **keys) as account:
        await account.wait_ready()
        for sender, conversation in [("mei", "cidTeam"), ("mei", None), ("li", "cidTeam")]:
            await stage.dingtalk.wait_replied(
                await stage.dingtalk.say("hello", sender=sender, conversation=conversation)
            )
        assert [sent.text for sent in stage.dingtalk.sent] == answers


async def test_what_waits_keeps_its_conversation_when_the_scope_is_changed(autojump_clock: MockClock) -> None:
    """Nothing of it is lost or overtaken by its like, and it remembers what its conversation did."""
    store, rooms = MemoryStore(), Rooms()
    async with simulated() as stage:
        async with stage.account(rooms, store=store) as account:
            await account.wait_ready()
            for number in range(3):
                pushed = await stage.dingtalk.say(str(number), sender=f"p{number}", conversation="cidTeam")
            await stage.dingtalk.wait_acked(pushed)
            await trio.sleep(1)
            account.wish_stopped()
        async with stage.account(rooms, store=store, **BY_SENDER) as account:
            await account.wait_ready()
            pushed = await stage.dingtalk.say("new", sender="p1", conversation="cidTeam")
            await trio.sleep(60)
            assert rooms.begun[-4:] == ["0", "new", "1", "2"] or rooms.begun[-4:] == ["new", "0", "1", "2"]
            assert account.counters.handled == 4
            assert rooms.together == 2


# Shared memory


async def test_transactions_on_shared_memory_lose_nothing_of_each_other(autojump_clock: MockClock) -> None:
    async def slowly(message: Message) -> None:
        async with message.transaction() as tx:
            seen = tx.state.get("names", [])
            await trio.sleep(1)
            tx.state["names"] = [*seen, message.sender.id]

    store = MemoryStore()
    async with simulated() as stage, stage.account(slowly, store=store, **SHARED_MEMORY) as account:
        await account.wait_ready()
        for number in range(8):
            await stage.dingtalk.say("hello", sender=f"p{number}")
        await trio.sleep(60)
        assert account.counters.handled == 8
        kept = await (await store.open_account(account.name, platform="dingtalk")).load(SHARED)
        assert sorted(kept["names"]) == [f"p{number}" for number in range(8)]


async def test_shared_memory_is_free_when_its_holder_fails_is_cut_off_or_never_returns(
    autojump_clock: MockClock,
) -> None:
    async def handler(message: Message) -> None:
        async with message.transaction() as tx:
            if message.text == "raises":
                raise ValueError("no")
            if message.text == "sleeps":
                await trio.sleep_forever()
            if message.text == "stuck":
                with trio.CancelScope(shield=True):
                    await trio.sleep(200)
            tx.state[message.text] = True

    store = MemoryStore()
    tuning: dict[str, Any] = {"max_attempts": 1, "handler_timeout": 20}
    async with simulated() as stage, stage.account(handler, store=store, **SHARED_MEMORY, **tuning) as account:
        await account.wait_ready()
        for text in ("raises", "one", "sleeps", "two", "stuck", "three"):
            await stage.dingtalk.say(text, sender=text)
            await trio.sleep(15)
        await trio.sleep(20)
        kept = await store.open_account(account.name, platform="dingtalk")
        remembered = dict.fromkeys(("one", "two", "three"), True)
        assert await kept.load(SHARED) == remembered, "long before the stuck one returns"
        await trio.sleep(300)
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("/new", sender="mei"))
        assert await kept.load(SHARED) == {}


@pytest.mark.parametrize("late", [0, 100])
async def test_shared_memory_is_not_given_to_whoever_lost_its_message(late: float, autojump_clock: MockClock) -> None:
    """It waited for its turn when its message was taken away, or asks for one long after that."""
    refused: list[str] = []
    seen: set[str] = set()

    async def handler(message: Message) -> None:
        if message.text in seen:
            return
        seen.add(message.text)
        with trio.CancelScope(shield=message.text != "next"):
            await trio.sleep(late if message.text == "deaf" else 0)
            try:
                async with message.transaction() as tx:
                    if message.text == "holder":
                        await trio.sleep(30)
                    if message.text == "deaf":
                        await trio.sleep(10_000)
                    tx.state[message.text] = True
            except NotSent:
                refused.append(message.text)

    store = MemoryStore()
    tuning: dict[str, Any] = {"max_attempts": 1, "handler_timeout": 10}
    async with simulated() as stage, stage.account(handler, store=store, **SHARED_MEMORY, **tuning) as account:
        await account.wait_ready()
        for text in ("holder", "deaf"):
            await stage.dingtalk.say(text, sender=text)
            await trio.sleep(1)
        await trio.sleep(150)
        await stage.dingtalk.say("next", sender="next")
        await trio.sleep(5)
        kept = await store.open_account(account.name, platform="dingtalk")
        assert (await kept.load(SHARED)).get("next")
        assert sorted(refused) == ["deaf", "holder"]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_model_is_told_of_all_conversations_or_of_one(shared: bool, autojump_clock: MockClock) -> None:
    """Two of them at the same time: neither's turn is lost."""
    async with simulated() as stage, OpenAISimulator(network=stage.network) as model:
        model.script(Says("slowly", pause=5), Says("quickly"))
        config = stage.dingtalk.config(
            reply_mode="text", thinking_emotion=False, shared_memory_across_conversations=shared
        )
        async with open_bridge([config], model.agent(), environment=stage.environment) as bridge:
            account = bridge.account(config.name)
            await account.wait_ready()
            first = await stage.dingtalk.say("one", sender="mei")
            await model.wait_until(lambda: model.asked)
            await stage.dingtalk.wait_replied(await stage.dingtalk.say("two", sender="li"))
            await stage.dingtalk.wait_replied(first)
            await stage.dingtalk.wait_replied(await stage.dingtalk.say("three", sender="mei"))
        told = [content for _, content in model.asked[-1].messages]
        assert told == (["two", "quickly"] if shared else []) + ["one", "slowly", "three"]


# Forgetting


@pytest.mark.parametrize("word", [*RESETS, " /NEW \n"])
async def test_a_reset_makes_the_conversation_forget_in_its_place_in_the_order(
    word: str, autojump_clock: MockClock
) -> None:
    store = MemoryStore()
    async with simulated() as stage, stage.account(count, store=store) as account:
        await account.wait_ready()
        kept = await store.open_account(account.name, platform="dingtalk")
        await kept.save(state_scope("staff0001"), {"other": [1]})
        for text in ("a", "b", word, "c"):
            pushed = await stage.dingtalk.say(text)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(1)
        texts = [sent.text for sent in stage.dingtalk.sent]
        assert texts[:2] == ["1", "2"]
        assert texts[2].startswith("已开始新的会话")
        assert texts[3:] == ["1"]
        assert await kept.load(state_scope("staff0001")) == {"n": 1}, "all of it is forgotten"
        assert (account.counters.handled, account.counters.gated) == (3, 1)


@pytest.mark.parametrize(
    ("keys", "text", "heard"),
    [
        ({}, "/new please", True),
        ({}, "please /new", True),
        ({"reset_commands": ()}, "/new", True),
        ({"reset_commands": "Forget"}, "/new", True),
        ({"reset_commands": "Forget"}, "forGET", False),
        ({"bot_names": "helper"}, "@helper /new", False),
        ({"allowed_users": ["li"]}, "/new", False),
    ],
)
async def test_only_the_word_alone_is_a_reset_and_only_from_who_is_heard(
    keys: dict[str, Any], text: str, heard: bool, autojump_clock: MockClock
) -> None:
    listener, store = Listener(), MemoryStore()
    async with simulated() as stage, stage.account(listener, store=store, **keys) as account:
        await account.wait_ready()
        kept = await store.open_account(account.name, platform="dingtalk")
        await kept.save(state_scope("staff0001"), {"n": 1})
        pushed = await stage.dingtalk.say(text)
        await trio.sleep(10)
        assert bool(listener.heard) is heard
        stays = heard or "allowed_users" in keys
        assert await kept.load(state_scope("staff0001")) == ({"n": 1} if stays else {})
        assert bool(stage.dingtalk.ledger.record(pushed).replies) is not ("allowed_users" in keys)


async def test_a_word_with_a_picture_is_no_reset(autojump_clock: MockClock) -> None:
    listener = Listener()
    parts = [{"text": "/new"}, {"type": "picture", "downloadCode": "code"}]
    async with simulated() as stage, stage.account(listener) as account:
        await account.wait_ready()
        await stage.dingtalk.say("", changes={"msgtype": "richText", "text": None, "content": {"richText": parts}})
        await trio.sleep(10)
        assert listener.heard == ["/new"]


async def test_an_empty_reset_text_is_silence(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(count, reset_text="") as account:
        await account.wait_ready()
        for text in ("a", "/reset", "b"):
            pushed = await stage.dingtalk.say(text)
        await stage.dingtalk.wait_replied(pushed)
        assert [sent.text for sent in stage.dingtalk.sent] == ["1", "1"]


# Too much


async def test_what_a_full_conversation_drops_is_acknowledged_counted_and_said_once_a_minute(
    autojump_clock: MockClock,
) -> None:
    rooms = Rooms()
    async with simulated() as stage, stage.account(rooms, **FULL) as account:
        await account.wait_ready()
        all_pushed = []
        for number in range(6):
            all_pushed.append(await stage.dingtalk.say(str(number)))
            await wait_all_tasks_blocked()
        await stage.dingtalk.say("elsewhere", sender="li")
        for pushed in all_pushed:
            await stage.dingtalk.wait_acked(pushed)
        await wait_all_tasks_blocked()
        assert account.counters.dropped == 3
        assert [(sent.text, sent.answers) for sent in stage.dingtalk.sent] == [("full", all_pushed[3])]
        assert stage.dingtalk.duplicate(all_pushed[4])
        await trio.sleep(50)
        assert account.counters.duplicates == 1, "a copy of what was dropped is a copy"
        assert rooms.begun == ["0", "elsewhere", "1", "2"]
        await trio.sleep(20)
        for number in range(4):
            await stage.dingtalk.say(f"late{number}")
            await wait_all_tasks_blocked()
        assert [sent.text for sent in stage.dingtalk.sent].count("full") == 2
        counters = account.counters
        assert counters.received == counters.stored + counters.duplicates + counters.dropped


async def test_a_copy_takes_nobody_s_place_in_a_conversation(autojump_clock: MockClock) -> None:
    rooms = Rooms()
    async with simulated() as stage, stage.account(rooms, **FULL) as account:
        await account.wait_ready()
        for number in range(2):
            pushed = await stage.dingtalk.say(str(number))
            await wait_all_tasks_blocked()
        stage.dingtalk.duplicate(pushed)
        await stage.dingtalk.say("last")
        await trio.sleep(60)
        assert rooms.begun == ["0", "1", "last"]
        assert account.counters.dropped == 0


@pytest.mark.parametrize(
    "keys", [{"session_full_text": ""}, {"allowed_users": ["li"]}, {"session_queue_max": 1, "changes": None}]
)
async def test_a_drop_may_be_silent_and_strangers_are_told_nothing(
    keys: dict[str, Any], autojump_clock: MockClock
) -> None:
    unreadable = keys.pop("changes", ...) is None
    async with simulated() as stage, stage.account(Rooms(), **{**FULL, "workers": 1, **keys}) as account:
        await account.wait_ready()
        await stage.dingtalk.say("busy", sender="li")
        await wait_all_tasks_blocked()
        for _ in range(8):
            changes = {"msgtype": "nobodyKnows"} if unreadable else None
            await stage.dingtalk.say("hello", sender="mei", changes=changes)
        await trio.sleep(5)
        assert account.counters.dropped >= 5
        assert not stage.dingtalk.sent
