"""trio_bridge through its public face, as an application would run it, with a handler that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable

import attrs
import trio

import trio_bridge as tb
from benchmarks.flood.subjects.progress import Progress, Task

ROOM = 2**30
"""Bytes: more than any flood has."""

LOOK_AGAIN = 0.005
"""Seconds between looks at whether the last completion is committed."""


async def main(platform: str, store: str, task: Task) -> None:
    progress, last = Progress(task), trio.Event()

    async def handle(message: tb.Message) -> None:
        if progress.add():
            last.set()

    url = f"sqlite:{task.folder / 'flood.db'}" if store == "sqlite" else "memory:"
    account = ACCOUNTS[platform](f"http://{task.host}")
    if store == "memory":  # where it would shed, there is room for the whole flood; all else is as it is by default
        account = attrs.evolve(account, queue_size=max(256, task.count), queue_bytes=ROOM)
    async with tb.open_account(account, handle, store=url) as running:
        await last.wait()
        while running.statistics().inbox_depth:  # noqa: ASYNC110 - it is committed once, and nobody is told
            await trio.sleep(LOOK_AGAIN)
        counters = running.statistics().counters
        if counters.handled != task.count or counters.shed:
            raise SystemExit(f"not everything was handled: {counters}")
        progress.finish(version=tb.__version__, counters=attrs.asdict(counters))
        await trio.sleep_forever()


def dingtalk(url: str) -> tb.DingTalk:
    return tb.DingTalk(
        name="flood", client_id="dingfloodexample0001", client_secret="flood", endpoint=url, oapi_endpoint=url
    )


def feishu(url: str) -> tb.Feishu:
    return tb.Feishu(name="flood", app_id="cli_f100df100df100d0", app_secret="flood", domain=url)


ACCOUNTS: dict[str, Callable[[str], tb.DingTalk | tb.Feishu]] = {"dingtalk": dingtalk, "feishu": feishu}

if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], Task.given())
