"""What a manager of bots has to get right, each with the number under which the table of features has it."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_bridge
from tests.engine.rival import Rival
from tests.manager.reception import Exclusive, Reception, open_reception
from tests.platforms.feishu.account_stage import hearing, simulated
from trio_bridge.errors import ConfigError
from trio_bridge.manager import BotConflict, BrokenBot
from trio_bridge.stores.memory import MemoryStore


async def connected(there: Reception, *bot_ids: str) -> None:
    for bot_id in bot_ids:
        code, body = await there.post(f"{bot_id}/connect?wait=30")
        assert code == 200, body


async def phase_of(there: Reception, bot_id: str = "a") -> tuple[str, str]:
    status = await there.status(bot_id)
    return status["state"], status["phase"]


async def test_row_2_connected_is_said_when_the_first_answer_came_and_not_before(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await there.post("a/disconnect")
        assert await phase_of(there) == ("disconnected", "idle")
        with feishu.hanging_discovery():
            await there.post("a/connect")
            await trio.sleep(1)
            assert await phase_of(there) == ("connecting", "discovering")
        await there.post("a/disconnect")
        with feishu.hanging_upgrades():
            await there.post("a/connect")
            await trio.sleep(1)
            assert await phase_of(there) == ("connecting", "handshaking")
        await there.post("a/disconnect")
        feishu.rules = attrs.evolve(feishu.rules, pong="off")
        await there.post("a/connect")
        await trio.sleep(0.5)
        assert len(feishu.connections) == 1
        assert await phase_of(there) == ("connecting", "awaiting_pong")
        feishu.rules = attrs.evolve(feishu.rules, pong="config")
        await connected(there, "a")
        assert await phase_of(there) == ("connected", "open")


async def test_row_3_the_first_attempt_and_the_first_failure_are_seen(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu) as there:
        with feishu.refusing(1, "system busy"):
            await there.manager.put(feishu.config("a", owner="ann"))
            assert await phase_of(there) == ("connecting", "starting")
            await trio.sleep(0.1)
            status = await there.status("a")
            assert (status["state"], status["phase"], status["attempt"]) == ("connecting", "backoff", 2)
            assert status["next_retry_at"] > status["since"]
            error = status["last_error"]
            assert (error["class"], error["where"], error["code"]) == ("retry", "endpoint", "HandshakeFailed")
            assert "system busy" in error["message"]
            await trio.sleep(400)  # what has failed for five minutes is no passing trouble
            assert (await there.status("a"))["state"] == "error"


async def test_row_4_signs_of_life_have_a_time(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await connected(there, "a")
        first = (await there.status("a"))["last_pong_at"]
        assert first is not None
        await trio.sleep(61)
        status = await there.status("a")
        assert status["last_ping_at"] > first
        assert status["last_pong_at"] > first
        assert 0 < status["pong_age_seconds"] < 20


async def test_row_4_pings_of_the_platforms_own_kind_count(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        bot = feishu.config("a", owner="ann", ping_interval=10_000)
        async with open_reception(feishu, bot) as there:
            await connected(there, "a")
            await trio.sleep(61)
            status = await there.status("a")
            assert status["last_ping_at"] > status["connected_at"]
            assert 0 < status["pong_age_seconds"] < 20


async def test_row_5_it_is_tried_for_ever(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await connected(there, "a")
        async with feishu.away():
            await trio.sleep(600)
            assert (await there.status("a"))["next_retry_at"] is not None
        back = trio.current_time()
        await there.bridge.account("a").wait_ready()
        assert trio.current_time() - back <= 65
        await wait_all_tasks_blocked()
        assert (await there.status("a"))["counters"]["reconnects"] == 1


async def test_row_6_disconnect_ends_a_wait_for_the_next_attempt_and_nothing_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        with feishu.refusing(1, "system busy"):
            await trio.sleep(100)
            assert (await phase_of(there))[1] == "backoff"
            code, status = await there.post("a/disconnect")
            assert (code, status["state"], status["next_retry_at"]) == (200, "disconnected", None)
            asked = dict(feishu.rest.desk.calls)
            assert asked["POST /callback/ws/endpoint"] > 3
        await trio.sleep(3600)
        assert feishu.rest.desk.calls == asked
        assert await phase_of(there) == ("disconnected", "idle")


async def test_row_7_disconnect_leaves_no_connection_behind(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await connected(there, "a")
        for _ in range(2):  # the second time there is nothing to do
            code, status = await there.post("a/disconnect")
            assert (code, status["state"], status["desired"]) == (200, "disconnected", "disconnected")
            await wait_all_tasks_blocked()
            assert not feishu.connections
        await feishu.say("hello")
        await trio.sleep(3600)
        assert len(feishu.discoveries) == len(feishu.opened) == 1


async def test_trap_2_the_stop_stops_within_two_seconds_also_beside_a_deaf_server(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await connected(there, "a")
        began = trio.current_time()
        await there.post("a/disconnect")
        await feishu.wait_until(lambda: not feishu.connections)
        assert trio.current_time() - began <= 2
        assert feishu.opened[0].closed_by_client == 1000
        await connected(there, "a")
        with feishu.half_open():
            began = trio.current_time()
            await there.post("a/disconnect")
            assert trio.current_time() - began <= 5
            await trio.sleep(600)
        assert len(feishu.discoveries) == 2


async def test_row_8_and_trap_9_many_connects_at_once_are_one_connection(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann", enabled=True)) as there:
        await there.post("a/disconnect")
        told: list[int] = []

        async def connect(wait: str) -> None:
            told.append((await there.post(f"a/connect{wait}"))[0])

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(connect, "?wait=5" if number % 2 else "")
        assert sorted(told) == [200] * 5 + [202] * 5
        assert len(feishu.opened) == len(feishu.connections) == 1


async def test_row_8_any_mix_of_wishes_ends_as_the_last_one_says(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        dice = random.Random(5)
        for _ in range(40):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(there.post, dice.choice(["a/connect", "a/disconnect", "a/connect?wait=1"]))
                await trio.sleep(dice.random() / 10)
        assert list(feishu.counts.most_connections.values()) == [1]
        desired = (await there.status("a"))["desired"]
        await trio.sleep(10)
        assert len(feishu.connections) == (desired == "connected")


async def test_row_9_what_was_wished_is_restored(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as feishu:
        bots = [feishu.config(name, owner="ann") for name in ("a", "b", "c")]
        async with open_reception(feishu, *bots, store=store) as there:
            await connected(there, "a", "b")
            await there.post("b/disconnect")
        assert not feishu.connections
        async with open_reception(feishu, *bots, store=store) as there:
            await trio.sleep(5)
            _, body = await there.get("status")
            wished = {bot["bot_id"]: (bot["desired"], bot["state"]) for bot in body["connections"]}
            assert wished == {
                "a": ("connected", "connected"),
                "b": ("disconnected", "disconnected"),
                "c": ("connected", "connected"),
            }


async def test_row_9_many_bots_come_back_one_after_the_other(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        bots = [feishu.config(f"bot{number}", owner="ann") for number in range(20)]
        async with open_reception(feishu, *bots, rand=random.Random(3).random) as there:
            _, body = await there.get("status")
            assert {bot["state"] for bot in body["connections"]} == {"connecting"}
            await trio.sleep(4.1)
            assert len(feishu.connections) == 20
            asked = [discovery.at for discovery in feishu.discoveries]
            assert 3 < max(asked) - min(asked) <= 4
            busiest = max(sum(0 <= at - begin < 0.5 for at in asked) for begin in asked)
            assert busiest < 8


async def test_row_10_other_values_take_the_place_of_the_old_ones(autojump_clock: MockClock) -> None:
    texts: list[str] = []
    async with (
        simulated() as feishu,
        open_reception(feishu, feishu.config("a", owner="ann"), handler=hearing(texts)) as there,
    ):
        await connected(there, "a")
        [old] = feishu.connections
        app = feishu.add_app(app_secret="rotated")
        await there.manager.put(feishu.config("a", owner="ann", app_id=app.app_id))
        assert not old.live
        await connected(there, "a")
        assert [link.app_id for link in feishu.connections] == [app.app_id]
        await feishu.wait_acked(await feishu.say("hello", app_id=app.app_id))
        await trio.sleep(1)
        assert texts == ["hello"]


async def test_row_10_disabled_and_deleted_bots_have_no_connection(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        a, b = feishu.config("a", owner="ann"), feishu.config("b", owner="ann")
        async with open_reception(feishu, a, b) as there:
            await connected(there, "a", "b")
            await there.manager.reconcile([attrs.evolve(a, enabled=False)])
            assert not feishu.connections
            assert (await there.get("b/status"))[0] == 404
            assert (await there.post("a/connect"))[0] == 409
            await trio.sleep(600)
            assert not feishu.connections
            await there.manager.reconcile([a, b])
            await trio.sleep(5)
            assert len(feishu.connections) == 2


async def test_row_10_a_mode_without_a_connection_runs_whatever_was_wished(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as feishu:
        bot = feishu.config("a", owner="ann")
        called = attrs.evolve(bot, mode="webhook", listen="", encrypt_key="k", verification_token="t")
        async with open_reception(feishu, bot, store=store) as there:
            await connected(there, "a")
            await there.post("a/disconnect")
            await there.manager.put(called)
            await there.bridge.account("a").wait_ready()
            assert not feishu.connections
            assert (await there.status("a"))["desired"] == "connected"
            await there.manager.put(attrs.evolve(bot, owner="bob"))
            assert (await there.post("a/connect?wait=5", "bob"))[0] == 200
            assert (await there.post("a/connect"))[0] == 404


async def test_row_10_whoever_runs_all_bots_stops_them_together(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        bots = [feishu.config(f"bot{number}", owner="ann") for number in range(8)]
        async with open_reception(feishu, *bots, handler=_for_ever) as there:
            await connected(there, *(bot.name for bot in bots))
            for bot in bots:
                await feishu.wait_acked(await feishu.say("hello", app_id=bot.app_id))
            await wait_all_tasks_blocked()
            assert (await there.status("bot3"))["queue"] == {"pending": 0, "running": 1}
            began = trio.current_time()
        assert trio.current_time() - began <= 10
        assert not feishu.connections


async def test_row_11_everybody_sees_his_own_bots_also_those_that_never_connected(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        bots = [
            feishu.config("a", owner="ann"),
            feishu.config("b", owner="bob"),
            feishu.config("c", owner="ann", enabled=False),
            feishu.config("nobodys"),
        ]
        async with open_reception(feishu, *bots) as there:
            seen = {}
            for user in ("ann", "ann-looks", "bob"):
                code, body = await there.get("status", user)
                assert code == 200
                seen[user] = [bot["bot_id"] for bot in body["connections"]]
            assert seen == {"ann": ["a", "c"], "ann-looks": ["a", "c"], "bob": ["b"]}
            assert [status.bot_id for status in there.manager.statuses()] == ["a", "b", "c", "nobodys"]


def test_row_12_nothing_that_is_managed_knows_the_manager() -> None:
    package = Path(trio_bridge.__file__).parent
    knowing = [
        file.relative_to(package).parts[0]
        for file in package.rglob("*.py")
        if re.search(r"^\s*(from|import) .*\bmanager\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert set(knowing) <= {"manager"}


async def test_trap_14_an_app_id_that_is_none_is_seen_in_the_status(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        try:
            bot: Any = feishu.config("a", owner="ann", app_id="not an app id")
        except ConfigError as error:
            bot = BrokenBot(name="a", owner="ann", platform="feishu", problem=error)
        async with open_reception(feishu, bot, feishu.config("b", owner="ann")) as there:
            status = await there.status("a")
            assert (status["state"], status["phase"]) == ("error", "parked")
            assert status["last_error"]["class"] == "stop"
            assert "app_id" in status["last_error"]["message"]
            await connected(there, "b")


async def test_trap_34_of_two_processes_with_one_app_one_is_connected(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with simulated() as feishu:
        app = feishu.add_app()
        bot = Exclusive(name="a", owner="ann", app_id=app.app_id, app_secret=app.app_secret, domain=feishu.url)
        with Rival(Exclusive.exclusive_key(bot)) as rival:
            assert rival.gets_it()
            async with open_reception(feishu, bot) as there:
                await trio.sleep(1)
                status = await there.status("a")
                assert (status["state"], status["phase"]) == ("error", "slow_wait")
                assert status["last_error"]["class"] == "slow"
                assert "another process" in status["last_error"]["message"]
                assert not feishu.discoveries
                with pytest.raises(BotConflict, match="another process"):
                    await there.manager.wait_settled("a")
                rival.kill()
                await there.bridge.account("a").wait_ready()
                assert len(feishu.opened) == 1


async def test_a_bot_whose_row_breaks_is_stopped_and_comes_back_as_it_was_wished(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        a, b = feishu.config("a", owner="ann"), feishu.config("b", owner="ann")
        broken = [BrokenBot(name=name, owner="ann", platform="feishu", problem="app_id: no") for name in ("a", "b")]
        async with open_reception(feishu, a, b) as there:
            await connected(there, "a", "b")
            await there.post("b/disconnect")
            await there.manager.reconcile(broken)
            assert not feishu.connections
            first = [await there.status(name) for name in ("a", "b")]
            assert [status["desired"] for status in first] == ["connected", "disconnected"]
            await trio.sleep(60)
            await there.manager.reconcile(broken)
            assert [await there.status(name) for name in ("a", "b")] == first
            await there.manager.reconcile([a, b])
            await trio.sleep(5)
            assert [link.app_id for link in feishu.connections] == [a.app_id]
            await there.manager.reconcile(broken)
            await there.manager.reconcile([])
            assert not there.manager.statuses()


async def test_what_is_removed_while_it_is_added_is_gone(autojump_clock: MockClock) -> None:
    class Slow(MemoryStore):
        async def open_account(self, name: str, **about: Any) -> Any:
            await trio.sleep(1)
            return await super().open_account(name, **about)

    async with simulated() as feishu, open_reception(feishu, store=Slow()) as there:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.manager.put, feishu.config("a", owner="ann"))
            await trio.sleep(0.5)
            await there.manager.remove("a")
        await trio.sleep(5)
        assert not there.manager.statuses()
        assert not feishu.connections


async def test_what_goes_wrong_with_one_bot_is_its_own(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(MemoryStore):
        async def open_account(self, name: str, **about: Any) -> Any:
            if name == "b":
                raise trio_bridge.StoreUnavailable("no room for b")
            return await super().open_account(name, **about)

    async with simulated() as feishu:
        bots = [feishu.config(name, owner="ann") for name in ("a", "b", "c")]
        async with open_reception(feishu, *bots, store=Forgetful()) as there:
            await connected(there, "a", "c")
            assert (await there.get("b/status"))[0] == 404
        assert "a bot can't be had as it is described" in caplog.text


async def test_two_bots_of_one_name_are_refused(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu) as there:
        with pytest.raises(ConfigError, match="two bots of the name a"):
            await there.manager.reconcile([feishu.config("a"), feishu.config("a", owner="bob")])
        assert not there.manager.statuses()


async def test_what_is_said_twice_at_once_is_done_once(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu) as there:
        bots = [feishu.config(name, owner="ann") for name in ("a", "b")]
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(there.manager.reconcile, bots)
                    nursery.start_soon(there.manager.put, attrs.evolve(bots[0], workers=2))
                nursery.start_soon(there.manager.remove, "b")
        await there.manager.reconcile(bots)
        await trio.sleep(5)
        assert sorted(link.app_id for link in feishu.connections) == sorted(bot.app_id for bot in bots)


async def test_a_bot_of_another_platform_takes_the_place_of_the_old_one(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        other = trio_bridge.DingTalk(name="a", owner="ann", client_id="x", client_secret="y", enabled=False)
        async with open_reception(feishu, feishu.config("a", owner="ann")) as there:
            await connected(there, "a")
            await there.manager.put(other)
            assert not feishu.connections
            assert (await there.status("a"))["channel"] == "dingtalk"


async def _for_ever(message: Any) -> None:
    await trio.sleep_forever()
