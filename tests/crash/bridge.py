"""The bridge that is killed: it tells the journal what it begins, what it has handled, and what is committed."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import trio

import trio_bridge as tb
from tests.crash.journal import tell
from tests.crash.watched import Watch, open_watched
from trio_bridge.engine.store import Done, Work


class Witness(Watch):
    """Has every completion written down when it is committed, before anybody in the bridge learns of it."""

    def __init__(self, journal: int) -> None:
        self._journal = journal
        self._keys: dict[int, str] = {}

    def after(self, call: str, arguments: tuple[Any, ...], result: Any) -> None:
        match arguments, result:
            case (Work() as work,), Done() as done:
                finished = zip(work.finish, done.finished, strict=True)
                handled = [self._keys.pop(item.seq) for item, held in finished if held and item.result == "done"]
                if handled:
                    tell(self._journal, *(("done", key) for key in handled))
                self._keys |= {claim.seq: claim.delivery.key for claim in done.claimed if claim is not None}


def serve(store: str, pipe: str, account: dict[str, Any]) -> None:
    """Serve one DingTalk account until SIGTERM, then drain."""
    trio.run(_serve, Path(store), os.open(pipe, os.O_WRONLY), tb.DingTalk(**account))


async def _serve(path: Path, journal: int, account: tb.DingTalk) -> None:
    async def handle(message: tb.Message) -> str | None:
        tell(journal, ("begun", message.id))
        await trio.sleep(random.uniform(0.02, 0.2))
        tell(journal, ("ended", message.id))
        return f"you said {message.text}" if message.text.endswith("?") else None

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with open_watched(path, Witness(journal)) as store, tb.open_bridge([account], handle, store=store):
            await anext(signals)
            tell(journal, ("draining", account.name))
