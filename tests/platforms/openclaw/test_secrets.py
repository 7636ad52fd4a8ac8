"""Whatever lets us in shows nowhere: not in logs, not with ``debug``, not in what is raised, told or printed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_bridge as tb
from tests.platforms.openclaw.stage import simulated
from trio_bridge.engine.account import Account
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.testing.openclaw import Closes, Refuses

TOKEN, PASSWORD, ASKED = "canary-token", "canary-password", "canary-credentials"


async def credentials() -> str:
    return ASKED


CREDENTIALS: list[dict[str, Any]] = [
    {"token": TOKEN},
    {"token": None, "password": PASSWORD},
    {"token": TOKEN, "password": PASSWORD},
    {"token": None, "credentials": credentials},
]
everyone = pytest.mark.parametrize("secrets", CREDENTIALS, ids=["token", "password", "both", "credentials"])


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """Everything that anybody may see of an account."""
    caplog.set_level(logging.DEBUG)

    def seen(account: Account, *more: object) -> str:
        told = [account, account.config, account.api.info(), account.api.hello, account.statistics(), *more]
        logged = [vars(record) for record in caplog.records]
        return caplog.text + "".join(f"{each!r}{each}" for each in [*told, *logged])

    return seen


@asynccontextmanager
async def at(stage: Any, secrets: dict[str, Any], debug: bool) -> AsyncGenerator[Account]:
    """An account that the gateway would let in by any of the secrets."""
    settings = stage.gateway.settings
    settings.token, settings.password = (ASKED if "credentials" in secrets else TOKEN), PASSWORD
    settings.auth = "token" if secrets["token"] or "credentials" in secrets else "password"
    async with stage.account(**{**secrets, "debug": debug}) as account:
        yield account


@pytest.mark.parametrize("debug", [False, True])
@everyone
async def test_those_that_let_us_in(
    secrets: dict[str, Any], debug: bool, autojump_clock: MockClock, seen: Callable[..., str]
) -> None:
    async with simulated() as stage, at(stage, secrets, debug) as account:
        await account.wait_ready()
        async with account.api.chat("main", "hello") as run:
            await run.finish()
        hello = account.api.hello
        assert hello is not None
        assert hello.device_token
        stage.gateway.drop_connections()
        await trio.sleep(60)
        assert account.generation == 2
        shown_again = stage.logins[-1]["auth"]
        assert shown_again["deviceToken"] == hello.device_token
        text = seen(account)
        for canary in (TOKEN, PASSWORD, ASKED, hello.device_token, *shown_again.values()):
            assert canary not in text
        assert ("frame to send" in text) is debug


@pytest.mark.parametrize("debug", [False, True])
@everyone
async def test_those_that_a_gateway_repeats_while_it_refuses_them(
    secrets: dict[str, Any], debug: bool, autojump_clock: MockClock, seen: Callable[..., str]
) -> None:
    echo = f"no {TOKEN} {PASSWORD} {ASKED}"
    details = {"code": "AUTH_TOKEN_MISMATCH", "why": echo}
    async with simulated() as stage:
        stage.gateway.script("connect", Refuses(Refusal(echo, echo, details=details)), times=10)
        async with at(stage, secrets, debug) as account:
            with pytest.raises(tb.AccountRefused) as refused:
                await account.wait_ready()
            shown = stage.logins[-1]["auth"].values()
            text = seen(account, refused.value, vars(refused.value), *traceback.format_exception(refused.value))
            for canary in shown:
                assert canary not in text


@everyone
async def test_those_that_a_gateway_repeats_while_it_closes(
    secrets: dict[str, Any], autojump_clock: MockClock, seen: Callable[..., str]
) -> None:
    echo = f"unauthorized: {TOKEN} {PASSWORD} {ASKED}"
    async with simulated() as stage:
        stage.gateway.script("connect", Closes(1008, echo), times=10)
        async with at(stage, secrets, debug=True) as account:
            with pytest.raises(tb.AccountRefused) as refused:
                await account.wait_ready()
            shown = stage.logins[-1]["auth"].values()
            text = seen(account, refused.value, vars(refused.value), *traceback.format_exception(refused.value))
            for canary in shown:
                assert canary not in text
