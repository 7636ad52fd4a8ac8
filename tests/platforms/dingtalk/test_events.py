"""Events of the organisation: stored, acknowledged, handled once and in order; and messages in somebody else's name."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.conftest import lines
from tests.platforms.dingtalk.stage import Listener, SlowStore, Stage, simulated
from trio_bridge.dingtalk import Event
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.callbacks.event import read_event
from trio_bridge.platforms.dingtalk.frames import DELEGATE, EVENTS
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.platforms.dingtalk.targets import answer_to, unreachable
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import inline, open_sqlite

SUCCESS = {"status": "SUCCESS", "message": "OK"}


def statuses(stage: Stage, pushed: Any) -> list[str]:
    return [json.loads(ack.data)["status"] for ack in stage.dingtalk.ledger.record(pushed).acks]


def frame(headers: dict[str, Any], data: Any = "{}") -> str:
    return json.dumps({"type": "EVENT", "headers": {"topic": "*", "messageId": "m1", **headers}, "data": data})


async def test_an_event_is_stored_then_acknowledged_and_handled(autojump_clock: MockClock) -> None:
    heard: list[tuple[float, Event]] = []

    async def on_event(event: Event) -> None:
        heard.append((trio.current_time(), event))

    store = SlowStore(takes=1)
    async with simulated() as stage, stage.account(on_event=on_event, store=store) as account:
        await account.wait_ready()
        begun = trio.current_time()
        pushed = stage.dingtalk.event("user_add_org", {"userId": ["staff0007"]})
        await stage.dingtalk.wait_acked(pushed)
        [ack] = stage.dingtalk.ledger.record(pushed).acks
        assert (ack.code, json.loads(ack.data)) == (200, SUCCESS)
        assert ack.at - begun >= 1, "an acknowledgement means stored"
        await stage.dingtalk.wait_until(lambda: bool(heard))
        assert (account.counters.stored, account.counters.acked, account.counters.answered) == (1, 1, 0)
    [(_, event)] = heard
    assert (event.type, event.id, event.data) == ("user_add_org", pushed.key, {"userId": ["staff0007"]})
    assert event.corp_id == "dingsimulatedcorp0001"
    assert event.born_at is not None
    assert event.raw["data"] == pushed.letter.data
    assert event.raw["headers"]["eventId"] == pushed.key


async def test_an_event_that_comes_again_is_acknowledged_again_and_handled_once(autojump_clock: MockClock) -> None:
    heard: list[str] = []

    async def on_event(event: Event) -> None:
        heard.append(event.id)

    async with simulated() as stage, stage.account(on_event=on_event) as account:
        await account.wait_ready()
        pushed = stage.dingtalk.event("user_add_org", {})
        await trio.sleep(1)
        stage.dingtalk.duplicate(pushed)
        await trio.sleep(3600)
        stage.dingtalk.duplicate(pushed)
        await trio.sleep(1)
        assert statuses(stage, pushed) == ["SUCCESS"] * 3
        assert account.counters.duplicates == 2
    assert heard == [pushed.key]


async def test_an_event_that_fails_is_tried_again_by_us_and_then_given_up(autojump_clock: MockClock) -> None:
    """``LATER`` would have the platform send it again whenever it likes, behind others that came meanwhile."""
    attempts = 0

    async def on_event(event: Event) -> None:
        nonlocal attempts
        if event.type == "bad":
            attempts += 1
            raise ZeroDivisionError

    async with simulated() as stage, stage.account(on_event=on_event) as account:
        await account.wait_ready()
        pushed = stage.dingtalk.event("bad", {})
        await trio.sleep(600)
        assert statuses(stage, pushed) == ["SUCCESS"]
        assert (attempts, account.counters.failed) == (5, 5)
        assert "dead_letters" in account.alarms


async def test_events_of_a_kind_keep_their_order_and_hold_nobody_up(autojump_clock: MockClock) -> None:
    order: list[str] = []
    failed = False

    async def on_event(event: Event) -> None:
        nonlocal failed
        if event.data["n"] == 1 and not failed:
            failed = True
            raise ZeroDivisionError
        await trio.sleep(1)
        order.append(f"{event.type} {event.data['n']}")

    listener = Listener()
    async with simulated() as stage, stage.account(listener, on_event=on_event) as account:
        await account.wait_ready()
        for number in (1, 2, 3):
            stage.dingtalk.event("a", {"n": number})
        stage.dingtalk.event("b", {"n": 0})
        assert await stage.dingtalk.ask("hello") == "you said hello"
        assert order == []
        await trio.sleep(60)
    assert order == ["b 0", "a 1", "a 2", "a 3"]


async def test_what_cannot_be_stored_is_asked_for_later(autojump_clock: MockClock) -> None:
    heard: list[int] = []
    running = trio.Event()

    async def on_event(event: Event) -> None:
        await running.wait()
        heard.append(event.data["n"])

    tuning = {"on_event": on_event, "queue_size": 2, "workers": 1, "overflow": "shed"}
    async with simulated() as stage, stage.account(**tuning) as account:  # type: ignore[arg-type]
        await account.wait_ready()
        pushed = [stage.dingtalk.event("a", {"n": number}) for number in range(3)]
        await trio.sleep(1)
        assert [statuses(stage, each) for each in pushed] == [["SUCCESS"], ["SUCCESS"], ["LATER"]]
        running.set()
        await stage.dingtalk.wait_acked(pushed[2])
        await trio.sleep(1)
        assert statuses(stage, pushed[2]) == ["LATER", "SUCCESS"]
    assert heard == [0, 1, 2]


async def test_an_event_nobody_can_read_is_taken_and_logged(
    autojump_clock: MockClock, frames: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def on_event(event: Event) -> None:
        raise AssertionError

    async with simulated() as stage, stage.account(on_event=on_event) as account:
        await account.wait_ready()
        pushed = stage.dingtalk.push_frame(frames["event_bad_data"])
        await trio.sleep(200)
        assert statuses(stage, pushed) == ["SUCCESS"]
        assert account.counters.stored == 0
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.__dict__["what"] == ("event user_add_org evt000000000000000000000017: data is not a JSON object")
    assert record.__dict__["account"] == account.name


async def test_without_a_function_events_are_neither_asked_for_nor_kept(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener()) as account:
        await account.wait_ready()
        pushed = stage.dingtalk.push_frame(frame({"eventId": "e", "eventType": "t"}))
        await trio.sleep(1)
        assert statuses(stage, pushed) == ["SUCCESS"]
        assert account.counters.stored == 0


async def test_events_that_were_kept_for_somebody_who_is_gone_are_left(autojump_clock: MockClock) -> None:
    store = MemoryStore()

    async def never(event: Event) -> None:
        await trio.sleep_forever()

    async with simulated() as stage:
        async with stage.account(on_event=never, store=store) as account:
            await account.wait_ready()
            pushed = stage.dingtalk.event("a", {"msgId": "x", "msgtype": "text", "text": {"content": "forged"}})
            await stage.dingtalk.wait_acked(pushed)
        listener = Listener()
        async with stage.account(listener, store=store) as account:
            await account.wait_ready()
            await trio.sleep(5)
            assert account.counters.gated == 1
        assert listener.heard == [], "an event is no message, whatever is in it"


async def test_a_stored_event_survives_the_process_with_its_headers(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Acknowledged, and then the process ended in the middle of the function."""
    heard: list[Event] = []

    async def never(event: Event) -> None:
        await trio.sleep_forever()

    async def on_event(event: Event) -> None:
        heard.append(event)

    recorded = next(row for row in lines("server_frames.jsonl") if row["name"] == "event_chat_update_title")
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    async with simulated() as stage:
        async with (
            open_sqlite(before / "b.db", executor=inline) as store,
            stage.account(on_event=never, store=store) as account,
        ):
            await account.wait_ready()
            pushed = stage.dingtalk.push_frame(recorded["frame"])
            assert pushed is not None
            await stage.dingtalk.wait_acked(pushed)
            await trio.sleep(1)
            copytree(before, after)  # what a process leaves that is killed now
        async with (
            open_sqlite(after / "b.db", executor=inline) as store,
            stage.account(on_event=on_event, store=store) as account,
        ):
            await account.wait_ready()
            await stage.dingtalk.wait_until(lambda: bool(heard))
    [event] = heard
    sent = json.loads(recorded["frame"])
    assert (event.type, event.id, event.corp_id) == (
        "chat_update_title",
        "evt000000000000000000000014",
        "dingexamplecorp0001",
    )
    assert event.born_at == datetime.fromtimestamp(1_789_999_995, UTC)
    assert event.data == json.loads(sent["data"])
    assert event.raw == {"headers": sent["headers"], "data": sent["data"]}


