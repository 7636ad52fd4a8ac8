"""A hundred DingTalk accounts in one process, four of them in trouble: the others must not notice.

One handler never returns, one account loses its connection every second, one is refused, one gets 5,000 messages a
second. Real sockets, real time, a real file; the far sides run in processes of their own. What was measured is printed.
"""

from __future__ import annotations

import collections
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.soak.far_side import FarSide, open_far_side
from tests.soak.figures import ProcessFigures, milliseconds, quantile, watch_loop
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge

pytestmark = pytest.mark.soak

HEALTHY = [f"healthy-{index:02}" for index in range(96)]
HEARTBEAT_LIMIT = 0.250
ACK_LIMIT = 0.500

RATE = 5000.0
STORM = 20.0
CALM = 10.0
PING_INTERVAL = 2.0
"""Ten times the usual pace, for ten times the evidence."""


@attrs.frozen
class Spell:
    """How the healthy accounts fared for some seconds, and what this process did meanwhile."""

    acked_after: list[float]
    answered_after: list[float]
    unanswered: int
    loop_late: list[float]
    cpu: float
    starved: float
    handled: dict[str, int]


class Handler:
    """The handler of all accounts, and its tally."""

    def __init__(self) -> None:
        self.handled: collections.Counter[str] = collections.Counter()

    async def __call__(self, message: Message) -> str | None:
        self.handled[message.account] += 1
        if message.account == "hung":
            await trio.sleep_forever()
        return f"you said {message.text}" if message.account in HEALTHY else None


async def measure(handler: Handler, town: FarSide, seconds: float) -> Spell:
    """Have somebody write to every healthy account once a second, and look how that goes."""
    loop_late: list[float] = []
    before, handled = ProcessFigures.now(), handler.handled.copy()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_loop, loop_late)
        said = await town.ask("talk", names=HEALTHY, each=1.0, seconds=seconds, people=5)
        nursery.cancel_scope.cancel()
    after = ProcessFigures.now()
    return Spell(
        acked_after=[float("inf") if wait is None else wait for wait in said["acked_after"]],
        answered_after=[wait for wait in said["answered_after"] if wait is not None],
        unanswered=said["answered_after"].count(None),
        loop_late=loop_late,
        cpu=after.cpu - before.cpu,
        starved=after.starved - before.starved,
        handled=dict(handler.handled - handled),
    )


async def test_four_accounts_in_trouble_leave_96_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = Handler()
    done: dict[str, Any] = {}

    async def ask(far_side: FarSide, do: str, **arguments: Any) -> None:
        done[do] = await far_side.ask(do, **arguments)

    async with open_far_side() as town, open_far_side() as stormy, open_far_side() as shaky:
        await town.ask("apps", names=[*HEALTHY, "hung"])
        await stormy.ask("apps", names=["flooded"])
        await shaky.ask("apps", names=["flapping"])
        pace = {"ping_interval": PING_INTERVAL, "pong_timeout": 0.75 * PING_INTERVAL}
        accounts = [
            *(town.account(name, **pace) for name in (*HEALTHY, "hung")),
            town.account("refused"),
            shaky.account("flapping", backoff_min=0.25, backoff_max=0.25),
            stormy.account("flooded"),
        ]
        async with open_bridge(accounts, handler, store=f"sqlite:{tmp_path / 'bridge.db'}") as bridge:
            bridge.shutdown_grace = 0.0  # The hung handler would use all of it.
            with trio.fail_after(30):
                for name in (*HEALTHY, "hung", "flooded"):
                    await bridge.account(name).wait_ready()
            await town.ask("talk", names=["hung"], each=0.05, seconds=1.0, people=20)
            calm = await measure(handler, town, CALM)
            async with trio.open_nursery() as storm:
                storm.start_soon(partial(ask, stormy, "flood", name="flooded", rate=RATE, seconds=STORM, people=16))
                storm.start_soon(partial(ask, shaky, "flap", name="flapping", every=1.0, seconds=STORM))
                spell = await measure(handler, town, STORM)
            flood = done["flood"]
            lateness = (await town.ask("pings", interval=PING_INTERVAL))["lateness"]
            judgement = await town.ask("judge")
            figures = ProcessFigures.now()
            states = {name: str(bridge.account(name).state) for name in bridge.accounts}
            generations = {name: bridge.account(name).generation for name in bridge.accounts}
            counters = bridge.account("flooded").statistics().counters

    with capsys.disabled():
        print(f"\nheartbeats of healthy accounts late by: {milliseconds(lateness)}")
        print(f"acknowledged, calm:  {milliseconds(calm.acked_after)}")
        print(f"acknowledged, storm: {milliseconds(spell.acked_after)}")
        print(f"answered, calm:      {milliseconds(calm.answered_after)}, {calm.unanswered} not yet")
        print(f"answered, storm:     {milliseconds(spell.answered_after)}, {spell.unanswered} not yet")
        print(f"loop late, storm:    {milliseconds(spell.loop_late)}")
        print(f"flood acknowledged:  {flood['acked_after']}")
        print(f"flood: {flood['pushed']} in {flood['pushed_in']:.1f} s, all acknowledged in {flood['acked_in']:.1f} s")
        print(f"flood handled while it lasted: {spell.handled['flooded'] / STORM:.0f} messages/s")
        print(f"CPU: calm {calm.cpu / CALM:.0%}, storm {spell.cpu / STORM:.0%} of a core")
        print(f"waited for a processor: calm {calm.starved / CALM:.0%}, storm {spell.starved / STORM:.0%} of the time")
        print(f"connections of the flapping account: {done['flap']['opened']}; at the end: {figures}")

    assert quantile(lateness, 1.0) <= HEARTBEAT_LIMIT
    assert quantile(spell.acked_after, 0.99) <= ACK_LIMIT
    assert max(spell.acked_after) < float("inf"), "a message of a healthy account was not acknowledged"
    assert judgement["faults"] == []
    assert judgement["summary"]["answered_twice"] == 0
    assert {states[name] for name in HEALTHY} == {"ready"}
    assert {generations[name] for name in HEALTHY} == {1}
    # And they were in trouble indeed.
    assert flood["pushed"] == RATE * STORM
    assert flood["undelivered"] == 0
    assert flood["acked"] == counters.stored == counters.received == flood["pushed"]
    assert flood["pushed_in"] < 1.5 * STORM
    assert handler.handled["hung"] == accounts[0].workers
    assert states["refused"] == "quarantined"
    assert done["flap"]["opened"] >= 10
