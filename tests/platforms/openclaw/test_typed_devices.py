"""Devices of a gateway, seen and decided by another one of its operators."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.recorded import Desk
from tests.platforms.openclaw.stage import opened
from trio_bridge.engine.account import Account
from trio_bridge.errors import RequestFailed
from trio_bridge.platforms.openclaw.api.devices import Devices
from trio_bridge.platforms.openclaw.gateway.methods import Personality
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.openclaw import OpenClawSimulator

both = pytest.mark.parametrize("protocol", [3, 4])
SCOPES = ("operator.read", "operator.write", "operator.pairing")


def owned(protocol: Personality) -> AbstractAsyncContextManager[tuple[OpenClawSimulator, Account]]:
    """A simulated gateway, and an operator who may decide on devices."""
    return opened(protocol=protocol, name="owner", scopes=SCOPES)


@both
async def test_a_device_that_waits_is_seen_and_let_in(autojump_clock: MockClock, protocol: Personality) -> None:
    async with owned(protocol) as (simulator, owner):
        async with trio.open_nursery() as nursery:

            async def approve() -> None:
                await simulator.next_request()
                listed = await owner.api.devices.list()
                [pending] = listed.pending
                assert pending.device_id not in {each.device_id for each in listed.paired}
                assert pending.remote_ip == "203.0.113.9"
                device = await owner.api.devices.approve(pending.request_id)
                assert device.device_id == pending.device_id

            nursery.start_soon(approve)
            with simulator.remote():
                async with simulator.open_account(name="far") as far:
                    assert far.state == "ready"
        assert len((await owner.api.devices.list()).paired) == 2


@both
async def test_a_request_is_turned_down_and_unknown_ones_are_refused(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with owned(protocol) as (simulator, owner):
        with pytest.raises(RequestFailed, match="unknown requestId"):
            await owner.api.devices.approve("nope")
        async with trio.open_nursery() as nursery:

            async def refuse() -> None:
                request = await simulator.next_request()
                await owner.api.devices.reject(request.id)
                assert (await owner.api.devices.list()).pending == ()
                nursery.cancel_scope.cancel()

            nursery.start_soon(refuse)
            with simulator.remote():
                async with simulator.open_account(name="far"):
                    pass


@both
async def test_our_own_new_token_is_kept_before_the_gateway_closes(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    """Otherwise a device that has nothing but its token would be locked out by its own wish."""
    store = MemoryStore()
    async with owned(protocol) as (simulator, _):
        async with simulator.open_account(name="d", scopes=SCOPES, store=store):
            pass
        async with simulator.open_account(name="d", scopes=SCOPES, store=store, token=None) as account:
            for _ in range(3):
                before = account.generation
                await account.api.devices.rotate()
                async with account.states() as states:
                    async for state in states:
                        if state == "ready" and account.generation > before:
                            break
            assert account.api.hello is not None
        simulator.settings.token = "another"
        async with simulator.open_account(name="d", scopes=SCOPES, store=store, token=None) as account:
            assert account.state == "ready"


async def test_only_the_token_that_we_log_in_with_is_kept() -> None:
    desk, kept = Desk(), []
    desk.answers["device.token.rotate"] = {"token": "new", "scopes": ["operator.read"]}

    async def keep(token: str, scopes: frozenset[str], issued_at: float) -> None:
        kept.append((token, scopes))

    devices = Devices(desk.caller, lambda: "ours", keep)
    await devices.rotate(role="node")
    await devices.rotate("another")
    assert kept == []
    await devices.rotate("ours")
    assert kept == [("new", {"operator.read"})]


@both
async def test_a_device_that_is_removed_or_loses_its_token_comes_back_with_the_secret(
    autojump_clock: MockClock, protocol: Personality
) -> None:
    async with owned(protocol) as (simulator, owner), simulator.open_account(name="d") as account:
        device_id = next(each.device_id for each in simulator.opened if each.device_id != simulator.opened[0].device_id)
        assert device_id is not None
        await owner.api.devices.revoke(device_id)
        await trio.sleep(10)
        await owner.api.devices.remove(device_id)
        await trio.sleep(10)
        assert (account.state, account.generation) == ("ready", 3)
