"""A folder with a configuration and a store, as a bridge left it."""

from __future__ import annotations

from pathlib import Path

import trio
from click.testing import CliRunner, Result

from trio_bridge.engine.store import OutgoingChange
from trio_bridge.runner.commands import program
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import buried, reply

CONFIG = """
[agent]
kind = "python"
handler = "nobody:knows"
[accounts.sales]
platform = "dingtalk"
client_id = "dingclerk"
client_secret = { env = "NOBODY_SET_THIS" }
"""


def tell(*arguments: str) -> Result:
    """Run the program in this process, to its end."""
    return CliRunner().invoke(program, arguments, catch_exceptions=False)


async def _fill(path: Path, now: float) -> None:
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="dingtalk", owner="mei")
        await sales.enqueue([reply("m1/1", "private"), reply("m2/1"), reply("m3/1"), reply("m4/1")], now=now - 7300)
        await sales.change([OutgoingChange("m1/1", not_before=now + 200, attempts=3, error="no answer")])
        await sales.change([OutgoingChange("m2/1", state="unknown", error="cut off")])
        await sales.change([OutgoingChange("m3/1", state="dead", error="refused")])
        await sales.change([OutgoingChange("m4/1", state="sent")])
        await buried(sales, "m9", now=now)
        support = await store.open_account("support", platform="dingtalk")
        await support.enqueue([reply("m1/1")], now=now - 60)
        await buried(support, "m9", now=now + 1)


def fill(folder: Path, now: float = 1_790_000_000.0) -> Path:
    """The configuration. What the store holds is in :func:`_fill`."""
    trio.run(_fill, folder / "bridge.db", now)
    return configure(folder)


def configure(folder: Path, store: str = "") -> Path:
    config = folder / "bridge.toml"
    config.write_text(store + CONFIG)
    return config
