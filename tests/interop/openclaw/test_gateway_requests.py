"""Requests to real gateways: what they answer to the right ones, the wrong ones, and to very many."""

from __future__ import annotations

import pytest
import trio

from tests.interop.openclaw.operators import EVERYTHING, open_operator
from tests.interop.openclaw.real_gateway import RealGateway
from trio_bridge.errors import RequestFailed

pytestmark = pytest.mark.interop

MANY = 1000


async def test_the_hello_of_each_protocol_is_understood(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        hello = account.api.hello
        assert (hello.protocol, hello.role, hello.lacking(EVERYTHING)) == (gateway.protocol, "operator", [])
        assert (hello.session_key, hello.default_agent) == ("agent:main:main", "main")
        assert (hello.max_payload, hello.tick_interval) == (26_214_400, 30.0)
        assert {"chat.send", "sessions.list"} <= hello.methods
        assert hello.server_version
        assert hello.connection_id


async def test_a_method_that_nobody_knows(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        with pytest.raises(RequestFailed) as failure:
            await account.api.request("no.such")
        assert (failure.value.code, failure.value.method) == ("INVALID_REQUEST", "no.such")
        assert await account.api.request_or("nothing", "no.such") == "nothing"
        assert not account.api.supports("no.such")


async def test_without_the_scope_of_administrators_nobody_can_tell_that_it_is_unknown(gateway: RealGateway) -> None:
    async with open_operator(gateway, scopes=("operator.read",)) as account:
        for method in ("no.such", "sessions.delete"):
            with pytest.raises(RequestFailed, match=r"operator\.admin"):
                await account.api.request_or("nothing", method, {"key": "agent:main:other"})
        assert account.api.supports("sessions.delete")


async def test_wrong_parameters_are_named(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        with pytest.raises(RequestFailed, match=r"invalid chat\.history params") as failure:
            await account.api.request("chat.history", {"sessionKey": "main", "bogus": 1})
        assert failure.value.code == "INVALID_REQUEST"


async def test_a_thousand_requests_at_once_are_each_answered(gateway: RealGateway) -> None:
    answers: dict[int, object] = {}

    async def ask(number: int) -> None:
        history = await account.api.request("chat.history", {"sessionKey": f"agent:main:many-{number}", "limit": 1})
        answers[number] = history["sessionKey"]

    async with open_operator(gateway, request_timeout=120) as account:
        async with trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(ask, number)
        assert answers == {number: f"agent:main:many-{number}" for number in range(MANY)}
        assert account.generation == 1


async def test_what_is_larger_than_the_gateway_takes_is_not_sent(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        with pytest.raises(RequestFailed, match="larger than the 26214400"):
            await account.api.request("chat.history", {"sessionKey": "x" * 26_214_400})
        # Just below, it is the gateway that refuses; the connection outlives both.
        with pytest.raises(RequestFailed, match="unknown method"):
            await account.api.request("no.such", {"size": "x" * 26_214_000})
        assert await account.api.health()
        assert account.generation == 1
