"""Presses on cards and calls of the graph interface: the function's answer is the acknowledgement."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.conftest import lines
from tests.platforms.dingtalk.stage import Listener, Stage, simulated
from trio_bridge.dingtalk import CardAction, CardUpdate, GraphRequest, GraphResponse
from trio_bridge.platforms.dingtalk.callbacks.callbacks import Callbacks
from trio_bridge.platforms.dingtalk.callbacks.card_action import press_key, read_card_action
from trio_bridge.platforms.dingtalk.callbacks.graph_call import read_graph_request
from trio_bridge.platforms.dingtalk.frames import CARD, GRAPH
from trio_bridge.platforms.dingtalk.gateway.ledger import Acked, Pushed
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.platforms.dingtalk.settings.callbacks import CallbackSettings
from trio_bridge.wire.protocol import Delivery

UNCHANGED = {
    "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
    "cardData": {"cardParamMap": {}},
    "userPrivateData": {"cardParamMap": {}},
}


def press(stage: Stage, number: int = 1, *, user: str = "staff0001", **params: Any) -> Pushed:
    content = json.dumps({"cardPrivateData": {"actionIds": ["btn_stop"], "params": params}})
    data = {"type": "actionCallback", "userId": user, "outTrackId": f"card_{number}", "content": content}
    return stage.dingtalk.push(data, topic=CARD)


def call(stage: Stage, body: str = "{}") -> Pushed:
    line = {"method": "POST", "uri": "/v1.0/example"}
    return stage.dingtalk.push({"requestLine": line, "headers": {"X-One": 1}, "body": body}, topic=GRAPH)


async def acked(stage: Stage, pushed: Pushed) -> Acked:
    await stage.dingtalk.wait_acked(pushed)
    [ack] = stage.dingtalk.ledger.record(pushed).acks
    return ack


def response(ack: Acked) -> Any:
    return json.loads(ack.data)["response"]


# Cards


async def test_what_the_function_returns_changes_the_card(autojump_clock: MockClock) -> None:
    pressed: list[CardAction] = []

    async def on_card_action(action: CardAction) -> CardUpdate:
        pressed.append(action)
        await trio.sleep(1)
        return CardUpdate(
            data={"text": "ünïcode \ud83d", "count": 3, "done": True, "rows": [{"a": 1}]}, private={"note": None}
        )

    async with simulated() as stage, stage.account(on_card_action=on_card_action) as account:
        await account.wait_ready()
        ack = await acked(stage, press(stage, action="stop"))
        assert (ack.code, ack.at) == (200, 1)
        assert response(ack) == {
            **UNCHANGED,
            "cardData": {"cardParamMap": {"text": "ünïcode \ufffd", "count": "3", "done": "true", "rows": '[{"a":1}]'}},
            "userPrivateData": {"cardParamMap": {"note": ""}},
        }
        assert (account.counters.answered, account.counters.handled, account.counters.stored) == (1, 1, 0)
    [action] = pressed
    assert (action.out_track_id, action.user_id, action.action_ids) == ("card_1", "staff0001", ("btn_stop",))
    assert action.params == {"action": "stop"}
    assert action.owner is None, "the card is none of ours"


async def test_a_real_press_on_a_card_of_ours_knows_whose_answer_it_is(autojump_clock: MockClock) -> None:
    """Anybody in the group may press; ``owner`` is whoever asked."""
    told: list[tuple[str, str | None]] = []

    async def answer(message: Any) -> Any:
        yield "an answer"
        await trio.sleep(5)
        yield " that grows"

    async def on_card_action(action: CardAction) -> CardUpdate | None:
        told.append((action.user_id, action.owner))
        return CardUpdate(data={"seen": action.user_id}) if action.user_id == action.owner else None

    async with simulated() as stage, stage.account(answer, on_card_action=on_card_action) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello", sender="staff0007", conversation="cidTeam")
        await stage.dingtalk.wait_until(lambda: any(card.shown for card in stage.dingtalk.cards))
        [card] = stage.dingtalk.cards
        others = await stage.dingtalk.press(card, "btn_stop", user="staff0001")
        own = await stage.dingtalk.press(card, "btn_stop", user="staff0007")
        assert told == [("staff0001", "staff0007"), ("staff0007", "staff0007")]
        assert others.response == UNCHANGED
        assert own.in_time
        assert own.response["cardData"]["cardParamMap"] == {"seen": "staff0007"}


@pytest.mark.parametrize(
    ("returned", "code"), [(None, 200), ({"text": "x"}, 500), (ZeroDivisionError(), 500), (SystemExit(), 500)]
)
async def test_without_an_update_the_card_stays_as_it_is(returned: Any, code: int, autojump_clock: MockClock) -> None:
    async def on_card_action(action: CardAction) -> Any:
        if isinstance(returned, BaseException):
            raise returned
        return returned

    async with simulated() as stage, stage.account(on_card_action=on_card_action) as account:
        await account.wait_ready()
        ack = await acked(stage, press(stage))
        assert (ack.code, response(ack)) == (code, UNCHANGED)
        assert account.counters.failed == (code == 500)
        assert account.generation == 1


def test_an_update_that_is_not_json_fails_where_it_is_made() -> None:
    for value in (object(), math.nan, {"a": {1, 2}}):
        with pytest.raises((TypeError, ValueError)):
            CardUpdate(data={"a": value})


@pytest.mark.parametrize("shielded", [False, True])
async def test_a_function_that_hangs_gives_the_empty_answer_in_time(
    shielded: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that can't be cancelled, as one that waits for a thread; nobody else waits for it."""

    async def on_card_action(action: CardAction) -> CardUpdate | None:
        if action.out_track_id == "card_1":
            with trio.CancelScope(shield=shielded):
                await trio.sleep(20)
        return CardUpdate(data={"x": "1"})

    async with simulated() as stage, stage.account(on_card_action=on_card_action, workers=2) as account:
        await account.wait_ready()
        begun = trio.current_time()
        hung, quick = press(stage, 1), press(stage, 2)
        ack = await acked(stage, quick)
        assert (ack.at - begun, ack.code) == (0, 200)
        ack = await acked(stage, hung)
        assert (ack.at - begun, ack.code, response(ack)) == (1.5, 200, UNCHANGED)
        stage.dingtalk.connections[0].drop()
        await stage.dingtalk.wait_until(lambda: len(stage.opened_at) == 2)
        assert stage.opened_at[1] - begun < 4, "a lost connection does not wait for the function"
        if shielded:
            await trio.sleep(20)
        assert (account.counters.failed, account.counters.handled) == ((0, 2) if shielded else (1, 1))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING].count(
        "no answer in time: the empty one is sent"
    ) == 1


