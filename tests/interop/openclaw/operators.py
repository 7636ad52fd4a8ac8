"""Our side: accounts on a real gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio_bridge as tb
from tests.interop.openclaw.real_gateway import TOKEN, RealGateway

EVERYTHING = ("operator.read", "operator.write", "operator.admin", "operator.approvals", "operator.pairing")


def operator(gateway: RealGateway, **changes: Any) -> tb.OpenClaw:
    """An account that may do everything."""
    usual = {"name": "real", "url": gateway.url, "token": TOKEN, "scopes": EVERYTHING}
    return tb.OpenClaw(**{**usual, **changes})


@asynccontextmanager
async def open_operator(gateway: RealGateway, **changes: Any) -> AsyncGenerator[tb.Account]:
    """Such an account, connected, while the block runs."""
    async with tb.open_account(operator(gateway, **changes)) as account:
        await account.wait_ready()
        yield account