# Keys, lanes, and whatever comes


EVENT_ROWS = [row for row in lines("server_frames.jsonl") if row["expect"].get("kind") == "event"]
READABLE = [row for row in EVENT_ROWS if "error" not in row["expect"]]


@pytest.mark.parametrize("row", READABLE, ids=[row["name"] for row in READABLE])
def test_every_recorded_event_says_what_is_expected(row: dict[str, Any]) -> None:
    expect = row["expect"]
    protocol = DingTalkProtocol(frozenset([EVENTS]))
    batch = protocol.receive([row["frame"]])
    [delivery] = batch.deliveries
    event = read_event(delivery.data)
    assert (event.type, event.id) == (expect["event_type"], expect["event_id"])
    assert (delivery.key, delivery.topic) == (f"event:{expect['event_id']}", EVENTS)
    assert delivery.lane == f"event:dingexamplecorp0001:{expect['event_type']}"
    assert event.raw["data"] == json.loads(row["frame"])["data"]
    ack = protocol.ack(delivery)
    assert isinstance(ack, str)
    assert json.loads(json.loads(ack)["data"]) == SUCCESS
    assert json.loads(ack)["headers"]["messageId"] == expect["message_id"]


def test_without_an_id_an_event_is_known_by_its_envelope_or_its_content() -> None:
    protocol = DingTalkProtocol(frozenset([EVENTS]))
    frames = [frame({}), frame({"messageId": "m2"}), frame({"messageId": None}), frame({"messageId": None}, '{"a":1}')]
    keys = [delivery.key for delivery in protocol.receive(frames).deliveries]
    assert keys[:2] == ["event:h:m1", "event:h:m2"]
    assert all(key.startswith("event:d:") for key in keys[2:])
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    "headers",
    [{"eventType": None}, {"eventId": {"a": 1}}, {"eventBornTime": "9" * 400, "x": ["\ud83d"]}, {"\ud83d": "\ud83d"}],
)
def test_odd_headers_lose_no_event(headers: dict[str, Any]) -> None:
    [delivery] = DingTalkProtocol(frozenset([EVENTS])).receive([frame(headers, {"a": "\ud83d"})]).deliveries
    delivery.data.encode()
    event = read_event(delivery.data)
    assert event.data == {"a": "\ufffd"}
    assert event.born_at is None


