"""The simulated gateway in trouble: what it refuses by itself, and what a test breaks by name."""

import json

import pytest
import trio

from tests.testing.openclaw_client import CLI, Key, connected, dialled
from trio_bridge.errors import HandshakeFailed
from trio_bridge.testing.openclaw import (
    Behind,
    Closes,
    Hold,
    Late,
    Lost,
    OpenClawSimulator,
    Refusal,
    Refuses,
    Say,
    Says,
)
from trio_bridge.transport.client import open_websocket


def old(gateway):
    return gateway.settings.protocol == 3


# What it does by itself.


async def test_who_says_nothing_is_closed_after_15_seconds(autojump_clock, gateway, network):
    async with dialled(gateway, network) as client:
        assert await client.wait_closed() == (1000, "")
        assert trio.current_time() - gateway.opened[0].opened_at == pytest.approx(15)


@pytest.mark.parametrize(("size", "closed"), [(65_536, (1000, "")), (65_537, (1009, ""))])
async def test_before_hello_a_frame_has_64_kib(autojump_clock, gateway, network, size, closed):
    async with dialled(gateway, network) as client:
        await client.send("x" * size)
        assert await client.wait_closed() == closed


async def test_after_hello_it_has_what_hello_said(autojump_clock, gateway, network):
    gateway.settings.max_payload = 100_000
    async with connected(gateway, network) as client:
        assert client.heard[1]["payload"]["policy"]["maxPayload"] == 100_000
        await client.send("x" * 100_000)
        assert (await client.ask("health"))["ok"]
        await client.send("x" * 100_001)
        assert await client.wait_closed() == (1009, "")


async def test_wrong_tokens_from_here_are_refused_later_and_later(autojump_clock, network):
    async with OpenClawSimulator(network=network) as gateway:
        delays = []
        for _ in range(8):
            async with dialled(gateway, network) as client:
                begun = trio.current_time()
                await client.connect(token="wrong", key=Key.number(1))
                delays.append(round(trio.current_time() - begun, 3))
    assert delays == [0.25, 0.5, 1, 2, 4, 5, 5, 5]


async def test_wrong_tokens_from_elsewhere_lock_the_address_out_for_5_minutes(autojump_clock, network):
    async with OpenClawSimulator(network=network) as gateway:
        with gateway.remote():
            for _ in range(10):
                async with dialled(gateway, network) as client:
                    await client.connect(token="wrong")
            async with dialled(gateway, network) as client:
                refused = (await client.connect(token=gateway.token))["error"]
                assert refused["details"]["code"] == "AUTH_RATE_LIMITED"
                assert (refused["retryable"], refused["retryAfterMs"]) == (True, pytest.approx(300_000, abs=1000))
            await trio.sleep(300)
            async with dialled(gateway, network) as client:
                assert (await client.connect(token=gateway.token))["ok"]
        async with connected(gateway, network):
            pass  # This machine was never locked out.


async def test_a_slow_reader_is_left(autojump_clock, gateway, network):
    gateway.settings.max_buffered = 10_000
    async with connected(gateway, network):
        (connection,) = gateway.connections
        with connection.silent():
            gateway.broadcast("demo", {"text": "x" * 10_000})
            await gateway.wait_until(lambda: not gateway.connections)
    assert (connection.ended_with.code, connection.ended_with.reason) == (1008, "slow consumer")


# Its life.


async def test_it_says_goodbye_and_its_port_is_closed_while_it_is_down(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        await gateway.stop()
        assert await client.wait_closed() == (1012, "service restart")
        payload = client.events("shutdown")[0]["payload"]
        assert payload["reason"] == "gateway stopping"
        assert ("restartExpectedMs" in payload) is old(gateway)
    with pytest.raises(HandshakeFailed) as failure:
        async with open_websocket(gateway.url, network=network):
            pass
    assert failure.value.stage == "tcp"
    await gateway.start(ready=False)
    async with dialled(gateway, network) as client:
        error = (await client.connect(token=gateway.token))["error"]
        assert (error["code"], error["details"], error["retryAfterMs"]) == (
            "UNAVAILABLE",
            {"reason": "startup-sidecars"},
            500,
        )
        assert await client.wait_closed() == (1013, "gateway starting")
    gateway.get_ready()
    async with connected(gateway, network):
        pass


async def test_4_waits_for_runs_before_it_goes_and_3_does_not(autojump_clock, gateway, network):
    gateway.reply([Say("a while"), Hold()])
    async with connected(gateway, network) as client:
        await client.ask("chat.send", {"sessionKey": "main", "message": "hi", "idempotencyKey": "k"})
        await gateway.wait_until(lambda: gateway.held)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gateway.stop)
            await trio.sleep(60)
            assert (client.closed is not None) is old(gateway)
            gateway.release()
        assert await client.wait_closed() == (1012, "service restart")


