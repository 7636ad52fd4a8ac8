"""The simulated gateway while all goes well: who is let in, what is answered, what is told."""

import json

import pytest
import trio

from tests.testing.openclaw_client import ALL, CLI, Key, connected, dialled
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.tcp import SystemNetwork

READ_ONLY = ("operator.read",)


def old(gateway):
    return gateway.settings.protocol == 3


# Who is let in.


async def test_a_client_is_let_in_and_told_what_there_is(autojump_clock, gateway, network):
    async with dialled(gateway, network) as client:
        answer = await client.connect(token=gateway.token)
        hello = answer["payload"]
        assert (answer["ok"], hello["type"], hello["protocol"]) == (True, "hello-ok", gateway.settings.protocol)
        assert {"health", "chat.send", "device.pair.list"} <= set(hello["features"]["methods"])
        assert {"chat", "tick", "shutdown", "device.pair.requested"} <= set(hello["features"]["events"])
        connection = await gateway.next_connection()
        assert (connection.client["id"], connection.scopes, connection.method) == ("gateway-client", ALL, "token")
        assert [each.method for each in connection.asked] == ["connect"]
    await gateway.wait_until(lambda: not gateway.connections)
    assert connection.ended_with.code == 1000


async def test_a_device_gets_a_token_and_comes_in_with_it(autojump_clock, gateway, network):
    key = Key.number(1)
    async with connected(gateway, network, key=key, scopes=READ_ONLY) as client:
        token = client.heard[1]["payload"]["auth"]["deviceToken"]
    async with dialled(gateway, network) as client:
        answer = await client.connect(auth={"deviceToken": token}, key=key, scopes=READ_ONLY)
        assert answer["payload"]["auth"]["deviceToken"] == token
        assert gateway.connections[-1].method == "device-token"
    assert list(gateway.devices.paired) == [key.device_id]


async def test_a_password_lets_in_where_one_is_asked_for(autojump_clock, network):
    async with OpenClawSimulator(network=network, auth="password", password="sesame") as gateway:
        async with dialled(gateway, network) as client:
            assert (await client.connect(auth={"password": "sesame"}))["ok"]
        async with dialled(gateway, network) as client:
            refused = await client.connect(auth={"password": "other"})
            assert refused["error"]["details"]["code"] == "AUTH_PASSWORD_MISMATCH"
            assert (await client.wait_closed())[0] == 1008


async def test_an_account_of_ours_lives_at_it(autojump_clock, gateway):
    async with gateway.open_account() as account, account.api.chat("main", "hello") as run:
        async for _ in run:
            pass
        assert (run.text, run.status) == ("you said hello", "final")
    assert [each.text for each in gateway.questions] == ["hello"]


# What is answered.


async def test_what_anybody_may_ask_for(autojump_clock, gateway, network):
    async with connected(gateway, network, scopes=READ_ONLY) as client:
        assert (await client.ask("health"))["payload"]["ok"] is True
        assert (await client.ask("status"))["payload"]["runtimeVersion"] == gateway.settings.version
        assert (await client.ask("system-presence"))["payload"][1]["host"] == "gateway-client"
        assert (await client.ask("gateway.identity.get"))["payload"]["deviceId"] == gateway.identity
        config = json.dumps((await client.ask("config.get"))["payload"])
        assert '"mode": "token"' in config
        assert gateway.token not in config
        assert [each.method for each in gateway.asked_for("status")] == ["status"]


async def test_who_may_not_call_something_is_told_the_scope_that_is_missing(autojump_clock, gateway, network):
    async with connected(gateway, network, scopes=READ_ONLY) as client:
        refused = (await client.ask("chat.send", {}))["error"]
        assert (refused["code"], refused["message"]) == (
            "INVALID_REQUEST" if old(gateway) else "FORBIDDEN",
            "missing scope: operator.write",
        )
        assert (await client.ask("no.such"))["error"]["message"] == "missing scope: operator.admin"
    async with connected(gateway, network) as client:
        assert (await client.ask("no.such"))["error"]["message"] == "unknown method: no.such"


async def test_the_owner_calls_what_an_administrator_may(autojump_clock, gateway):
    assert (await gateway.call("health"))["ok"] is True
    with pytest.raises(LookupError):
        await gateway.call("no.such")


# What is told.


async def test_an_older_gateway_tells_of_its_health_soon_after_a_hello(autojump_clock, gateway, network):
    gateway.settings.tells_health = True
    async with connected(gateway, network) as client:
        await trio.sleep(1)
        assert [event["payload"]["ok"] for event in client.events("health")] == [True] * old(gateway)