# In somebody else's name


def hosted(stage: Stage, frames: dict[str, str]) -> Any:
    data = json.loads(json.loads(frames["delegate_robot"])["data"])
    expires = int((1_790_000_000 + trio.current_time() + 5400) * 1000)
    changes = {"sessionWebhook": f"{stage.dingtalk.url}/robot/sendBySession?session=hosted", "robotCode": "dingexample"}
    return stage.dingtalk.push({**data, **changes, "sessionWebhookExpiredTime": expires}, topic=DELEGATE)


async def test_what_is_said_to_somebody_whom_the_robot_stands_in_for_is_answered_there(
    autojump_clock: MockClock, frames: dict[str, str]
) -> None:
    heard: list[Message] = []

    async def handler(message: Message) -> str:
        heard.append(message)
        return "she is away"

    async with simulated() as stage, stage.account(handler, subscribe_delegate=True) as account:
        await account.wait_ready()
        pushed = hosted(stage, frames)
        await stage.dingtalk.wait_replied(pushed)
        [reply] = stage.dingtalk.ledger.record(pushed).replies
        assert (reply.via, reply.text) == ("webhook", "she is away")
    [message] = heard
    assert message.raw["hostingContext"]["userId"] == "staff0100"
    assert (message.text, message.sender.id, message.conversation.id) == ("在吗", "staff0001", "staff0001")


async def test_when_its_webhook_is_over_nothing_is_said_in_another_conversation(
    autojump_clock: MockClock, frames: dict[str, str]
) -> None:
    """By the API the robot would write to the person itself."""

    async def handler(message: Message) -> str:
        await trio.sleep(6000)
        return "late"

    tuning = {"subscribe_delegate": True, "handler_timeout": 10_000}
    async with simulated() as stage, stage.account(handler, **tuning) as account:  # type: ignore[arg-type]
        await account.wait_ready()
        pushed = hosted(stage, frames)
        await trio.sleep(7000)
        assert stage.dingtalk.ledger.record(pushed).replies == ()
        assert DIRECT not in stage.dingtalk.rest.calls
        assert "dead_letters" in account.alarms


def test_it_is_a_conversation_of_its_own(frames: dict[str, str]) -> None:
    """What the person told the robot alone is nobody's business here."""
    [delivery] = DingTalkProtocol().receive([frames["delegate_robot"]]).deliveries
    assert delivery.lane == "host:staff0100:staff0001"


@pytest.mark.parametrize("kind", ["1", "2"])
def test_the_api_knows_no_way_into_it(frames: dict[str, str], kind: str) -> None:
    data = json.loads(json.loads(frames["delegate_robot"])["data"])
    target = answer_to({**data, "conversationType": kind})
    assert (target.id, target.host) == ("", "staff0100")
    assert target.webhook
    assert unreachable(target).code == "host.webhookOver"