async def test_a_press_that_comes_again_meanwhile_shares_its_answer_and_a_second_press_is_another(
    autojump_clock: MockClock,
) -> None:
    runs = 0

    async def on_card_action(action: CardAction) -> CardUpdate:
        nonlocal runs
        runs += 1
        update = CardUpdate(data={"run": str(runs)})
        await trio.sleep(1)
        return update

    async with simulated() as stage, stage.account(on_card_action=on_card_action) as account:
        await account.wait_ready()
        pushed = press(stage, action="stop")
        await trio.sleep(0.5)
        assert stage.dingtalk.duplicate(pushed)
        other, another = press(stage, user="staff0002", action="stop"), press(stage, action="go")
        await trio.sleep(3)
        acks = stage.dingtalk.ledger.record(pushed).acks
        assert [(ack.at, response(ack)["cardData"]["cardParamMap"]) for ack in acks] == [(1, {"run": "1"})] * 2
        assert len({ack.message_id for ack in acks}) == 2
        assert runs == 3
        assert stage.dingtalk.ledger.record(other).settled
        assert stage.dingtalk.ledger.record(another).settled
        await acked(stage, press(stage, action="stop"))
        assert runs == 4


async def test_a_press_without_a_user_is_never_taken_for_another(autojump_clock: MockClock) -> None:
    runs = 0

    async def on_card_action(action: CardAction) -> None:
        nonlocal runs
        runs += 1
        await trio.sleep(1)

    async with simulated() as stage, stage.account(on_card_action=on_card_action) as account:
        await account.wait_ready()
        pushed = [press(stage, user=""), press(stage, user="")]
        for each in pushed:
            await acked(stage, each)
    assert runs == 2


