"""What an account does about every way in which a gateway says no: its state, its alarms, when it tries again."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import simulated
from trio_bridge.engine.account import Account
from trio_bridge.errors import AccountRefused
from trio_bridge.platforms.openclaw.gateway.acts import Closes, Refuses, Says
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.stores.memory import MemoryStore

PROTOCOLS = [3, 4]


def refuses(code: str = "INVALID_REQUEST", message: str = "no", **more: Any) -> Refuses:
    return Refuses(Refusal(code, message, **more))


def says(frame: dict[str, Any]) -> Says:
    return Says(json.dumps(frame))


def last_error(account: Account) -> str:
    error = account.statistics().last_error
    assert error is not None
    return error.message


# For good, until somebody acts: quarantined, and probed once an hour


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (
            refuses(details={"code": "PROTOCOL_MISMATCH", "expectedProtocol": 5}),
            "incompatible",
            "speaks 5, we speak 3-4",
        ),
        (refuses(details={"expectedProtocol": 2}), "incompatible", "speaks 2, we speak 3-4"),
        (refuses("UNAVAILABLE", details={"code": "PROTOCOL_MISMATCH"}, retryable=False), "incompatible", "another"),
        (refuses(details={"code": "CLIENT_VERSION_MISMATCH"}), "incompatible", "another version"),
        (refuses(message="invalid connect params: at root"), "misconfigured", "invalid connect params: at root"),
        (refuses(details={"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED"}), "misconfigured", "an Origin"),
        (refuses(details={"code": "AUTH_TOKEN_MISMATCH"}), "auth", "the secret is not the gateway's"),
        (refuses(details={"code": "AUTH_PASSWORD_MISMATCH"}), "auth", "password is not the gateway's"),
        (refuses(details={"code": "AUTH_TOKEN_NOT_CONFIGURED"}), "misconfigured", "set its gateway.auth.token"),
        (refuses("NOT_PAIRED", details={"code": "DEVICE_IDENTITY_REQUIRED"}), "misconfigured", "how we asked"),
        (refuses(details={"code": "DEVICE_AUTH_SIGNATURE_INVALID"}), "misconfigured", "SIGNATURE_INVALID"),
        (Closes(1002, "protocol mismatch"), "incompatible", "another protocol"),
        (Closes(1008, "invalid request frame"), "misconfigured", "invalid request frame"),
        (Closes(1008, "unauthorized: something"), "auth", "unauthorized: something"),
        (Closes(1009, ""), "misconfigured", "too large"),
    ],
)
async def test_refused(autojump_clock: MockClock, refusal: Refuses | Closes, kind: str, words: str) -> None:
    async with simulated() as stage:
        stage.gateway.script("connect", refusal, times=2)
        async with stage.account(refused_probe=60.0) as account:  # in place of an hour
            with pytest.raises(AccountRefused) as caught:
                await account.wait_ready()
            assert caught.value.kind == kind
            assert words in str(caught.value)
            assert words in last_error(account)
            assert (account.state, account.alarms) == ("quarantined", set())
            await trio.sleep(58)
            assert len(stage.logins) == 1
            await trio.sleep(10)
            assert len(stage.logins) == 2
            with trio.fail_after(70):
                await stage.gateway.next_connection()  # it comes back when the gateway has changed its mind


async def test_a_gateway_that_would_go_on_in_another_protocol_is_left(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        hello = {"type": "res", "id": "connect", "ok": True, "payload": {"type": "hello-ok", "protocol": 5}}
        stage.gateway.script("connect", says(hello))
        async with stage.account() as account:
            with pytest.raises(AccountRefused, match="speaks 5, we speak 3-4"):
                await account.wait_ready()
            assert not stage.gateway.connections


async def test_a_proxy_that_the_gateway_does_not_trust(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        with stage.gateway.refusing_upgrades(403):
            async with stage.account() as account:
                with pytest.raises(AccountRefused, match="trustedProxies") as caught:
                    await account.wait_ready()
                assert (caught.value.kind, caught.value.code) == ("misconfigured", "403")


# For a while: tried again, with delays up to half a minute


@pytest.mark.parametrize(
    "refusal",
    [
        refuses("UNAVAILABLE", "the store is busy"),
        refuses(details={"code": "AUTHENTICATED_PROFILE_UNAVAILABLE"}),
        Closes(1000, ""),
        Closes(1001, ""),
        Closes(1006, ""),
        Closes(1011, "internal error"),
        Closes(1012, "service restart"),
        Closes(4711, "something new"),
    ],
)
async def test_not_now(autojump_clock: MockClock, refusal: Refuses | Closes) -> None:
    async with simulated() as stage:
        stage.gateway.script("connect", refusal, times=8)
        async with stage.account() as account:
            await account.wait_ready()
            assert len(stage.logins) == 9
            lags = 8 * 2 if isinstance(refusal, Refuses) else 0  # a close is waited for, and does not come
            assert trio.current_time() == pytest.approx(0.5 + 1 + 2 + 4 + 8 + 15 * 3 + lags)
            assert account.alarms == set()


@pytest.mark.parametrize("status", [404, 426, 500, 502, 503])
async def test_an_upgrade_that_is_refused_is_tried_again(autojump_clock: MockClock, status: int) -> None:
    async with simulated() as stage:
        with stage.gateway.refusing_upgrades(status):
            async with stage.account() as account:
                await trio.sleep(100)
                assert account.state == "waiting"
                assert f"answered the upgrade with {status}" in last_error(account)
                assert ("is ws://127.0.0.1" in last_error(account)) == (status < 500)
        async with stage.account() as account:
            await account.wait_ready()


async def test_a_port_that_is_closed_then_starting_then_ready(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with simulated() as stage:
        await stage.gateway.stop()
        async with stage.account() as account:
            await trio.sleep(20)
            assert account.state == "waiting"
            await stage.gateway.start(ready=False)
            await trio.sleep(60)
            assert not account.api.hello
            stage.gateway.get_ready()
            began = trio.current_time()
            await account.wait_ready()
            assert trio.current_time() - began <= 0.6
            await trio.sleep(10)
        assert [record.message for record in caplog.records].count("ready") == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_starting_is_quiet_and_costs_nothing(
    autojump_clock: MockClock, protocol: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with simulated(protocol=protocol) as stage:
        with stage.gateway.starting():
            async with stage.account() as account:
                await trio.sleep(30)
                assert 30 / 0.6 - 2 <= len(stage.logins) <= 30 / 0.5
                assert account.alarms == set()
                told = [record for record in caplog.records if record.name.endswith("supervisor")]
                assert [record.message for record in told] == ["not connected"]
                stage.gateway.get_ready()
                await account.wait_ready()
                stage.gateway.drop_connections()
                lost_at = trio.current_time()
                await stage.gateway.wait_until(lambda: len(stage.gateway.connections) == 1)
                await account.wait_ready()
                assert trio.current_time() - lost_at <= 1, "the first delay: nothing had failed"


async def test_a_close_in_place_of_the_challenge_says_as_much(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.gateway.script("challenge", Closes(1013, "gateway starting"), Closes(1008, "unauthorized: x"))
        async with stage.account() as account:
            await trio.sleep(0.1)
            assert "the gateway is starting" in last_error(account)
            await trio.sleep(1)
            assert account.state == "quarantined"


@pytest.mark.parametrize("milliseconds", [None, -1, 10**12, 0])
async def test_how_soon_a_gateway_wants_to_be_asked_again_is_bounded(
    autojump_clock: MockClock, milliseconds: int | None
) -> None:
    starting = refuses("UNAVAILABLE", details={"reason": "startup-sidecars"}, retry_after_ms=milliseconds)
    async with simulated() as stage:
        stage.gateway.script("connect", starting)
        async with stage.account() as account:
            await account.wait_ready()
            assert 0.25 <= stage.tried_at[1] - 2 <= 10


@pytest.mark.parametrize(("milliseconds", "at_least"), [(299_996, 299.996), (None, 0.25)])
async def test_a_rate_limit_is_honoured(autojump_clock: MockClock, milliseconds: int | None, at_least: float) -> None:
    limited = refuses(details={"code": "AUTH_RATE_LIMITED"}, retryable=True, retry_after_ms=milliseconds)
    async with simulated() as stage:
        stage.gateway.script("connect", limited)
        async with stage.account() as account:
            await account.wait_ready()
            assert len(stage.logins) == 2
            assert at_least <= stage.tried_at[1] - 2 <= at_least * 1.2 + 1


async def test_a_lock_out_is_waited_for_also_with_the_right_token(autojump_clock: MockClock) -> None:
    """As the gateway counts them: ten failures from one address in a minute."""
    async with simulated() as stage:
        with stage.gateway.remote():
            for number in range(10):
                async with stage.account(name=f"wrong-{number}", token="wrong") as account:
                    with pytest.raises(AccountRefused):
                        await account.wait_ready()
            stage.gateway.settings.pairing = False
            async with stage.account() as account:
                await trio.sleep(290)
                assert account.state == "waiting"
                assert "too many failed" in last_error(account)
                assert len(stage.logins) == 11
                await trio.sleep(80)
                assert account.alarms == {"pairing_required"}, "it is let speak again"


# Until a person approves


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_pairing_goes_on_by_itself_once_approved(autojump_clock: MockClock, protocol: int) -> None:
    async with simulated(protocol=protocol) as stage:
        with stage.gateway.remote():
            async with stage.account() as account:
                request = await stage.gateway.next_request()
                await trio.sleep(100)
                assert (account.state, account.alarms) == ("waiting", {"pairing_required"})
                assert f"openclaw devices approve {request.id}" in last_error(account)
                assert account.api.info().pairing.request_id == request.id
                assert list(stage.gateway.devices.pending) == [request.id], "the same request, each time"
                assert 5 <= len(stage.logins) <= 8
                await stage.gateway.approve(request.id)
                with trio.fail_after(20):
                    await stage.gateway.next_connection()
                await trio.sleep(1)
                assert (account.state, account.alarms) == ("ready", set())
                assert account.api.info().pairing is None


async def test_a_rejected_device_asks_again_with_the_same_key(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        with stage.gateway.remote():
            async with stage.account() as account:
                first = await stage.gateway.next_request()
                await stage.gateway.reject(first.id)
                second = await stage.gateway.next_request()
                assert second.id != first.id
                await trio.sleep(1)
                assert second.id in last_error(account)
        assert len({login["device"]["id"] for login in stage.logins}) == 1


async def test_a_scope_upgrade_waits_for_a_person(autojump_clock: MockClock) -> None:
    """A gateway of protocol 3 wants one even on its own machine."""
    store = MemoryStore()
    async with simulated(protocol=3) as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        async with stage.account(store=store, scopes=("operator.read", "operator.admin")) as account:
            request = await stage.gateway.next_request()
            await trio.sleep(1)
            assert "more scopes than it was approved for" in last_error(account)
            await stage.gateway.approve(request.id)
            await trio.sleep(20)
            assert (account.state, account.alarms) == ("ready", set())


# While connected


@pytest.mark.parametrize(
    ("code", "reason", "state", "words"),
    [
        (1000, "", "waiting", "1000"),
        (1001, "", "waiting", "1001"),
        (1006, "", "waiting", ""),
        (1008, "slow consumer", "waiting", "too slowly"),
        (1008, "repeated unauthorized calls", "quarantined", "repeated unauthorized calls"),
        (1008, "unauthorized: x", "quarantined", "credentials"),
        (1009, "", "waiting", "too large"),
        (1011, "", "waiting", "1011"),
        (1012, "service restart", "waiting", "1012"),
        (1013, "", "waiting", "1013"),
        (4000, "tick timeout", "waiting", "4000"),
        (4001, "gateway auth changed", "waiting", "credentials were changed"),
        (4001, "device removed", "waiting", "withdrew this device's token"),
    ],
)
async def test_a_close_behind_the_hello(
    autojump_clock: MockClock, code: int, reason: str, state: str, words: str
) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.drop_connections(code, reason)
        await trio.sleep(0.1)
        assert account.state == state
        assert words in last_error(account)
        await trio.sleep(0.5 if code != 4001 else 1.5)
        assert len(stage.logins) == (2 if state == "waiting" else 1)


async def test_a_slow_reader_is_warned_of(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.drop_connections(1008, "slow consumer")
        await trio.sleep(5)
        assert account.state == "ready"
    assert "we read too slowly" in caplog.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_gateway_that_restarts(autojump_clock: MockClock, protocol: int) -> None:
    async with simulated(protocol=protocol) as stage, stage.account() as account:
        await account.wait_ready()
        await trio.sleep(100)
        await stage.gateway.restart(down=3, starting=4)
        with trio.fail_after(3):
            await stage.gateway.wait_until(lambda: any(each.ready for each in stage.gateway.connections))
            await account.wait_ready()
        assert account.alarms == set()


async def test_a_gateway_that_restarts_again_and_again_is_not_kept_waiting(autojump_clock: MockClock) -> None:
    """It has nothing to deliver, and that says nothing about it."""
    async with simulated() as stage, stage.account() as account:
        for _ in range(20):
            with trio.fail_after(40):
                await stage.gateway.next_connection()
            await trio.sleep(3)
            stage.gateway.drop_connections(1012, "service restart")
        assert "stalled" in account.alarms, "and it is told all the same"


async def test_a_gateway_that_says_how_long_it_will_be_away(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.gateway.broadcast("shutdown", {"reason": "gateway restarting", "restartExpectedMs": 20_000})
        await trio.sleep(0.1)
        stage.gateway.drop_connections(1012, "service restart")
        await trio.sleep(19)
        assert account.state == "waiting"
        await trio.sleep(6)
        assert account.state == "ready"
