"""Who is heard."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_bridge.messages import Conversation, Message, Sender
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gate import Gate

STAFF, SENDER, BOT = "Staff0001", "$:LWCP_v1:$user", "$:LWCP_v1:$bot"


def gate(**config: Any) -> Gate:
    return Gate(DingTalk(name="sales", client_id="dingexample", client_secret="x", **config))


def message(*, group: bool = True, mentioned: bool = False, text: str = "hello", **raw: Any) -> Message:
    data = {"senderId": SENDER, "senderStaffId": STAFF, "chatbotUserId": BOT, **raw}
    return Message(
        platform="dingtalk",
        account="sales",
        id="m",
        conversation=Conversation("cidG" if group else STAFF, "group" if group else "direct"),
        sender=Sender(STAFF),
        text=text,
        mentioned=mentioned or not group,
        raw=data,
    )


async def test_direct_messages_and_mentions_are_heard() -> None:
    assert await gate().admits(message(group=False))
    assert await gate().admits(message(mentioned=True))
    assert not await gate().admits(message())


async def test_own_messages_are_not_heard() -> None:
    assert not await gate(require_mention=False).admits(message(senderId=BOT))
    assert not await gate().admits(message(group=False, senderId=BOT))
    assert await gate().admits(message(group=False, senderId="", chatbotUserId=""))


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize(
    ("allowed", "heard"),
    [
        (["*"], True),
        (["staff0001"], True),
        ([SENDER.upper()], True),
        (["other", "*"], True),
        (["other"], False),
        ([], False),
        ([""], False),
    ],
)
async def test_only_allowed_users_are_heard(allowed: list[str], heard: bool, group: bool) -> None:
    subject = gate(allowed_users=allowed, require_mention=False, free_response_chats=["cidG"])
    assert await subject.admits(message(group=group)) is heard
    assert await subject.admits(message(group=group, mentioned=True)) is heard


async def test_nobody_is_not_somebody() -> None:
    nobody = message(group=False, senderId="", senderStaffId="")
    assert not await gate(allowed_users=["", "staff0001"]).admits(nobody)


async def test_everything_is_heard_in_free_chats_or_without_the_rule() -> None:
    assert await gate(free_response_chats=["cidG"]).admits(message())
    assert not await gate(free_response_chats=["cidg"]).admits(message())
    assert await gate(require_mention=False).admits(message())


async def test_a_pattern_counts_as_a_mention() -> None:
    subject = gate(mention_patterns=["^(hey )?pony\\b", "小马"])
    assert await subject.admits(message(text="Hey PONY, are you there?"))
    assert await subject.admits(message(text="问问小马"))
    assert not await subject.admits(message(text="ponytail"))


async def test_a_bad_pattern_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    subject = gate(mention_patterns=["(", r"(a)\1", "pony"])
    assert [record.pattern for record in caplog.records] == ["(", r"(a)\1"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert await subject.admits(message(text="pony"))


async def test_trap_37_an_unlucky_pattern_does_not_hold_the_loop(autojump_clock: trio.abc.Clock) -> None:
    """Others run while a long text is searched, and the search of an exponential pattern ends."""
    subject = gate(mention_patterns=["(a+)+$", "(a|a)*b"])
    assert not await subject.admits(message(text="a" * 40 + "!"))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as others:
        others.start_soon(count)
        assert not await subject.admits(message(text="a" * 100_000 + "!"))
        others.cancel_scope.cancel()
    assert turns >= 2000 // 50
