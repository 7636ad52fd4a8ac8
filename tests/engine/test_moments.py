"""Whatever befalls an account, and at whatever moment: what was acknowledged is handled, and answered once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.engine.account import Account
from trio_bridge.engine.store import Recovered
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryAccount, MemoryStore

MOMENTS = range(1, 260, 17)
"""Steps of any task, counted from the first delivery."""

BEFALLS: dict[str, Callable[[Account, FakeServer], None]] = {
    "stop": lambda account, server: account.wish_stopped(),
    "restart": lambda account, server: account.wish_running(afresh=True),
    "loss": lambda account, server: server.connections[-1].lose(),
    "leave": lambda account, server: server.connections[-1].leave(),
}


class At(trio.abc.Instrument):
    """Acts once, before the n-th step."""

    def __init__(self, step: int, act: Callable[[], None]) -> None:
        self._left = step
        self._act = act

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if not self._left:
            self._act()


async def handler(message: Message) -> str | None:
    """One of each kind: by the first letter of its key."""
    match message.id[0]:
        case "t":
            async with message.transaction() as tx:
                tx.state["count"] = tx.state.get("count", 0) + 1
                await message.reply("counted")
        case "s":
            async with message.stream() as out:
                await out.write("a")
                await trio.sleep(1)
        case _:
            await message.reply("at once")
            await trio.sleep(1)
            return "later"
    return None


async def live_through(moment: int, befall: Callable[[Account, FakeServer], None]) -> None:
    server, store = FakeServer(), MemoryStore()
    config = Fake(server=server, workers=3, drain_grace=2)
    async with open_bridge([config], handler, store=store, environment=virtual_environment()) as bridge:
        account, link = bridge.account("a"), await server.connection()
        strike = At(moment, lambda: befall(account, server))
        trio.lowlevel.add_instrument(strike)
        for number in range(4):
            for kind in "trs":
                link.push(f"{kind}{number}", lane=f"{kind}{number % 2}")
            await trio.sleep(0.6)
        await trio.sleep(8)
        trio.lowlevel.remove_instrument(strike)  # How many steps it all takes varies: nothing strikes after the start.
        await bridge.start("a")
        await trio.sleep(200)
        assert account.state == "ready"
        assert (account.statistics().inbox_depth, account.statistics().outbox_depth) == (0, 0)
        assert account.counters.failed == 0
        kept: Any = await store.open_account("a", platform="fake")
        unknown = {row.key for row in await kept.outgoing(["unknown"])}  # it was cut off while it was sent
        counted = sum([(await kept.load(f"conversation:t{lane}")).get("count", 0) for lane in range(2)])
    sent = [key for key, _ in server.answers]
    acked = {line.split()[1].split("@")[0] for link in server.connections for line in link.sent}
    assert len(sent) == len(set(sent))
    assert {f"{key}/1" for key in acked} | {f"{key}/2" for key in acked if key[0] == "r"} <= {*sent, *unknown}
    assert sum(key[0] == "t" for key in acked) <= counted <= 4


@pytest.mark.parametrize("what", BEFALLS)
def test_what_was_acknowledged_is_handled_whenever_it_strikes(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recover, died = MemoryAccount.recover, []

    async def counting(account: MemoryAccount, **limits: Any) -> Recovered:
        found = await recover(account, **limits)
        died.append(found.died)
        return found

    monkeypatch.setattr(MemoryAccount, "recover", counting)
    for moment in MOMENTS:
        trio.run(live_through, moment, BEFALLS[what], clock=MockClock(autojump_threshold=0))
    assert not any(died), "every claim was given back, at no cost"
