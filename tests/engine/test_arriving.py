"""What a platform is told of a delivery that has to wait for others of its lane."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakePlatform, FakeServer
from trio_bridge.messages import Message
from trio_bridge.wire.protocol import Delivery


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    told: list[tuple[str, int]] = []

    def arrived(self: FakePlatform, delivery: Delivery, ahead: int) -> None:
        told.append((delivery.key, ahead))

    monkeypatch.setattr(FakePlatform, "arrived", arrived)
    return told


async def test_the_platform_is_told_what_is_stored_behind_others_and_how_many_they_are(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, queued: list[tuple[str, int]]
) -> None:
    release = trio.Event()

    async def handler(message: Message) -> None:
        await release.wait()

    async with open_fake(handler):
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        assert queued == [], "the first of its lane waits for nobody"
        for key in ("m2", "m3", "m2"):
            link.push(key)
        link.push("else", lane="other")
        await wait_all_tasks_blocked()
        assert queued == [("m2", 1), ("m3", 2)], "in hand counts, copies and other lanes don't"
        release.set()
        await wait_all_tasks_blocked()
        link.push("m4")
        await wait_all_tasks_blocked()
        assert len(queued) == 2
