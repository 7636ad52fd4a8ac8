"""What the table of features promises, by keys and public names, where no other test drives a whole account for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.conftest import lines
from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge import Message, RequestFailed
from trio_bridge.dingtalk import Extracted
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, TOKEN, WEBHOOK

# Who is heard

VOICES = {
    "mei alone": ("mei", None, True),
    "bo alone": ("bo", None, True),
    "mei in A": ("mei", "cidA", True),
    "bo in A": ("bo", "cidA", True),
    "mei in B": ("mei", "cidB", True),
    "mei aside in B": ("mei", "cidB", False),
}
ALL = set(VOICES)
ALONE = {"mei alone", "bo alone"}
IN_A = {"mei in A", "bo in A"}
USUAL = ALL - {"mei aside in B"}


@pytest.mark.parametrize(
    ("keys", "heard"),
    [
        ({}, USUAL),
        ({"allowed_users": ["MEI"]}, {"mei alone", "mei in A", "mei in B"}),
        ({"allowed_users": "id-of-BO"}, {"bo alone", "bo in A"}),
        ({"allowed_users": []}, set()),
        ({"require_mention": False}, ALL),
        ({"free_response_chats": ["cidB"]}, ALL),
        ({"free_response_chats": ["CIDB"]}, USUAL),
        ({"mention_patterns": ["ASIDE in [b-z]$"]}, ALL),
        ({"dm_policy": "allowlist", "allow_from": ["Bo"]}, USUAL - {"mei alone"}),
        ({"dm_policy": "allowlist"}, USUAL - ALONE),
        ({"dm_policy": "pairing", "allow_from": ["mei"]}, USUAL - {"bo alone"}),
        ({"dm_policy": "disabled"}, USUAL - ALONE),
        ({"group_policy": "allowlist", "group_allow_from": ["cidA"]}, ALONE | IN_A),
        ({"group_policy": "allowlist", "require_mention": False}, ALONE),
        ({"group_policy": "disabled", "free_response_chats": ["cidB"]}, ALONE),
        ({"groups": {"cidA": {"enabled": False}}}, USUAL - IN_A),
        ({"groups": {"cidA": {"allow_from": ["bo"]}}}, USUAL - {"mei in A"}),
        ({"groups": {"cidB": {"require_mention": False}}}, ALL),
        ({"groups": {"cidB": {"require_mention": True}}, "require_mention": False}, USUAL),
    ],
    ids=str,
)
async def test_rows_18_to_21_who_is_heard(keys: dict[str, Any], heard: set[str], autojump_clock: MockClock) -> None:
    listener = Listener()
    async with simulated() as stage, stage.account(listener, **keys) as account:
        await account.wait_ready()
        for text, (sender, conversation, mention) in VOICES.items():
            changes = {"senderId": f"id-of-{sender}"}
            await stage.dingtalk.say(text, sender=sender, conversation=conversation, mention=mention, changes=changes)
        await trio.sleep(10)
        assert set(listener.heard) == heard
        assert account.counters.gated == len(ALL - heard)


async def test_row_19_the_name_of_the_robot_is_taken_off(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener(), bot_names=["Robi"], at_sender=False) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("@robi hello", conversation="cidTeam") == "you said hello"
        assert await stage.dingtalk.ask("@Robinson hello", conversation="cidTeam") == "you said @Robinson hello"


async def test_rows_21_and_54_a_group_has_a_prompt_and_a_scope_of_its_own(autojump_clock: MockClock) -> None:
    async def answer(message: Message) -> None:
        async with message.transaction() as tx:
            tx.state["count"] = tx.state.get("count", 0) + 1
            await message.reply(f"{message.system_prompt} {tx.state['count']}")

    keys: dict[str, Any] = {
        "system_prompt": "Be kind.",
        "groups": {"cidA": {"system_prompt": "Be brief.", "session_scope": "group_sender"}},
        "at_sender": False,
    }
    async with simulated() as stage, stage.account(answer, **keys) as account:
        await account.wait_ready()
        said = [
            await stage.dingtalk.ask("hi", sender=sender, conversation=conversation)
            for conversation in ("cidA", "cidB")
            for sender in ("mei", "bo")
        ]
    assert said == ["Be brief. 1", "Be brief. 1", "Be kind. 1", "Be kind. 2"]


# How answers look


async def bold(message: Message) -> AsyncIterator[str]:
    yield "**yes**"


@pytest.mark.parametrize(
    ("keys", "alone", "in_a", "in_b"),
    [
        ({}, "card", "card", "card"),
        ({"reply_mode": "auto"}, "markdown", "markdown", "markdown"),
        ({"reply_mode": "text"}, "text", "text", "text"),
        ({"reply_mode": "text", "group_reply_mode": "markdown"}, "text", "markdown", "markdown"),
        ({"group_reply_mode": "text", "groups": {"cidA": {"reply_mode": "card"}}}, "card", "card", "text"),
    ],
    ids=str,
)
async def test_rows_26_to_28_how_an_answer_looks(
    keys: dict[str, Any], alone: str, in_a: str, in_b: str, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(bold, **keys) as account:
        await account.wait_ready()
        for conversation in (None, "cidA", "cidB"):
            await stage.dingtalk.ask("well?", conversation=conversation)
        assert [sent.body.get("msgtype", sent.via) for sent in stage.dingtalk.sent] == [alone, in_a, in_b]


async def test_row_26_a_card_has_the_template_and_the_variable_that_were_named(autojump_clock: MockClock) -> None:
    async with (
        simulated() as stage,
        stage.account(bold, card_template_id="mine.schema", card_key="body") as account,
    ):
        await account.wait_ready()
        await stage.dingtalk.ask("well?")
        [card] = stage.dingtalk.cards
    assert (card.template, card.text_key, card.data["body"]) == ("mine.schema", "body", "**yes**")


async def test_trap_11_a_card_keeps_what_a_change_does_not_name(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(bold) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("well?")
        [card] = stage.dingtalk.cards
        await account.api.update_card(card.out_track_id, {"votes": 1})
        await account.api.finish_card(card.out_track_id, "That is all.")
    assert (card.text, card.data["votes"], card.data["config"]) == ("That is all.", "1", '{"autoLayout":true}')


async def test_row_31_whoever_asked_is_mentioned_in_groups(autojump_clock: MockClock) -> None:
    seen = []
    for at_sender in (True, False):
        async with simulated() as stage, stage.account(Listener(), at_sender=at_sender) as account:
            await account.wait_ready()
            for conversation in ("cidTeam", None):
                await stage.dingtalk.ask("hi", sender="mei", conversation=conversation)
            seen += [(sent.text, sent.body.get("at", {}).get("atUserIds", [])) for sent in stage.dingtalk.sent]
    assert seen == [("@mei you said hi", ["mei"]), *[("you said hi", [])] * 3]


async def test_row_36_a_long_answer_is_cut_at_the_limit(autojump_clock: MockClock) -> None:
    async def long(message: Message) -> str:
        return "\n".join(["a line of thirty characters..."] * 10)

    async with simulated() as stage, stage.account(long, chunk_limit=100) as account:
        await account.wait_ready()
        await stage.dingtalk.say("go")
        await stage.dingtalk.wait_until(lambda: sum(sent.text.count("thirty") for sent in stage.dingtalk.sent) == 10)
        assert max(len(sent.text) for sent in stage.dingtalk.sent) <= 100


# Calls


async def test_row_37_beyond_twenty_a_minute_the_webhook_is_left_alone(autojump_clock: MockClock) -> None:
    async def chatty(message: Message) -> None:
        for number in range(25):
            await message.reply(str(number))

    async with simulated() as stage, stage.account(chatty) as account:
        await account.wait_ready()
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("go"), 25)
        calls = stage.dingtalk.rest.calls
        assert (calls[WEBHOOK], calls[DIRECT]) == (20, 5)
        assert [sent.text for sent in stage.dingtalk.sent] == [str(number) for number in range(25)]


async def test_row_39_many_calls_at_once_fetch_one_token(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        with stage.dingtalk.answering_late(5):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(account.api.send, f"staff{number}", "hi")
        assert (stage.dingtalk.rest.calls[TOKEN], stage.dingtalk.rest.calls[DIRECT]) == (1, 10)


# What people send


async def test_rows_41_to_45_every_kind_of_message_is_read(autojump_clock: MockClock) -> None:
    heard: dict[str, Message] = {}

    async def handler(message: Message) -> None:
        heard[message.id] = message

    rows = [row for row in lines("server_frames.jsonl") if row["expect"].get("kind") == "message"]
    wanted = [row for row in rows if not {"drop", "command", "duplicate_of"} & row["expect"].keys()]
    async with simulated() as stage, stage.account(handler, require_mention=False) as account:
        connection = await stage.dingtalk.next_connection()
        for row in wanted:
            connection.push_frame(row["frame"])
        await trio.sleep(100)
        assert account.counters.failed == 0
    for row in wanted:
        expect = row["expect"]
        message = heard.pop(expect["msg_id"] or f"h:{expect['message_id']}")
        more, quote = Extracted(message.raw), expect.get("quote")
        assert message.text == (expect["text"] or expect.get("text_char", "") * expect.get("text_len", 0)), row["name"]
        assert [each.kind for each in message.attachments] == kinds(expect.get("media", ())), row["name"]
        assert list(more.links) == expect.get("links", []), row["name"]
        assert [(skill.id, skill.name) for skill in more.skills] == [
            (skill["id"], skill["name"]) for skill in expect.get("skills", [])
        ]
        if quote is None:
            assert message.reply_to is None, row["name"]
        else:
            assert message.reply_to is not None, row["name"]
            assert (message.reply_to.text, [each.kind for each in message.reply_to.attachments]) == (
                quote["text"],
                kinds(quote["media"]),
            )
    assert heard == {}


def kinds(media: Any) -> list[str]:
    return [medium["kind"] for medium in media]


async def test_row_46_what_is_too_large_is_not_fetched(autojump_clock: MockClock) -> None:
    async def fetch(message: Message) -> str:
        try:
            return (await message.download(message.attachments[0])).read_text()
        except RequestFailed as error:
            return error.code

    async with simulated() as stage, stage.account(fetch, media_max_bytes=4) as account:
        await account.wait_ready()
        for content in (b"four", b"12345"):
            await stage.dingtalk.send_file(content, "a.txt")
        await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.sent) == 2)
        assert [sent.text for sent in stage.dingtalk.sent] == ["four", "too_large"]
