"""What the official SDKs and earlier programs got wrong, played to an account of ours."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.account_stage import delays, hearing, simulated
from trio_bridge.engine.states import AccountState
from trio_bridge.messages import Message
from trio_bridge.opening import open_account, open_bridge
from trio_bridge.platforms.feishu.gateway.fragments import Fragments
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.feishu import FeishuSimulator


async def test_trap_1_three_bots_run_in_one_program(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    async with simulated() as feishu:
        configs = [feishu.config(name) for name in ("a", "b", "c")]
        async with open_bridge(configs, hearing(heard), environment=feishu.environment) as bridge:
            for config in configs:
                await bridge.account(config.name).wait_ready()
                await feishu.wait_acked(await feishu.say(config.name, app_id=config.app_id))
            await trio.sleep(1)
        assert sorted(heard) == ["a", "b", "c"]


async def test_trap_2_the_stop_that_stops(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        config = feishu.config()
        async with open_bridge([config], hearing([]), environment=feishu.environment) as bridge:
            await bridge.account(config.name).wait_ready()
            [connection] = feishu.opened
            begun = trio.current_time()
            await bridge.stop(config.name)
            await feishu.wait_until(lambda: not connection.live)
            assert trio.current_time() - begun <= 2
            asked = len(feishu.discoveries)
            await trio.sleep(10_000)
            assert (len(feishu.discoveries), len(feishu.opened)) == (asked, 1)
            assert bridge.account(config.name).state is AccountState.STOPPED
    assert connection.closed_by_client == 1000


async def test_trap_2_a_stop_while_it_waits_to_reconnect(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        config = feishu.config()
        async with open_bridge([config], hearing([]), environment=feishu.environment) as bridge:
            await bridge.account(config.name).wait_ready()
            with feishu.refusing(1, "system busy"):
                feishu.drop_connections("rst")
                while bridge.account(config.name).state is not AccountState.WAITING:
                    await trio.sleep(0.1)
                await bridge.stop(config.name)
                asked = dict(feishu.rest.desk.calls)
                await trio.sleep(1000)
                assert feishu.rest.desk.calls == asked


async def test_trap_3_forty_handlers_of_four_seconds_delay_no_acknowledgement(autojump_clock: MockClock) -> None:
    running, most, done = 0, 0, 0

    async def handler(message: Message) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await trio.sleep(4)
        running -= 1
        done += 1

    async with simulated() as feishu, feishu.open_account(handler, workers=8, drain_grace=1000):
        for number in range(40):
            await feishu.say(f"m{number}", conversation=f"oc_{number:032}")
        await feishu.wait_until(lambda: feishu.ledger.summary().acked == 40)
        assert max(delays(feishu)) <= 0.25
        while done < 40:
            await trio.sleep(1)
        summary = feishu.ledger.summary()
        assert (summary.redelivered, most) == (0, 8)
        assert not feishu.ledger.faults


@pytest.mark.parametrize("how", ["half_open", "stalled"])
async def test_trap_6_a_half_open_connection_is_left_after_one_ping(how: str, autojump_clock: MockClock) -> None:
    async with simulated(rules=Rules(client_config={"PingInterval": 20, "ReconnectNonce": 0})) as feishu:
        async with feishu.open_account(pong_timeout=5.0, ping_interval=600.0) as account:
            await trio.sleep(3)
            lost_at = trio.current_time()
            with getattr(feishu, how)():
                while account.generation == 1:
                    await trio.sleep(0.1)
            assert trio.current_time() - lost_at <= 20 + 5 + 5 + 1.3, "a ping, its answer, a deaf peer's close, a delay"


async def test_trap_6_a_server_that_answers_no_websocket_pings_is_not_left(autojump_clock: MockClock) -> None:
    """It is not known whether Feishu does. Its own pings are two minutes apart."""
    rules = Rules(client_config={"PingInterval": 300})
    async with simulated(rules=rules) as feishu, feishu.open_account() as account:
        await trio.sleep(3600)
        assert account.generation == 1
        assert not feishu.ledger.faults


async def test_trap_7_frames_right_behind_the_upgrade_are_heard(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    async with simulated() as feishu:
        config = feishu.config()
        for number in range(5):
            await feishu.say(f"early {number}")
        async with open_account(config, hearing(heard), environment=feishu.environment) as account:
            await account.wait_ready()
            await feishu.wait_until(lambda: feishu.ledger.summary().acked == 5)
            await trio.sleep(1)
        assert heard == [f"early {number}" for number in range(5)]
        assert feishu.ledger.summary().redelivered == 0


async def test_trap_9_ten_starts_at_once_are_one_connection(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        config = feishu.config()
        async with open_bridge([config], hearing([]), environment=feishu.environment) as bridge:
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(bridge.start, config.name)
            await bridge.account(config.name).wait_ready()
            await trio.sleep(100)
            assert len(feishu.opened) == 1
            assert feishu.counts.most_connections[config.app_id] == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
async def test_trap_10_fragments_in_any_order_are_one_event_and_one_acknowledgement(
    order: tuple[int, ...], autojump_clock: MockClock
) -> None:
    heard: list[str] = []
    async with simulated() as feishu, feishu.open_account(hearing(heard)):
        with feishu.fragmenting(Fragments(order=order, gap=6.0)):
            pushed = await feishu.say("片段 whole")
            await feishu.wait_acked(pushed)
        await trio.sleep(1)
        assert heard == ["片段 whole"]
        [record] = feishu.ledger.records()
        assert (len(record.acks), len(record.deliveries)) == (1, 1)
        assert not feishu.ledger.faults


async def test_trap_12_what_nobody_handles_does_not_come_again(autojump_clock: MockClock) -> None:
    rules = Rules(client_config={"PingInterval": 600}, ladder=(15.0, 300.0))
    async with simulated(rules=rules) as feishu, feishu.open_account(hearing([])) as account:
        pushed = feishu.event("im.chat.updated_v1", {"chat_id": "oc_1"})
        await feishu.wait_acked(pushed)
        await trio.sleep(1000)
        assert feishu.ledger.summary().redelivered == 0
        assert account.counters.gated == 1


async def test_trap_13_an_old_card_gets_no_answer_and_hurts_nobody(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    async with simulated(rules=Rules(ladder=())) as feishu, feishu.open_account(hearing(heard)) as account:
        feishu.push({"open_message_id": "om_1", "action": {"tag": "button"}}, kind="card")
        pushed = await feishu.say("next")
        await feishu.wait_acked(pushed)
        await trio.sleep(1)
        assert (heard, account.generation) == (["next"], 1)


@pytest.mark.parametrize("by", ["event", "message"])
async def test_trap_26_what_was_handled_is_not_handled_again_after_a_restart(
    by: str, autojump_clock: MockClock
) -> None:
    heard: list[str] = []
    store = MemoryStore()
    async with simulated() as feishu:
        config = feishu.config(stale_after=0)
        pushed = None
        for _ in range(2):
            async with open_account(config, hearing(heard), store=store, environment=feishu.environment) as account:
                await account.wait_ready()
                if pushed is None:
                    pushed = await feishu.say("once")
                    await feishu.wait_acked(pushed)
                elif by == "event":
                    feishu.duplicate(pushed)
                else:  # Another event about the same message.
                    message = {"message_id": message_id_of(feishu)}
                    await feishu.wait_acked(await feishu.say("once", changes={"event": {"message": message}}))
                await trio.sleep(10)
            await trio.sleep(7 * 3600)  # the end of the ladder
        assert heard == ["once"]
        assert feishu.ledger.summary().unacked == 0


def message_id_of(feishu: FeishuSimulator) -> str:
    [record] = feishu.ledger.records()
    return record.pushed.letter.message_id


async def test_a_redelivery_while_it_waits_is_absorbed(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    rules = Rules(ack_within=3.0, ladder=(1.0, 1.0))
    async with simulated(rules=rules) as feishu, feishu.open_account(hearing(heard, after=60)) as account:
        pushed = await feishu.say("slow")
        for _ in range(3):
            await trio.sleep(1)
            feishu.duplicate(pushed)
        await trio.sleep(200)
        assert heard == ["slow"]
        assert account.counters.duplicates == 3


async def test_what_could_not_be_stored_is_refused_and_comes_again(autojump_clock: MockClock) -> None:
    heard: list[str] = []
    rules = Rules(ladder=(15.0, 300.0))
    async with simulated(rules=rules) as feishu:
        async with feishu.open_account(hearing(heard, after=2), workers=1, queue_size=1, rate_limit=100) as account:
            for number in range(3):
                await feishu.say(f"m{number}")
            await trio.sleep(1)
            assert feishu.ledger.summary().refused >= 1, "code 500"
            await trio.sleep(1000)
            assert sorted(heard) == ["m0", "m1", "m2"]
            assert account.counters.shed >= 1


async def test_a_lost_connection_comes_back_within_what_the_server_wishes(autojump_clock: MockClock) -> None:
    rules = Rules(client_config={"ReconnectNonce": 30, "ReconnectInterval": 120, "PingInterval": 120})
    async with simulated(rules=rules) as feishu, feishu.open_account() as account:
        waits = []
        for _ in range(5):
            lost_at = trio.current_time()
            generation = account.generation
            feishu.drop_connections("close", code=1001)
            while account.generation == generation or account.state is not AccountState.READY:
                await trio.sleep(0.05)
            waits.append(trio.current_time() - lost_at)
            await trio.sleep(70)
        assert max(waits) <= 31
        assert max(waits) > 5, "spread over the time that the server named"


async def test_an_app_with_too_many_connections_stands_by(autojump_clock: MockClock) -> None:
    async with simulated(rules=Rules(max_connections=1)) as feishu:
        config = feishu.config("first")
        other = feishu.config("second", app_id=config.app_id)
        async with open_bridge([config, other], hearing([]), environment=feishu.environment) as bridge:
            await trio.sleep(10)
            states = {account.state for account in bridge.accounts.values()}
            assert states == {AccountState.READY, AccountState.STANDBY}
            waits = next(name for name, account in bridge.accounts.items() if account.state is AccountState.STANDBY)
            for name in bridge.accounts:
                if name != waits:
                    await bridge.stop(name)
            await bridge.account(waits).wait_ready()
