"""What is logged about one account says which one, or an operator of many would search them all."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.engine.platform import Outgoing
from trio_bridge.errors import NotSent, RequestFailed
from trio_bridge.messages import Message


async def test_failures_of_handlers_and_of_replies_name_their_account(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trio_bridge")
    answers = iter([NotSent("not now"), RequestFailed("not allowed")])

    def refuse(outgoing: Outgoing) -> None:
        raise next(answers)

    server.on_send = refuse

    async def handler(message: Message) -> str:
        if message.id == "bad":
            raise ValueError("can't cope")
        if message.id == "late":
            async with message.transaction():
                pass
            raise ValueError("afterwards")
        return "an answer"

    async with open_fake(handler, max_attempts=2):
        link = await server.connection()
        for key in ("bad", "late", "good"):
            link.push(key, lane=key)
        await trio.sleep(100)
    told = {record.getMessage(): record for record in caplog.records}
    for line in (
        "a handler failed",
        "a message was given up",
        "a handler failed after its message was completed",
        "reply not taken",
        "reply given up",
    ):
        assert (told[line].account, told[line].platform) == ("a", "fake")  # type: ignore[attr-defined]
    unnamed = [record.getMessage() for record in caplog.records if not hasattr(record, "account")]
    assert unnamed == []
