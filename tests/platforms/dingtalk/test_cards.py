"""Answers that grow in cards, through an account at the simulator."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.growing import cards_end_like, counts, grown, killed, the_card
from tests.platforms.dingtalk.stage import simulated
from trio_bridge.engine.store import OutgoingChange
from trio_bridge.errors import RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.cards import DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, GROUP, TOKEN, WEBHOOK
from trio_bridge.stores.memory import MemoryStore

Replies = dict[str, Answer]


async def test_an_answer_grows_in_a_card_and_is_brought_to_its_end(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        card = the_card(stage)
        assert card.texts == ["", "1 ", "1 2 ", "1 2 3 ", "1 2 3 4 ", "1 2 3 4 5 "]
        assert [look.flow_status for look in card.history][-2:] == ["2", "3"]
        assert (card.finalised, card.errored) == (True, False)
        assert card.data["config"] == '{"autoLayout":true}'
        assert card.spaces == ["staff0001"]
        assert card.calls == {"create": 1, "deliver": 1, "update": 2, "stream": 5}
        assert stage.dingtalk.rest.calls[WEBHOOK] == stage.dingtalk.rest.calls[DIRECT] == 0


async def test_in_a_group_the_card_lies_in_the_group(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("count", conversation="cidTEAM") == "1 2 3 4 5 "
        assert the_card(stage).spaces == ["cidTEAM"]


async def test_a_hasty_answer_is_shown_whole(autojump_clock: MockClock) -> None:
    async def hasty(message: Message) -> None:
        async with message.stream() as out:
            for _ in range(1000):
                await out.write("0123456789")

    async with simulated() as stage, stage.account(hasty) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("go") == "0123456789" * 1000
        assert the_card(stage).calls["stream"] <= 2


async def test_updates_keep_their_distance_and_their_budget(autojump_clock: MockClock) -> None:
    async def long(message: Message) -> None:
        async with message.stream() as out:
            for number in range(200):
                await out.write(f"{number} ")
                await trio.sleep(0.1)

    async with simulated() as stage, stage.account(long, card_max_updates=10, card_update_interval=0.5) as account:
        await account.wait_ready()
        assert (await stage.dingtalk.ask("go")).endswith(" 199 ")
        card = the_card(stage)
        assert min(card.intervals) >= 0.5
        assert card.calls == {"create": 1, "deliver": 1, "stream": 10, "update": 2}  # the first text is an update


@pytest.mark.parametrize(("pace", "runs"), [(0.02, 1), (0.05, 2)])
async def test_trap_17_a_long_answer_survives_throttling_and_lost_connections(
    pace: float, runs: int, autojump_clock: MockClock
) -> None:
    """The writer of the answer waits for no card, and the card for no connection.

    A handler that takes longer than the grace of a lost connection runs again: its card is the same one.
    """
    begun: list[float] = []
    words = [f"{number:014d} " for number in range(2000)]

    async def long(message: Message) -> None:
        begun.append(trio.current_time())
        async with message.stream() as out:
            for word in words:
                await out.write(word)
                await trio.sleep(pace)

    async with simulated(patience=500) as stage, stage.account(long) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.every(5, STREAMING, Answer(status=403, body=QPS))
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def cut() -> None:
                for _ in range(2):
                    await trio.sleep(12)
                    stage.dingtalk.connections[-1].drop("rst")

            assert await stage.dingtalk.ask("go") == "".join(words)
        card = the_card(stage)
        assert len(begun) == runs
        assert not card.went_back or runs > 1
        assert stage.dingtalk.rest.calls[INSTANCES] == 3  # made, growing, done
        assert 40 < stage.dingtalk.rest.calls[STREAMING] <= 100 + 5  # the budget, and the tries of the end
        assert (card.flow_status, card.finalised) == ("3", True)


QPS = '{"requestid":"0","code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"busy"}'


async def test_a_handler_that_runs_again_goes_on_in_the_same_card(autojump_clock: MockClock) -> None:
    runs: list[str] = []

    async def fails_once(message: Message) -> None:
        runs.append(message.id)
        async with message.stream() as out:
            await out.write("first")
            await trio.sleep(2)
            if len(runs) == 1:
                raise ValueError("not yet")
            await out.write(", second")

    async with simulated() as stage, stage.account(fails_once) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("go") == "first, second"
        card = the_card(stage)
        assert (card.text, card.flow_status) == ("first, second", "3")
        assert [look.flow_status for look in card.history].count("3") == 1


async def test_a_handler_that_never_succeeds_leaves_a_card_that_failed(autojump_clock: MockClock) -> None:
    async def fails(message: Message) -> None:
        async with message.stream() as out:
            await out.write("so far")
            await trio.sleep(2)
            raise ValueError("never")

    async with simulated() as stage, stage.account(fails, max_attempts=2) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("go")
        await stage.dingtalk.wait_until(lambda: bool(stage.dingtalk.rest.cards.known) and the_card(stage).errored)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(5)
        card = the_card(stage)
        assert (card.flow_status, card.errored) == ("5", True)
        assert card.text == "so far\n\n⚠ (interrupted)"


async def test_a_stopped_account_leaves_no_card_that_looks_busy_and_the_next_life_goes_on(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with killed(stage, counts, store):
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 ")
        assert (the_card(stage).text, the_card(stage).flow_status) == ("1 2 \n\n⚠ (interrupted)", "5")
        async with stage.account(counts, store=store):
            await grown(stage, "1 2 3 4 5 ")
            await trio.sleep(5)
            assert (the_card(stage).text, the_card(stage).flow_status) == ("1 2 3 4 5 ", "3")


@pytest.mark.parametrize(("path", "reply"), [(INSTANCES, "permission_missing"), (INSTANCES, "card_template_missing")])
async def test_without_a_card_the_answer_is_a_message_and_cards_rest(
    path: str, reply: str, replies: Replies, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(path, replies[reply])
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert await stage.dingtalk.ask("again") == "1 2 3 4 5 "
        assert stage.dingtalk.rest.calls[INSTANCES] == 1
        assert stage.dingtalk.rest.calls[WEBHOOK] == 2
        await trio.sleep(600)
        assert await stage.dingtalk.ask("and again") == "1 2 3 4 5 "
        assert stage.dingtalk.sent[-1].via == "card"


async def test_trap_69_a_card_that_was_not_delivered_is_none(replies: Replies, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.cards.undeliverable.add("cidTEAM")
        assert await stage.dingtalk.ask("count", conversation="cidTEAM") == "@staff0001 1 2 3 4 5 "
        assert stage.dingtalk.rest.calls[GROUP] + stage.dingtalk.rest.calls[WEBHOOK] == 1


async def test_a_card_that_is_perhaps_not_seen_is_ended_and_the_answer_is_a_message(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(DELIVER)
        pushed = await stage.dingtalk.say("count")
        await stage.dingtalk.wait_replied(pushed, 2)
        assert [(sent.via, sent.text) for sent in stage.dingtalk.sent] == [("card", "↓"), ("webhook", "1 2 3 4 5 ")]
        assert await stage.dingtalk.ask("again") == "1 2 3 4 5 "
        assert stage.dingtalk.sent[-1].via == "card"


async def test_an_unknown_outcome_of_making_a_card_makes_it_again(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(INSTANCES, times=2)
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert the_card(stage).calls["create"] == 1


async def test_one_text_that_is_not_understood_does_not_end_all_cards(
    replies: Replies, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(STREAMING, replies["stream_empty_content"])
        for word in ("count", "again"):
            assert await stage.dingtalk.ask(word) == "1 2 3 4 5 "
            assert stage.dingtalk.sent[-1].via == "card"


async def test_trap_66_the_end_of_the_quota_in_the_middle_of_a_card_is_one_message(
    replies: Replies, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("count")
        await grown(stage, "1 2 ")
        with cards_end_like(stage, replies["quota_month"]):
            await stage.dingtalk.wait_replied(pushed)
            assert [sent.via for sent in stage.dingtalk.sent] == ["webhook"]
            assert stage.dingtalk.sent[0].text == "1 2 3 4 5 "
            assert stage.dingtalk.rest.calls[STREAMING] <= 5
            calls = stage.dingtalk.rest.calls[INSTANCES]
            await stage.dingtalk.ask("again")
            assert stage.dingtalk.rest.calls[INSTANCES] == calls  # no more cards for now


async def test_the_end_is_tried_until_it_is_taken(replies: Replies, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("count")
        await grown(stage, "1 2 ")
        with cards_end_like(stage, replies["card_busy"]):
            await trio.sleep(300)
        await stage.dingtalk.wait_replied(pushed)
        assert (the_card(stage).text, the_card(stage).flow_status) == ("1 2 3 4 5 ", "3")
        assert len(stage.dingtalk.sent) == 1


async def test_a_lost_answer_to_the_last_call_does_not_make_it_a_message(autojump_clock: MockClock) -> None:
    async def quick(message: Message) -> None:
        async with message.stream() as out:
            await out.write("done")

    async with simulated() as stage, stage.account(quick) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.swallow(STREAMING, times=2)
        assert await stage.dingtalk.ask("go") == "done"
        await trio.sleep(100)
        assert [sent.via for sent in stage.dingtalk.sent] == ["card"]


async def test_a_card_that_is_gone_ends_as_a_message(replies: Replies, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("count")
        await grown(stage, "1 2 ")
        stage.dingtalk.rest.cards.known.clear()
        await stage.dingtalk.wait_replied(pushed)
        assert [(sent.via, sent.text) for sent in stage.dingtalk.sent] == [("webhook", "1 2 3 4 5 ")]


async def test_what_a_card_can_t_hold_follows_as_messages(autojump_clock: MockClock) -> None:
    text = "\n\n".join(f"Paragraph {number} says something." for number in range(200))

    async def long(message: Message) -> None:
        async with message.stream() as out:
            await out.write(text)

    rules = Rules(card_content_limit=3000)
    async with simulated(rules=rules) as stage, stage.account(long) as account:
        await account.wait_ready()
        await stage.dingtalk.say("go")
        await trio.sleep(60)
        assert [sent.via for sent in stage.dingtalk.sent] == ["card", "webhook"]
        assert " ".join(sent.text for sent in stage.dingtalk.sent).split() == text.split()
        assert 1000 < len(the_card(stage).text) <= 3000


async def test_what_dingtalk_will_not_show_is_told_to_the_operator(replies: Replies, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(STREAMING, replies["card_content_unsafe"])
        await stage.dingtalk.say("count")
        await trio.sleep(30)
        card = the_card(stage)
        assert card.calls["stream"] < 3  # nothing more was sent while it was written


async def test_an_empty_answer_leaves_no_card_that_looks_busy(autojump_clock: MockClock) -> None:
    async def silent(message: Message) -> None:
        async with message.stream():
            await trio.sleep(2)

    async with simulated() as stage, stage.account(silent) as account:
        await account.wait_ready()
        await stage.dingtalk.say("go")
        await trio.sleep(10)
        assert the_card(stage).flow_status == "3"
        assert the_card(stage).text


async def test_an_outsider_is_answered_without_a_card(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("count", changes={"senderStaffId": None})
        await stage.dingtalk.wait_replied(pushed)
        assert stage.dingtalk.rest.calls[INSTANCES] == 0


@pytest.mark.parametrize("mode", ["auto", "markdown", "text"])
async def test_cards_can_be_switched_off(mode: str, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts, reply_mode=mode) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert stage.dingtalk.rest.calls[INSTANCES] == stage.dingtalk.rest.calls[DELIVER] == 0


async def test_a_thousand_streams_keep_to_the_pace_of_the_app(autojump_clock: MockClock) -> None:
    async with simulated(rules=Rules(card_qps=20)) as stage, stage.account(counts, workers=50) as account:
        await account.wait_ready()
        pushed = [await stage.dingtalk.say("count", sender=f"staff{number}") for number in range(50)]
        for each in pushed:
            await stage.dingtalk.wait_replied(each)
        await trio.sleep(60)
        cards = stage.dingtalk.rest.cards.known.values()
        assert {card.text for card in cards} == {"1 2 3 4 5 "}
        assert {card.flow_status for card in cards} == {"3"}


# Messages that wait.


async def slow(message: Message) -> str | None:
    await trio.sleep(10)
    if "fail" in message.text:
        raise ValueError(message.text)
    return None if "silent" in message.text else f"you said {message.text}"


async def test_a_message_that_waits_is_told_so_in_the_card_that_takes_its_answer(autojump_clock: MockClock) -> None:
    async with (
        simulated() as stage,
        stage.account(slow, busy_ack=True, busy_texts=["{ahead} before you"], thinking_emotion=False) as account,
    ):
        await account.wait_ready()
        pushed = [await stage.dingtalk.say(word) for word in ("one", "two", "three")]
        await grown(stage, "1 before you")
        await stage.dingtalk.wait_replied(pushed[2])
        await trio.sleep(1)
        assert the_card(stage).texts == ["1 before you", "you said two"]
        assert [(sent.via, sent.text) for sent in stage.dingtalk.sent] == [
            ("webhook", "you said one"),
            ("card", "you said two"),
            ("webhook", "you said three"),
        ]


@pytest.mark.parametrize(("said", "shown", "status"), [("silent", "…", "3"), ("fail", "⚠ (interrupted)", "5")])
async def test_a_card_that_promised_an_answer_is_ended_without_one(
    said: str, shown: str, status: str, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(slow, busy_ack=True, max_attempts=1) as account:
        await account.wait_ready()
        for word in ("one", said):
            await stage.dingtalk.say(word)
        await trio.sleep(30)
        assert (the_card(stage).text, the_card(stage).flow_status) == (shown, status)


async def test_an_answer_that_grows_goes_on_in_the_card_that_promised_it(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts, busy_ack=True, busy_texts=["wait"]) as account:
        await account.wait_ready()
        for word in ("one", "two"):
            pushed = await stage.dingtalk.say(word)
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(1)
        first, second = sorted(stage.dingtalk.rest.cards.known.values(), key=lambda card: "wait" in card.texts)
        assert second.texts[0] == "wait"
        assert first.text == second.text == "1 2 3 4 5 "


async def test_who_is_not_heard_is_not_told_to_wait(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(slow, busy_ack=True, allowed_users=["staff0001"]) as account:
        await account.wait_ready()
        await stage.dingtalk.say("one", conversation="cidTEAM")
        await stage.dingtalk.say("two", conversation="cidTEAM", sender="stranger")
        await trio.sleep(30)
        assert not stage.dingtalk.rest.cards.known


async def test_a_promise_holds_over_a_restart(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    tuning = {"busy_ack": True, "busy_texts": ["wait"]}
    async with simulated() as stage:
        async with killed(stage, slow, store, **tuning):
            for word in ("one", "two"):
                await stage.dingtalk.say(word)
            await grown(stage, "wait")
        async with stage.account(slow, store=store, **tuning):
            await grown(stage, "you said two")
            assert the_card(stage).texts[0] == "wait"


# What an earlier life left behind.


async def test_a_card_whose_reply_is_gone_is_ended_at_the_start(autojump_clock: MockClock) -> None:
    """Its message was purged, say. Nobody will go on with it."""
    store = MemoryStore()
    async with simulated() as stage:
        async with killed(stage, counts, store) as account:
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 ")
        kept = await store.open_account(account.name, platform="dingtalk")
        (row,) = await kept.outgoing(["open"])
        await kept.change([OutgoingChange(row.key, state="dead")])
        async with stage.account(None, store=store):
            await grown(stage, "⚠ (interrupted)")
            await trio.sleep(10)
            assert (the_card(stage).flow_status, the_card(stage).errored) == ("5", True)
        assert await kept.load("dingtalk:cards") == {}


async def test_without_an_access_token_there_is_no_card_and_the_account_lives(autojump_clock: MockClock) -> None:
    refused = Answer(status=403, body='{"code":"Forbidden.AccessDenied.IpNotInWhiteList","message":"no"}')
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        with stage.dingtalk.rest.scripts.standing(TOKEN, refused):
            assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        assert (account.generation, account.state) == (1, "ready")
        assert not stage.dingtalk.cards


# Any card, by account.api.


async def test_a_card_can_be_changed_and_ended_by_its_id(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(counts) as account:
        await account.wait_ready()
        await stage.dingtalk.ask("count")
        card = the_card(stage)
        await account.api.update_card(
            card.out_track_id, {"votes": 3, "who": ["a", "好"], "none": None}, private={"staff0001": {"mine": "x"}}
        )
        assert (card.data["votes"], card.data["who"], card.data["none"]) == ("3", '["a","好"]', "")
        assert card.text == "1 2 3 4 5 "
        assert card.private == {"staff0001": {"mine": "x"}}
        await account.api.finish_card(card.out_track_id, "That is all.")
        assert (card.text, card.flow_status) == ("That is all.", "3")
        for call in (account.api.update_card("card_nobody", {"a": "b"}), account.api.finish_card("card_nobody", "x")):
            with pytest.raises(RequestFailed, match="cardNotExist"):
                await call
