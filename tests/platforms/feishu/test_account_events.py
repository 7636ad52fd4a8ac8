"""Presses, previews and events at a whole account: answered in time, or stored and handled once."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.engine.account import Account
from trio_bridge.feishu import CardAction, CardUpdate, Event, Preview, PreviewRequest, ReactionAdded, Toast
from trio_bridge.messages import Message
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

EPOCH = 1_790_000_000.0
CARD = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "done"}]}}
LADDER = 400
"""Seconds within which what was not acknowledged has come again twice."""
REACTED = "im.message.reaction.created_v1"


def wall() -> float:
    return EPOCH + trio.current_time()


@asynccontextmanager
async def simulated(handler: Any = None, **tuning: Any) -> AsyncGenerator[tuple[FeishuSimulator, Account]]:
    """A Feishu in memory, and an account of ours on it."""
    with trio.fail_after(3600 * 24):
        async with (
            FeishuSimulator(network=MemoryNetwork(), wall=wall, seed=1) as feishu,
            feishu.open_account(handler, **tuning) as account,
        ):
            yield feishu, account


async def heard_by(events: list[Any], count: int) -> None:
    while len(events) < count:
        await trio.sleep(0.1)


# Presses


async def test_what_the_function_returns_is_what_people_see(autojump_clock: MockClock) -> None:
    pressed: list[CardAction] = []

    async def on_card_action(action: CardAction) -> CardUpdate:
        pressed.append(action)
        await trio.sleep(1)
        return CardUpdate(toast=Toast("好", "success"), card=CARD)

    async with simulated(on_card_action=on_card_action) as (feishu, account):
        seen = await feishu.press("om_1", {"cmd": "approve"}, action={"form_value": {"why": "因为"}})
        assert (seen.code, seen.toast, seen.card) == (0, "好", CARD)
        assert (account.counters.answered, account.counters.stored) == (1, 0)
        assert feishu.ledger.faults == []
    [action] = pressed
    assert (action.params, action.form_value, action.message_id) == ({"cmd": "approve"}, {"why": "因为"}, "om_1")


async def test_a_press_on_a_card_of_ours_knows_whose_answer_it_is(autojump_clock: MockClock) -> None:
    """Anybody in the group may press; ``owner`` is whoever asked."""
    told: list[tuple[str, str | None]] = []

    async def answer(message: Message) -> AsyncGenerator[str]:
        yield "an answer"
        await trio.sleep(5)
        yield " that grows"

    async def on_card_action(action: CardAction) -> CardUpdate | None:
        told.append((action.operator.open_id, action.owner))
        return CardUpdate(toast="yours") if action.operator.open_id == action.owner else None

    async with simulated(answer, on_card_action=on_card_action) as (feishu, _):
        asked = await feishu.say("hello", sender="ou_ann", conversation="oc_team")
        await feishu.wait_replied(asked)
        [card] = feishu.sent
        assert (await feishu.press(card, sender="ou_bob")).toast == ""
        assert (await feishu.press(card, sender="ou_ann")).toast == "yours"
        assert (await feishu.press("om_other", sender="ou_ann")).toast == ""
    assert told == [("ou_bob", "ou_ann"), ("ou_ann", "ou_ann"), ("ou_ann", None)]


@pytest.mark.parametrize("failure", ["a dict", "a card", ZeroDivisionError()], ids=["shape", "card", "error"])
async def test_a_function_that_fails_shows_nothing(failure: Any, autojump_clock: MockClock) -> None:
    async def on_card_action(action: CardAction) -> Any:
        match failure:
            case "a dict":
                return {"toast": "ok"}
            case "a card":
                return CardUpdate(card={"a": {1, 2}})
        raise failure

    async with simulated(on_card_action=on_card_action) as (feishu, account):
        seen = await feishu.press("om_1")
        assert (seen.code, dict(seen.answer)) == (0, {})
        assert (account.counters.failed, account.state, account.generation) == (1, "ready", 1)


async def test_a_late_function_is_cut_off_and_the_empty_answer_is_in_time(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_card_action(action: CardAction) -> CardUpdate:
        await trio.sleep(60)
        raise AssertionError("nobody waits for so long")

    async with simulated(on_card_action=on_card_action) as (feishu, account):
        begun = trio.current_time()
        with caplog.at_level(logging.WARNING):
            seen = await feishu.press("om_1")
        assert (seen.code, dict(seen.answer)) == (0, {})
        assert trio.current_time() - begun == pytest.approx(2.0, abs=0.01)
        assert account.counters.failed == 1
    assert "no answer in time" in caplog.text


async def test_presses_do_not_wait_for_messages(autojump_clock: MockClock) -> None:
    async def slow(message: Message) -> None:
        await trio.sleep(1000)

    async def on_card_action(action: CardAction) -> CardUpdate:
        return CardUpdate(toast="here")

    async with simulated(slow, on_card_action=on_card_action, workers=1) as (feishu, _):
        for _ in range(5):
            await feishu.say("hello")
        begun = trio.current_time()
        assert (await feishu.press("om_1")).toast == "here"
        assert trio.current_time() - begun < 0.5


async def test_a_press_that_nobody_handles_is_answered(autojump_clock: MockClock) -> None:
    async def on_event(event: Event) -> None:
        raise AssertionError("a press is no event")

    async with simulated(on_event=on_event) as (feishu, account):
        await feishu.press("om_1")
        assert (account.counters.stored, account.counters.failed) == (0, 0)


async def test_a_link_is_shown_as_the_function_says(autojump_clock: MockClock) -> None:
    async def on_url_preview(request: PreviewRequest) -> Preview:
        return Preview(title=f"about {request.url}")

    async with simulated(on_url_preview=on_url_preview) as (feishu, _):
        seen = await feishu.preview("https://shop.test/7")
        assert (seen.code, seen.answer) == (0, {"inline": {"title": "about https://shop.test/7"}})


# Events


async def test_an_event_is_stored_acknowledged_and_handled_once(autojump_clock: MockClock) -> None:
    heard: list[Event] = []

    async def reacted(event: ReactionAdded) -> None:
        heard.append(event)

    async with simulated(events={REACTED: reacted}) as (feishu, account):
        body = {"message_id": "om_1", "reaction_type": {"emoji_type": "OK"}, "operator_type": "user"}
        pushed = feishu.event(REACTED, body)
        await feishu.wait_acked(pushed)
        await heard_by(heard, 1)
        feishu.duplicate(pushed)
        await trio.sleep(LADDER)
        assert (account.counters.stored, account.counters.duplicates) == (1, 1)
        assert feishu.ledger.faults == []
    [event] = heard
    assert (type(event), event.data) == (ReactionAdded, body)


async def test_an_event_that_is_not_handled_is_tried_again(autojump_clock: MockClock) -> None:
    tries: list[float] = []

    async def on_event(event: Event) -> None:
        tries.append(trio.current_time())
        if len(tries) < 3:
            raise OSError("the disk of the handler is full")

    async with simulated(on_event=on_event) as (feishu, account):
        await feishu.wait_acked(feishu.event("im.chat.updated_v1", {"chat_id": "oc_1"}))
        await heard_by(tries, 3)
        assert account.counters.failed == 2


@pytest.mark.parametrize("schema", ["2.0", "1.0"])
async def test_trap_12_what_nobody_handles_does_not_come_again(schema: str, autojump_clock: MockClock) -> None:
    async with simulated() as (feishu, account):
        if schema == "2.0":
            pushed = feishu.event("im.chat.updated_v1", {"chat_id": "oc_1"})
        else:
            app_id = next(iter(feishu.directory.apps))
            pushed = feishu.push(
                {"uuid": "u1", "type": "event_callback", "event": {"type": "add_bot", "app_id": app_id}}
            )
        await feishu.wait_acked(pushed)
        await trio.sleep(LADDER)
        summary = feishu.ledger.summary()
        assert (summary.redelivered, account.counters.stored) == (0, 0)
        assert feishu.ledger.faults == []


async def test_trap_13_a_frame_for_old_cards_disturbs_nobody(autojump_clock: MockClock) -> None:
    """It has no acknowledgement: whoever waits for one waits in vain, with every client."""

    async def answer(message: Message) -> str:
        return "here"

    async with simulated(answer) as (feishu, account):
        feishu.push({"open_message_id": "om_1", "action": {"tag": "button", "value": {"k": "v"}}}, kind="card")
        assert await feishu.ask("hello") == "here"
        assert (account.generation, account.counters.failed) == (1, 0)
        assert account.counters.gated == 1, "it is counted"


async def test_trap_26_what_came_before_a_restart_is_known_after_it(autojump_clock: MockClock, tmp_path: Path) -> None:
    """By the id of the event, and by the id of the message: Feishu may give it a new event."""
    heard: list[str] = []

    async def hear(message: Message) -> None:
        heard.append(message.text)

    async with FeishuSimulator(network=MemoryNetwork(), wall=wall, seed=1) as feishu:
        async with open_sqlite(tmp_path / "b.db", executor=inline) as store, feishu.open_account(hear, store=store):
            pushed = await feishu.say("once")
            await heard_by(heard, 1)
        await trio.sleep(3600 * 7)
        async with (
            open_sqlite(tmp_path / "b.db", executor=inline) as store,
            feishu.open_account(hear, store=store, stale_after=0.0) as account,
        ):
            feishu.duplicate(pushed)
            again = json.loads(pushed.letter.data)
            again["header"]["event_id"] = "another"
            await feishu.wait_acked(feishu.push(again))
            await trio.sleep(60)
            assert account.counters.duplicates == 2
    assert heard == ["once"]
