"""Cards whose answer went another way, came to nothing or was never given: none looks busy for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.growing import counts, grown, the_card
from tests.platforms.dingtalk.stage import Stage, simulated
from trio_bridge.engine.account import Account
from trio_bridge.engine.store import Done, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.cards import DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.rest import WEBHOOK
from trio_bridge.stores.memory import MemoryAccount, MemoryStore

USED_UP = Answer(status=403, body='{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"used up"}')


class Mortal(MemoryStore):
    """A store that survives a process: once it has ``died``, nothing of that process reaches it any more."""

    died = False

    async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:
        account = await super().open_account(name, platform="dingtalk")
        account.__class__ = _MortalAccount
        assert isinstance(account, _MortalAccount)
        account.store = self
        return account


class _MortalAccount(MemoryAccount):
    store: Mortal

    async def work(self, work: Work) -> Done:
        if self.store.died:
            await trio.sleep_forever()
        return await super().work(work)


async def die(account: Account, store: Mortal, life: trio.CancelScope) -> None:
    """End the process without a word to the store."""
    store.died = True
    life.cancel()
    await trio.sleep_forever()


def status(stage: Stage) -> str:
    return the_card(stage).flow_status


@pytest.mark.parametrize(("fails", "text", "flow"), [(True, "⚠ (interrupted)", "5"), (False, "…", "3")])
async def test_a_promise_is_kept_where_the_reply_was_taken_back(
    fails: bool, text: str, flow: str, autojump_clock: MockClock
) -> None:
    """A transaction that fails commits no reply: nobody has answered yet."""

    async def regrets(message: Message) -> None:
        await trio.sleep(2)
        try:
            async with message.transaction():
                await message.reply("never sent")
                raise ValueError("after all no")
        except ValueError:
            if fails:
                raise

    async with simulated() as stage, stage.account(regrets, busy_ack=True, max_attempts=1) as account:
        await account.wait_ready()
        for word in ("one", "two"):
            await stage.dingtalk.say(word)
        await trio.sleep(30)
        assert (the_card(stage).text, status(stage)) == (text, flow)


async def test_an_answer_that_goes_as_a_message_after_all_is_not_sent_twice(autojump_clock: MockClock) -> None:
    """What a card shows may be shown again; a message of which nobody knows whether it was sent may not."""
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(counts, store=store) as account:
            await account.wait_ready()
            await stage.dingtalk.say("count")
            await grown(stage, "1 2 ")
            stage.dingtalk.rest.scripts.swallow(WEBHOOK)
            with stage.dingtalk.rest.scripts.standing(STREAMING, USED_UP):
                await trio.sleep(100)
            assert [sent.text for sent in stage.dingtalk.sent if sent.via == "webhook"] == ["1 2 3 4 5 "]
            assert account.statistics().dead_letters == 1  # it is for a person to look at
        async with stage.account(counts, store=store):
            await trio.sleep(10)
        assert stage.dingtalk.rest.calls[WEBHOOK] == 1
        assert (the_card(stage).text, status(stage)) == ("…", "3")


async def test_an_answer_that_began_as_messages_goes_on_as_messages(autojump_clock: MockClock) -> None:
    """Each part is sent once, also if the card would take the answer meanwhile."""

    async def long(message: Message) -> None:
        async with message.stream() as out:
            await out.write("beginning ")
            await trio.sleep(2)
            stage.dingtalk.rest.scripts.add(STREAMING, USED_UP)
            await out.write("x" * 50_000)

    async with simulated() as stage, stage.account(long) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("go")
        await stage.dingtalk.wait_replied(pushed)
        stage.dingtalk.rest.scripts.add(WEBHOOK, Answer(status=503))
        await trio.sleep(600)
        said = "".join(sent.text for sent in stage.dingtalk.sent if sent.via == "webhook")
        assert said.count("beginning") == 1
        assert said.count("x") == 50_000


async def test_a_card_whose_reply_grew_too_old_meanwhile_is_ended(autojump_clock: MockClock) -> None:
    async def hello(message: Message) -> None:
        async with message.stream() as out:
            await out.write("hello")
            await trio.sleep(2)
            for path in (STREAMING, INSTANCES):
                stage.dingtalk.rest.scripts.hang(path, times=2)

    store = MemoryStore()
    async with simulated() as stage:
        with trio.CancelScope() as life:
            async with stage.account(hello, store=store) as account:
                await account.wait_ready()
                await stage.dingtalk.say("go")
                await grown(stage, "hello")
                await trio.sleep(5)
                life.cancel()
                await trio.sleep_forever()
        await trio.sleep(86_400)
        assert status(stage) == "2"
        async with stage.account(hello, store=store) as account:
            await trio.sleep(200)
            assert account.statistics().dead_letters == 1
            assert (the_card(stage).text, status(stage)) == ("⚠ (interrupted)", "5")
        assert await (await store.open_account(account.name, platform="dingtalk")).load("dingtalk:cards") == {}


async def test_a_promise_that_died_with_a_process_is_not_kept_and_does_not_look_busy(autojump_clock: MockClock) -> None:
    async def slow(message: Message) -> str:
        await trio.sleep(5)
        return "done"

    store = Mortal()
    async with simulated() as stage:
        with trio.CancelScope() as life:
            async with stage.account(slow, store=store, busy_ack=True, busy_texts=["wait"], max_attempts=1) as account:
                await account.wait_ready()
                for word in ("one", "two"):
                    await stage.dingtalk.say(word)
                await grown(stage, "wait")
                await trio.sleep(6)
                await die(account, store, life)
        store.died = False
        async with stage.account(slow, store=store, busy_ack=True, max_attempts=1) as account:
            await trio.sleep(10)
            assert account.statistics().dead_letters == 1
            assert (the_card(stage).text, status(stage)) == ("⚠ (interrupted)", "5")


async def test_cards_that_can_t_be_made_keep_nobody_else_waiting(autojump_clock: MockClock) -> None:
    async def answer(message: Message) -> str | None:
        if message.text == "plain":
            return "plain"
        async with message.stream() as out:
            await out.write("grown")
        return None

    async with simulated(patience=500) as stage, stage.account(answer) as account:
        await account.wait_ready()
        for path in (INSTANCES, DELIVER, STREAMING):
            stage.dingtalk.rest.scripts.hang(path, times=1000)
        grown = [await stage.dingtalk.say("grow", sender=f"staff{number}") for number in range(8)]
        await trio.sleep(2)
        begun = trio.current_time()
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("plain", sender="other"))
        assert trio.current_time() - begun < 10
        for pushed in grown:
            await stage.dingtalk.wait_replied(pushed)
        assert trio.current_time() - begun < 120


async def test_half_a_character_does_no_harm_to_a_card(autojump_clock: MockClock) -> None:
    async def halves(message: Message) -> None:
        async with message.stream() as out:
            for piece in ("\ud83d", "\ude00", " and \ud83d"):
                await out.write(piece)
                await trio.sleep(2)

    async with simulated() as stage, stage.account(halves) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("go") == "😀 and \ufffd"
        assert the_card(stage).texts == ["", "\ufffd", "😀", "😀 and \ufffd"]
        assert account.generation == 1


@pytest.mark.parametrize("path", [STREAMING, f"PUT {INSTANCES}"])
async def test_a_card_that_the_quota_left_is_ended_when_there_are_calls_again(
    path: str, autojump_clock: MockClock
) -> None:
    """Also if the account starts in between. Where the answer is in the card, no message repeats it."""
    store = MemoryStore()
    async with simulated() as stage:
        with stage.dingtalk.rest.scripts.standing(path, USED_UP):
            for _ in range(2):
                async with stage.account(counts, store=store) as account:
                    await account.wait_ready()
                    if not stage.dingtalk.cards:
                        await stage.dingtalk.say("count")
                    await trio.sleep(60)
        assert status(stage) != "3"
        async with stage.account(counts, store=store) as account:
            await trio.sleep(10)
        told = [sent.text for sent in stage.dingtalk.sent if sent.via == "webhook"]
        assert (the_card(stage).text, status(stage)) == ("…" if told else "1 2 3 4 5 ", "3")
        assert told == (["1 2 3 4 5 "] if path == STREAMING else [])


async def test_a_card_of_which_the_store_knows_no_more_is_ended_all_the_same(autojump_clock: MockClock) -> None:
    """The store went away while it was made."""

    class Leaving(MemoryStore):
        gone = False

        async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:
            account = await super().open_account(name, platform="dingtalk")
            save = account.save

            async def leave(scope: str, changes: Mapping[str, Any]) -> None:
                if stage.dingtalk.cards and the_card(stage).shown and not self.gone:
                    self.gone = True
                    raise StoreUnavailable("disk full")
                await save(scope, changes)

            account.save = leave  # type: ignore[method-assign]
            return account

    store = Leaving()
    async with simulated() as stage, stage.account(counts, store=store) as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("count") == "1 2 3 4 5 "
        await trio.sleep(5)
        assert store.gone
        assert (the_card(stage).text, status(stage)) == ("1 2 3 4 5 ", "3")
        assert stage.dingtalk.rest.calls[WEBHOOK] == 0


async def test_a_card_of_an_earlier_life_needs_no_store_to_be_gone_on_with(autojump_clock: MockClock) -> None:
    """It died before it knew whether the card is seen; its next life can't write that down."""

    class Away(MemoryStore):
        away = False

        async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:
            account = await super().open_account(name, platform="dingtalk")
            save = type(account).save

            async def refuse(scope: str, changes: Mapping[str, Any]) -> None:
                if self.away:
                    raise StoreUnavailable("disk full")
                await save(account, scope, changes)

            account.save = refuse  # type: ignore[method-assign]
            return account

    store = Away()
    async with simulated() as stage:
        with trio.CancelScope() as life:
            async with stage.account(counts, store=store) as account:
                await account.wait_ready()
                stage.dingtalk.rest.scripts.hang(DELIVER, carried_out=True)
                await stage.dingtalk.say("count")
                await stage.dingtalk.wait_until(lambda: bool(stage.dingtalk.cards) and the_card(stage).shown)
                life.cancel()
                await trio.sleep_forever()
        store.away = True
        async with stage.account(counts, store=store):
            await grown(stage, "1 2 3 4 5 ")
            await trio.sleep(5)
        assert (the_card(stage).text, status(stage)) == ("1 2 3 4 5 ", "3")
        assert stage.dingtalk.rest.calls[WEBHOOK] == 0
