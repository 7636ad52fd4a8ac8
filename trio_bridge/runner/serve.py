"""A configuration, run: accounts and agents until an operator asks to finish."""

from __future__ import annotations

import gc
from collections.abc import Iterable

import trio
from rich.console import Console

from ..agents.protocol import Agent, OpenableAgent
from ..engine.environment import Environment
from ..engine.states import Alarm
from ..errors import ConfigError, StoreUnavailable
from ..nurseries import leaves
from ..opening import open_bridge
from .exits import ExitCode, end_by_force, say
from .loading import RunnerConfig
from .signals import heed_signals
from .table import show


async def serve(
    config: RunnerConfig,
    agent: Agent | OpenableAgent,
    console: Console,
    environment: Environment | None = None,
) -> ExitCode:
    """Run the accounts until a signal asks to finish; finish what is in hand; say how it ended.

    On a terminal a table shows what happens. Elsewhere the log tells it.
    """
    finish = trio.Event()
    left: list[str] = []
    unusable: list[str] = []
    with trio.CancelScope() as everything:
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(heed_signals, finish, everything)
                async with open_bridge(
                    config.accounts, agent, store=config.store, files=config.files, environment=environment
                ) as bridge:
                    # What lives as long as the accounts is looked through no more: with 1,000 of them one full
                    # collection would hold up every heartbeat for half a second.
                    gc.freeze()
                    async with trio.open_nursery() as showing:
                        if console.is_terminal:
                            showing.start_soon(show, bridge.statistics, console, name="runner/table")
                        await finish.wait()
                        left = await bridge.drain()
                        showing.cancel_scope.cancel("all is finished")
                    if any(Alarm.WORKER_STUCK in account.alarms for account in bridge.accounts.values()):
                        # Trio would wait for the handler for ever.
                        end_by_force(_unfinished(left))
                nursery.cancel_scope.cancel("all is finished")
        except* ConfigError as group:
            unusable = [f"{config.file}: {problem}" for error in leaves(group) for problem in str(error).splitlines()]
        except* StoreUnavailable as group:
            unusable = [f"{config.file}: store.url: {error}" for error in leaves(group)]
    if unusable:
        say(unusable)
        return ExitCode.UNUSABLE
    if left or everything.cancelled_caught:
        say(_unfinished(left) or ["ended before everything was finished; it is stored"])
        return ExitCode.UNFINISHED
    return ExitCode.CLEAN


def _unfinished(left: Iterable[str]) -> list[str]:
    return [f"left unfinished: {what}" for what in left]