async def test_a_lost_connection_cuts_nobody_off_and_gets_no_answer_on_another(autojump_clock: MockClock) -> None:
    ended: list[float] = []

    async def on_card_action(action: CardAction) -> CardUpdate:
        await trio.sleep(1)
        ended.append(trio.current_time())
        return CardUpdate(data={"x": "1"})

    async with simulated() as stage, stage.account(on_card_action=on_card_action, backoff_min=0.25) as account:
        await account.wait_ready()
        pushed = press(stage)
        await trio.sleep(0.3)
        stage.dingtalk.connections[0].drop()
        await stage.dingtalk.wait_until(lambda: len(stage.opened_at) == 2)
        await trio.sleep(0.2)
        again = stage.dingtalk.duplicate(pushed)
        await trio.sleep(2)
        record = stage.dingtalk.ledger.record(pushed)
        assert again
        assert ended == [1], "it ran once, to its end"
        first, second = record.deliveries
        assert [(ack.connection, ack.message_id) for ack in record.acks] == [(second.connection, second.message_id)]
        assert first.connection != second.connection
        assert stage.opened_at[1] < 1, "and the next connection did not wait for it"


async def test_a_hundred_presses_at_once_are_all_answered_in_time(autojump_clock: MockClock) -> None:
    running = most = handled = 0

    async def on_card_action(action: CardAction) -> CardUpdate:
        nonlocal running, most, handled
        running += 1
        most = max(most, running)
        await trio.sleep(0.1)
        running -= 1
        handled += 1
        return CardUpdate(data={"n": action.out_track_id})

    async with simulated() as stage, stage.account(on_card_action=on_card_action, workers=8) as account:
        await account.wait_ready()
        begun = trio.current_time()
        pushed = [press(stage, number) for number in range(100)]
        await trio.sleep(5)
        acks = [stage.dingtalk.ledger.record(each).acks for each in pushed]
        assert all(len(each) == 1 for each in acks)
        assert max(ack.at - begun for [ack] in acks) <= 1.5
        assert (most, handled) == (8, 100)
        assert [response(ack)["cardData"]["cardParamMap"]["n"] for [ack] in acks] == [
            f"card_{number}" for number in range(100)
        ]


async def test_whoever_stops_an_answer_does_not_wait_for_the_answers(autojump_clock: MockClock) -> None:
    """All workers are busy, with the very answers that the button is to stop."""
    stopped = trio.Event()

    async def answer(message: Any) -> None:
        await stopped.wait()

    async def on_card_action(action: CardAction) -> CardUpdate:
        stopped.set()
        return CardUpdate(data={"state": "stopped"})

    async with simulated() as stage, stage.account(answer, on_card_action=on_card_action, workers=1) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await stage.dingtalk.say("hello", sender="staff0002")
        await trio.sleep(10)
        ack = await acked(stage, press(stage))
        assert ack.at == 10
        await stage.dingtalk.wait_until(lambda: account.counters.handled == 3)


# Calls