async def test_events_are_numbered_for_each_connection_from_1(autojump_clock, gateway, network):
    async with connected(gateway, network) as first:
        gateway.broadcast("demo", {"n": 1})
        await first.until(lambda: first.events("demo"))
        async with connected(gateway, network) as second:
            gateway.broadcast("demo", {"n": 2})
            gateway.broadcast("plugin", {}, numbered=False)
            await second.until(lambda: second.events("plugin"))
            assert [each["seq"] for each in first.events("demo")] == [1, 2]
            assert [each["seq"] for each in second.events("demo")] == [1]
            assert "seq" not in second.events("plugin")[0]


async def test_events_need_a_scope(autojump_clock, gateway, network):
    async with connected(gateway, network, scopes=()) as blind, connected(gateway, network) as seeing:
        gateway.broadcast("demo", {})
        await seeing.until(lambda: seeing.events("demo"))
        await trio.sleep(31)
        assert blind.events("demo") == []
        assert bool(blind.events("tick")) is old(gateway)


async def test_all_are_told_the_time_at_the_same_moments(autojump_clock, gateway, network):
    async with connected(gateway, network) as first:
        await trio.sleep(20)
        async with connected(gateway, network) as second:
            await trio.sleep(41)
            assert len(first.events("tick")) == len(second.events("tick")) == 2
            assert first.events("tick") != []
            stamps = [each["payload"]["ts"] for each in second.events("tick")]
            assert stamps == [each["payload"]["ts"] for each in first.events("tick")]
            assert stamps[1] - stamps[0] == 30_000


# Devices.


async def test_a_device_from_elsewhere_waits_for_approval(autojump_clock, gateway, network):
    key = Key.number(2)
    async with connected(gateway, network) as admin:
        with gateway.remote():
            async with dialled(gateway, network) as client:
                refused = await client.connect(token=gateway.token, key=key, scopes=READ_ONLY)
                details = refused["error"]["details"]
                assert (details["code"], details["reason"]) == ("PAIRING_REQUIRED", "not-paired")
            assert (await gateway.next_request()).id == details["requestId"]
            device = await gateway.approve(details["requestId"])
            assert device.claim.device_id == key.device_id
            async with connected(gateway, network, key=key, scopes=READ_ONLY):
                pass
        await admin.until(lambda: admin.events("device.pair.resolved"))
        assert admin.events("device.pair.requested")[0]["payload"]["remoteIp"] == "203.0.113.9"
        assert admin.events("device.pair.resolved")[0]["payload"]["decision"] == "approved"


async def test_a_device_that_was_not_let_in_asks_anew(autojump_clock, gateway, network):
    gateway.settings.pairing = True  # also for this machine
    asked = []
    for _ in range(2):
        async with dialled(gateway, network) as client:
            refused = await client.connect(token=gateway.token, key=Key.number(3))
            asked.append(refused["error"]["details"]["requestId"])
        await gateway.reject()
    assert asked[0] != asked[1]
    assert gateway.devices.paired == {}


async def test_a_device_that_is_removed_loses_its_connections_and_others_do_not(autojump_clock, gateway, network):
    key = Key.number(4)
    async with connected(gateway, network) as other, connected(gateway, network, key=key) as client:
        gateway.remove_device(key.device_id)
        assert await client.wait_closed() == (4001, "device removed")
        assert other.closed is None


async def test_another_platform_must_be_approved(autojump_clock, gateway, network):
    key = Key.number(5)
    async with connected(gateway, network, key=key):
        pass
    async with dialled(gateway, network) as client:
        refused = await client.connect(token=gateway.token, key=key, client={**CLI, "platform": "windows"})
        assert refused["error"]["details"]["reason"] == "metadata-upgrade"


# Both ways of speaking, both networks.


@pytest.mark.parametrize("transport", ["websockets", "trio-websocket"])
async def test_it_speaks_with_either_library_on_loopback(transport):
    async with OpenClawSimulator(transport=transport) as gateway:
        async with connected(gateway, SystemNetwork(), client={**CLI}) as client:
            assert (await client.ask("health"))["ok"]


async def test_http_is_on_the_same_port(autojump_clock, gateway, network):
    host, port = gateway.http_url.removeprefix("http://").split(":")
    async with await network.connect_tcp(host, int(port)) as stream:
        await stream.send_all(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        reply = b"".join([piece async for piece in stream])
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert json.loads(reply.partition(b"\r\n\r\n")[2]) == {"ready": True}


async def test_any_path_is_a_websocket(autojump_clock, gateway, network):
    async with open_websocket(gateway.url + "/nonexistent?token=x", network=network) as websocket:
        assert "connect.challenge" in (await websocket.receive_batch())[0]


@pytest.mark.parametrize("begun", [0.0, 0.1, 1 / 3, 1_795_163_826.639, 86_400.7])
async def test_time_goes_on_whatever_the_clock_began_with(autojump_clock, network, begun):
    await trio.sleep(begun)
    async with OpenClawSimulator(network=network) as gateway, connected(gateway, network) as client:
        await trio.sleep(30 * 20 + 1)
        assert len(client.events("tick")) == 20
