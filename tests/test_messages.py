"""What an application sees: plain values, and a message that can be answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from trio_bridge.messages import (
    Attachment,
    Conversation,
    Message,
    Quote,
    Receipt,
    ReceiptState,
    Reply,
    ReplyStream,
    Sender,
    Transaction,
)


class Kept(Receipt):
    key = "m1/1"

    @property
    def state(self) -> ReceiptState:
        return "pending"

    async def wait_sent(self) -> None:
        return


class Recorder:
    """A context that writes down what it is asked for."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.opened: list[str] = []

    async def reply(self, reply: Reply) -> Receipt:
        self.replies.append(reply)
        return Kept()

    def stream(self) -> AbstractAsyncContextManager[ReplyStream]:
        return self._open("stream")

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._open("transaction")

    @asynccontextmanager
    async def _open(self, what: str) -> AsyncIterator[Any]:
        self.opened.append(what)
        yield what


def message(context: Recorder | None = None) -> Message:
    return Message(
        platform="dingtalk",
        account="sales",
        id="m1",
        conversation=Conversation("c1"),
        sender=Sender("u1", "Li Lei"),
        text="how much is it?",
        raw={"canary": "tell-nobody"},
        context=context,
    )


async def test_a_text_is_a_reply() -> None:
    context = Recorder()
    receipt = await message(context).reply("nine")
    assert context.replies == [Reply(text="nine")]
    assert receipt.key == "m1/1"


async def test_a_reply_passes_as_it_is() -> None:
    context = Recorder()
    reply = Reply("see there", attachments=[Attachment(path="list.pdf")], title="Prices")
    await message(context).reply(reply)
    assert context.replies == [reply]


async def test_a_stream_and_a_transaction_are_the_context_s() -> None:
    context = Recorder()
    async with message(context).stream() as stream, message(context).transaction() as transaction:
        assert (stream, transaction) == ("stream", "transaction")
    assert context.opened == ["stream", "transaction"]


async def test_a_message_that_no_bridge_delivered_says_so() -> None:
    with pytest.raises(RuntimeError, match="not delivered by a bridge"):
        await message().reply("nine")
    with pytest.raises(RuntimeError, match="not delivered by a bridge"):
        message().stream()
    with pytest.raises(RuntimeError, match="not delivered by a bridge"):
        message().transaction()


def test_what_was_said_does_not_show_in_a_log() -> None:
    shown = repr(attrs.evolve(message(), reply_to=Quote(text="tell-nobody")))
    assert "how much" not in shown
    assert "tell-nobody" not in shown
    assert "m1" in shown


def test_two_messages_are_equal_whoever_answers_them() -> None:
    assert message(Recorder()) == message()


def test_a_message_is_addressed_to_the_bot_unless_the_platform_says_otherwise() -> None:
    assert message().mentioned


def test_attachments_are_kept_in_a_tuple() -> None:
    attachments = [Attachment(path="a.png", kind="image")]
    reply = Reply(attachments=attachments)
    attachments.clear()
    assert reply.attachments == (Attachment(path=Path("a.png"), kind="image"),)


def test_nothing_can_be_changed_in_place() -> None:
    for value in (message(), Conversation("c1"), Sender("u1"), Attachment(), Reply("x"), Quote()):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.text = "other"  # type: ignore[misc, union-attr]
