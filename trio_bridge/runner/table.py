"""What a bridge does, at a glance: a table that stays in its place on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable

import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..engine.states import AccountState
from ..engine.statistics import AccountStatistics, BridgeStatistics
from .text import one_line

TICK = 0.5
"""Seconds between two pictures: fast enough to watch, slow enough to read."""
LINES_EVERY = 5.0
"""Seconds between two sets of lines, where nobody can be shown a moving picture."""
ERROR = 60

COLUMNS = ("account", "state", "gen", "received", "handled", "sent", "dup", "inbox", "outbox", "last error")
COLOURS = {
    AccountState.READY: "green",
    AccountState.QUARANTINED: "red",
    AccountState.PARKED: "red",
    AccountState.STOPPED: "dim",
}


def row(account: AccountStatistics) -> tuple[str, ...]:
    """One account in words and figures, in the order of :data:`COLUMNS`."""
    counters = account.counters
    error = account.last_error
    return (
        one_line(account.name, 40),
        " ".join([account.state, *(f"!{alarm}" for alarm in sorted(account.alarms))]),
        str(account.generation),
        str(counters.received),
        str(counters.handled),
        str(counters.sent),
        str(counters.duplicates),
        str(account.inbox_depth),
        str(account.outbox_depth),
        "" if error is None else one_line(f"{error.kind}: {error.message}", ERROR),
    )


def lines(statistics: BridgeStatistics) -> list[str]:
    """Every account in a line of its own that says which figure is which."""
    return [
        "  ".join(f"{column}={value}" for column, value in zip(COLUMNS, row(account), strict=True) if value)
        for account in statistics.accounts
    ]


def picture(statistics: BridgeStatistics, caption: str = "") -> Table:
    """The accounts as a table. Everything in it is text: an account can't be named in a way that colours the screen."""
    table = Table(*COLUMNS, title=f"trio-bridge {statistics.version}", title_justify="left")
    table.caption, table.caption_justify = Text(caption), "left"
    for column in table.columns[2:-1]:
        column.justify = "right"
    for account in statistics.accounts:
        name, state, *others = map(Text, row(account))
        state.stylize("yellow" if account.alarms else COLOURS.get(account.state, "default"))
        table.add_row(name, state, *others)
    return table


async def show(
    statistics: Callable[[], BridgeStatistics], console: Console, caption: Callable[[], str] = lambda: ""
) -> None:
    """Show what ``statistics`` returns, and below it what ``caption`` returns, until cancelled."""
    if console.is_terminal:
        await _show_picture(statistics, console, caption)
    else:
        await _show_lines(statistics, console, caption)


async def _show_lines(statistics: Callable[[], BridgeStatistics], console: Console, caption: Callable[[], str]) -> None:
    while True:
        await trio.sleep(LINES_EVERY)
        for line in [*lines(statistics()), *caption().splitlines()]:
            console.out(line, highlight=False)


async def _show_picture(
    statistics: Callable[[], BridgeStatistics], console: Console, caption: Callable[[], str]
) -> None:
    # What goes to stderr is written above the table, unless it goes somewhere else than to this terminal.
    with Live(console=console, auto_refresh=False, redirect_stderr=sys.stderr.isatty()) as live:
        try:
            while True:
                live.update(picture(statistics(), caption()), refresh=True)
                await trio.sleep(TICK)
        finally:
            live.update(picture(statistics(), caption()), refresh=True)  # What stays on the screen is how it ended.
