"""Cards that an application changes by hand."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from tests.platforms.feishu.card_stage import Stage, staged
from trio_bridge.errors import RequestFailed
from trio_bridge.feishu import CardAction, CardUpdate
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.cards.look import ELEMENT
from trio_bridge.platforms.feishu.cards.presses import ON_ITS_WAY, Presses

OTHER: dict[str, Any] = {
    "schema": "2.0",
    "config": {"update_multi": True},
    "body": {"elements": [{"tag": "markdown", "content": "another"}]},
}


async def streams(message: Message) -> None:
    async with message.stream() as out:
        await out.write("so far")
        await trio.sleep(20)
        await out.write(", and the rest")


async def shown(stage: Stage, text: str) -> str:
    await stage.until(lambda: any(card.text == text for card in stage.cards))
    return stage.card.id


async def test_a_card_is_replaced_and_finished_by_its_id(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(streams) as account:
        await stage.feishu.say("go")
        await stage.answered()
        await account.api.cards.replace(stage.card.id, OTHER)
        assert stage.card.text == "another"
        await account.api.cards.finish(stage.card.id, "done: <at id=all></at>")
        assert stage.card.text == "done: @all"
        assert stage.card.ended
        with pytest.raises(RequestFailed, match="nothing to show"):
            await account.api.cards.finish(stage.card.id, " ")


async def test_an_answer_goes_on_growing_after_an_application_touched_its_card(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(streams) as account:
        await stage.feishu.say("go")
        card = await shown(stage, "so far")
        for number in range(9):
            await account.api.cards.set_text(card, f"touched {number}")
        await stage.answered()
        assert stage.card.text == "so far, and the rest"
        assert "touched 8" in stage.card.texts


async def test_a_card_of_an_earlier_life_is_changed_by_its_id(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        async with stage.account(streams):
            await stage.feishu.say("go")
            await stage.answered()
        for number in range(2):
            async with stage.account(streams) as account:
                await account.api.cards.finish(stage.card.id, f"changed {number}")
                await account.api.cards.finish(stage.card.id, f"changed {number} again")
        assert stage.card.texts[-4:] == ["changed 0", "changed 0 again", "changed 1", "changed 1 again"]


async def test_what_feishu_refuses_is_told(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(streams) as account:
        with pytest.raises(RequestFailed, match="200740") as caught:
            await account.api.cards.set_text("7000", "text")
        assert caught.value.code == "200740"
        with pytest.raises(RequestFailed, match="no id"):
            await account.api.cards.replace("..", OTHER)
        with pytest.raises(ValueError, match="JSON"):
            await account.api.cards.replace("7000", {"a": float("nan")})


async def test_an_answer_with_an_unknown_end_of_an_element_is_refused(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(streams) as account:
        await stage.feishu.say("go")
        card = await shown(stage, "so far")
        with pytest.raises(RequestFailed):
            await account.api.cards.set_text(card, "text", element="nowhere")
        await account.api.cards.set_text(card, "text", element=ELEMENT)
        assert stage.card.text == "text"


async def test_a_card_that_was_pressed_is_changed_twice(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(streams) as account:
        await stage.feishu.say("go")
        await stage.answered()
        press = stage.pressed()
        for number in range(2):
            await account.api.cards.update_pressed(press, OTHER | {"number": number})
        assert stage.card.text == "another"
        with pytest.raises(RequestFailed, match="300040"):
            await account.api.cards.update_pressed(press, OTHER)


async def test_a_card_is_changed_after_the_press_that_asked_for_it_was_answered(autojump_clock: MockClock) -> None:
    """However quick the task is that the handler leaves it to: the answer would undo what comes before it."""
    early = list[str]()

    async def pressed(action: CardAction) -> CardUpdate:
        nursery.start_soon(account.api.cards.update_pressed, action.token, OTHER)
        try:
            await account.api.cards.update_pressed(action.token, OTHER)
        except RequestFailed as error:
            early.append(error.code)
        await trio.sleep(0.5)
        assert (action.owner, action.operator.open_id) == ("ou_tom", "ou_anna")
        return CardUpdate(toast="at once")

    async with staged() as stage, trio.open_nursery() as nursery:
        async with stage.account(streams, on_card_action=pressed) as account:
            await stage.feishu.say("go", sender="ou_tom")
            await stage.answered()
            seen = await stage.feishu.press(stage.rest.sent[0], {"cmd": "more"}, sender="ou_anna")
            assert seen.toast == "at once"
            await stage.until(lambda: stage.card.text == "another")
    assert early == ["press_unanswered"]


async def test_a_press_is_answered_before_its_card_is_changed(autojump_clock: MockClock) -> None:
    presses, changed_at = Presses(), list[float]()

    async def change() -> None:
        await presses.wait_answered("c-1")
        changed_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        with presses.answering("c-1"):
            nursery.start_soon(change)
            await trio.sleep(2)
            with pytest.raises(RequestFailed, match="return from on_card_action first"):
                await presses.wait_answered("c-1")
            assert not changed_at
        answered_at = trio.current_time()
    assert changed_at == [answered_at + ON_ITS_WAY]
    await presses.wait_answered("c-1")
    await presses.wait_answered("of yesterday")
    assert trio.current_time() == changed_at[0]
    await trio.sleep(5)
    with presses.answering("c-2"):
        await trio.lowlevel.checkpoint()
    assert list(presses._presses) == ["c-2"]