@pytest.mark.parametrize(
    ("returned", "line", "headers", "body"),
    [
        (GraphResponse(201, "Made", {"X-A": "1"}, "b"), (201, "Made"), {"X-A": "1"}, "b"),
        (GraphResponse(404), (404, "Not Found"), {}, ""),
        (GraphResponse(799), (799, ""), {}, ""),
        ({"q": 1}, (200, "OK"), {"Content-Type": "application/json"}, '{"q": 1}'),
        ("好", (200, "OK"), {"Content-Type": "text/plain; charset=utf-8"}, "好"),
    ],
)
async def test_what_the_function_returns_is_the_response(
    returned: Any, line: tuple[int, str], headers: dict[str, str], body: str, autojump_clock: MockClock
) -> None:
    asked: list[GraphRequest] = []

    async def on_graph(request: GraphRequest) -> Any:
        asked.append(request)
        await trio.sleep(9)
        return returned

    async with simulated() as stage, stage.account(on_graph=on_graph) as account:
        await account.wait_ready()
        ack = await acked(stage, call(stage, '{"q":1}'))
        assert (ack.code, ack.at) == (200, 9)
        status = {"code": line[0], "reasonPhrase": line[1]}
        assert response(ack) == {"statusLine": status, "headers": headers, "body": body}
    [request] = asked
    assert (request.method, request.uri, request.headers) == ("POST", "/v1.0/example", {"X-One": "1"})
    assert request.json() == {"q": 1}


@pytest.mark.parametrize(
    "returned",
    [None, 5, {"a": object()}, GraphResponse(200, headers={"a": 1}), ZeroDivisionError()],  # type: ignore[dict-item]
)
async def test_a_call_that_fails_is_told_so(returned: Any, autojump_clock: MockClock) -> None:
    async def on_graph(request: GraphRequest) -> Any:
        if isinstance(returned, BaseException):
            raise returned
        return returned

    async with simulated() as stage, stage.account(on_graph=on_graph) as account:
        await account.wait_ready()
        ack = await acked(stage, call(stage))
        assert (ack.code, response(ack)["statusLine"]["code"]) == (500, 500)
        assert account.counters.failed == 1


async def test_a_call_that_takes_too_long_is_no_success(autojump_clock: MockClock) -> None:
    async def on_graph(request: GraphRequest) -> str:
        await trio.sleep(60)
        return "late"

    async with simulated() as stage, stage.account(on_graph=on_graph) as account:
        await account.wait_ready()
        ack = await acked(stage, call(stage))
        status = {"code": 504, "reasonPhrase": "Gateway Timeout"}
        assert (ack.at, ack.code, response(ack)["statusLine"]) == (10, 200, status)


async def test_two_equal_calls_are_two(autojump_clock: MockClock) -> None:
    calls = 0

    async def on_graph(request: GraphRequest) -> str:
        nonlocal calls
        calls += 1
        await trio.sleep(1)
        return "done"

    async with simulated() as stage, stage.account(on_graph=on_graph) as account:
        await account.wait_ready()
        for pushed in (call(stage), call(stage)):
            await acked(stage, pushed)
    assert calls == 2


# What is asked for


async def test_only_what_somebody_handles_is_subscribed(autojump_clock: MockClock) -> None:
    """Trap 58: each account has subscriptions of its own."""

    async def handle(_: Any) -> None:
        raise AssertionError

    robot = ("CALLBACK", "/v1.0/im/bot/messages/get")
    async with simulated() as stage:
        configs = [
            stage.dingtalk.config(name="plain", client_id="dingplain0001"),
            stage.dingtalk.config(name="cards", client_id="dingcards0001", on_card_action=handle),
            stage.dingtalk.config(name="events", client_id="dingevents0001", on_event=handle, on_graph=handle),
            stage.dingtalk.config(name="hosted", client_id="dinghosted0001", subscribe_delegate=True),
        ]
        async with stage.bridge(configs, Listener()) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            asked = {connection.client_id: connection.subscriptions for connection in stage.dingtalk.opened}
    assert asked == {
        "dingplain0001": {robot},
        "dingcards0001": {robot, ("CALLBACK", CARD)},
        "dingevents0001": {robot, ("EVENT", "*"), ("CALLBACK", GRAPH)},
        "dinghosted0001": {robot, ("CALLBACK", "/v1.0/im/bot/messages/delegate")},
    }


def test_subscriptions_belong_to_whoever_called() -> None:
    settings = CallbackSettings()
    settings.subscriptions().append({})
    assert settings.subscriptions() == [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]


# Whatever comes


ANSWERED = [row for row in lines("server_frames.jsonl") if row["expect"].get("kind") in ("card", "graph")]


