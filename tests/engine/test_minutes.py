"""Each minute an account tells the log what was counted in it."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.messages import Message


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    names = ("account", "platform", "received", "handled", "generations", "sent")
    return [
        {name: vars(record)[name] for name in names if name in vars(record)}
        for record in caplog.records
        if record.getMessage() == "in the last minute"
    ]


async def test_a_minute_leaves_a_line_if_anything_happened(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trio_bridge")

    async def handler(message: Message) -> str:
        return "an answer"

    async with open_fake(handler):
        link = await server.connection()
        link.push("one", lane="a")
        await trio.sleep(61)
        account = {"account": "a", "platform": "fake"}
        first = {**account, "received": 1, "handled": 1, "generations": 1, "sent": 1}
        assert told(caplog) == [first]
        await trio.sleep(600)
        assert told(caplog) == [first]
        for key in ("two", "three"):
            link.push(key, lane="a")
        await trio.sleep(60)
        assert told(caplog) == [first, {**account, "received": 2, "handled": 2, "sent": 2}]
