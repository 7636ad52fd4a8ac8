"""The demonstration: three accounts, a platform on loopback that treats them badly, and the book that it keeps."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import trio
from rich.console import Console

from .._version import __version__
from ..engine.environment import Environment
from ..opening import open_bridge
from ..testing.dingtalk import DingTalkSimulator
from .exits import ExitCode, say
from .play import ACCOUNTS, RULES, Notebook, Play
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
        return f"the platform's own book: {told.format(**self.counts)}\n{verdict}"


async def run_demo(seconds: float | None, console: Console, *, as_json: bool) -> ExitCode:
    """Play for so long, or until a signal; let everything be answered; show the report.

    Everything that can happen happens at least once, however few the seconds.
    """
    finish = trio.Event()
    report: Report | None = None
    with trio.CancelScope() as everything, TemporaryDirectory(prefix="trio-bridge-demo-") as folder:
        async with trio.open_nursery() as nursery:
            await nursery.start(heed_signals, finish, everything)
            async with DingTalkSimulator(rules=RULES) as dingtalk:
                store = f"sqlite:{Path(folder) / 'demo.db'}"
                report = await perform(dingtalk, store, seconds, finish, screen=None if as_json else console)
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
    dingtalk: DingTalkSimulator,
    store: str,
    seconds: float | None,
    finish: trio.Event,
    *,
    screen: Console | None = None,
    environment: Environment | None = None,
) -> Report:
    """Play for so long, or until ``finish`` is set; wait for the last answers; say how it went."""
    rand = random.Random()
    notebook, play = Notebook(rand), Play(dingtalk, rand)
    accounts = [dingtalk.config(name, rate_limit=200.0, rate_burst=50) for name in ACCOUNTS]
    begun = trio.current_time()
    async with (
        open_bridge(accounts, notebook.answer, store=store, environment=environment) as bridge,
        trio.open_nursery() as stage,
    ):
        if screen is not None:
            stage.start_soon(show, bridge.statistics, screen, lambda: _caption(dingtalk, play))
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
    # Only now: whatever the bridge still did while it was closed is in the book.
    return _report(dingtalk, play, notebook, trio.current_time() - begun)


def _caption(dingtalk: DingTalkSimulator, play: Play) -> str:
    summary = dingtalk.ledger.summary()
    return (
        f"{play.story}\nthe platform: {summary.pushed} messages, {summary.deliveries} deliveries, "
        f"{summary.acked} acknowledged, {summary.answered} answered, {summary.answered_twice} twice"
    )


def _report(dingtalk: DingTalkSimulator, play: Play, notebook: Notebook, seconds: float) -> Report:
    lost = sum(not (record.settled and record.replies) for record in dingtalk.ledger.records())
    return Report(
        {
            "seconds": round(seconds, 1),
            "lost": lost,
            "handled_twice": notebook.handled_twice,
            **attrs.asdict(dingtalk.ledger.summary()),
            **play.incidents,
            "connections": len(dingtalk.opened),
        }
    )
