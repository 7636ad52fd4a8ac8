"""Cards when calls fail, the store is away, and accounts end in the middle of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.growing import cards_end_like, counts, grown, killed, the_card
from tests.platforms.dingtalk.stage import simulated, tasks_of
from trio_bridge.engine.store import Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.cards.face import SCOPE, card_id
from trio_bridge.platforms.dingtalk.gateway.cards import INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import WEBHOOK
from trio_bridge.stores.memory import MemoryAccount, MemoryStore

Replies = dict[str, Answer]
UPDATE = f"PUT {INSTANCES}"


class MoodyAccount(MemoryAccount):
    """Saves slowly, and not at all what the cards want to have kept."""

    async def save(self, scope: str, changes: Mapping[str, Any]) -> None:
        await trio.sleep(5)
        if scope == SCOPE and MoodyStore.refuses:
            raise StoreUnavailable("no room for cards")
        await super().save(scope, changes)


class MoodyStore(MemoryStore):
    refuses = False

    async def open_account(self, name: str, **kwargs: Any) -> MemoryAccount:
        account = await super().open_account(name, **kwargs)
        account.__class__ = MoodyAccount
        return account


async def test_an_answer_that_ends_before_its_card_is_made_waits_for_it(autojump_clock: MockClock) -> None:
    async def quick(message: Message) -> None:
        async with message.stream() as out:
            await out.write("done")

    async with simulated() as stage, stage.account(quick, store=MoodyStore()) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("go") == "done"
        assert stage.dingtalk.sent[-1].via == "card"


async def test_without_a_store_there_is_no_card(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    monkeypatch.setattr(MoodyStore, "refuses", True)
    async with simulated() as stage, stage.account(counts, store=MoodyStore()) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert stage.dingtalk.rest.calls[INSTANCES] == 0


@pytest.mark.parametrize(("busy", "via"), [(4, "card"), (5, "webhook")])
async def test_a_card_is_made_with_patience_that_ends(
    busy: int, via: str, replies: Replies, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(INSTANCES, replies["card_busy"], times=busy)
        begun = trio.current_time()
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert stage.dingtalk.sent[-1].via == via
        if via == "card":
            assert the_card(stage).created_at >= begun + 4


async def test_a_card_that_an_earlier_call_made_is_ours(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(INSTANCES)
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert [sent.via for sent in stage.dingtalk.sent] == ["card"]


async def test_what_changes_nothing_is_not_sent(autojump_clock: MockClock) -> None:
    async def breathes(message: Message) -> None:
        async with message.stream() as out:
            await out.write("one")
            for _ in range(10):
                await trio.sleep(1)
                await out.write("\n")

    async with simulated() as stage, stage.account(breathes) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("go")
        assert the_card(stage).calls == {"create": 1, "deliver": 1, "update": 2, "stream": 1}


async def test_after_a_throttled_call_all_cards_rest(autojump_clock: MockClock, replies: Replies) -> None:
    async with simulated() as stage, stage.account(counts, card_update_interval=0.1) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.every(3, STREAMING, replies["qps_app"])
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert max(the_card(stage).intervals) >= 1.5


async def test_a_lost_answer_about_the_end_ends_it_again(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("count")
        await grown(stage, "1 2 3 4 5 ")
        stage.dingtalk.rest.scripts.swallow(UPDATE)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(100)
        assert [sent.via for sent in stage.dingtalk.sent] == ["card"]
        assert account.statistics().outbox_depth == 0


async def test_a_card_leaves_no_task_behind(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        before = tasks_of(account.name)
        for word in ("one", "two", "three"):
            await stage.dingtalk.ask(word)
        await trio.sleep(1)
        assert tasks_of(account.name) == before


async def test_a_stopped_account_ends_a_card_that_shows_nothing_yet(autojump_clock: MockClock) -> None:
    async def thinks(message: Message) -> None:
        async with message.stream():
            await trio.sleep(1000)

    async with simulated() as stage:
        async with killed(stage, thinks, MemoryStore()):
            await stage.dingtalk.say("think")
            await stage.dingtalk.wait_until(
                lambda: any(card.shown for card in stage.dingtalk.rest.cards.known.values())
            )
            await trio.sleep(1)
        assert (the_card(stage).text, the_card(stage).flow_status) == ("⚠ (interrupted)", "5")


async def test_a_stop_waits_less_than_a_second_for_cards(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.bridge([stage.dingtalk.config()], counts) as bridge:
        account = bridge.account("dingtalk")
        await account.wait_ready()
        await stage.dingtalk.say("count")
        await grown(stage, "1 2 ")
        stage.dingtalk.rest.scripts.hang(UPDATE, times=5)
        begun = trio.current_time()
        await bridge.stop("dingtalk")
        assert trio.current_time() - begun < 1


async def test_the_next_life_takes_a_card_up_without_showing_it_again(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with killed(stage, counts, store):
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 ")
        async with stage.account(counts, store=store):
            await grown(stage, "1 2 3 4 5 ")
            await trio.sleep(5)
        card = the_card(stage)
        assert (card.calls["create"], card.calls["deliver"], len(card.laid)) == (1, 1, 1)
        assert card.texts[3:5] == ["1 2 \n\n⚠ (interrupted)", "1 "]
        assert card.errored is False


async def test_an_end_that_a_death_cut_off_is_made_again(autojump_clock: MockClock) -> None:
    """Whether it arrived nobody knows; a card that is ended twice is ended once."""
    store = MemoryStore()
    async with simulated() as stage:
        async with killed(stage, counts, store):
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 3 4 5 ")
            stage.dingtalk.rest.scripts.hang(STREAMING, times=9)
            await trio.sleep(5)
        stage.dingtalk.rest.scripts = type(stage.dingtalk.rest.scripts)()
        assert the_card(stage).flow_status != "3"
        async with stage.account(counts, store=store) as account:
            await stage.dingtalk.wait_until(lambda: the_card(stage).flow_status == "3")
            await trio.sleep(1)
            assert account.alarms == frozenset()
            assert the_card(stage).text == "1 2 3 4 5 "


LONG = "\n\n".join(f"Paragraph {number} says something." for number in range(200))


async def says_much(message: Message) -> None:
    async with message.stream() as out:
        await out.write(LONG)


async def test_what_a_card_could_not_hold_is_sent_until_it_is_taken_and_the_card_left_alone(
    autojump_clock: MockClock,
) -> None:
    async with simulated(rules=Rules(card_content_limit=3000)) as stage, stage.account(says_much) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(WEBHOOK, Answer(status=200, body='{"errcode":90018,"errmsg":"busy"}'), times=2)
        await stage.dingtalk.say("go")
        await trio.sleep(100)
        assert [sent.via for sent in stage.dingtalk.sent] == ["card", "webhook"]
        assert " ".join(sent.text for sent in stage.dingtalk.sent).split() == LONG.split()
        assert the_card(stage).calls["update"] == 1  # its end


async def test_what_a_card_could_not_hold_is_not_sent_twice(autojump_clock: MockClock) -> None:
    """The account died while the rest was sent: that may have arrived, so an operator is asked."""
    store = MemoryStore()
    async with simulated(rules=Rules(card_content_limit=3000)) as stage:
        async with killed(stage, says_much, store):
            stage.dingtalk.rest.scripts.hang(WEBHOOK, carried_out=True)
            await stage.dingtalk.say("go")
            await trio.sleep(20)
        async with stage.account(says_much, store=store) as account:
            await account.wait_ready()
            await trio.sleep(100)
            assert account.alarms == {"dead_letters"}
        assert [sent.via for sent in stage.dingtalk.sent] == ["card", "webhook"]


async def test_a_card_that_could_not_be_ended_is_ended_at_the_next_start(
    replies: Replies, autojump_clock: MockClock
) -> None:
    """The quota was used up, and the answer went as a message."""
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(counts, store=store) as account:
            await account.wait_ready()
            pushed = await stage.dingtalk.say("count")
            await grown(stage, "1 2 ")
            with cards_end_like(stage, replies["quota_month"]):
                await stage.dingtalk.wait_replied(pushed)
                await trio.sleep(1)
        async with stage.account(None, store=store):
            await grown(stage, "…")
            await trio.sleep(1)
            assert the_card(stage).flow_status == "3"
        kept = await store.open_account(account.name, platform="dingtalk")
        assert await kept.load(SCOPE) == {}


async def test_what_is_kept_of_a_card_whose_reply_was_sent_is_only_forgotten(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(counts, store=store) as account:
            await account.wait_ready()
            await stage.dingtalk.ask("count")
            await trio.sleep(1)
        kept = await store.open_account(account.name, platform="dingtalk")
        (row,) = await kept.outgoing(["sent"])
        await kept.save(SCOPE, {row.key: {"id": the_card(stage).out_track_id, "delivered": True}, "odd": [], "old": {}})
        async with stage.account(None, store=store) as account:
            await account.wait_ready()
            await trio.sleep(10)
        assert (the_card(stage).text, the_card(stage).flow_status) == ("1 2 3 4 5 ", "3")
        assert row.key not in await kept.load(SCOPE)


async def slow(message: Message) -> str:
    await trio.sleep(10)
    return f"you said {message.text}"


async def test_a_promise_to_a_message_that_was_buried_is_ended(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with killed(stage, slow, store, busy_ack=True, busy_texts=["wait"]) as account:
            for word in ("one", "two"):
                pushed = await stage.dingtalk.say(word)
            await grown(stage, "wait")
        kept = await store.open_account(account.name, platform="dingtalk")
        await kept.work(Work(now=0.0, claim=[2]))
        await kept.recover(now=0.0, max_deaths=1, max_attempts=1)
        assert [letter.key for letter in await kept.dead_letters()] == [pushed.key]
        async with stage.account(None, store=store) as account:
            await grown(stage, "⚠ (interrupted)")
            await trio.sleep(1)
            assert the_card(stage).out_track_id == card_id(account.config.client_id, account.name, f"{pushed.key}/1")


async def test_a_conversation_that_is_busy_again_is_told_again(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(slow, busy_ack=True, busy_texts=["wait"]) as account:
        await account.wait_ready()
        for _ in range(2):
            for word in ("one", "two"):
                pushed = await stage.dingtalk.say(word)
            await stage.dingtalk.wait_replied(pushed)
            await trio.sleep(10)
        assert len(stage.dingtalk.rest.cards.known) == 2


async def test_a_reply_that_is_given_up_ends_its_card_and_is_replayed_as_a_message(
    replies: Replies, autojump_clock: MockClock
) -> None:
    async with simulated() as stage:
        store = MemoryStore()
        async with stage.account(counts, store=store) as account:
            await account.wait_ready()
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 3 4 5 ")
            with cards_end_like(stage, replies["card_busy"]):
                await trio.sleep(90_000)
            assert account.alarms == {"dead_letters"}
        kept = await store.open_account(account.name, platform="dingtalk")
        (letter,) = await kept.dead_letters()
        assert await kept.replay("outbox", letter.key, now=account._environment.wall())
        async with stage.account(None, store=store):
            await stage.dingtalk.wait_until(lambda: the_card(stage).ended)
            await trio.sleep(1)
        assert [(sent.via, sent.text) for sent in stage.dingtalk.sent if sent.via != "card"] == [
            ("direct", "1 2 3 4 5 ")
        ]


def test_a_card_has_an_id_of_its_own() -> None:
    ids = {card_id(*names) for names in (("a", "b", "c/1"), ("a", "b", "c/2"), ("a", "bc", "/1"), ("ab", "", "c/1"))}
    assert len(ids) == 4
