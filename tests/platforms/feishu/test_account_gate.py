"""Who is heard by an account at Feishu, and what is said around an answer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.runner.stored import tell
from trio_bridge.engine.memory import state_scope
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gate import PATIENCE
from trio_bridge.platforms.feishu.gateway.rest import BOT
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

EPOCH = 1_795_161_745.0
TEAM = "oc_team"
WHO = BOT.partition(" ")[2]
"""The call that tells the bot who it is."""


@asynccontextmanager
async def simulated(wall: Callable[[], float] = lambda: EPOCH + trio.current_time()) -> AsyncIterator[FeishuSimulator]:
    """A Feishu in memory, in virtual time. A client that breaks a rule fails the test in the end."""
    network = MemoryNetwork()
    with trio.fail_after(10_000):
        async with FeishuSimulator(network=network, seed=7, wall=wall) as feishu:
            yield feishu
    assert feishu.ledger.faults == []


async def answer(message: Message) -> str:
    return f"you said {message.text}"


def from_bot(feishu: FeishuSimulator, open_id: str = "") -> dict[str, Any]:
    """What makes a message one of a bot: of this app's own, unless it is said whose."""
    [app] = feishu.directory.apps.values()
    return {"event": {"sender": {"sender_type": "app", "sender_id": {"open_id": open_id or app.bot_open_id}}}}


async def texts(feishu: FeishuSimulator) -> list[str]:
    """What was said, once nothing more is."""
    await trio.sleep(30)
    return [sent.text for sent in feishu.sent]


