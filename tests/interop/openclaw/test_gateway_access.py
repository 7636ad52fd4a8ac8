"""Who is let in by real gateways, as what, and what becomes of those who are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.interop.openclaw.far_side import open_far_side
from tests.interop.openclaw.operators import EVERYTHING, open_operator, operator
from tests.interop.openclaw.real_gateway import TOKEN, RealGateway
from trio_bridge.config import Secret
from trio_bridge.engine.account import Account
from trio_bridge.engine.states import AccountState
from trio_bridge.errors import AccountRefused, BridgeError, RateLimited, RequestFailed
from trio_bridge.opening import open_account

pytestmark = pytest.mark.interop

LESS = ("operator.read", "operator.write")
SEARCH = 0.05
"""Seconds between two looks at something that tells nobody when it changes."""


async def wait_state(account: Account, state: AccountState) -> None:
    async with account.states() as states:
        async for now in states:
            if now is state:
                return


async def wait_pairing(account: Account) -> str:
    """The request that somebody must approve."""
    while (pairing := account.api.info().pairing) is None:
        await trio.sleep(SEARCH)
    return pairing.request_id


async def wait_refused(account: Account) -> BridgeError:
    """Why it was not let in."""
    while (error := account.api.info().last_error) is None:
        await trio.sleep(SEARCH)
    return error


async def wait_generation(account: Account, number: int) -> None:
    """It is connected, and not for the first time."""
    while account.generation < number or account.api.hello is None:
        await trio.sleep(SEARCH)


async def test_no_origin_is_ever_sent(gateway: RealGateway) -> None:
    async with open_far_side(gateway.port, address="127.0.0.1") as far, open_account(operator(gateway, url=far.url)):
        while not far.heads:
            await trio.sleep(SEARCH)
    assert all("origin:" not in head.lower() and TOKEN not in head for head in far.heads)


async def test_a_wrong_token_is_refused_and_not_tried_again(gateway: RealGateway, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong")
    wrong = operator(gateway, token=Secret(file=tmp_path / "token"))
    async with open_far_side(gateway.port, address="127.0.0.1") as far, open_account(wrong) as account:
        with pytest.raises(AccountRefused) as refusal:
            await account.wait_ready()
        assert (refusal.value.kind, account.state) == ("auth", AccountState.QUARANTINED)
        await wait_all_tasks_blocked()  # what the file says now is what it is compared with
        (tmp_path / "token").write_text(TOKEN)
        await wait_state(account, AccountState.READY)
    assert len(far.heads) <= 3


async def test_a_device_is_known_by_its_own_token_again(gateway: RealGateway, tmp_path: Path) -> None:
    """It wins over a shared token that is wrong, and over none."""
    store = f"sqlite:{tmp_path / 'store.db'}"
    device_ids = set()
    for token in (TOKEN, "wrong", None):
        async with open_account(operator(gateway, token=token), store=store) as account:
            await account.wait_ready()
            info = account.api.info()
            device_ids.add(info.device_id)
            assert not info.missing_scopes
    assert len(device_ids) == 1


@pytest.mark.parametrize("method", ["device.token.rotate", "device.token.revoke", "device.pair.remove"])
async def test_a_token_that_is_taken_back_ends_the_connection_and_nothing_else(
    gateway: RealGateway, method: str
) -> None:
    async with open_operator(gateway, name="device") as account, open_operator(gateway, name="admin") as admin:
        asked = {"deviceId": account.api.info().device_id}
        if method != "device.pair.remove":
            asked["role"] = "operator"
        generation = account.generation
        await admin.api.request(method, asked)
        await wait_generation(account, generation + 1)
        assert await account.api.request("sessions.list", {"limit": 1})


async def test_a_device_that_takes_back_its_own_token_goes_on(gateway: RealGateway, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with open_account(operator(gateway), store=store) as account:
        await account.wait_ready()
        asked = {"deviceId": account.api.info().device_id, "role": "operator"}
        generation = account.generation
        await account.api.request("device.token.rotate", asked)
        await wait_generation(account, generation + 1)
    async with open_account(operator(gateway, token=None), store=store) as account:
        await account.wait_ready()


async def test_whoever_looks_remote_waits_to_be_approved(gateway: RealGateway) -> None:
    async with open_far_side(gateway.port) as far, open_operator(gateway, name="admin") as admin:
        remote = operator(gateway, name="remote", url=far.url, scopes=LESS)
        async with open_account(remote) as account:
            request_id = await wait_pairing(account)
            assert account.api.info().state == "pairing"
            assert "pairing_required" in account.alarms
            pending = (await admin.api.request("device.pair.list"))["pending"]
            assert [each["requestId"] for each in pending] == [request_id]
            await admin.api.request("device.pair.approve", {"requestId": request_id})
            await wait_state(account, AccountState.READY)
            assert account.api.info().pairing is None
            assert await account.api.request("sessions.list", {"limit": 1})


async def test_whoever_was_rejected_asks_anew(gateway: RealGateway, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    request_ids = []
    async with open_far_side(gateway.port) as far, open_operator(gateway, name="admin") as admin:
        remote = operator(gateway, name="remote", url=far.url, scopes=LESS)
        for _ in range(2):
            async with open_account(remote, store=store) as account:
                request_ids.append(await wait_pairing(account))
            await admin.api.request("device.pair.reject", {"requestId": request_ids[-1]})
    assert len(set(request_ids)) == 2


async def test_too_many_wrong_tokens_from_afar(gateway: RealGateway) -> None:
    """Newer gateways then let in nobody from there for minutes; older ones have no limit unless they are told."""
    async with open_far_side(gateway.port, address="203.0.113.77") as far:
        for _ in range(11):
            async with open_account(operator(gateway, url=far.url, token="wrong")) as account:
                await wait_refused(account)
        async with open_account(operator(gateway, url=far.url)) as account:
            if gateway.protocol == 3:
                assert await wait_pairing(account)
            else:
                error = await wait_refused(account)
                assert isinstance(error, RateLimited)
                assert error.retry_after is not None
                assert 200 < error.retry_after <= 300


async def test_more_scopes_than_were_approved(gateway: RealGateway, tmp_path: Path) -> None:
    """On loopback newer gateways grant them; the older one has somebody approve them. The device stays the same."""
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with open_account(operator(gateway, scopes=LESS), store=store) as account:
        await account.wait_ready()
        device_id = account.api.info().device_id
    async with (
        open_operator(gateway, name="admin") as admin,
        open_account(operator(gateway), store=store) as account,
    ):
        if gateway.protocol == 3:
            request_id = await wait_pairing(account)
            await admin.api.request("device.pair.approve", {"requestId": request_id})
        await wait_state(account, AccountState.READY)
        info = account.api.info()
        assert (info.device_id, info.missing_scopes) == (device_id, ())
        assert set(EVERYTHING) <= set(info.scopes)


async def test_a_scope_that_nobody_knows_is_missed(gateway: RealGateway) -> None:
    async with open_operator(gateway, scopes=()) as account:
        with pytest.raises(RequestFailed, match=r"operator\.read"):
            await account.api.request("sessions.list", {"limit": 1})


async def test_a_gateway_without_secrets_wants_a_device_all_the_same(gateway: RealGateway) -> None:
    await gateway.stop()
    gateway.configure(auth={"mode": "none"})
    gateway.start()
    await gateway.wait_ready()
    for token in (None, "superfluous"):
        async with open_operator(gateway, token=token) as account:
            assert account.api.hello.protocol == gateway.protocol


async def test_a_gateway_with_a_password(gateway: RealGateway) -> None:
    await gateway.stop()
    gateway.configure(auth={"mode": "password", "password": "gateway-password-0123456789"})
    gateway.start()
    await gateway.wait_ready()
    async with open_operator(gateway, token=None, password="gateway-password-0123456789") as account:
        assert account.api.hello.protocol == gateway.protocol
    async with open_account(operator(gateway, token=None, password="wrong")) as account:
        with pytest.raises(AccountRefused) as refusal:
            await account.wait_ready()
        assert refusal.value.kind == "auth"
