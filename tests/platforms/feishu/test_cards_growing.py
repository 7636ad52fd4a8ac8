"""Answers that grow in Feishu's cards, through an account at the simulator."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.card_stage import counts, staged, wall
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.cards.sequences import BLOCK
from trio_bridge.platforms.feishu.gateway.cards import CREATE, REPLACE, SETTINGS, STREAM
from trio_bridge.platforms.feishu.gateway.messages import REPLY
from trio_bridge.stores.memory import MemoryStore

CHANGES = (STREAM, SETTINGS, REPLACE)


async def test_an_answer_grows_in_a_card_and_is_brought_to_its_end(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.texts == ["", "1 ", "1 2 ", "1 2 3 ", "1 2 3 4 ", "1 2 3 4 5 "]
        assert stage.card.ended
        assert stage.card.calls == {"create": 1, "send": 1, "stream": 5, "settings": 1}
        assert stage.card.data["config"]["summary"] == {"content": "1 2 3 4 5"}
        assert stage.card.jumps == 0
        assert stage.messages == []


async def test_updates_keep_their_distance_and_the_newest_text_wins(autojump_clock: MockClock) -> None:
    async def hasty(message: Message) -> None:
        async with message.stream() as out:
            for _ in range(1000):
                await out.write("0123456789")
                await trio.sleep(0.01)

    async with staged() as stage, stage.account(hasty, stream_interval=0.5):
        await stage.feishu.say("go")
        await stage.answered()
        assert stage.card.text == "0123456789" * 1000
        assert min(stage.card.intervals[:-1]) >= 0.5
        assert 18 <= stage.card.calls["stream"] <= 22


async def test_after_so_many_updates_only_the_whole_answer_is_shown(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts, card_max_updates=2):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.texts == ["", "1 ", "1 2 ", "1 2 3 4 5 "]


async def test_two_answers_at_once_grow_in_cards_of_their_own(autojump_clock: MockClock) -> None:
    async def both(message: Message) -> None:
        async with message.stream() as one, message.stream() as two:
            for number in range(1, 4):
                await one.write(f"a{number} ")
                await two.write(f"b{number} ")
                await trio.sleep(1)

    async with staged() as stage, stage.account(both):
        await stage.feishu.say("go")
        await stage.answered(2)
        assert sorted(card.text for card in stage.cards) == ["a1 a2 a3 ", "b1 b2 b3 "]
        assert all(card.ended and not card.went_back for card in stage.cards)
        assert stage.messages == []


async def test_the_next_life_goes_on_in_the_same_card_with_higher_numbers(autojump_clock: MockClock) -> None:
    """It died without a word: whatever number it used last, a block of numbers was set aside for the next life."""
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store):
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
        assert stage.card.streaming
        assert stage.card.sequence < BLOCK
        async with stage.died(counts, store):
            await stage.grown("1 2 3 ")
        assert BLOCK < stage.card.sequence < 2 * BLOCK
        async with stage.account(counts, store=store):
            await stage.answered()
        assert stage.card.ended
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.calls["create"] == stage.card.calls["send"] == 1
        assert 2 * BLOCK < stage.card.sequence < 3 * BLOCK
        assert stage.messages == []


async def test_a_stopped_account_leaves_no_card_that_looks_busy(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.killed(counts, store, card_title="Answer"):
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
        assert stage.card.text == "1 2 \n\n⚠ (interrupted)"
        assert stage.card.ended
        async with stage.account(counts, store=store, card_title="Answer"):
            await stage.grown("1 2 3 4 5 ")
            await trio.sleep(5)
        assert stage.card.ended
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.data["header"]["template"] == "blue"
        assert len(stage.rest.sent) == 1


async def test_a_card_whose_message_was_buried_with_a_process_says_so(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store) as account:
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
        kept = await store.open_account(account.name, platform="feishu")
        await kept.recover(now=wall(), max_deaths=1, max_attempts=1)
        async with stage.account(None, store=store):
            await stage.grown("⚠ (interrupted)")
            await trio.sleep(1)
        assert stage.card.ended
        assert await kept.load("feishu:cards") == {}


async def test_a_card_whose_reply_nobody_knows_is_ended_at_the_next_start(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with staged() as stage:
        async with stage.died(counts, store) as account:
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
        kept = await store.open_account(account.name, platform="feishu")
        [record] = (await kept.load("feishu:cards")).values()
        await store.open_account("b", platform="feishu")
        await (await store.open_account("b", platform="feishu")).save(
            "feishu:cards", {"gone/1": record, "unmade/1": {"id": ""}, "odd": 3}
        )
        async with stage.account(None, store=store, name="b"):
            await stage.grown("⚠ (interrupted)")
            await trio.sleep(1)
        assert stage.card.ended
        assert list(await (await store.open_account("b", platform="feishu")).load("feishu:cards")) == ["odd"]


async def test_an_answer_of_31_kb_is_a_card_and_a_message(autojump_clock: MockClock) -> None:
    text = "\n\n".join(f"Paragraph {number} says something." for number in range(31_000 // 31))

    async def long(message: Message) -> None:
        async with message.stream() as out:
            for start in range(0, len(text), 10_000):
                await out.write(text[start : start + 10_000])
                await trio.sleep(1)

    async with staged() as stage, stage.account(long):
        await stage.feishu.say("go")
        await stage.answered(2)
        assert stage.card.ended
        assert len(stage.messages) == 1
        assert (stage.card.text + "\n\n" + stage.messages[0]).split() == text.split()
        assert len(stage.card.text) > 20_000
        assert [len(shown) for shown in stage.card.texts[1:3]] == [10_000, 20_000]
        assert 25_000 < len(stage.card.texts[3]) <= 28_000


@pytest.mark.parametrize(("pace", "count"), [(100, 12), (700, 3)])
async def test_an_answer_that_takes_long_goes_on_growing(pace: float, count: int, autojump_clock: MockClock) -> None:
    """Feishu lets a card expect text for ten minutes."""

    async def slow(message: Message) -> None:
        async with message.stream() as out:
            for number in range(count):
                await out.write(f"{number} ")
                await trio.sleep(pace)

    async with staged() as stage, stage.account(slow, handler_timeout=100_000.0):
        await stage.feishu.say("go")
        await trio.sleep(pace * count + 10)
        assert stage.card.text == "".join(f"{number} " for number in range(count))
        assert len(stage.card.texts) == count + 1
        assert stage.card.ended
        assert stage.messages == []


async def test_the_last_words_after_a_long_silence_are_not_trusted_to_a_stream(autojump_clock: MockClock) -> None:
    """Feishu has been seen to take a text that it expects no more, and not to show it."""

    async def slow(message: Message) -> None:
        async with message.stream() as out:
            await out.write("first")
            await trio.sleep(590)
            await out.write(" and last")

    async with staged() as stage, stage.account(slow):
        await stage.feishu.say("go")
        await stage.answered()
        assert stage.card.text == "first and last"
        assert stage.card.calls == {"create": 1, "send": 1, "stream": 1, "replace": 1}


async def test_feishu_that_expects_no_text_any_more_is_told_to(autojump_clock: MockClock) -> None:
    """Its ten minutes were shorter than ours."""
    async with staged(streaming_life=2.5) as stage, stage.account(counts):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.texts[-2:] == ["1 2 3 4 ", "1 2 3 4 5 "]
        assert stage.card.ended


async def test_in_a_group_a_card_answers_the_message_where_it_stands(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts, reply_in_thread=True) as account:
        pushed = await stage.feishu.say("count", conversation="oc_team")
        await stage.answered()
        [sent] = stage.rest.sent
        assert (sent.chat_id, sent.in_thread, sent.answers) == ("oc_team", True, pushed)
        assert stage.rest.calls[REPLY] == 1
        assert account.api.cards is not None


async def test_an_account_that_wants_no_cards_has_none(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts, reply_mode="auto"):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.messages == ["1 2 3 4 5 "]
        assert stage.rest.calls[CREATE] == 0


async def test_an_empty_answer_is_a_sign(autojump_clock: MockClock) -> None:
    async def nothing(message: Message) -> None:
        async with message.stream():
            await trio.sleep(3)

    async with staged() as stage, stage.account(nothing):
        await stage.feishu.say("go")
        await stage.answered()
        assert stage.card.text == "…"


async def test_what_people_must_not_be_shown_is_not_shown(autojump_clock: MockClock) -> None:
    async def tells(message: Message) -> None:
        async with message.stream() as out:
            await out.write("All: <at id=all></at> and ![plan](https://example.invalid/a.png) and ![x](/etc/")
            await trio.sleep(2)
            await out.write("secret.png)")

    async with staged() as stage, stage.account(tells):
        await stage.feishu.say("go")
        await stage.answered()
        assert stage.card.texts[1] == "All: @all and [plan](https://example.invalid/a.png) and "
        assert stage.card.text == stage.card.texts[1] + "(file secret.png could not be sent)"
