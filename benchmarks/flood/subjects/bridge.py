"""trio_bridge through its public face, as an application would run it, with a handler that does nothing."""

from __future__ import annotations

import sys

import attrs
import trio

import trio_bridge as tb
from benchmarks.flood.subjects.progress import Progress, Task

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
        while running.statistics().inbox_depth:
            await trio.sleep(LOOK_AGAIN)
        counters = running.statistics().counters
        if counters.handled != task.count or counters.shed:
            raise SystemExit(f"not everything was handled: {counters}")
        progress.report(counters=attrs.asdict(counters))
        await trio.sleep_forever()


def account(store: str, task: Task) -> tb.DingTalk:
    """The account under its defaults; but in memory, where it would shed, the queue has room for all of the flood."""
    tuning: dict[str, int] = {} if store == "sqlite" else {"queue_size": task.count, "queue_bytes": 2**30}
    url = f"http://{task.host}"
    return tb.DingTalk(
        name="flood", client_id="dingfloodexample0001", client_secret="flood", endpoint=url, oapi_endpoint=url, **tuning
    )


if __name__ == "__main__":
    trio.run(main, sys.argv[1], Task.given())
