"""One try to log in, played to by hand: what is said, in which order, and what a server may do instead."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import AccountRefused, ConnectionLost, HandshakeFailed, RemoteProtocolError
from trio_bridge.platforms.openclaw.access.device_tokens import DeviceToken
from trio_bridge.platforms.openclaw.access.handshake import EARLY_LIMIT, FRAME, Admitted, Refused, shake_hands
from trio_bridge.platforms.openclaw.access.identity import DeviceIdentity
from trio_bridge.platforms.openclaw.access.offer import Credentials, Offer
from trio_bridge.platforms.openclaw.access.signing import payload_v3
from trio_bridge.platforms.openclaw.config import OpenClaw
from trio_bridge.platforms.openclaw.failures import connect_failure
from trio_bridge.transport.memory import websocket_pair
from trio_bridge.transport.server_websocket import ServerWebsocket

GATEWAY = "ws://127.0.0.1:18789"
NOW = 1_790_000_000_000
NONCE, AT = "fab84200-2d18-410d-87cc-607d08b689d0", 1_795_163_826_639
HELLO = {"type": "hello-ok", "protocol": 4, "server": {"version": "1", "connId": "c"}}
DEVICE = DeviceIdentity.of(bytes(range(32)))
OFFER = Offer(identity=DEVICE, credentials=Credentials("the-token"), scopes=("operator.write", "operator.read"))

Play = Callable[[ServerWebsocket], Awaitable[None]]


def event(name: str, payload: Any = None, **more: Any) -> str:
    return json.dumps({"type": "event", "event": name, "payload": payload, **more})


def challenge(**payload: Any) -> str:
    return event("connect.challenge", {"nonce": NONCE, "ts": AT, **payload})


def answer(**fields: Any) -> str:
    return json.dumps({"type": "res", "id": "connect", **fields})


async def heard(server: ServerWebsocket) -> dict[str, Any]:
    """The next request that the client makes."""
    while not (frames := await server.receive_batch()):
        pass
    [frame] = frames
    request: dict[str, Any] = json.loads(frame)
    return request


@asynccontextmanager
async def played(play: Play, offer: Offer = OFFER, **config: Any) -> AsyncIterator[Admitted | Refused]:
    """What comes of a try while the server plays its part."""
    link, server = websocket_pair(max_size=64 * 2**20)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play, server)
        yield await shake_hands(link, offer, OpenClaw(name="desk", **config), gateway=GATEWAY, now_ms=lambda: NOW)
        nursery.cancel_scope.cancel()


async def fails(play: Play, error: type[Exception], match: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(error, match=match), flatten_subgroups=True):
        async with played(play):
            raise AssertionError


def says(*frames: str, then: Callable[[ServerWebsocket], Awaitable[None]] | None = None) -> Play:
    """Challenge, hear, and say these."""

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge()])
        await heard(server)
        await server.send_batch(frames)
        if then is not None:
            await then(server)
        await trio.sleep_forever()

    return play


async def test_what_is_asked_for_and_what_proves_it(autojump_clock: MockClock) -> None:
    requests: list[dict[str, Any]] = []

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge(capabilities=["x"])])
        requests.append(await heard(server))
        await server.send_batch([answer(ok=True, payload=HELLO)])

    offer = attrs.evolve(OFFER, device_token=DeviceToken("the-device-token", frozenset(), 0.0))
    async with played(play, offer, caps=["tool-events"]) as verdict:
        assert isinstance(verdict, Admitted)
        assert (verdict.hello.protocol, list(verdict.early)) == (4, [])
    [request] = requests
    assert (request["type"], request["method"]) == ("req", "connect")
    params = request["params"]
    client, device = params.pop("client"), params.pop("device")
    assert params.pop("userAgent").startswith("trio-bridge/")
    assert params == {
        "minProtocol": 3,
        "maxProtocol": 4,
        "role": "operator",
        "scopes": ["operator.write", "operator.read"],
        "caps": ["tool-events"],
        "auth": {"token": "the-token", "deviceToken": "the-device-token"},
    }
    assert (client["id"], client["mode"], client["displayName"]) == ("cli", "cli", "trio-bridge desk")
    assert client["version"]
    assert (device["id"], device["publicKey"]) == (DEVICE.device_id, DEVICE.public_key)
    assert (device["nonce"], device["signedAt"]) == (NONCE, AT)
    signed = payload_v3(
        device_id=DEVICE.device_id,
        client_id="cli",
        client_mode="cli",
        role="operator",
        scopes=["operator.write", "operator.read"],
        signed_at_ms=AT,
        token="the-token",
        nonce=NONCE,
        platform=client["platform"],
    )
    assert device["signature"] == DEVICE.sign(signed)


async def test_a_password_is_never_signed(autojump_clock: MockClock) -> None:
    requests: list[dict[str, Any]] = []

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge()])
        requests.append(await heard(server))
        await server.send_batch([answer(ok=True, payload=HELLO)])

    async with played(play, attrs.evolve(OFFER, credentials=Credentials(password="the-password"))):
        pass
    params = requests[0]["params"]
    assert params["auth"] == {"password": "the-password"}
    unsigned = payload_v3(
        device_id=DEVICE.device_id,
        client_id="cli",
        client_mode="cli",
        role="operator",
        scopes=OFFER.scopes,
        signed_at_ms=AT,
        token="",
        nonce=NONCE,
        platform=params["client"]["platform"],
    )
    assert params["device"]["signature"] == DEVICE.sign(unsigned)


async def test_nothing_to_prove_is_not_sent(autojump_clock: MockClock) -> None:
    requests: list[dict[str, Any]] = []

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge()])
        requests.append(await heard(server))
        await server.send_batch([answer(ok=True, payload=HELLO)])

    async with played(play, attrs.evolve(OFFER, credentials=Credentials())):
        pass
    assert "auth" not in requests[0]["params"]
    async with played(play, attrs.evolve(OFFER, identity=None)):
        pass
    params = requests[1]["params"]
    assert "device" not in params
    assert (params["client"]["id"], params["client"]["mode"]) == ("gateway-client", "backend")


async def test_what_comes_around_the_hello_is_kept_in_order(autojump_clock: MockClock) -> None:
    """Events before the answer, answers to nobody, frames that nobody understands, and whatever is right behind it."""
    before = [event("health", {}, seq=1), json.dumps({"type": "res", "id": "7", "ok": True}), "garbage"]
    behind = [event("tick", {}, seq=2), event("shutdown", {}, seq=3)]

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([before[0]])
        await server.send_batch([challenge()])
        await heard(server)
        await server.send_batch([*before[1:], answer(ok=True, payload=HELLO), *behind])

    async with played(play) as verdict:
        assert isinstance(verdict, Admitted)
        assert list(verdict.early) == [*before, *behind]


@pytest.mark.parametrize("id_", ["connect-2", "", "Connect", 1, None])
async def test_only_the_answer_to_our_own_request_counts(autojump_clock: MockClock, id_: Any) -> None:
    other = json.dumps({"type": "res", "id": id_, "ok": False, "error": {"code": "X", "message": "x"}})
    async with played(says(other, answer(ok=True, payload=HELLO))) as verdict:
        assert isinstance(verdict, Admitted)


async def test_a_refusal_and_the_close_behind_it(autojump_clock: MockClock) -> None:
    async def close(server: ServerWebsocket) -> None:
        await trio.sleep(1.9)
        await server.aclose(1013, "gateway starting")

    async with played(says(answer(ok=False, error={"code": "INVALID_REQUEST", "message": "x"}), then=close)) as verdict:
        assert isinstance(verdict, Refused)
        assert verdict.close is not None
        assert verdict.close.code == 1013
        assert verdict.category == "starting"
        assert trio.current_time() == pytest.approx(1.9)


@pytest.mark.parametrize("how", ["silence", "chatter", "reset", "garbage"])
async def test_a_refusal_without_a_close(autojump_clock: MockClock, how: str) -> None:
    async def go_on(server: ServerWebsocket) -> None:
        while how == "chatter":
            await server.send_batch([event("tick")])
            await trio.sleep(0.3)
        if how == "reset":
            await trio.sleep(0.1)
            server.reset()
        if how == "garbage":
            await server.send_raw(b"\xff\xff")

    async with played(says(answer(ok=False, error={"code": "NOT_PAIRED", "message": "x"}), then=go_on)) as verdict:
        assert isinstance(verdict, Refused)
        assert verdict.category == "pairing"
        assert trio.current_time() <= 2


async def test_a_refusal_that_gives_no_reason(autojump_clock: MockClock) -> None:
    async with played(says(answer(ok=False, payload={"error": "no"}))) as verdict:
        assert isinstance(verdict, Refused)
        assert isinstance(connect_failure(verdict.error, verdict.close), HandshakeFailed)


async def test_a_gateway_that_repeats_what_proves_us_has_it_hidden(autojump_clock: MockClock) -> None:
    error = {
        "code": "BAD the-token",
        "message": "you said the-token and the-device-token",
        "details": {"code": "X-the-token", "requestId": ["the-token"]},
    }

    async def close(server: ServerWebsocket) -> None:
        await server.aclose(1008, "token the-token is wrong")

    offer = attrs.evolve(OFFER, device_token=DeviceToken("the-device-token", frozenset(), 0.0))
    async with played(says(answer(ok=False, error=error), then=close), offer) as verdict:
        assert isinstance(verdict, Refused)
        for told in (str(connect_failure(verdict.error, verdict.close)), str(connect_failure(None, verdict.close))):
            assert "the-token" not in told
            assert "the-device-token" not in told
            assert "***" in told


async def test_neither_offers_nor_credentials_show_secrets() -> None:
    offer = attrs.evolve(OFFER, device_token=DeviceToken("the-device-token", frozenset(), 0.0))
    for secret in ("the-token", "the-device-token"):
        assert secret not in repr(offer)


# What no gateway says


@pytest.mark.parametrize("nonce", ["", "  ", None, 7, ["x"]])
async def test_a_challenge_with_nothing_to_sign(autojump_clock: MockClock, nonce: Any) -> None:
    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge(nonce=nonce)])

    await fails(play, HandshakeFailed, "nothing to sign")


@pytest.mark.parametrize("at", [None, "now", -1, 0, 10**400, 1e30])
async def test_a_time_that_is_none_is_ours(autojump_clock: MockClock, at: Any) -> None:
    signed_at: list[int] = []

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge(ts=at)])
        signed_at.append((await heard(server))["params"]["device"]["signedAt"])
        await server.send_batch([answer(ok=True, payload=HELLO)])

    async with played(play):
        pass
    assert signed_at == [NOW]


@pytest.mark.parametrize("frames", [[], ["hello"], [b"\x00\x01"], ["[]", "{}", '{"type":"pong"}'], [event("tick")] * 9])
async def test_a_server_that_is_none(autojump_clock: MockClock, frames: list[str | bytes]) -> None:
    async def play(server: ServerWebsocket) -> None:
        await server.send_batch(frames)
        await trio.sleep_forever()

    await fails(play, HandshakeFailed, "if that is an OpenClaw Gateway: no answer within 15 s")
    assert trio.current_time() == 15


@pytest.mark.parametrize("payload", [None, [], "hello", 4])
async def test_a_hello_that_is_none(autojump_clock: MockClock, payload: Any) -> None:
    await fails(says(answer(ok=True, payload=payload)), HandshakeFailed, "is it an OpenClaw Gateway")


@pytest.mark.parametrize("protocol", [1, 2, 5, 999])
async def test_a_hello_in_another_protocol(autojump_clock: MockClock, protocol: int) -> None:
    play = says(answer(ok=True, payload={**HELLO, "protocol": protocol}))
    await fails(play, AccountRefused, f"speaks {protocol}, we speak 3-4")


async def test_a_verdict_that_does_not_come(autojump_clock: MockClock) -> None:
    await fails(says(event("tick")), HandshakeFailed, f"verdict of {GATEWAY} on our login: no answer within 15 s")


@pytest.mark.parametrize(
    ("frames", "times"),
    [
        ([event("noise", {"text": "x" * 2**20})], EARLY_LIMIT // 2**20 + 1),
        ([""] * 1024, EARLY_LIMIT // FRAME // 1024 + 1),
    ],
    ids=["large", "empty"],
)
async def test_a_flood_before_the_hello(autojump_clock: MockClock, frames: list[str], times: int) -> None:
    async def flood(server: ServerWebsocket) -> None:
        for _ in range(times):
            await server.send_batch(frames)

    await fails(says(then=flood), RemoteProtocolError, "says too much")


async def test_a_connection_that_is_cut(autojump_clock: MockClock) -> None:
    async def cut(server: ServerWebsocket) -> None:
        server.reset()

    link, server = websocket_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(says(then=cut), server)
        try:
            verdict = await shake_hands(link, OFFER, OpenClaw(name="desk"), gateway=GATEWAY, now_ms=lambda: NOW)
        except ConnectionLost:
            pass
        else:
            assert isinstance(verdict, Refused)
            assert verdict.category == "transient"
        nursery.cancel_scope.cancel()


async def test_pings_are_answered_meanwhile(autojump_clock: MockClock) -> None:
    """A gateway that is slow to judge may ask whether we are still there."""
    pongs: list[float] = []

    async def play(server: ServerWebsocket) -> None:
        await server.send_batch([challenge()])
        await heard(server)
        server.ping()
        await server.send_batch()
        await server.receive_batch()
        pongs.append(server.last_received)
        await server.send_batch([answer(ok=True, payload=HELLO)])

    async with played(play) as verdict:
        assert isinstance(verdict, Admitted)
    assert len(pongs) == 1