@pytest.mark.parametrize("row", ANSWERED, ids=[row["name"] for row in ANSWERED])
async def test_every_recorded_press_and_call_says_what_is_expected(row: dict[str, Any]) -> None:
    expect = row["expect"]
    seen: list[Any] = []

    async def handle(value: Any) -> str | None:
        seen.append(value)
        return "answer" if isinstance(value, GraphRequest) else None

    settings = CallbackSettings(on_card_action=handle, on_graph=handle)  # type: ignore[arg-type]
    protocol = DingTalkProtocol(settings.handled)
    [delivery] = protocol.receive([row["frame"]]).deliveries
    assert delivery.answer_within is not None
    run = Callbacks(settings, lambda card: "staff0009").of(delivery)
    assert run is not None
    frame = protocol.ack(delivery, await run())
    assert isinstance(frame, str)
    assert json.loads(frame)["headers"]["messageId"] == expect["message_id"]
    [value] = seen
    if isinstance(value, CardAction):
        assert (value.out_track_id, value.user_id) == (expect["out_track_id"], expect["user"])
        assert (list(value.action_ids), value.params) == (expect["action_ids"], expect["params"])
        assert value.raw == json.loads(json.loads(row["frame"])["data"])
        assert value.owner == "staff0009"
    else:
        assert (value.method, value.uri, value.body) == (expect["method"], expect["uri"], expect["body"])


async def test_every_recorded_frame_may_come_to_an_account_that_handles_everything(autojump_clock: MockClock) -> None:
    """Trap 55: what can't be read ends nothing, and what can is handled."""
    seen: list[str] = []

    async def handle(value: Any) -> str | None:
        seen.append(type(value).__name__)
        return "answer" if isinstance(value, GraphRequest) else None

    vectors = [row for row in lines("server_frames.jsonl") if row["expect"].get("kind") in ("card", "graph", "event")]
    async with simulated(faults=("ack_unknown", "ack_unreadable")) as stage:
        account = stage.account(on_card_action=handle, on_event=handle, on_graph=handle, subscribe_delegate=True)
        async with account as opened:
            await opened.wait_ready()
            for row in vectors:
                stage.dingtalk.push_frame(row["frame"])
            await trio.sleep(5)
            assert opened.generation == 1
    assert sorted(seen) == ["CardAction"] * 3 + ["Event"] * 4 + ["GraphRequest"]


@pytest.mark.parametrize("content", [None, 5, "", "{", [], {"cardPrivateData": 5}, {"cardPrivateData": {"params": 1}}])
def test_no_press_is_so_odd_that_it_is_lost(content: Any) -> None:
    frame = {
        "type": "CALLBACK",
        "headers": {"topic": CARD},
        "data": json.dumps({"content": content, "outTrackId": 5, "userId": "u"}),
    }
    [delivery] = DingTalkProtocol(frozenset([CARD])).receive([json.dumps(frame)]).deliveries
    assert delivery.ack is None
    assert DingTalkProtocol().ack(delivery) is None
    assert DingTalkProtocol().refuse(delivery) is None


def test_what_cannot_be_read_of_a_press_still_tells_it_from_another() -> None:
    def key(content: str) -> str | None:
        return press_key(read_card_action({"outTrackId": "c", "userId": "u", "content": content}))

    assert key("{oops") == key("{oops")
    assert len({key("{oops"), key("{help"), key('{"a":1}')}) == 3


@pytest.mark.parametrize(("body", "text"), [({"q": 1}, '{"q": 1}'), ([1], "[1]"), ("x", "x"), (None, ""), (5, "5")])
def test_a_body_is_text_however_it_comes(body: Any, text: str) -> None:
    assert read_graph_request({"body": body}).body == text


def test_a_message_is_nobodys_callback() -> None:
    async def handle(_: Any) -> None: ...

    callbacks = Callbacks(CallbackSettings(on_card_action=handle), lambda card: "")
    assert callbacks.of(Delivery("k", "l", "/v1.0/im/bot/messages/get", "{}")) is None
    assert callbacks.of(Delivery("k", "l", GRAPH, "{}")) is None