async def test_row_15_in_groups_the_bot_hears_what_mentions_it_and_alone_everything(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(answer):
        await feishu.say("to others", conversation=TEAM, mention=False)
        assert await feishu.ask("to the bot", conversation=TEAM) == "you said to the bot"
        assert await feishu.ask("alone") == "you said alone"
        assert len(await texts(feishu)) == 2


async def test_row_15_neither_itself_nor_another_bot_is_answered(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(answer, require_mention=False) as account:
        for changes in (from_bot(feishu), from_bot(feishu, "ou_another")):
            for conversation in (TEAM, None):
                pushed = await feishu.say("loop", conversation=conversation, changes=changes)
                await feishu.wait_acked(pushed)
        assert await texts(feishu) == []
        assert account.counters.gated == 4


async def test_row_15_another_bot_is_answered_where_a_key_says_so_and_itself_never(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(answer, require_mention=False, allow_bot_senders=True):
        await feishu.say("loop", conversation=TEAM, changes=from_bot(feishu))
        await feishu.say("hello", conversation=TEAM, mention=False, changes=from_bot(feishu, "ou_another"))
        assert await texts(feishu) == ["you said hello"]


async def test_a_mention_that_comes_before_the_bot_knows_who_it_is_is_answered_once(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        feishu.rest.scripts.add(WHO, Answer(status=502), times=3)
        async with feishu.open_account(answer) as account:
            await feishu.say("to others", conversation="oc_other", mention=False)
            assert await feishu.ask("hello", conversation=TEAM) == "you said hello"
            assert await texts(feishu) == ["you said hello"]
            assert account.counters.failed == 0


async def test_a_bot_that_never_learns_who_it_is_hears_people_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with simulated() as feishu:
        feishu.rest.scripts.add(WHO, Answer(status=502), times=1000)
        async with feishu.open_account(answer) as account:
            await feishu.say("hello?", conversation=TEAM)
            await trio.sleep(PATIENCE)
            await feishu.say("is anybody there?", conversation=TEAM)
            assert await feishu.ask("hello") == "you said hello"
            assert await texts(feishu) == ["you said hello"]
            assert account.counters.gated == 2
    assert len([record for record in caplog.records if record.message.startswith("nobody can tell whether")]) == 1


async def test_who_the_bot_is_is_known_at_the_next_start(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as feishu:
        async with feishu.open_account(answer, store=store):
            assert await feishu.ask("one", conversation=TEAM) == "you said one"
        feishu.rest.scripts.hang(WHO, times=1000)
        async with feishu.open_account(answer, store=store):
            asked_at = trio.current_time()
            assert await feishu.ask("two", conversation=TEAM) == "you said two"
            assert trio.current_time() - asked_at < 1


async def test_a_stranger_shows_a_code_and_is_let_in_beside_a_running_bridge(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(
        '[store]\nurl = "sqlite:bridge.db"\n[agent]\nkind = "echo"\n'
        '[accounts.hr]\nplatform = "feishu"\napp_id = "cli_a1b2c3d4e5f60718"\napp_secret = "x"\n'
    )
    tuning = {"name": "hr", "dm_policy": "pairing", "pairing_text": "show {code}"}
    async with (
        open_sqlite(tmp_path / "bridge.db", executor=inline) as store,
        simulated(wall=time.time) as feishu,  # that of the program which is told to approve
        feishu.open_account(answer, store=store, **tuning),
    ):
        code = (await feishu.ask("hello?", sender="ou_mei")).removeprefix("show ")
        listed = json.loads(tell("pairing", "list", str(file), "--json").stdout)
        assert [(one["sender"], one["code"]) for one in listed["requests"]] == [("ou_mei", code)]
        assert tell("pairing", "approve", str(file), "hr", code).exit_code == 0
        assert await feishu.ask("hello", sender="ou_mei") == "you said hello"
        assert await feishu.ask("hello", sender="ou_tom") != f"show {code}"
        assert tell("pairing", "revoke", str(file), "hr", "OU_MEI").exit_code == 0
        await trio.sleep(1)
        assert (await feishu.ask("and now?", sender="ou_mei")).startswith("show ")


# What is said around an answer.


async def count(message: Message) -> None:
    async with message.transaction() as tx:
        tx.state["n"] = n = tx.state.get("n", 0) + 1
        await message.reply(str(n))


async def test_a_word_makes_a_conversation_forget(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as feishu, feishu.open_account(count, store=store, reset_text="forgotten"):
        assert [await feishu.ask(text, conversation=TEAM) for text in ("a", "b", "/NEW", "c")] == [
            "1",
            "2",
            "forgotten",
            "1",
        ]
        kept = await store.open_account("feishu", platform="feishu")
        assert await kept.load(state_scope(TEAM)) == {"n": 1}


async def test_all_conversations_may_remember_the_same(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(count, shared_memory_across_conversations=True):
        counted = [await feishu.ask("hello", conversation=where) for where in (TEAM, "oc_other", None)]
        assert counted == ["1", "2", "3"]


async def test_each_person_in_a_group_may_be_a_conversation(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(count, group_session_scope="group_sender"):
        asked = [("ou_mei", TEAM), ("ou_tom", TEAM), ("ou_mei", TEAM), ("ou_mei", "oc_other"), ("ou_mei", None)]
        counted = [await feishu.ask("hello", sender=sender, conversation=where) for sender, where in asked]
        assert counted == ["1", "1", "2", "1", "1"]


async def test_what_is_said_before_an_answer_and_instead_of_one(autojump_clock: MockClock) -> None:
    async def says_nothing(message: Message) -> None:
        await trio.sleep(60)

    tuning = {"async_mode": True, "ack_text": "taken", "empty_reply_text": "nothing to say"}
    async with simulated() as feishu, feishu.open_account(says_nothing, **tuning):
        began = trio.current_time()
        assert await feishu.ask("hello") == "taken"
        assert trio.current_time() - began < 1
        await feishu.wait_until(lambda: len(feishu.sent) == 2)
        assert feishu.sent[1].text == "nothing to say"


@pytest.mark.parametrize(("allowed", "said"), [("*", ["full"]), ("ou_mei", [])])
async def test_a_message_that_is_too_much_is_excused_to_whoever_is_heard(
    allowed: str, said: list[str], autojump_clock: MockClock
) -> None:
    async def slow(message: Message) -> str:
        await trio.sleep(20)
        return message.text

    tuning = {"session_queue_max": 1, "session_full_text": "full", "allowed_users": [allowed]}
    async with simulated() as feishu, feishu.open_account(slow, **tuning):
        for sender in ("ou_mei", "ou_tom", "ou_tom"):
            await feishu.wait_acked(await feishu.say("hello", sender=sender, conversation=TEAM))
        await trio.sleep(100)
        assert [sent.text for sent in feishu.sent if sent.text == "full"] == said


async def test_whoever_is_refused_is_told_once_a_day(autojump_clock: MockClock) -> None:
    tuning = {"dm_policy": "allowlist", "allow_from": ["ou_mei"], "denied_text": "not you"}
    async with simulated() as feishu, feishu.open_account(answer, **tuning):
        for _ in range(3):
            await feishu.wait_acked(await feishu.say("let me in", sender="ou_tom"))
        assert await feishu.ask("hello", sender="ou_mei") == "you said hello"
        assert sorted(await texts(feishu)) == ["not you", "you said hello"]
