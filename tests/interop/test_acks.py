"""What the SDKs answer to every recorded frame when it is our simulator that sends it, and what it makes of that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.recorded import EXPECTED, FRAMES, Recorded, recorded
from tests.interop.stage import open_stage
from trio_bridge.platforms.dingtalk.gateway.model import Rules

pytestmark = pytest.mark.interop

ROLES = [
    *(("python", handlers) for handlers in ("full", "robot_only", "base_handlers", "none", "raises", "code500")),
    *(("node", handlers) for handlers in ("full", "robot_only", "none", "noack", "later")),
]
ENDINGS = [
    (sdk, name) for sdk in ("python", "node") for name, each in recorded(sdk, "full").items() if each.ends_the_client
]
NEVER_AGAIN = Rules(redeliver_after=None)
GIVEN_TO_HANDLERS = ("message", "event", "card", "graph")


def survived(sdk: str, handlers: str) -> dict[str, Recorded]:
    """The frames that leave the client alive, in their order."""
    return {name: each for name, each in recorded(sdk, handlers).items() if not each.ends_the_client}


@pytest.mark.parametrize(("sdk", "handlers"), ROLES)
async def test_every_frame_is_answered_as_it_was_when_recorded(sdk: str, handlers: str) -> None:
    then = survived(sdk, handlers)
    async with open_stage(rules=NEVER_AGAIN) as stage, stage.bot(sdk, handlers):
        answers = await stage.play(await stage.connected(), {name: FRAMES[name] for name in then})
    assert answers == {name: each.acks for name, each in then.items()}, "byte for byte"


@pytest.mark.parametrize("sdk", ["python", "node"])
async def test_the_simulator_books_every_answer_and_finds_no_fault(sdk: str) -> None:
    then = survived(sdk, "full")
    async with open_stage(rules=NEVER_AGAIN) as stage, stage.bot(sdk):
        connection = await stage.connected()
        for name in then:
            connection.push_frame(FRAMES[name])
        last = connection.ping()
        await stage.dingtalk.wait_until(lambda: last.answered_at is not None)

        records = list(stage.dingtalk.ledger.records())
        answers = [json.loads(text) for each in then.values() for text in each.acks]
        named = {answer["headers"].get("messageId"): answer["code"] for answer in answers}
        acks = [ack for record in records for ack in record.acks]
        assert {(ack.message_id, ack.code, ack.rightly, ack.connection) for ack in acks} == {
            (delivery.message_id, named[delivery.message_id], True, connection.id)
            for record in records
            for delivery in record.deliveries
            if delivery.message_id in named
        }
        assert all(record.settled == bool(record.acks) for record in records)
        unanswered = [ping.data for ping in connection.pings if ping.answered_at is None]
        assert unanswered == [json.loads(FRAMES[name])["data"] for name in then if ignored_ping(name, then[name])]
        assert stage.dingtalk.ledger.faults == []


def ignored_ping(name: str, each: Recorded) -> bool:
    return EXPECTED[name].get("kind") == "ping" and not each.acks


@pytest.mark.parametrize("sdk", ["python", "node"])
async def test_handlers_are_given_what_was_pushed(sdk: str) -> None:
    wanted = {
        name: json.loads(FRAMES[name])
        for name, each in survived(sdk, "full").items()
        if EXPECTED[name].get("kind") in GIVEN_TO_HANDLERS and each.acks
    }
    async with open_stage(rules=NEVER_AGAIN) as stage, stage.bot(sdk) as bot:
        connection = await stage.connected()
        for name in wanted:
            connection.push_frame(FRAMES[name])
        await bot.wait_said("got", times=len(wanted))
        heard = bot.heard()
    assert len(wanted) >= 79
    assert heard == {frame.get("headers", {}).get("messageId"): opened(sdk, frame["data"]) for frame in wanted.values()}


def opened(sdk: str, data: str) -> Any:
    """The data as a handler gets it: the Node SDK leaves the reading to its users."""
    return json.loads(data) if sdk == "python" else data


@pytest.mark.parametrize(("sdk", "name"), ENDINGS)
async def test_a_frame_that_ends_a_client_ends_it_as_recorded(sdk: str, name: str) -> None:
    then = recorded(sdk, "full")[name]
    async with open_stage(rules=NEVER_AGAIN) as stage, stage.bot(sdk) as bot:
        bot.may_end = True
        connection = await stage.connected()
        connection.push_frame(FRAMES[name])
        await stage.dingtalk.wait_until(lambda: not connection.live)
        (socket, *_) = stage.tap.sockets
        assert (socket.texts, socket.close_code) == (then.acks, then.close_code)
        if then.exit_status is not None:
            assert await bot.wait_ended() == then.exit_status
