"""Replies: durable, in order, sent once, and tried again by one owner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.engine.platform import Outgoing
from trio_bridge.engine.store import OutgoingChange
from trio_bridge.errors import (
    AccountRefused,
    AccountStopped,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
    StoreUnavailable,
)
from trio_bridge.messages import Message, Reply
from trio_bridge.stores.memory import MemoryAccount, MemoryStore


class Failing:
    """Fails the first sends, and notes when each was tried."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tried: list[tuple[float, str]] = []

    def __call__(self, outgoing: Outgoing) -> None:
        self.tried.append((trio.current_time(), outgoing.key))
        if self.errors:
            raise self.errors.pop(0)

    @property
    def gaps(self) -> list[float]:
        times = [time for time, _ in self.tried]
        return [round(late - early, 6) for early, late in itertools.pairwise(times)]


async def test_send_is_durable_and_then_sent(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.send_takes = 1.0
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        assert receipt.state == "pending"
        await receipt.wait_sent()
        assert receipt.state == "sent"
        assert server.texts == ["hello"]
        again = await account.send("talk", "hello")
        await again.wait_sent()
        assert again.key != receipt.key
        assert account.counters.sent == 2


async def test_a_platform_that_forgets_keys_is_not_sent_the_same_later(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = failing = Failing(OutcomeUnknown("cut off"), *[NotSent("no network", retry_after=600.0)] * 9)
    async with open_fake(None, keyed=True, keys_hold=3300.0) as account:
        receipt = await account.send("talk", "hello")
        with pytest.raises(OutcomeUnknown, match="may have been sent; no network"):
            await receipt.wait_sent()
        assert 3300 < trio.current_time() < 3300 + 730
        assert failing.errors, "it was not tried until the network was back"
        assert account.statistics().dead_letters == 1


async def test_within_that_time_it_is_sent_again_after_a_restart_too(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = Failing(OutcomeUnknown("cut off"), NotSent("no network", retry_after=1000.0))
    async with open_fake(None, keyed=True, keys_hold=3300.0, store=store) as account:
        await account.send("talk", "hello", key="k")
        await trio.sleep(100)
        assert not server.texts
    async with open_fake(None, keyed=True, keys_hold=3300.0, store=store) as account:
        await (await account.send("talk", "hello", key="k")).wait_sent()
        assert server.texts == ["hello"]


async def test_a_doubt_is_not_forgotten_by_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = Failing(OutcomeUnknown("cut off"), NotSent("no network", retry_after=1000.0))
    async with open_fake(None, keyed=True, keys_hold=3300.0, store=store) as account:
        await account.send("talk", "hello", key="k")
        await trio.sleep(100)
    await trio.sleep(3300)
    async with open_fake(None, keyed=True, keys_hold=3300.0, store=store) as account:
        with pytest.raises(OutcomeUnknown):
            await (await account.send("talk", "hello", key="k")).wait_sent()
        assert not server.texts


async def test_a_doubt_is_not_forgotten_by_two_restarts_in_a_row(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """Of two replies that were being sent when the process died, the second waits for its turn when it dies again."""
    store, server.send_takes = MemoryStore(), 100.0

    async def live(**tuning: Any) -> None:
        with trio.move_on_after(10):
            async with open_fake(None, keyed=True, keys_hold=3300.0, store=store, **tuning) as account:
                for lane in ("talk", "chat"):
                    await account.send(lane, f"hello {lane}", key=lane)
                await trio.sleep_forever()

    await live()
    await live(rate_limit=0.001, rate_burst=1)
    await trio.sleep(3300)
    server.send_takes = 0.0
    await live()
    assert not server.texts


async def test_a_doubt_begins_with_the_try_and_not_with_the_reply(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """A process that dies just when the platform is back after hours leaves nothing behind that can't be sent."""
    store, server.send_takes = MemoryStore(), 10.0
    server.on_send = Failing(NotSent("no network", retry_after=720.0))
    with trio.CancelScope() as life:
        async with open_fake(None, keyed=True, keys_hold=330.0, store=store) as account:
            first, second = [await account.send("talk", text, key=text) for text in ("hello", "and again")]
            await first.wait_sent()
            while second.state != "sending":
                await trio.sleep(1)
            life.cancel()
    assert trio.current_time() > 720
    async with open_fake(None, keyed=True, keys_hold=330.0, store=store) as account:
        await account.wait_ready()
        await (await account.send("talk", "and again", key="and again")).wait_sent()
    assert server.texts == ["hello", "and again"]


async def test_a_doubt_that_was_settled_begins_no_later_after_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = failing = Failing(OutcomeUnknown("cut off"), NotSent("no network", retry_after=260.0))
    async with open_fake(None, keyed=True, keys_hold=330.0, store=store) as account:
        receipt = await account.send("talk", "hello", key="k")
        await trio.sleep(250)
        server.send_takes, failing.errors = 100.0, [OutcomeUnknown("cut off")]
        with pytest.raises(OutcomeUnknown):
            await receipt.wait_sent()
    server.send_takes = 0.0
    async with open_fake(None, keyed=True, keys_hold=330.0, store=store) as account:
        await trio.sleep(10)
        assert account.statistics().dead_letters == 1
    assert not server.texts


async def test_what_may_have_been_sent_is_not_called_dead_when_its_tries_are_spent(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = Failing(OutcomeUnknown("cut off"), *[RateLimited("busy", retry_after=1.0)] * 30)
    async with open_fake(None, keyed=True, keys_hold=86_400.0) as account:
        receipt = await account.send("talk", "hello")
        with pytest.raises(OutcomeUnknown, match="busy"):
            await receipt.wait_sent()


async def test_a_doubt_is_about_one_part(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    first, second = Failing(OutcomeUnknown("cut off")), Failing(*[NotSent("no network", retry_after=1000.0)] * 5)
    server.on_send = lambda outgoing: (second if "#" in outgoing.key else first)(outgoing)
    async with open_fake(None, keyed=True, keys_hold=3300.0) as account:
        receipt = await account.send("talk", "one|two")
        await receipt.wait_sent()
    assert server.texts == ["one", "two"]
    assert trio.current_time() > 5000


async def test_a_key_makes_a_send_idempotent(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        for text in ("first", "second"):
            receipt = await account.send("talk", text, key="order-7")
            await receipt.wait_sent()
    assert server.answers == [("order-7", "first")]


async def test_a_stopped_account_sends_nothing(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, enabled=False) as account:
        with pytest.raises(AccountStopped):
            await account.send("talk", "hello")


async def test_one_conversation_in_order_others_side_by_side(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.send_takes = 10.0
    async with open_fake(None, senders=4) as account:
        receipts = [await account.send(lane, f"{lane}{index}") for index in range(3) for lane in "abc"]
        began = trio.current_time()
        for receipt in receipts:
            await receipt.wait_sent()
        assert trio.current_time() - began == pytest.approx(30, abs=1)
    for lane in "abc":
        assert [text for text in server.texts if text[0] == lane] == [f"{lane}0", f"{lane}1", f"{lane}2"]


async def test_a_failed_send_holds_back_its_conversation_only(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = Failing(NotSent("no network"))
    async with open_fake(None) as account:
        await account.send("a", "a1")
        await account.send("a", "a2")
        receipt = await account.send("b", "b1")
        await receipt.wait_sent()
        assert server.texts == ["b1"]
        await trio.sleep(5)
    assert server.texts == ["b1", "a1", "a2"]


async def test_retries_follow_their_law(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    server.on_send = failing = Failing(*[RateLimited("busy") for _ in range(11)])
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        await receipt.wait_sent()
    assert failing.gaps == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150]


async def test_a_hint_is_a_floor(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    server.on_send = failing = Failing(RateLimited("busy", retry_after=60.0))
    async with open_fake(None) as account:
        await (await account.send("talk", "hello")).wait_sent()
    assert failing.gaps == [66]


async def test_20_tries_make_a_dead_letter_and_the_conversation_goes_on(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = failing = Failing(*[RateLimited("busy") for _ in range(20)])
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        after = await account.send("talk", "after")
        with pytest.raises(RequestFailed, match="busy"):
            await receipt.wait_sent()
        assert receipt.state == "dead"
        assert len(failing.tried) == 20
        assert account.alarms == {"dead_letters"}
        await after.wait_sent()


@pytest.mark.parametrize(
    "error",
    [NotSent("x"), ConnectionLost("x"), AccountRefused("x", kind="auth")],
    ids=lambda error: type(error).__name__,
)
async def test_what_never_left_this_machine_costs_no_try_for_24_hours(
    error: Exception, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = failing = Failing(*[error] * 100_000)
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        await trio.sleep(40_000)
        assert receipt.state == "pending"
        assert len(failing.tried) > 200
        await trio.sleep(47_000)
        assert receipt.state == "dead"


async def test_a_refusal_is_a_dead_letter_at_once(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = failing = Failing(RequestFailed("no such user", code="staffId.notExisted"))
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        with pytest.raises(RequestFailed, match="no such user"):
            await receipt.wait_sent()
        assert len(failing.tried) == 1


async def test_an_unknown_outcome_is_left_to_a_person(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = failing = Failing(OutcomeUnknown("no answer"))
    async with open_fake(None, store=store) as account:
        receipt = await account.send("talk", "hello")
        with pytest.raises(OutcomeUnknown):
            await receipt.wait_sent()
        assert receipt.state == "unknown"
        assert account.alarms == {"dead_letters"}
    async with open_fake(None, store=store) as account:
        await trio.sleep(1000)
        assert account.alarms == {"dead_letters"}
    assert len(failing.tried) == 1


@pytest.mark.parametrize("config", [{"keyed": True}, {"on_unknown": "resend"}])
async def test_an_unknown_outcome_is_sent_again_where_that_is_safe_or_wished(
    config: dict[str, object], autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_send = failing = Failing(OutcomeUnknown("no answer"))
    async with open_fake(None, **config) as account:
        receipt = await account.send("talk", "hello")
        await receipt.wait_sent()
    assert [key for _, key in failing.tried] == [receipt.key] * 2


@pytest.mark.parametrize("keyed", [True, False])
async def test_a_send_that_was_cut_off_by_a_stop(
    keyed: bool, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.send_takes = 1000.0
    async with open_fake(None, store=store, keyed=keyed) as account:
        receipt = await account.send("talk", "hello")
        await wait_all_tasks_blocked()
        assert receipt.state == "sending"
    server.send_takes = 0.0
    async with open_fake(None, store=store, keyed=keyed) as account:
        await trio.sleep(1)
        assert server.texts == (["hello"] if keyed else [])
        assert account.alarms == (set() if keyed else {"dead_letters"})


async def test_what_waits_is_sent_after_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = Failing(*[NotSent("away")] * 5)
    async with open_fake(None, store=store) as account:
        await account.send("talk", "one")
        await account.send("talk", "two")
    server.on_send = lambda outgoing: None
    async with open_fake(None, store=store):
        await server.until(lambda: len(server.answers) == 2)
    assert server.texts == ["one", "two"]


async def test_a_long_reply_goes_on_where_it_stopped(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    failures = [NotSent("no network")]

    def third_fails_once(outgoing: Outgoing) -> None:
        if outgoing.reply.text == "three" and failures:
            raise failures.pop()

    server.on_send = third_fails_once
    async with open_fake(None) as account:
        receipt = await account.send("talk", Reply("one|two|three|four"), key="k")
        await receipt.wait_sent()
    assert server.answers == [("k", "one"), ("k#1", "two"), ("k#2", "three"), ("k#3", "four")]


async def test_the_rate_limit_holds(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    server.on_send = sending = Failing()
    async with open_fake(None, rate_limit=10.0, rate_burst=5, senders=50) as account:
        receipts = [await account.send(f"lane{index}", "x") for index in range(45)]
        for receipt in receipts:
            await receipt.wait_sent()
    times = [time for time, _ in sending.tried]
    assert times[4] == times[0]
    assert times[-1] - times[0] == pytest.approx(4.0)


async def test_a_reply_that_says_nothing_is_not_sent(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        receipt = await account.send("talk", " \n")
        await receipt.wait_sent()
        assert server.answers == []
        assert not account.alarms


@pytest.mark.parametrize("text", ["", "later"])
async def test_a_stream_is_one_reply(
    text: str, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        async with message.stream() as out:
            for piece in ("now ", text):
                await out.write(piece)
                await trio.sleep(1)
            assert out.text == "now " + text
            assert server.texts == []
        await out.receipt.wait_sent()

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
    assert server.answers == [("m1/1", "now " + text)]


async def test_a_stream_that_fails_is_filled_by_the_next_attempt(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []

    async def handler(message: Message) -> None:
        runs.append(1)
        async with message.stream() as out:
            await out.write(f"run {len(runs)}")
            if len(runs) < 3:
                raise RuntimeError("model gone")

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        await trio.sleep(100)
    assert server.answers == [("m1/1", "run 3")]


async def test_a_stream_of_a_message_that_is_given_up_ends_with_an_error_mark(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        async with message.stream() as out:
            await out.write("half an answer")
            raise RuntimeError("model gone")

    async with open_fake(handler, max_attempts=2):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        await trio.sleep(100)
    [(key, text)] = server.answers
    assert key == "m1/1"
    assert text.startswith("half an answer")
    assert "interrupted" in text


async def test_a_stream_whose_failure_the_handler_survives_ends_with_an_error_mark(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        try:
            async with message.stream():
                raise RuntimeError("model gone")
        except RuntimeError:
            await message.reply("sorry")

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: len(server.answers) == 2)
    assert {key for key, _ in server.answers} == {"m1/1", "m1/2"}


async def test_a_committed_stream_is_not_written_again(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """The stream ended, then the handler failed: the next run streams into the void, and fails no more."""
    runs: list[int] = []

    async def handler(message: Message) -> None:
        runs.append(1)
        async with message.stream() as out:
            await out.write(f"run {len(runs)}")
        if len(runs) == 1:
            raise RuntimeError

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await trio.sleep(100)
    assert len(runs) == 2
    assert server.answers == [("m1/1", "run 1")]


@pytest.mark.parametrize("fails", ["sending", "sent"])
async def test_a_store_that_is_away_for_a_while_costs_no_second_send(
    fails: str,
    autojump_clock: MockClock,
    server: FakeServer,
    open_fake: OpenFake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change, back_at = MemoryAccount.change, trio.current_time() + 60

    async def failing(account: MemoryAccount, changes: Sequence[OutgoingChange]) -> None:
        if changes[0].state == fails and trio.current_time() < back_at:
            raise StoreUnavailable("disk full")
        await change(account, changes)

    monkeypatch.setattr(MemoryAccount, "change", failing)
    async with open_fake(None) as account:
        receipt = await account.send("talk", "hello")
        await trio.sleep(10)
        assert account.alarms == {"storage"}
        await receipt.wait_sent()
        await wait_all_tasks_blocked()
        assert server.texts == ["hello"]
        assert account.alarms == set()
        assert account.generation == 1


async def test_no_more_replies_are_under_way_than_there_are_senders(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.send_takes = 10.0
    async with open_fake(None, senders=2, rate_burst=10) as account:
        for index in range(6):
            await account.send(f"lane{index}", "x")
        await trio.sleep(11)
        assert len(server.answers) == 2
        await trio.sleep(20)
        assert len(server.answers) == 6


async def test_a_reply_waits_for_its_next_try_over_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    server.on_send = failing = Failing(RateLimited("busy", retry_after=600.0))
    async with open_fake(None, store=store) as account:
        await account.send("talk", "hello")
        await trio.sleep(1)
    async with open_fake(None, store=store):
        await server.until(lambda: server.answers)
    assert failing.gaps[0] >= 600
