"""How an account comes to be connected to a gateway: what it shows, what it keeps, what it tries next."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import Stage, simulated
from trio_bridge.config import Secret, Transport
from trio_bridge.engine.account import Account
from trio_bridge.errors import AccountRefused, StoreUnavailable
from trio_bridge.platforms.openclaw.access.device_tokens import SCOPE, DeviceTokens
from trio_bridge.platforms.openclaw.gateway.acts import Closes, Late, Lost, Refuses, Says
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.stores.memory import MemoryAccount, MemoryStore
from trio_bridge.transport import client
from trio_bridge.transport.server import HttpRequest, HttpResponse, serve_listener

PROTOCOLS = [3, 4]


def unauthorized(code: str, **more: Any) -> Refuses:
    return Refuses(Refusal("INVALID_REQUEST", "unauthorized", details={"code": code}, **more))


def auths(stage: Stage) -> list[dict[str, str]]:
    """What proved us at each try."""
    return [login.get("auth", {}) for login in stage.logins]


def methods(stage: Stage) -> Sequence[str]:
    """By what the gateway let us in, each time."""
    return [connection.method for connection in stage.gateway.opened]


async def token_of(store: MemoryStore) -> list[dict[str, Any]]:
    """The device tokens that an account keeps."""
    account = await store.open_account("openclaw", platform="openclaw")
    return list((await account.load(SCOPE)).values())


async def refusal_of(account: Account) -> AccountRefused:
    with pytest.raises(AccountRefused) as caught:
        await account.wait_ready()
    return caught.value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("auth", ["token", "password", "none"])
@pytest.mark.parametrize("transport", get_args(Transport))
async def test_in(autojump_clock: MockClock, protocol: int, auth: str, transport: Transport) -> None:
    async with (
        simulated(protocol=protocol, auth=auth, transport=transport) as stage,
        stage.account(transport=transport) as account,
    ):
        await account.wait_ready()
        assert account.api.hello.protocol == protocol
        [login] = stage.logins
        assert (login["minProtocol"], login["maxProtocol"], login["role"]) == (3, 4, "operator")
        assert (login["client"]["id"], login["client"]["mode"]) == ("cli", "cli")
        assert login["scopes"] == ["operator.read", "operator.write"]
        assert set(login.get("auth", {})) == ({auth} - {"none"})
        assert account.alarms == set()


@pytest.mark.parametrize("transport", get_args(Transport))
async def test_the_library_that_was_chosen_speaks(
    autojump_clock: MockClock, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANDSHAKES", {transport: client.HANDSHAKES[transport]})
    async with simulated() as stage, stage.account(transport=transport) as account:
        await account.wait_ready()


async def test_certificates_are_held_against_the_file_that_was_named(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with simulated() as stage, stage.account(ca_file=tmp_path / "none.pem") as account:
        assert (await refusal_of(account)).code == "ca_file"


async def test_what_is_configured_is_asked_for(autojump_clock: MockClock) -> None:
    scopes = ("operator.write", "operator.admin")
    async with simulated() as stage, stage.account(scopes=scopes, caps=("tool-events",)) as account:
        await account.wait_ready()
        assert (stage.logins[0]["scopes"], stage.logins[0]["caps"]) == (list(scopes), ["tool-events"])
        assert stage.gateway.connections[0].scopes == scopes


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_device_stays_the_same_and_shows_its_token(autojump_clock: MockClock, protocol: int) -> None:
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage:
        for _ in range(2):
            async with stage.account(store=store) as account:
                await account.wait_ready()
        first, second = stage.gateway.opened
        assert first.device_id == second.device_id
        [kept] = await token_of(store)
        assert auths(stage) == [
            {"token": stage.gateway.token},
            {"token": stage.gateway.token, "deviceToken": kept["token"]},
        ]
        assert kept["scopes"] == ["operator.read", "operator.write"]


async def test_in_the_clear_a_device_token_is_neither_kept_nor_shown(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated(host="gateway.example") as stage:
        async with stage.account(store=store, allow_insecure=True) as account:
            await account.wait_ready()
            assert account.api.hello.device_token
        assert await token_of(store) == []
        config = stage.gateway.config()
        tokens = DeviceTokens(await store.open_account("openclaw", platform="openclaw"))
        device = str(stage.gateway.opened[0].device_id)
        await tokens.keep(config.url, device, "operator", "of a time when it was safe", config.scopes, 0.0)
        async with stage.account(store=store, allow_insecure=True) as account:
            await account.wait_ready()
        assert auths(stage) == [{"token": stage.gateway.token}] * 2


async def test_a_gateway_that_does_not_say_what_its_token_is_good_for(autojump_clock: MockClock) -> None:
    hello = '{"type":"res","id":"connect","ok":true,"payload":{"protocol":3,"auth":{"deviceToken":"of an older one"}}}'
    store = MemoryStore()
    async with simulated() as stage:
        stage.gateway.script("connect", Says(hello))
        async with stage.account(store=store) as account:
            await account.wait_ready()
        [kept] = await token_of(store)
        assert kept["scopes"] == ["operator.read", "operator.write"], "what was asked for"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_wrong_secret_beside_a_good_device_token(autojump_clock: MockClock, protocol: int) -> None:
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        for tuning in ({"token": "wrong"}, {"token": None}, {"token": None, "password": "wrong"}):
            async with stage.account(store=store, **tuning) as account:
                await account.wait_ready()
        assert methods(stage)[1:] == ["device-token"] * 3


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_stale_device_token_is_forgotten_and_the_secret_tried_alone(
    autojump_clock: MockClock, protocol: int
) -> None:
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        stage.gateway.script("connect", unauthorized("AUTH_DEVICE_TOKEN_MISMATCH"))
        async with stage.account(store=store) as account:
            await account.wait_ready()
            assert "deviceToken" in auths(stage)[1]
            assert auths(stage)[2] == {"token": stage.gateway.token}
            assert account.generation == 1, "in one attempt"


async def test_a_stale_device_token_that_is_all_there_is(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        stage.gateway.revoke_token(str(stage.gateway.opened[0].device_id))
        async with stage.account(store=store, token=None) as account:
            refusal = await refusal_of(account)
            assert (refusal.kind, refusal.code) == ("auth", "AUTH_DEVICE_TOKEN_MISMATCH")
            assert "set token or password" in str(refusal)
            assert await token_of(store) == []


async def test_trap_5_a_token_for_less_is_no_bad_token(autojump_clock: MockClock) -> None:
    """Some gateways say the same of both: it is asked for less, and the token is kept."""
    store = MemoryStore()
    async with simulated(protocol=3) as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        more = ("operator.write", "operator.admin", "operator.read")
        async with stage.account(store=store, token=None, scopes=more) as account:
            await account.wait_ready()
            assert [login["scopes"] for login in stage.logins[1:]] == [list(more), ["operator.read", "operator.write"]]
        assert len(await token_of(store)) == 1


async def test_a_token_for_less_is_not_shown_where_there_is_a_secret(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        async with stage.account(store=store, scopes=("operator.read", "operator.admin")) as account:
            await account.wait_ready()
        async with stage.account(store=store, scopes=("operator.read",)) as account:
            await account.wait_ready()
        assert ["deviceToken" in auth for auth in auths(stage)] == [False, False, True]


async def test_a_token_for_less_leaves_the_decision_to_a_person(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated(protocol=4) as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        async with stage.account(store=store, token=None, scopes=("operator.admin",)) as account:
            await trio.sleep(20)
            assert account.alarms == {"pairing_required"}
            assert "fewer scopes" in str(account.statistics().last_error)
        assert len(await token_of(store)) == 1


async def test_the_gateway_holds_a_token_good_for_less_than_we_do(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        async with stage.account(store=store) as account:
            await account.wait_ready()
        stage.gateway.script("connect", unauthorized("AUTH_SCOPE_MISMATCH"))
        async with stage.account(store=store) as account:
            await account.wait_ready()
        assert ["deviceToken" in auth for auth in auths(stage)] == [False, True, False]


async def test_an_old_proof_is_renewed_once(autojump_clock: MockClock) -> None:
    expired = unauthorized("DEVICE_AUTH_SIGNATURE_EXPIRED")
    async with simulated() as stage:
        stage.gateway.script("connect", expired)
        async with stage.account() as account:
            await account.wait_ready()
            first, second = stage.logins
            assert first["device"]["nonce"] != second["device"]["nonce"]
        stage.gateway.script("connect", expired, expired, expired)
        async with stage.account() as account:
            refusal = await refusal_of(account)
            assert (refusal.kind, refusal.code) == ("misconfigured", "DEVICE_AUTH_SIGNATURE_EXPIRED")
        assert len(stage.logins) == 4


async def test_secrets_travel_in_the_login_and_nowhere_else(autojump_clock: MockClock) -> None:
    """Not in the address and not in a header; and nothing says that we are a browser."""
    asked: list[HttpRequest] = []

    async def refuse(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(503)

    async with simulated() as stage, trio.open_nursery() as nursery:
        listener = await stage.network.listen_tcp("127.0.0.1", 8080)
        nursery.start_soon(serve_listener, listener, refuse)
        async with stage.account(url="ws://127.0.0.1:8080", token="the-token", password="the-password"):
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert {request.target for request in asked} == {"/"}
    for request in asked:
        assert {"origin", "authorization", "cookie"}.isdisjoint(request.headers)
        assert "the-" not in str(request.headers)


# Secrets that change


async def test_a_wrong_token_is_tried_once_and_probed_once_an_hour(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(token="wrong") as account:
        refusal = await refusal_of(account)
        assert (refusal.kind, refusal.code) == ("auth", "AUTH_TOKEN_MISMATCH")
        assert "gateway.auth.token" in str(refusal)
        assert account.state == "quarantined"
        await trio.sleep(3590)
        assert len(stage.logins) == 1
        await trio.sleep(20)
        assert len(stage.logins) == 2


async def test_a_token_file_that_is_put_right_is_picked_up_within_2_seconds(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("wrong")
    async with simulated() as stage, stage.account(token=Secret(file=file)) as account:
        await trio.sleep(60)
        assert account.state == "quarantined"
        assert len(stage.logins) <= 3
        file.write_text(f"{stage.gateway.token}\n")
        with trio.fail_after(2.5):
            await stage.gateway.next_connection()


async def test_a_token_that_changed_since_it_was_read_is_tried_in_the_same_attempt(autojump_clock: MockClock) -> None:
    told: list[str] = []
    async with simulated() as stage:

        async def credentials() -> str:
            told.append("the old one" if not told else str(stage.gateway.token))
            return told[-1]

        async with stage.account(token=None, credentials=credentials) as account:
            await account.wait_ready()
            assert account.generation == 1
        assert [auth["token"] for auth in auths(stage)] == told == ["the old one", stage.gateway.token]


async def test_a_token_that_changes_all_the_time_is_tried_three_times(autojump_clock: MockClock) -> None:
    told: list[str] = []

    async def credentials() -> str:
        told.append(f"wrong {len(told)}")
        return told[-1]

    async with simulated() as stage, stage.account(token=None, credentials=credentials) as account:
        assert (await refusal_of(account)).kind == "auth"
        assert len(stage.logins) == 3


async def test_a_function_that_fails_is_asked_again_and_its_words_are_not_shown(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fails = [ValueError("s3cret"), None, TimeoutError()]
    async with simulated() as stage:

        async def credentials() -> str:
            error = fails.pop(0) if fails else None
            if error is None and fails:
                await trio.sleep_forever()
            if error is not None:
                raise error
            return str(stage.gateway.token)

        async with stage.account(token=None, credentials=credentials) as account:
            await account.wait_ready()
            assert trio.current_time() == pytest.approx(0.5 + 10 + 1 + 2)
        assert len(stage.logins) == 1
    shown = str([vars(record) for record in caplog.records])
    assert "credentials: it raised ValueError" in shown
    assert "s3cret" not in shown


async def test_a_function_that_returns_no_text(autojump_clock: MockClock) -> None:
    async def credentials() -> Any:
        return 7

    async with simulated() as stage, stage.account(token=None, credentials=credentials) as account:
        refusal = await refusal_of(account)
        assert "credentials: expected a text, not int" in str(refusal)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_4001_the_gateways_token_was_edited(autojump_clock: MockClock, protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "token"
    async with simulated(protocol=protocol, token="the old one") as stage:
        file.write_text("the old one")
        async with stage.account(token=Secret(file=file)) as account:
            await account.wait_ready()
            file.write_text("the new one")
            await trio.sleep(100)
            edited_at = trio.current_time()
            stage.gateway.change_secret("the new one")
            await stage.gateway.next_connection()
            await stage.gateway.next_connection()
            assert trio.current_time() - edited_at < 5
            assert auths(stage)[-1]["token"] == "the new one"
            await account.wait_ready()


async def test_4001_and_the_token_is_edited_later(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Without a device token, too: the account waits for the file, and for nobody else."""
    file = tmp_path / "token"
    file.write_text("the old one")
    async with simulated(protocol=4, token="the old one") as stage:
        async with stage.account(token=Secret(file=file)) as account:
            await stage.gateway.next_connection()
            stage.gateway.devices.paired.clear()
            stage.gateway.change_secret("the new one")
            await trio.sleep(30)
            assert account.state == "quarantined"
            file.write_text("the new one")
            with trio.fail_after(2.5):
                await stage.gateway.next_connection()