async def test_one_that_is_killed_says_nothing(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        await gateway.restart(killed=True, down=1)
        assert (await client.wait_closed())[0] == 1006
        assert client.events("shutdown") == []
    async with connected(gateway, network):
        pass


async def test_a_restart_takes_as_long_as_it_is_told_to(autojump_clock, gateway, network):
    begun = trio.current_time()
    await gateway.restart(down=2, starting=3)
    assert trio.current_time() - begun == pytest.approx(5)
    with gateway.starting():
        async with dialled(gateway, network) as client:
            assert (await client.connect(token=gateway.token))["error"]["code"] == "UNAVAILABLE"
    async with connected(gateway, network):
        pass


async def test_another_token_closes_who_came_in_with_the_old_one(autojump_clock, gateway, network):
    key, before = Key.number(1), gateway.token
    async with connected(gateway, network, key=key) as client:
        token = client.heard[1]["payload"]["auth"]["deviceToken"]
    async with connected(gateway, network) as shared, dialled(gateway, network) as paired:
        await paired.connect(auth={"deviceToken": token}, key=key)
        gateway.change_secret("another")
        assert await shared.wait_closed() == (4001, "gateway auth changed")
        await trio.sleep(1)
        assert paired.closed == ((1012, "service restart") if old(gateway) else None)
    async with dialled(gateway, network) as client:
        assert (await client.connect(token=before))["error"]["details"]["code"] == "AUTH_TOKEN_MISMATCH"
    async with connected(gateway, network):
        pass  # It is up, with the new token.


# What is broken by name.


async def test_answers_are_lost_late_or_out_of_order(autojump_clock, gateway, network):
    gateway.script("health", Lost(), Late(3.0), Behind(1))
    async with connected(gateway, network) as client:
        assert await client.ask("health") is None
        begun = trio.current_time()
        assert (await client.ask("health"))["ok"]
        assert trio.current_time() - begun == pytest.approx(3.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.ask, "health")
            await trio.sleep(1)
            nursery.start_soon(client.ask, "status")
        assert [frame["id"] for frame in client.heard[-2:]] == ["r5", "r4"]
        assert [asked.method for asked in gateway.asked[1:]] == ["health", "health", "health", "status"]


async def test_a_method_is_refused_and_not_carried_out(autojump_clock, gateway, network):
    gateway.script("chat.send", Refuses(Refusal("UNAVAILABLE", "queue full", retryable=True, retry_after_ms=700)))
    async with connected(gateway, network) as client:
        params = {"sessionKey": "main", "message": "hi", "idempotencyKey": "k"}
        refused = await client.ask("chat.send", params)
        assert refused["error"] == {
            "code": "UNAVAILABLE",
            "message": "queue full",
            "retryable": True,
            "retryAfterMs": 700,
        }
        assert gateway.messages == []
        assert (await client.ask("chat.send", params))["payload"]["status"] == "started"


@pytest.mark.parametrize("done", [True, False])
async def test_a_connection_is_closed_in_the_place_of_an_answer(autojump_clock, gateway, network, done):
    gateway.script("chat.send", Closes(1011, "oops", done=done))
    async with connected(gateway, network) as client:
        params = {"sessionKey": "main", "message": "hi", "idempotencyKey": "k"}
        assert await client.ask("chat.send", params) is None
        assert await client.wait_closed() == (1011, "oops")
    assert len(gateway.messages) == done


@pytest.mark.parametrize("step", ["challenge", "connect"])
async def test_every_step_of_the_handshake_can_fail(autojump_clock, gateway, network, step):
    gateway.script(step, Closes(1006), Lost(), Says("{garbage"), Late(2.0))
    async with dialled(gateway, network) as client:
        if step == "connect":
            await client.connect(token=gateway.token)
        assert (await client.wait_closed())[0] == 1006
    async with dialled(gateway, network) as client:
        with trio.move_on_after(5) as patience:
            await client.connect(token=gateway.token, within=5) if step == "connect" else None
            await client.until(lambda: client.events("connect.challenge") and step == "challenge")
        assert patience.cancelled_caught
    async with open_websocket(gateway.url, network=network) as websocket:
        if step == "challenge":
            assert await websocket.receive_batch() == ["{garbage"]
        else:
            gateway._gateway.answers.script.take("connect")
    async with dialled(gateway, network) as client:
        begun = trio.current_time()
        await client.connect(token=gateway.token)
        assert trio.current_time() - begun == pytest.approx(2.0)


async def test_events_come_twice_or_not_at_all(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        (connection,) = gateway.connections
        with connection.doubling():
            gateway.broadcast("demo", {})
        connection.skip(3)
        connection.tell("demo", {})
        await client.until(lambda: len(client.events("demo")) == 3)
        assert [each["seq"] for each in client.events("demo")] == [1, 1, 5]


async def test_a_frozen_gateway_neither_reads_nor_writes_and_then_all_of_it_comes(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        with gateway.silent():
            assert await client.ask("health", within=100) is None
            assert client.events("tick") == []
            async with connected(gateway, network) as other:
                assert (await other.ask("health"))["ok"]  # New connections are sound.
        await client.until(lambda: client.answers("r2"))
        await client.until(lambda: client.events("tick"))


async def test_texts_and_bytes_are_sent_as_they_are(autojump_clock, gateway, network):
    async with connected(gateway, network) as client:
        (connection,) = gateway.connections
        connection.push_frame(json.dumps({"type": "event", "event": "big", "payload": "x" * 1_000_000}))
        await client.until(lambda: client.events("big"))
        connection.send_raw(b"\xff\xff\xff")
        await client.wait_closed()
        assert client.closed[0] in ("lost", 1002)


@pytest.mark.parametrize(("code", "seen"), [(1006, (1006, "")), (1012, (1012, "because")), (4000, (4000, "because"))])
async def test_connections_are_ended_with_any_code(autojump_clock, gateway, network, code, seen):
    async with connected(gateway, network) as client:
        gateway.drop_connections(code, "because")
        assert await client.wait_closed() == seen


async def test_a_long_reason_is_cut_off(autojump_clock, gateway, network):
    gateway.settings.pairing = True
    key = Key.number(1)
    async with dialled(gateway, network) as client:
        await client.connect(token=gateway.token, key=key, scopes=["operator.read"])
        await gateway.approve()
    async with dialled(gateway, network) as client:
        refused = await client.connect(token=gateway.token, key=key, client=CLI, scopes=["operator.admin"])
        details = refused["error"]["details"]
        assert details["reason"] == "scope-upgrade"
        _, reason = await client.wait_closed()
        assert len(reason) == 120
        assert details["requestId"] not in reason


async def test_a_close_may_come_after_the_refusal(autojump_clock, gateway, network):
    gateway.settings.close_lag = 0.4
    with gateway.starting():
        async with dialled(gateway, network) as client:
            await client.connect(token=gateway.token)
            begun = trio.current_time()
            assert (await client.wait_closed())[0] == 1013
            assert trio.current_time() - begun == pytest.approx(0.4)


async def test_upgrades_are_refused_or_not_answered(autojump_clock, gateway, network):
    with gateway.refusing_upgrades(403):
        with pytest.raises(HandshakeFailed) as failure:
            async with open_websocket(gateway.url, network=network):
                pass
        assert failure.value.status == 403
    with gateway.hanging_upgrades(), trio.move_on_after(8) as patience:
        async with open_websocket(gateway.url, network=network):
            pass
    assert patience.cancelled_caught
    async with connected(gateway, network):
        pass
