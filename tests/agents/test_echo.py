"""The agent that needs nobody."""

from __future__ import annotations

from trio_bridge.agents import Agent, Echo
from trio_bridge.messages import Conversation, Message, Sender


def message(text: str) -> Message:
    return Message(
        platform="letters", account="sales", id="m1", conversation=Conversation("c"), sender=Sender("u"), text=text
    )


async def test_a_text_is_answered_with_itself() -> None:
    agent: Agent = Echo()
    assert await agent(message("hello\n多少钱?")) == "hello\n多少钱?"  # type: ignore[misc]


async def test_what_has_no_text_is_not_answered() -> None:
    assert await Echo()(message("")) is None
