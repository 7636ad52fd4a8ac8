"""Answers of a whole account, through everything that can happen to them on their way."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.account_stage import simulated
from tests.platforms.feishu.house import MESSAGES, REPLY, refused
from trio_bridge.errors import OutcomeUnknown, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.rest import chat_throttled, throttled
from trio_bridge.stores.memory import MemoryStore

INFO = "GET /open-apis/bot/v3/info"
GROUP = "oc_team"


async def echo(message: Message) -> str:
    return f"you said {message.text}"


async def test_an_answer_quotes_in_a_group_and_not_alone(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(echo):
        await feishu.wait_until(lambda: bool(feishu.rest.calls[INFO]))
        pushed = await feishu.say("hello", conversation=GROUP)
        in_group = await feishu.next_reply()
        assert await feishu.ask("hello") == "you said hello"
    assert (in_group.answers, in_group.chat_id) == (pushed, GROUP)
    assert in_group.reply_to
    assert not feishu.sent[1].reply_to
    assert feishu.ledger.faults == []


async def test_a_thread_is_answered_where_it_is(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(echo, quote="never"):
        place = {"thread_id": "omt_1", "root_id": "om_root", "parent_id": "om_root"}
        await feishu.say("hello", changes={"event": {"message": place}})
        sent = await feishu.next_reply()
    assert (bool(sent.reply_to), sent.in_thread) == (True, True)


async def test_a_throttled_answer_arrives_once_and_in_order(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(echo):
        feishu.rest.scripts.add(f"POST {MESSAGES}", throttled(2), throttled(2, status=400), chat_throttled())
        first = await feishu.say("one")
        second = await feishu.say("two")
        await feishu.wait_replied(first)
        await feishu.wait_replied(second)
    assert [sent.text for sent in feishu.sent] == ["you said one", "you said two"]
    assert feishu.rest.repeated == []


async def test_an_answer_that_may_have_been_sent_is_sent_again_and_seen_once(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        feishu.rest.scripts.swallow(f"POST {MESSAGES}")
        receipt = await account.send(GROUP, "hi", key="once")
        await receipt.wait_sent()
    assert [sent.text for sent in feishu.sent] == ["hi"]
    assert len(feishu.rest.repeated) == 1


async def test_what_may_have_been_sent_is_left_to_a_person_when_nobody_can_know_any_more(
    autojump_clock: MockClock,
) -> None:
    async with simulated(rules=Rules(client_config=None)) as feishu, feishu.open_account() as account:
        feishu.rest.scripts.swallow(f"POST {MESSAGES}")
        with feishu.rest.scripts.standing(f"POST {MESSAGES}", throttled(400)):
            begun = trio.current_time()
            receipt = await account.send(GROUP, "hi", key="once")
            with pytest.raises(OutcomeUnknown):
                await receipt.wait_sent()
            assert 3300 < trio.current_time() - begun < 3300 + 1000
        await trio.sleep(1000)
    assert [sent.text for sent in feishu.sent] == ["hi"]


async def test_a_refusal_is_for_good_and_says_what_to_do(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account() as account:
        feishu.directory.closed_chats.add(GROUP)
        receipt = await account.send(GROUP, "hi")
        with pytest.raises(RequestFailed, match=r"230002 .* \(the bot is not in this chat: a member has to add it\)"):
            await receipt.wait_sent()
        assert receipt.state == "dead"
        assert feishu.rest.calls[f"POST {MESSAGES}"] == 1


async def test_a_message_that_was_recalled_meanwhile_is_answered_all_the_same(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(echo):
        feishu.rest.scripts.add(f"POST {REPLY}", refused(230011))
        await feishu.wait_until(lambda: bool(feishu.rest.calls[INFO]))
        await feishu.say("hello", conversation=GROUP)
        sent = await feishu.next_reply()
    assert (sent.text, sent.reply_to, sent.chat_id) == ("you said hello", "", GROUP)


async def test_revoked_tokens_cost_no_answer(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, feishu.open_account(echo):
        for number in range(3):
            assert await feishu.ask(f"{number}") == f"you said {number}"
            feishu.rest.tokens.revoke()
            await trio.sleep(31)


async def test_the_bot_is_still_known_after_a_restart_while_the_api_is_away(autojump_clock: MockClock) -> None:
    heard: list[bool] = []

    async def hear(message: Message) -> None:
        heard.append(message.mentioned)

    store = MemoryStore()
    async with simulated() as feishu:
        async with feishu.open_account(hear, store=store, require_mention=False):
            await feishu.wait_until(lambda: bool(feishu.rest.calls[INFO]))
            await trio.sleep(1)
        with feishu.rest.scripts.standing(INFO, Answer(status=503, body="away")):
            async with feishu.open_account(hear, store=store, require_mention=False):
                await feishu.say("@bot hello", conversation=GROUP)
                await feishu.wait_until(lambda: feishu.ledger.summary().acked == 1)
                await trio.sleep(1)
    assert heard == [True]
