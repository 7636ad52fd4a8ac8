"""What happens to running handlers when their connection is lost: D1 to D8."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import Fake, FakeServer
from trio_bridge import errors
from trio_bridge.engine.inbox import Inbox
from trio_bridge.messages import Message


class Slow:
    """A handler that takes a while, and notes when it began and ended with what."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.begun: list[str] = []
        self.done: list[str] = []
        self.cut: list[float] = []
        self.running = 0
        self.most_running = 0

    async def __call__(self, message: Message) -> str:
        self.begun.append(message.id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await trio.sleep(self.seconds)
        except trio.Cancelled:
            self.cut.append(trio.current_time())
            raise
        finally:
            self.running -= 1
        self.done.append(message.id)
        return f"answer to {message.id}"


async def test_d1_a_lost_connection_does_not_cancel_the_handler_at_work(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(60 + 59)
    async with open_fake(handler, drain_grace=60):
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        await trio.sleep(60)
        link.lose()  # the handler ends a second before the grace does
        await server.until(lambda: server.answers)
    assert handler.begun == handler.done == ["m1"]
    assert server.answers == [("m1/1", "answer to m1")]
    assert len(server.connections) == 2


async def test_d1_at_the_end_of_the_grace_the_handler_is_cut_off_at_no_attempts_cost(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(100)
    async with open_fake(handler, drain_grace=60, max_attempts=1) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        lost_at = trio.current_time()
        link.lose()
        await server.until(lambda: server.answers)
        assert handler.cut == [lost_at + 60]
        assert handler.begun == ["m1", "m1"]
        assert account.counters.interrupted == 1
        assert account.counters.failed == 0
        assert account.statistics().dead_letters == 0


async def test_d2_a_handler_that_never_gets_its_time_gets_it_in_the_end(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(30)

    async def lose_each_after_10_seconds() -> None:
        number = 0
        while True:
            number += 1
            link = await server.connection(number)
            await trio.sleep(10)
            link.lose()

    async with open_fake(handler, drain_grace=5) as account, trio.open_nursery() as nursery:
        nursery.start_soon(lose_each_after_10_seconds)
        (await server.connection()).push("m1")
        while "interrupted" not in account.alarms:
            await trio.sleep(1)
        assert len(handler.cut) == 3
        await server.until(lambda: server.answers)
        assert len(handler.cut) == 3, "from the third interruption on it drains for as long as a handler may run"
        await wait_all_tasks_blocked()
        assert "interrupted" not in account.alarms
        nursery.cancel_scope.cancel()


async def test_d2_a_time_limit_longer_than_the_grace_is_warned_of(
    autojump_clock: MockClock, open_fake: OpenFake, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_fake(Slow(1), handler_timeout=100, drain_grace=50):
        pass
    assert "handler_timeout" in caplog.text
    caplog.clear()
    async with open_fake(Slow(1), handler_timeout=40, drain_grace=50):
        pass
    assert "handler_timeout" not in caplog.text


async def test_d3_quick_losses_stack_up_no_workers(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(25)
    async with open_fake(handler, drain_grace=30, workers=3) as account:
        for number in range(1, 26):
            link = await server.connection(number)
            for index in range(2):
                link.push(f"m{number}.{index}", lane=f"lane{number}.{index}")
            await wait_all_tasks_blocked()
            await trio.sleep(0.5)
            assert link.sent, "with no free slot it still stores and acknowledges"
            link.lose()
        await server.until(lambda: len(server.answers) == 50)
        assert handler.most_running == 3
        await trio.sleep(40)
        assert account.statistics().draining_generations == 0


async def test_d4_no_claim_is_younger_than_the_loss(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    begun_at: dict[str, float] = {}

    async def handler(message: Message) -> None:
        begun_at[message.id] = trio.current_time()
        await trio.sleep(10)

    # One lane: the second message waits for the first. The loss comes while the first is at work, and nothing connects
    # for a while: the second must be taken by a worker of the next generation, not by one that drains.
    async with open_fake(handler, drain_grace=60, workers=1) as account:
        link = await server.connection()
        link.push("m1")
        link.push("m2")
        await wait_all_tasks_blocked()
        server.on_connect = lambda: trio.sleep(40)
        old = account.generation
        await trio.sleep(5)
        link.lose()
        await trio.sleep(20)
        assert begun_at["m2"] - begun_at["m1"] == 10, "what is stored is handled while the platform is away"
        assert account.state == "connecting"
        assert account.generation == old + 1


async def test_d4_a_dismissed_worker_takes_nothing(server: FakeServer, autojump_clock: MockClock) -> None:
    """The claim that was under way for it returns to its lane, at no cost."""
    from tests.engine.conftest import virtual_environment
    from trio_bridge.engine.inbox import Inbox
    from trio_bridge.engine.statistics import Counters
    from trio_bridge.stores.memory import MemoryStore
    from trio_bridge.wire.protocol import Delivery

    store = await MemoryStore().open_account("a", platform="fake")
    inbox = Inbox(Fake(server=FakeServer()), store, virtual_environment(), Counters(), durable=False)
    await inbox.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        old, new, taken = object(), object(), []

        async def take(taker: object) -> None:
            taken.append((taker, await inbox.next(taker)))

        nursery.start_soon(take, old)
        await wait_all_tasks_blocked()
        inbox.rescue([Delivery("m1", "a", "t", "{}", "1")])
        inbox.dismiss(old)  # before the keeper has run
        await wait_all_tasks_blocked()
        assert taken == [(old, None)]
        nursery.start_soon(take, new)
        await wait_all_tasks_blocked()
        [(taker, held)] = taken[1:]
        assert taker is new
        assert held is not None
        assert (held.claim.attempts, held.claim.interrupted) == (1, 0)
        inbox.close()
        nursery.cancel_scope.cancel()


async def test_d5_a_copy_on_the_new_connection_is_acknowledged_and_not_run(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(50)
    async with open_fake(handler) as account:
        first = await server.connection()
        first.push("m1")
        await wait_all_tasks_blocked()
        first.lose()
        second = await server.connection(2)
        copy = second.push("m1")
        await server.until(lambda: second.acked(copy))
        assert handler.running == 1
        await server.until(lambda: server.answers)
        await trio.sleep(100)
        assert handler.begun == ["m1"]
        assert account.counters.duplicates == 1


async def test_d6_a_worker_that_ignores_its_cancellation_is_given_up(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    stubborn = trio.Event()
    tries: list[int] = []
    late: list[object] = []

    async def handler(message: Message) -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            try:
                async with message.transaction():
                    with trio.CancelScope(shield=True):
                        await stubborn.wait()
            except errors.NotSent as error:
                late.append(error)
                raise
        else:
            await message.reply("from the second worker")

    async with open_fake(handler, drain_grace=10, workers=2) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        link.lose()
        await trio.sleep(10 + 5 + 6)
        assert "worker_stuck" in account.alarms
        await server.until(lambda: server.answers)
        assert server.texts == ["from the second worker"]
        stubborn.set()
        await trio.sleep(6)
        assert len(late) == 1, "its late commit is refused"
        assert "worker_stuck" not in account.alarms
        assert len(tries) == 2


async def test_d6_stop_leaves_only_the_stuck_thread_behind(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    from tests.engine.conftest import virtual_environment
    from trio_bridge.opening import open_bridge

    stubborn = trio.Event()

    async def handler(message: Message) -> None:
        with trio.CancelScope(shield=True):
            await stubborn.wait()

    async with open_bridge([Fake(server=server)], handler, environment=virtual_environment()) as bridge:
        (await server.connection()).push("m1")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await bridge.stop("a")
        assert trio.current_time() - began <= 1
        account = bridge.account("a")
        assert account.state == "stopped"
        assert account.alarms == {"worker_stuck"}
        await bridge.start("a")
        await account.wait_ready()
        stubborn.set()
        await wait_all_tasks_blocked()
        assert account.alarms == set()


async def test_d6_a_stop_over_a_stuck_handler_costs_the_message_nothing(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    """However often: the process did not die of it, so it is no poison."""
    from tests.engine.conftest import virtual_environment
    from trio_bridge.opening import open_bridge

    stubborn = trio.Event()
    tries: list[str] = []

    async def handler(message: Message) -> None:
        tries.append(message.id)
        with trio.CancelScope(shield=len(tries) < 5):
            await stubborn.wait()

    async with open_bridge([Fake(server=server)], handler, environment=virtual_environment()) as bridge:
        (await server.connection()).push("m1")
        for _ in range(4):
            await wait_all_tasks_blocked()
            await bridge.stop("a")
            await bridge.start("a")
            await bridge.account("a").wait_ready()
        stubborn.set()
        await wait_all_tasks_blocked()
        assert tries == ["m1"] * 5
        assert bridge.account("a").statistics().inbox_depth == 0
        assert bridge.account("a").alarms == set()


async def test_d7_a_reply_of_a_draining_handler_is_sent(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep(10)
        receipt = await message.reply("late but here")
        await receipt.wait_sent()

    async with open_fake(handler) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        link.lose()
        await server.until(lambda: server.answers)
        await wait_all_tasks_blocked()
        assert account.counters.handled == 1
        assert link.sent == ["ack m1@0.0"], "and nothing but the one acknowledgement went to the old connection"


async def test_d8_drains_end_with_their_grace(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(Slow(1e6), drain_grace=20, handler_timeout=1e7, workers=2) as account:
        link = await server.connection()
        link.silent = True  # it never answers the close, either
        link._incoming.append(b'{"key": "m1", "lane": "x", "text": "t", "id": "1"}')
        link._bell.ring()
        await wait_all_tasks_blocked()
        link.lose(errors.PeerSilent("gone"))
        await wait_all_tasks_blocked()
        assert account.statistics().draining_generations == 1
        await trio.sleep(25)
        assert account.statistics().draining_generations == 0


async def test_a_loss_is_acted_on_before_the_closing_handshake_of_a_deaf_peer(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None):
        link = await server.connection()
        await trio.sleep(100)
        link.silent = True
        link.lose()
        lost_at = trio.current_time()
        await server.connection(2)
        assert server.connected_at[1] - lost_at < 1
        assert link.closed_at is None
        await trio.sleep(10)
        assert link.closed_at == lost_at + 5


async def test_a_thread_is_no_reason_to_wait_at_the_end_of_a_run(server: FakeServer) -> None:
    """The same as D6 with a real thread and real time, cut short by the test itself."""
    from trio_bridge.opening import open_bridge

    release = threading.Event()
    began = trio.Event()

    async def handler(message: Message) -> None:
        began.set()
        await trio.to_thread.run_sync(release.wait)

    async with open_bridge([Fake(server=server)], handler) as bridge:
        (await server.connection()).push("m1")
        await began.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.stop, "a")
            await wait_all_tasks_blocked()
            assert bridge.account("a").state == "connecting" or not server.connections[0].is_open
            release.set()
        assert bridge.account("a").state == "stopped"


async def test_a_generation_that_has_drained_leaves_no_worker_behind(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(Slow(10)):
        link = await server.connection()
        await wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        link.push("m1")
        await wait_all_tasks_blocked()
        link.lose()
        await server.connection(2)
        await trio.sleep(20)
        assert trio.lowlevel.current_statistics().tasks_living == tasks


async def test_a_connection_that_is_leaving_claims_nothing_for_its_workers(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """It would drain long before the handler is through: the workers of the new connection have the time."""
    handler = Slow(100)
    async with open_fake(handler, drain_grace=5) as account:
        old = await server.connection()
        old.leave()
        await server.connection(2)
        old.push("m1")
        await server.until(lambda: server.answers)
        assert not old.is_open
        assert (handler.begun, account.counters.interrupted) == (["m1"], 0)


async def test_nothing_is_begun_while_an_account_drains(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Slow(10)
    async with open_fake(handler) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        account.wish_stopped(20)
        await trio.sleep(1)
        link.lose()
        await account.wait_stopped(21)
    assert handler.done == ["m1"]
    assert len(server.attempts) == 1


async def test_d8_a_connection_that_is_closing_drains_nothing(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        link.silent = True  # its close takes five seconds
        link.lose()
        await server.connection(2)
        assert link.closed_at is None
        assert account.statistics().draining_generations == 0


async def test_d4_a_claim_that_is_a_moment_older_than_the_loss_drains_like_the_others(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_out, handler = Inbox._hand_out, Slow(100)
    async with open_fake(handler) as account:

        def then_lose(inbox: Inbox, *claim: Any) -> None:
            hand_out(inbox, *claim)
            monkeypatch.undo()
            life = account._life
            assert life is not None
            assert life.supervisor.current is not None
            life.supervisor.current.crew.drain(trio.current_time() + 5)

        monkeypatch.setattr(Inbox, "_hand_out", then_lose)
        (await server.connection()).push("m1")
        await trio.sleep(10)
        assert len(handler.cut) == 1
