"""A web application in which people connect and disconnect bots of their own."""

from collections.abc import Iterator

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

import trio_bridge as tb
from trio_bridge.manager import BotManager, BrokenBot, Caller, manager_app

# Your database has these, and your login says who asks.
ROWS = [
    {"name": "hr", "owner": "ann", "app_id": "cli_00000000000000aa"},
    {"name": "it", "owner": "bob", "app_id": "no app id"},
]
USERS = {"token-of-ann": Caller("ann"), "token-of-bob": Caller("bob")}


async def identify(request: Request) -> Caller | None:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return USERS.get(token)


def bots() -> Iterator[tb.Feishu | BrokenBot]:
    for row in ROWS:
        try:
            yield tb.Feishu(app_secret=tb.Secret(env="APP_SECRET"), **row)
        except tb.ConfigError as error:
            name, owner = row["name"], row["owner"]
            yield BrokenBot(name=name, owner=owner, platform="feishu", problem=error)


async def answer(message: tb.Message) -> str:
    return f"{message.account} heard {message.text}"


async def keep_up(manager: BotManager) -> None:
    while True:  # and at once, where your application itself changes a row
        await manager.reconcile(bots())
        await trio.sleep(60)


async def main(bind: str = "127.0.0.1:8000") -> None:
    config = Config()
    config.bind = [bind]
    async with (
        tb.open_bridge([], answer, store="sqlite:bots.db") as bridge,
        trio.open_nursery() as nursery,
    ):
        manager = BotManager(bridge)
        nursery.start_soon(keep_up, manager)
        routes = [Mount("/api/bots", app=manager_app(manager, identify))]
        await serve(Starlette(routes=routes), config)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
