"""trio_bridge through its public face, as an application would run it, with a handler that does nothing."""

from __future__ import annotations

import sys

import attrs
import trio

import trio_bridge as tb
from benchmarks.flood.subjects.progress import Progress, Task

ROOM = 2**30
"""Bytes: more than any flood has."""

LOOK_AGAIN = 0.005
"""Seconds between looks at whether the last completion is committed."""


async def main(store: str, task: Task) -> None:
    progress, last = Progress(task), trio.Event()

    async def handle(message: tb.Message) -> None:
        if progress.add():
            last.set()

    url = f"sqlite:{task.folder / 'flood.db'}" if store == "sqlite" else "memory:"
    async with tb.open_account(account(store, task), handle, store=url) as running:
        await last.wait()
        while running.statistics().inbox_depth:  # noqa: ASYNC110 - it is committed once, and nobody is told
            await trio.sleep(LOOK_AGAIN)
        counters = running.statistics().counters
        if counters.handled != task.count or counters.shed:
            raise SystemExit(f"not everything was handled: {counters}")
        progress.finish(version=tb.__version__, counters=attrs.asdict(counters))
        await trio.sleep_forever()


def account(store: str, task: Task) -> tb.DingTalk:
    """The account under its defaults; but in memory, where it would shed, the queue has room for the whole flood."""
    plain = tb.DingTalk(
        name="flood",
        client_id="dingfloodexample0001",
        client_secret="flood",
        endpoint=f"http://{task.host}",
        oapi_endpoint=f"http://{task.host}",
    )
    return plain if store == "sqlite" else attrs.evolve(plain, queue_size=max(256, task.count), queue_bytes=ROOM)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], Task.given())
