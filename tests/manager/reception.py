"""A web application of somebody's with bots in it: users, their bots, and the manager's endpoints below /api/bots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from trio_bridge.engine.bridge import Bridge
from trio_bridge.engine.store import Store
from trio_bridge.manager import BotManager, Caller, manager_app
from trio_bridge.opening import open_bridge
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.testing.feishu import FeishuSimulator

CALLERS = {
    "ann": Caller("ann"),
    "ann-looks": Caller("ann", may_control=False),
    "bob": Caller("bob"),
}


@attrs.frozen(kw_only=True)
class Exclusive(Feishu):
    """An app that only one process of this machine may use, though it is a simulated one."""

    def exclusive_key(self) -> str:
        return "an app of the tests"


async def identify(request: Request) -> Caller | None:
    return CALLERS.get(request.headers.get("x-user", ""))


@attrs.frozen
class Reception:
    """What people can do with their bots over HTTP."""

    bridge: Bridge
    manager: BotManager
    _client: httpx.AsyncClient

    async def post(self, path: str, user: str = "ann") -> tuple[int, Any]:
        return _read(await self._client.post(f"/api/bots/{path}", headers={"x-user": user}))

    async def get(self, path: str, user: str = "ann") -> tuple[int, Any]:
        return _read(await self._client.get(f"/api/bots/{path}", headers={"x-user": user}))

    async def status(self, bot_id: str, user: str = "ann") -> Any:
        code, body = await self.get(f"{bot_id}/status", user)
        assert code == 200, body
        return body


def _read(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()


@asynccontextmanager
async def open_reception(
    feishu: FeishuSimulator,
    *bots: Any,
    handler: Any = None,
    store: str | Store = "memory:",
    rand: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[Reception]:
    """The application, with these bots from the start."""
    async with open_bridge([], handler, store=store, environment=feishu.environment) as bridge:
        manager = BotManager(bridge, rand=rand)
        await manager.reconcile(bots)
        app = Starlette(routes=[Mount("/api/bots", app=manager_app(manager, identify))])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host") as client:
            yield Reception(bridge, manager, client)