@pytest.mark.parametrize("how", ["removed", "revoked"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_4001_device_removed_the_token_is_dropped(autojump_clock: MockClock, protocol: int, how: str) -> None:
    async with simulated(protocol=protocol) as stage, stage.account() as account:
        await account.wait_ready()
        connection = await stage.gateway.next_connection()
        device = str(connection.device_id)
        if how == "removed":
            stage.gateway.remove_device(device)
        else:
            stage.gateway.revoke_token(device)
        again = await stage.gateway.next_connection()
        assert connection.ended_with is not None
        assert (connection.ended_with.code, connection.ended_with.reason) == (4001, "device removed")
        assert 1 <= again.opened_at <= 1.5
        assert (again.device_id, again.method) == (device, "token")
        assert auths(stage)[1] == {"token": stage.gateway.token}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_4001_by_ourselves_the_new_token_is_kept(autojump_clock: MockClock, protocol: int) -> None:
    """Whoever has a token replaced keeps the new one before the connections of the device are closed."""
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage, stage.account(store=store) as account:
        await account.wait_ready()
        connection = await stage.gateway.next_connection()
        kept = await store.open_account("openclaw", platform="openclaw")
        [(name, record)] = (await kept.load(SCOPE)).items()
        stage.gateway.revoke_token(str(connection.device_id))
        await kept.save(SCOPE, {name: {**record, "token": "the new one"}})
        await stage.gateway.next_connection()
        assert auths(stage)[1]["deviceToken"] == "the new one"


# What the gateway gives


async def test_trap_2_scopes_that_were_not_granted_are_said_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    granted = '{"type":"res","id":"connect","ok":true,"payload":{"protocol":4,"auth":{"scopes":["operator.read"]}}}'
    async with simulated() as stage:
        stage.gateway.script("connect", Says(granted), Says(granted), times=2)
        async with stage.account(scopes=("operator.write", "operator.read")) as account:
            await account.wait_ready()
            stage.gateway.drop_connections()
            await trio.sleep(20)
            await account.wait_ready()
        said = [vars(record) for record in caplog.records if "less than was asked for" in record.message]
    assert [record["lacking"] for record in said] == ["operator.write"]
    assert len(stage.logins) >= 2


class FullAccount(MemoryAccount):
    """A disk with no room for tokens."""

    async def save(self, scope: str, changes: Any) -> None:
        if scope == SCOPE:
            raise StoreUnavailable("no space left on device")
        await super().save(scope, changes)


class FullStore(MemoryStore):
    async def open_account(self, name: str, **more: Any) -> FullAccount:
        account = await super().open_account(name, **more)
        account.__class__ = FullAccount
        assert isinstance(account, FullAccount)
        return account


async def test_a_token_that_can_not_be_kept_keeps_nobody_out(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated() as stage, stage.account(store=FullStore()) as account:
        await account.wait_ready()
    assert "could not be kept" in caplog.text


async def test_nothing_of_the_hello_is_logged(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        assert account.api.hello.device_token
        shown = str([vars(record) for record in caplog.records])
        for secret in (stage.gateway.token, account.api.hello.device_token, "snapshot", "presence"):
            assert str(secret) not in shown


# A damaged key


async def test_a_damaged_key_is_never_replaced(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "device.key"
    async with simulated() as stage:
        async with stage.account(device_key_file=file) as account:
            await account.wait_ready()
        whole = file.read_text()
        file.write_text(whole[:40])
        async with stage.account(device_key_file=file) as account:
            refusal = await refusal_of(account)
            assert (refusal.kind, "device.key" in str(refusal)) == ("misconfigured", True)
            await trio.sleep(4000)
            assert file.read_text() == whole[:40]
            file.write_text(whole)
            await trio.sleep(3700)
            assert account.state == "ready"
        assert len({connection.device_id for connection in stage.gateway.opened}) == 1


# Slow gateways


async def test_trap_17_a_close_that_comes_late_is_waited_for(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.gateway.settings.close_lag = 1.9
        async with stage.account(token="wrong") as account:
            assert (await refusal_of(account)).code == "AUTH_TOKEN_MISMATCH"
            assert trio.current_time() == pytest.approx(1.9, abs=0.3)
        stage.gateway.settings.close_lag = 1000
        async with stage.account(token="wrong") as account:
            began = trio.current_time()
            assert (await refusal_of(account)).code == "AUTH_TOKEN_MISMATCH"
            assert trio.current_time() - began < 8


async def test_an_answer_that_is_held_back_is_waited_for(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.gateway.script("connect", Late(7))
        async with stage.account() as account:
            await account.wait_ready()
            assert trio.current_time() == 7
            assert account.generation == 1


@pytest.mark.parametrize("method", ["challenge", "connect"])
async def test_a_gateway_that_says_nothing_is_left_after_15_seconds(autojump_clock: MockClock, method: str) -> None:
    async with simulated() as stage:
        stage.gateway.settings.connect_within = 1000
        stage.gateway.script(method, Lost())
        async with stage.account() as account:
            await account.wait_ready()
            assert trio.current_time() == 15.5
            error = account.statistics().last_error
            assert error is not None
            assert "no answer within 15 s" in error.message


async def test_a_gateway_that_closes_at_once_is_tried_for_ever_and_not_too_often(autojump_clock: MockClock) -> None:
    """As an open port that is no gateway looks."""
    async with simulated() as stage:
        stage.gateway.script("challenge", Closes(1000), times=1000)
        async with stage.account() as account:
            await trio.sleep(3600)
            assert account.alarms == set()
            tries = len(stage.gateway.opened)
            assert 3600 / 30 < tries < 3600 / 10
            error = account.statistics().last_error
            assert error is not None
            assert "is it an OpenClaw Gateway?" in error.message
