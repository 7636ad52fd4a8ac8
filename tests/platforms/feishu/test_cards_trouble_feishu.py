"""Feishu's cards when calls fail, answers to them are lost, and accounts die in the middle."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.card_stage import counts, staged
from trio_bridge.gateways.calls import Answer, Script
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gateway.cards import CREATE, REPLACE, SETTINGS, STREAM
from trio_bridge.platforms.feishu.gateway.messages import SEND
from trio_bridge.platforms.feishu.gateway.rest import refused, throttled
from trio_bridge.stores.memory import MemoryStore

CHANGES = (STREAM, SETTINGS, REPLACE)


async def test_a_throttle_in_the_middle_is_heeded_and_loses_nothing(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.every(2, STREAM, throttled(3, status=400))
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.ended
        assert max(stage.card.intervals) >= 3
        assert stage.messages == []


async def test_a_card_that_expired_ends_as_a_message(autojump_clock: MockClock) -> None:
    async with staged(card_life=3.0) as stage, stage.account(counts):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.messages == ["1 2 3 4 5 "]


@pytest.mark.parametrize(("route", "code"), [(CREATE, 200220), (CREATE, 99991672), (SEND, 230002)])
async def test_without_a_card_the_answer_is_a_message(route: str, code: int, autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.add(route, refused(code))
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.messages == ["1 2 3 4 5 "]
        await stage.feishu.say("again")
        await stage.answered(2)
        cards_rest = route == CREATE  # of a chat that can't be spoken in, other chats know nothing
        assert len(stage.messages) == (2 if cards_rest else 1)
        assert stage.rest.calls[CREATE] == (1 if cards_rest else 2)
        await trio.sleep(600)
        await stage.feishu.say("and again")
        await stage.answered(3)
        assert stage.cards[-1].text == "1 2 3 4 5 "


async def test_what_feishu_finds_too_large_all_the_same_is_cut_in_half(autojump_clock: MockClock) -> None:
    async def says_much(message: Message) -> None:
        async with message.stream() as out:
            await out.write("word " * 1000)

    async with staged() as stage, stage.account(says_much):
        stage.rest.scripts.add(STREAM, refused(200860), times=2)
        await stage.feishu.say("go")
        await stage.answered(2)
        assert stage.card.ended
        assert (stage.card.text + stage.messages[0]).split() == ["word"] * 1000


async def test_a_lost_answer_to_creating_a_card_makes_another(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.swallow(CREATE)
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert len(stage.rest.cards.known) == 2
        assert stage.messages == []


async def test_a_lost_answer_to_showing_a_card_shows_it_once(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.swallow(SEND, times=2)
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert len(stage.rest.repeated) == 2
        assert stage.messages == []


@pytest.mark.parametrize("no", [throttled(1), refused(230001)], ids=["throttled", "refused"])
async def test_a_card_that_is_perhaps_seen_points_to_the_message_that_follows(
    no: Answer, autojump_clock: MockClock
) -> None:
    """No later refusal says that it was not shown."""
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.swallow(SEND)
        stage.rest.scripts.add(SEND, no, times=4)
        await stage.feishu.say("count")
        await stage.answered(2)
        assert stage.card.text == "↓"
        assert stage.card.ended
        assert stage.messages == ["1 2 3 4 5 "]


async def test_a_card_that_is_perhaps_seen_is_ended_when_that_can_be_done(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.swallow(SEND)
        stage.rest.scripts.add(SEND, refused(230001), times=4)
        stage.rest.scripts.add(REPLACE, throttled(1), times=2)
        await stage.feishu.say("count")
        await stage.answered(2)
        assert stage.messages == ["1 2 3 4 5 "]
        assert stage.card.text == "…"
        assert stage.card.ended


async def test_a_death_between_making_and_showing_a_card_shows_it_once(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store):
            stage.rest.scripts.hang(SEND, carried_out=True)
            await stage.feishu.say("count")
            await stage.until(lambda: stage.cards)
        async with stage.account(counts, store=store):
            await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.rest.calls[CREATE] == 1
        assert stage.messages == []


async def test_after_an_hour_nobody_shows_a_card_that_may_be_shown(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store):
            stage.rest.scripts.hang(SEND, carried_out=True)
            await stage.feishu.say("count")
            await stage.until(lambda: stage.cards)
        await trio.sleep(4000)
        async with stage.account(counts, store=store):
            await stage.answered(2)
        assert stage.card.text == "↓"
        assert stage.messages == ["1 2 3 4 5 "]


async def test_an_end_that_a_death_cut_off_is_made_again_however_late(autojump_clock: MockClock) -> None:
    """A message may not be sent again after an hour; a card may be ended twice at any time."""
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store):
            await stage.feishu.say("count")
            await stage.grown("1 2 3 4 5 ")
            stage.rest.scripts.hang(SETTINGS, times=9)
            await trio.sleep(5)
        assert stage.card.streaming
        await trio.sleep(7200)
        stage.calm()
        async with stage.account(counts, store=store) as account:
            await stage.answered()
            assert account.alarms == frozenset()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.messages == []


async def test_numbers_that_are_too_low_are_mended(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        await stage.feishu.say("count")
        await stage.grown("1 2 ")
        stage.card.sequence = 500_000
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.ended
        assert stage.card.texts[3:5] == ["1 2 3 ", "1 2 3 4 "]


async def test_somebody_who_presses_a_button_is_waited_for(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        await stage.feishu.say("count")
        await stage.grown("1 2 ")
        stage.rest.cards.in_interaction.add(stage.card.id)
        await trio.sleep(20)
        assert not stage.card.ended
        stage.rest.cards.in_interaction.clear()
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.messages == []


async def test_a_lost_answer_to_the_last_call_does_not_make_it_a_message(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.swallow(SETTINGS, times=2)
        await stage.feishu.say("count")
        await stage.answered()
        await trio.sleep(100)
        assert stage.card.ended
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.messages == []


async def test_a_call_that_feishu_knows_was_made(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.add(SETTINGS, Script(answer=refused(200770), carried_out=True))
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.ended
        assert stage.card.calls["settings"] == 1
        assert stage.card.calls["replace"] == 0


async def test_a_card_that_can_t_be_told_to_rest_is_written_anew(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        stage.rest.scripts.add(SETTINGS, refused(10002))
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.calls["replace"] == 1
        assert stage.card.ended
        assert stage.card.text == "1 2 3 4 5 "


async def test_the_end_of_the_quota_in_the_middle_is_one_message_and_the_card_is_ended_later(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.account(counts, store=store):
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
            used_up = refused(99991403)
            for route in CHANGES:
                stage.rest.scripts.add(route, used_up, times=3)
            await stage.answered()
            assert stage.messages == ["1 2 3 4 5 "]
            assert not stage.card.ended
            await stage.feishu.say("again")
            await stage.answered(2)
            assert stage.rest.calls[CREATE] == 1  # no more cards for now
        stage.calm()
        async with stage.account(None, store=store):
            await stage.until(lambda: stage.card.ended)
        assert stage.card.text == "…"


async def test_an_unsafe_answer_is_given_up_and_the_card_says_so(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts) as account:
        with stage.rest.scripts.standing(STREAM, refused(230028)):
            await stage.feishu.say("count")
            await stage.alarmed(account)
        assert account.alarms == {"dead_letters"}
        assert stage.card.text == "⚠"
        assert stage.card.ended
        assert stage.messages == []


async def test_a_handler_that_never_succeeds_leaves_a_card_that_failed(autojump_clock: MockClock) -> None:
    async def fails(message: Message) -> None:
        async with message.stream() as out:
            await out.write("so far")
            await trio.sleep(2)
            raise ValueError("never")

    store = MemoryStore()
    async with staged() as stage, stage.account(fails, store=store, card_title="Answer", card_theme="green"):
        await stage.feishu.say("go")
        await stage.until(lambda: "interrupted" in "".join(card.text for card in stage.cards))
        await trio.sleep(5)
        assert stage.card.text == "so far\n\n⚠ (interrupted)"
        assert stage.card.ended
        assert stage.card.data["header"]["template"] == "red"
        assert stage.card.calls["settings"] == 0
        assert stage.card.data["header"]["title"]["content"] == "Answer"
