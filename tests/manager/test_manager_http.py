"""The manager's four endpoints: every answer that they have."""

from __future__ import annotations

import builtins
import logging
import re
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import attrs
import httpx
import pytest
import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from trio.testing import MockClock

from tests.engine.rival import Rival
from tests.manager.reception import Exclusive, open_reception
from tests.platforms.feishu.account_stage import simulated
from trio_bridge.config import Secret
from trio_bridge.errors import ConfigError, StoreUnavailable
from trio_bridge.manager import BotUnknown, BrokenBot, Caller, Desk, manager_app
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.feishu import UpgradeRefusal

SHAPE = {
    "bot_id", "channel", "mode", "enabled", "desired", "state", "phase", "since", "connected_at", "conn_id", "attempt",
    "next_retry_at", "last_error", "last_ping_at", "last_pong_at", "pong_age_seconds", "last_event_at", "counters",
    "queue",
}  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_connect_is_answered_at_once_and_the_status_follows(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann", enabled=True)) as there:
        await there.post("a/disconnect")
        code, status = await there.post("a/connect")
        assert code == 202
        assert (status["desired"], status["state"]) == ("connected", "connecting")
        await there.bridge.account("a").wait_ready()
        status = await there.status("a")
        assert (status["state"], status["phase"]) == ("connected", "open")
        code, again = await there.post("a/connect")
        assert (code, again) == (202, {**status, "attempt": 0})
        assert len(feishu.opened) == len(feishu.connections) == 1


async def test_the_status_has_everything_and_its_times_are_utc(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await there.post("a/connect?wait=5")
        pushed = await feishu.say("hello")
        await feishu.wait_acked(pushed)
        await trio.sleep(30)
        status = await there.status("a")
        assert set(status) == SHAPE
        assert set(status["counters"]) == {"events", "duplicates", "acks_500", "bad_frames", "reconnects"}
        assert set(status["queue"]) == {"pending", "running"}
        for name in ("since", "connected_at", "last_ping_at", "last_pong_at", "last_event_at"):
            assert MOMENT.fullmatch(status[name])
        assert status["last_event_at"].startswith("2026-11-18T11:06:4")
        assert (status["channel"], status["mode"]) == ("feishu", "websocket")
        assert status["conn_id"] == feishu.connections[0].id
        assert status["counters"]["events"] == 1


@pytest.mark.parametrize("path", ["a/connect", "a/disconnect", "a/status", "status"])
async def test_who_is_nobody_is_told_nothing(path: str, autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        call = there.post if "connect" in path else there.get
        code, body = await call(path, "stranger")
        assert code == 401
        assert body == {"error": {"code": "unauthorized", "message": "who are you?"}}
        assert (await there.status("a"))["desired"] == "connected"


@pytest.mark.parametrize("path", ["{}/connect", "{}/connect?wait=1", "{}/disconnect", "{}/status"])
async def test_a_bot_of_somebody_else_is_answered_like_none_at_all(path: str, autojump_clock: MockClock) -> None:
    broken = BrokenBot(name="broken", owner="ann", platform="feishu", problem="app_id: expected cli_…")
    async with simulated() as feishu:
        nobodys = feishu.config("nobodys", enabled=False)
        async with open_reception(feishu, feishu.config("a", owner="ann"), nobodys, broken) as there:
            call = there.get if path.endswith("status") else there.post
            told = [await call(path.format(bot), "bob") for bot in ("a", "broken", "nobodys", "unheard of")]
            assert told == [(404, {"error": {"code": "unknown_bot", "message": "there is no such bot"}})] * 4
            assert there.bridge.account("a").wanted
            assert not there.bridge.account("nobodys").wanted


async def test_nobody_waits_for_a_bot_of_somebody_else(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        desk = Desk(there.manager, Caller("bob"))
        with feishu.hanging_upgrades(), trio.fail_after(1), pytest.raises(BotUnknown):
            await desk.wait_settled("a")


async def test_who_may_only_look_can_neither_connect_nor_disconnect(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        for path in ("a/connect", "a/disconnect"):
            code, body = await there.post(path, "ann-looks")
            assert (code, body["error"]["code"]) == (403, "may_not_control")
        assert (await there.post("unheard of/connect", "ann-looks"))[0] == 404
        assert (await there.status("a", "ann-looks"))["desired"] == "connected"


async def test_wait_is_answered_when_it_is_connected(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        with feishu.late_upgrades(3.0):
            code, status = await there.post("a/connect?wait=10")
        assert code == 200
        assert trio.current_time() == pytest.approx(3.0)
        assert status["state"] == "connected"
        assert await there.post("a/connect?wait=0.5") == (200, {**status, "attempt": 0})


async def test_wait_ends_with_504_while_it_is_tried_on(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        with feishu.hanging_upgrades():
            code, body = await there.post("a/connect?wait=2")
            assert trio.current_time() == 2.0
            assert (code, body["error"]["code"]) == (504, "still_connecting")
            assert (body["status"]["state"], body["status"]["phase"]) == ("connecting", "handshaking")
            assert (await there.post("a/connect?wait=999"))[0] == 504
            assert trio.current_time() == 62.0  # no longer than a minute


@pytest.mark.parametrize(
    ("refusal", "severity", "phase"), [(1000040345, "slow", "slow_wait"), (1000040346, "stop", "parked")]
)
async def test_wait_ends_with_502_and_the_reason(
    refusal: int, severity: str, phase: str, autojump_clock: MockClock
) -> None:
    async with simulated() as feishu:
        with feishu.refusing(refusal, "no"):
            async with open_reception(feishu, feishu.config("a", owner="ann")) as there:
                for _ in range(2):  # what was refused before is tried anew
                    code, body = await there.post("a/connect?wait=10")
                    assert (code, body["error"]["code"]) == (502, str(refusal))
                    assert "no" in body["error"]["message"]
                    error = body["status"]["last_error"]
                    assert (error["class"], error["where"], error["code"]) == (severity, "endpoint", str(refusal))
                    assert (body["status"]["state"], body["status"]["phase"]) == ("error", phase)
                    assert MOMENT.fullmatch(error["at"])
        async with open_reception(feishu, feishu.config("b", owner="ann")) as there:
            assert (await there.post("b/connect?wait=10"))[0] == 200


async def test_a_passing_failure_is_waited_out(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        feishu.refuse_upgrades(*[UpgradeRefusal(500)] * 2)
        async with open_reception(feishu, feishu.config("a", owner="ann")) as there:
            code, status = await there.post("a/connect?wait=30")
            assert code == 200
            assert (status["last_error"]["class"], status["last_error"]["where"]) == ("retry", "handshake")


async def test_a_wait_ends_when_somebody_disconnects(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        told: list[Any] = []

        async def wait() -> None:
            told.append(await there.post("a/connect?wait=30"))

        with feishu.hanging_upgrades():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await trio.sleep(3)
                await there.post("a/disconnect")
        [(code, body)] = told
        assert (code, body["error"]["code"]) == (409, "disconnected")


async def test_who_waits_for_a_bot_that_is_given_away_is_not_told_how_it_went(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        bot = feishu.config("a", owner="ann")
        async with open_reception(feishu, bot) as there:
            told: list[Any] = []

            async def wait() -> None:
                told.append(await there.post("a/connect?wait=30"))

            async with trio.open_nursery() as nursery:
                with feishu.late_upgrades(5.0):
                    nursery.start_soon(wait)
                    await trio.sleep(3)
                    await there.manager.put(attrs.evolve(bot, owner="bob"))
                    await trio.sleep(5)
            [(code, body)] = told
            assert (code, body["error"]["code"]) == (404, "unknown_bot")
            assert len(feishu.opened) == 1


@pytest.mark.parametrize("wait", ["", "soon", "nan", "-1", "inf"])
async def test_a_wait_that_is_none_is_refused_before_anything_is_done(wait: str, autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        await there.post("a/disconnect")
        code, body = await there.post(f"a/connect?wait={wait}")
        assert (code, body["error"]["code"]) == (400, "bad_request")
        assert (await there.status("a"))["desired"] == "disconnected"


async def test_a_disabled_bot_is_a_conflict(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann", enabled=False)) as there:
        code, body = await there.post("a/connect")
        assert (code, body["error"]["code"]) == (409, "disabled")
        assert (await there.post("a/disconnect"))[0] == 200
        status = await there.status("a")
        assert (status["enabled"], status["state"]) == (False, "disconnected")
        assert not feishu.discoveries


async def test_a_bot_that_is_called_has_nothing_to_connect(autojump_clock: MockClock) -> None:
    async with simulated() as feishu:
        called = feishu.config("a", owner="ann", mode="webhook", listen="", encrypt_key="k", verification_token="t")
        async with open_reception(feishu, called) as there:
            await there.bridge.account("a").wait_ready()
            for path in ("a/connect", "a/disconnect"):
                code, body = await there.post(path)
                assert (code, body["error"]["code"]) == (409, "wrong_mode")
            status = await there.status("a")
            assert (status["mode"], status["desired"], status["state"]) == ("webhook", "connected", "connected")


async def test_what_another_process_holds_is_a_conflict_and_nothing_is_wished(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with simulated() as feishu:
        app = feishu.add_app()
        bot = Exclusive(name="a", owner="ann", app_id=app.app_id, app_secret=app.app_secret, domain=feishu.url)
        async with open_reception(feishu, bot) as there:
            await there.post("a/disconnect")
            with Rival(Exclusive.exclusive_key(bot)) as rival:
                assert rival.gets_it()
                code, body = await there.post("a/connect?wait=5")
                assert (code, body["error"]["code"]) == (409, "held_elsewhere")
                assert (await there.status("a"))["desired"] == "disconnected"
            assert (await there.post("a/connect?wait=5"))[0] == 200


async def test_a_secret_that_cannot_be_read_is_an_invalid_configuration(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated() as feishu:
        app = feishu.add_app(app_secret="s3cr3t")
        bot = feishu.config("a", app_id=app.app_id, owner="ann", enabled=True)
        async with open_reception(feishu) as there:
            await there.manager.put(attrs.evolve(bot, app_secret=Secret(env="NO_SUCH_SECRET")))
            code, body = await there.post("a/connect?wait=5")
            assert (code, body["error"]["code"]) == (422, "invalid_configuration")
            assert "NO_SUCH_SECRET is not set" in body["error"]["message"]
            await trio.sleep(0.1)
            error = (await there.status("a"))["last_error"]
            assert (error["class"], error["where"]) == ("stop", "endpoint")
            monkeypatch.setenv("NO_SUCH_SECRET", "s3cr3t")
            assert (await there.post("a/connect?wait=5"))[0] == 200


async def test_a_bot_whose_configuration_cannot_be_read_is_shown_with_what_is_wrong(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu) as there:
        with pytest.raises(ConfigError) as wrong:
            feishu.config("a", owner="ann", app_id="a1b2c3")
        await there.manager.put(BrokenBot(name="a", owner="ann", platform="feishu", problem=wrong.value))
        for path in ("a/connect", "a/disconnect", "a/connect?wait=3"):
            code, body = await there.post(path)
            assert (code, body["error"]["code"]) == (422, "invalid_configuration")
            assert "app_id" in body["error"]["message"]
        code, body = await there.get("status")
        [status] = body["connections"]
        assert set(status) == SHAPE
        assert (status["state"], status["desired"], status["last_error"]["class"]) == ("error", "connected", "stop")
        await there.manager.put(feishu.config("a", owner="ann"))
        assert (await there.post("a/connect?wait=5"))[0] == 200


async def test_a_store_that_cannot_keep_the_wish_is_said(autojump_clock: MockClock) -> None:
    class Full(MemoryStore):
        full = False

        async def want(self, name: str, wanted: Any) -> None:
            if self.full:
                raise StoreUnavailable("disk full")
            await super().want(name, wanted)

    store = Full()
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann"), store=store) as there:
        store.full = True
        code, body = await there.post("a/disconnect")
        assert (code, body["error"]) == (503, {"code": "store_unavailable", "message": "disk full"})
        store.full = False


async def test_ids_may_hold_anything(autojump_clock: MockClock) -> None:
    ids = ["team/one", "status", "a b", "x/connect", "机器人"]
    async with simulated() as feishu:
        bots = [feishu.config(name, owner="ann", app_id=feishu.add_app().app_id) for name in ids]
        async with open_reception(feishu, *bots) as there:
            for name in ids:
                assert (await there.status(name))["bot_id"] == name
                assert (await there.post(f"{name}/connect?wait=5"))[0] == 200


async def test_other_places_and_methods_are_answered_with_json_too(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu, feishu.config("a", owner="ann")) as there:
        assert await there.get("a/connect") == (405, {"error": {"code": "method_not_allowed", "message": ANY}})
        assert await there.get("a/unheard-of") == (404, {"error": {"code": "not_found", "message": ANY}})


async def test_what_the_application_says_of_a_caller_itself_is_passed_on(autojump_clock: MockClock) -> None:
    async def identify(request: Request) -> Caller | None:
        if "boom" in request.headers:
            raise ZeroDivisionError
        raise HTTPException(401, "log in", {"WWW-Authenticate": "Bearer"})

    async with simulated() as feishu, open_reception(feishu) as there:
        transport = httpx.ASGITransport(manager_app(there.manager, identify), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            told = await client.get("/status")
            assert (told.status_code, told.headers["www-authenticate"]) == (401, "Bearer")
            assert told.json()["error"]["message"] == "log in"
            told = await client.get("/status", headers={"boom": "1"})
            assert (told.status_code, told.json()["error"]["code"]) == (500, "internal_error")
            assert told.headers["cache-control"] == "no-store"


async def test_what_is_wrong_with_a_row_is_told_without_addresses(autojump_clock: MockClock) -> None:
    async with simulated() as feishu, open_reception(feishu) as there:
        problem = "domain: not https://canary:canary@host.example/canary"
        await there.manager.put(BrokenBot(name="a", owner="ann", platform="feishu", problem=problem))
        for told in (await there.status("a"), await there.post("a/connect")):
            assert "domain: not https://host.example" in str(told)
            assert "canary" not in str(told)


async def test_neither_status_nor_log_holds_a_secret(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as feishu:
        app = feishu.add_app(app_secret="canary-secret")
        bot = feishu.config("a", app_id=app.app_id, owner="ann")
        async with open_reception(feishu, bot) as there:
            shown = [str(await there.post("a/connect?wait=5"))]
            pushed = await feishu.say("canary-text")
            await feishu.wait_acked(pushed)
            feishu.drop_connections("rst")
            await trio.sleep(0.1)
            shown.append(str(await there.status("a")))
            with feishu.refusing(1000040345, "secret canary-secret is wrong, see https://x.example/?ticket=canary"):
                shown.append(str(await there.post("a/connect?wait=60")))
            told = "\n".join([*shown, caplog.text])
            for canary in ("canary", "ticket=", "access_key", "ws://", "http://x"):
                assert canary not in told


def test_without_starlette_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("starlette"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "trio_bridge.manager.http", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"trio-bridge\[web\]"):
        manager_app(None, None)  # type: ignore[arg-type]


def test_a_caller_without_an_owner_would_own_what_is_nobodys() -> None:
    with pytest.raises(ValueError, match="owner"):
        Caller("")
