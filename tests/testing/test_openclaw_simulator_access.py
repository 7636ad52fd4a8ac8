"""What no recording shows of whom the simulated gateway lets in, and what for."""

import pytest
import trio

from tests.testing.openclaw_client import CLI, Key, connected, dialled
from trio_bridge.testing.openclaw import OpenClawSimulator

READ_ONLY = ("operator.read",)
KEY = Key.number(7)


async def token_of(gateway, network, **options):
    async with connected(gateway, network, key=KEY, **options) as client:
        return client.heard[1]["payload"]["auth"]["deviceToken"]


async def test_who_gets_in_after_all_is_no_longer_slowed_down(autojump_clock, network):
    async with OpenClawSimulator(network=network) as gateway:
        for expected in (0.25, 0.5, None, 0.25):
            async with dialled(gateway, network) as client:
                begun = trio.current_time()
                await client.connect(token="wrong" if expected else gateway.token, key=KEY)
                assert trio.current_time() - begun == pytest.approx(expected or 0.0)


async def test_an_address_that_is_locked_out_gets_in_with_no_token_of_its_device(autojump_clock, network):
    async with OpenClawSimulator(network=network) as gateway:
        token = await token_of(gateway, network)
        with gateway.remote():
            for _ in range(10):
                async with dialled(gateway, network) as client:
                    await client.connect(token="wrong", key=KEY)
            async with dialled(gateway, network) as client:
                refused = await client.connect(auth={"deviceToken": token}, key=KEY)
                assert refused["error"]["details"]["code"] == "AUTH_RATE_LIMITED"


async def test_a_device_token_in_the_other_field_stands_for_no_more_scopes_either(autojump_clock, gateway, network):
    token = await token_of(gateway, network, scopes=READ_ONLY)
    async with dialled(gateway, network) as client:
        refused = await client.connect(auth={"token": token}, key=KEY, scopes=("operator.read", "operator.write"))
        code = refused["error"]["details"]["code"]
        assert code == ("AUTH_DEVICE_TOKEN_MISMATCH" if gateway.settings.protocol == 3 else "AUTH_SCOPE_MISMATCH")


async def test_what_a_device_did_not_say_of_itself_it_may_say_later(autojump_clock, gateway, network):
    await token_of(gateway, network)
    async with connected(gateway, network, key=KEY, client={**CLI, "deviceFamily": "desktop"}):
        pass


async def test_a_token_that_is_rotated_is_handed_to_whoever_came_in_with_it_only(autojump_clock, gateway, network):
    token = await token_of(gateway, network)
    params = {"deviceId": KEY.device_id, "role": "operator"}
    async with connected(gateway, network, key=KEY) as client:
        assert "token" not in (await client.ask("device.token.rotate", params))["payload"]
        assert await client.wait_closed() == (4001, "device removed")
    async with dialled(gateway, network) as client:
        assert not (await client.connect(auth={"deviceToken": token}, key=KEY))["ok"]
    token = await token_of(gateway, network)
    async with dialled(gateway, network) as client:
        await client.connect(auth={"deviceToken": token}, key=KEY)
        fresh = (await client.ask("device.token.rotate", params))["payload"]["token"]
    async with dialled(gateway, network) as client:
        assert (await client.connect(auth={"deviceToken": fresh}, key=KEY))["ok"]


async def test_operators_and_nodes_have_methods_of_their_own(autojump_clock, gateway, network):
    async with connected(gateway, network) as operator:
        assert (await operator.ask("node.event"))["error"]["message"] == "unauthorized role: operator"
    node = {"id": "node-host", "version": "1", "platform": "linux", "mode": "node"}
    async with connected(gateway, network, key=KEY, client=node, role="node", scopes=()) as client:
        assert (await client.ask("node.event"))["ok"]
        assert (await client.ask("status"))["error"]["message"] == "unauthorized role: node"


async def test_parameters_are_an_object(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        refused = await client.ask("health", [1])
        assert refused["error"]["message"] == "invalid health params: at root: must be object"


async def test_after_the_close_nothing_more_is_said(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        (connection,) = gateway.connections
        connection.state.end(1000, "")
        gateway.broadcast("demo", {})
        assert await client.wait_closed() == (1000, "")
        assert client.events("demo") == []


async def test_who_reads_is_not_left_however_much_there_is(autojump_clock, gateway, network):
    gateway.settings.max_buffered = 10_000
    async with connected(gateway, network) as client:
        for _ in range(20):
            gateway.broadcast("demo", {"text": "x" * 2000})
            await trio.sleep(0.1)
        await client.until(lambda: len(client.events("demo")) == 20)
        assert client.closed is None
