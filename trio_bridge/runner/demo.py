"""The demonstration: four accounts, two platforms on loopback that treat them badly, and the books that they keep."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import trio
from rich.console import Console

from .._version import __version__
from ..engine.environment import Environment
from ..opening import open_bridge
from .exits import ExitCode, say
from .play import Notebook, Play
from .sides import DingTalkSide, FeishuSide, Side
from .signals import heed_signals
from .table import TICK, show

SETTLE = 30.0
"""Seconds that the last messages get to be answered when nobody says anything any more."""


@attrs.frozen
class Report:
    """How it went. Every count is the platform's, but for ``handled_twice``, which the handler noted itself."""

    counts: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether every message arrived, was acknowledged where it was delivered, and was answered exactly once."""
        wrong = (
            "lost",
            "answered_twice",
            "handled_twice",
            "unmatched_replies",
            "acked_on_wrong_connection",
            "faults",
        )
        return self.counts["pushed"] > 0 and not any(self.counts[name] for name in wrong)

    def as_json(self) -> str:
        """One object, in one line."""
        return json.dumps({"version": __version__, "ok": self.ok, **self.counts})

    def __str__(self) -> str:
        told = (
            "{pushed} messages, delivered {deliveries} times over {connections} connections: {acked} acknowledged, "
            "{answered} answered, {answered_twice} of them twice, {lost} lost"
        )
        verdict = "nothing was lost, nothing was answered twice" if self.ok else "this is not as it should be"
        return "\n".join([f"the platforms' own books: {told.format(**self.counts)}", *self._delays(), verdict])

    def _delays(self) -> Iterator[str]:
        for name, counts in self.counts["platforms"].items():
            usual, meanwhile = counts["ack_delay"], counts["ack_delay_while_another_is_away"]
            if usual is not None and meanwhile is not None:
                figures = f"{usual * 1000:.1f} ms, and {meanwhile * 1000:.1f} ms while another platform was away"
                yield f"half of what {name} delivered was acknowledged within {figures}"


async def run_demo(seconds: float | None, console: Console, *, as_json: bool) -> ExitCode:
    """Play for so long, or until a signal; let everything be answered; show the report.

    Everything that can happen happens at least once, however few the seconds.
    """
    finish = trio.Event()
    report: Report | None = None
    with trio.CancelScope() as everything, TemporaryDirectory(prefix="trio-bridge-demo-") as folder:
        async with trio.open_nursery() as nursery:
            await nursery.start(heed_signals, finish, everything)
            store = f"sqlite:{Path(folder) / 'demo.db'}"
            play = Play(DingTalkSide(), FeishuSide(), random.Random())
            report = await perform(play, store, seconds, finish, screen=None if as_json else console)
            nursery.cancel_scope.cancel("the demonstration is over")
    return conclude(None if everything.cancelled_caught else report, console, as_json=as_json)


def conclude(report: Report | None, console: Console, *, as_json: bool) -> ExitCode:
    """Show the report, if there is one, and say how the program is to end."""
    if report is None:
        say(["ended in the middle of it: there is no report"])
        return ExitCode.UNFINISHED
    console.out(report.as_json() if as_json else report, highlight=False)
    return ExitCode.CLEAN if report.ok else ExitCode.FAILED


async def perform(
    play: Play,
    store: str,
    seconds: float | None,
    finish: trio.Event,
    *,
    screen: Console | None = None,
    environment: Environment | None = None,
) -> Report:
    """Play for so long, or until ``finish`` is set; wait for the last answers; say how it went."""
    notebook = Notebook(random.Random())
    async with AsyncExitStack() as platforms:
        for side in play.sides:
            await platforms.enter_async_context(side.open())
        begun = trio.current_time()
        await _perform(play, notebook, store, seconds, finish, screen, environment)
        # Only now: whatever the bridge still did while it was closed is in the books.
        return _report(play, notebook, trio.current_time() - begun)


async def _perform(
    play: Play,
    notebook: Notebook,
    store: str,
    seconds: float | None,
    finish: trio.Event,
    screen: Console | None,
    environment: Environment | None,
) -> None:
    accounts = [config for side in play.sides for config in side.configs()]
    async with (
        open_bridge(accounts, notebook.answer, store=store, environment=environment) as bridge,
        trio.open_nursery() as stage,
    ):
        if screen is not None:
            stage.start_soon(show, bridge.statistics, screen, lambda: _caption(play))
        for account in bridge.accounts.values():
            await account.wait_ready()
        async with trio.open_nursery() as playing:
            playing.start_soon(play.run)
            with trio.move_on_after(math.inf if seconds is None else seconds):
                await finish.wait()
            await play.acted.wait()
            playing.cancel_scope.cancel("enough was seen")
        with trio.move_on_after(SETTLE):
            await play.settle()
        if screen is not None:
            await trio.sleep(TICK)  # so that the last picture is one of a bridge at rest
        stage.cancel_scope.cancel("it is over")


def _caption(play: Play) -> str:
    return "\n".join([play.story, *map(_told, play.sides)])


def _told(side: Side[Any, Any]) -> str:
    told = (
        "{pushed} messages, {deliveries} deliveries, {acked} acknowledged, {answered} answered, {answered_twice} twice"
    )
    return f"{side.title}: {told.format(**attrs.asdict(side.simulator.ledger.summary()))}"


def _report(play: Play, notebook: Notebook, seconds: float) -> Report:
    platforms = {side.platform: side.counts() for side in play.sides}
    delays = {
        side.platform: {
            "ack_delay": play.ack_delay(side, meanwhile=False),
            "ack_delay_while_another_is_away": play.ack_delay(side, meanwhile=True),
        }
        for side in play.sides
    }
    together = sum(map(Counter, platforms.values()), Counter[str]())
    names = dict.fromkeys(name for counts in platforms.values() for name in counts)
    return Report(
        {
            "seconds": round(seconds, 1),
            "handled_twice": notebook.handled_twice,
            **{name: together[name] for name in names},
            **play.incidents,
            "platforms": {name: {**counts, **delays[name]} for name, counts in platforms.items()},
        }
    )
