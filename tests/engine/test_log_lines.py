"""What is logged about one account says which one, or an operator of many would search them all."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer, raising
from trio_bridge.engine.platform import Outgoing
from trio_bridge.errors import HandshakeFailed, NotSent, RequestFailed
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


async def test_a_peer_that_is_away_for_a_day_is_told_of_a_few_times_an_hour(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trio_bridge")
    server.on_connect = raising(HandshakeFailed("nobody listens there", stage="tcp"))
    async with open_fake(None):
        await trio.sleep(86_400)
        attempts = len(server.attempts)
        lines = [record for record in caplog.records if record.getMessage() == "not connected"]
        assert attempts > 2_000
        assert len(lines) == 3 + attempts // 20
        server.on_connect = raising(HandshakeFailed("the name is unknown", stage="dns"))
        await trio.sleep(61)
        told = [record.cause for record in caplog.records if record.getMessage() == "not connected"]  # type: ignore[attr-defined]
        assert sum("the name is unknown" in cause for cause in told) >= 1
