"""A thousand DingTalk accounts in one process, on which nothing happens; then their server restarts ten times."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import trio

from tests.soak.far_side import open_far_side
from tests.soak.figures import ProcessFigures
from trio_bridge.engine import governor
from trio_bridge.engine.bridge import Bridge
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge

pytestmark = pytest.mark.soak

NAMES = [f"idle-{index:03}" for index in range(1000)]
MEMORY = 400.0
"""MiB."""
READY_WITHIN = 60.0
RESTARTS = 10
SETTLED = 10.0
"""Seconds after which nothing is left of a connection that was replaced."""
SLACK = 1.05
"""By how much memory may have grown from the first restart to the last: about a kilobyte for each connection."""


async def silent(message: Message) -> None:
    """A handler that has nothing to say."""


async def wait_all_ready(bridge: Bridge) -> None:
    for account in bridge.accounts.values():
        await account.wait_ready()


async def settled_figures() -> ProcessFigures:
    await trio.sleep(SETTLED)
    gc.collect()
    return ProcessFigures.now()


async def test_a_thousand_idle_accounts_are_ready_soon_and_small_and_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_far_side() as far_side:
        await far_side.ask("apps", names=NAMES)
        accounts = [far_side.account(name) for name in NAMES]
        bare, begun = ProcessFigures.now(), trio.current_time()
        async with open_bridge(accounts, silent, store=f"sqlite:{tmp_path / 'bridge.db'}") as bridge:
            opened_after = trio.current_time() - begun
            await wait_all_ready(bridge)
            ready_after = trio.current_time() - begun
            busiest = (await far_side.ask("judge"))["busiest_second"]
            idle = await settled_figures()
            # What a restart leaves behind is asked from here on, and no longer how fast accounts may connect.
            monkeypatch.setattr(governor, "CONNECTS_PER_SECOND", 1_000_000)
            rounds = []
            for number in range(1, RESTARTS + 1):
                await far_side.ask("disconnect")
                await far_side.ask("connected", count=len(NAMES))
                await wait_all_ready(bridge)
                # One message each: to five short lives without any the answer is patience.
                await far_side.ask("talk", names=NAMES, each=2.0, seconds=2.0, people=1)
                rounds.append(await settled_figures() if number in (1, RESTARTS) else ProcessFigures.now())
            judgement = await far_side.ask("judge")
            statistics = bridge.statistics()
            leaving_at = trio.current_time()
        left_after = trio.current_time() - leaving_at
        left = await settled_figures()

    with capsys.disabled():
        print(f"\nbefore: {bare}")
        print(f"1,000 idle accounts: {idle}")
        print(f"open after {opened_after:.1f} s, all ready after {ready_after:.1f} s, at most {busiest} in one second")
        for number, figures in enumerate(rounds, start=1):
            print(f"after restart {number}: {figures}")
        print(f"left after {left_after:.1f} s: {left}")

    assert idle.rss <= MEMORY
    assert ready_after <= READY_WITHIN
    assert idle.fds - bare.fds <= len(NAMES) + 10, "an idle account has its connection open and nothing else"

    first, last = rounds[0], rounds[-1]
    assert (last.tasks, last.fds) == (idle.tasks, idle.fds)
    assert last.threads <= idle.threads + 1, "one may have served the disk just now"
    assert last.rss <= SLACK * first.rss
    assert (left.tasks, left.fds) == (bare.tasks, bare.fds)

    assert judgement["faults"] == []
    assert judgement["opened"] == len(NAMES) * (1 + RESTARTS)
    assert judgement["summary"]["acked"] == judgement["summary"]["pushed"] == len(NAMES) * RESTARTS
    assert {str(account.state) for account in statistics.accounts} == {"ready"}
    assert not set().union(*(account.alarms for account in statistics.accounts))
