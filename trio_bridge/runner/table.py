"""What a bridge does, at a glance: a table that stays in its place on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import accumulate

import trio
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..engine.states import AccountState, Alarm
from ..engine.statistics import AccountStatistics, BridgeStatistics
from .text import one_line

TICK = 0.5
"""Seconds between two pictures: fast enough to watch, slow enough to read."""
LINES_EVERY = 5.0
"""Seconds between two sets of lines, where nobody can be shown a moving picture."""
ERROR = 60
"""Characters of the last error."""
KIND = 20
"""So many of them are its beginning, where a longer one is cut: how it came to an end stands at its end."""

COLUMNS = ("account", "state", "gen", "received", "handled", "sent", "dup", "inbox", "outbox", "last error")
BY_IMPORTANCE = ("account", "state", "received", "handled", "sent", "last error", "inbox", "outbox", "dup", "gen")
"""What a narrow terminal shows first. No other figure is of use without the first two."""
WRAPPED = {"account", "state", "last error"}
"""Texts: what does not fit goes on in the next line."""
WORD = 1 + max(map(len, Alarm))
"""Characters that the longest word of a text may need: with its mark the longest alarm."""
AROUND = 3
"""Characters that a column has besides its own."""
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
        "" if error is None else _with_both_ends(one_line(f"{error.kind}: {error.message}", 1000)),
    )


def _with_both_ends(text: str) -> str:
    return text if len(text) <= ERROR else f"{text[: KIND - 1]}…{text[KIND - ERROR :]}"


def lines(statistics: BridgeStatistics) -> list[str]:
    """Every account in a line of its own that says which figure is which."""
    return [
        "  ".join(f"{column}={value}" for column, value in zip(COLUMNS, row(account), strict=True) if value)
        for account in statistics.accounts
    ]


def fitting(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Those of :data:`COLUMNS` that a terminal of this width has room for: the most important ones."""
    needed = {}
    for column, *values in zip(COLUMNS, *rows, strict=True):
        words = [word for value in values for word in value.split()]
        longest = max(map(cell_len, words), default=0)
        needed[column] = max(len(column), min(longest, WORD) if column in WRAPPED else longest) + AROUND
    ends = accumulate(needed[column] for column in BY_IMPORTANCE)
    shown = [column for column, end in zip(BY_IMPORTANCE, ends, strict=True) if end < width]
    return [column for column in COLUMNS if column in shown or column in BY_IMPORTANCE[:2]]


def picture(statistics: BridgeStatistics, width: int, caption: str = "") -> Table:
    """The accounts as a table, for a terminal of this width. Everything in it is text: an account can't be named in a
    way that colours the screen."""
    rows = [row(account) for account in statistics.accounts]
    table = Table(title=f"trio-bridge {statistics.version}", title_justify="left")
    table.caption, table.caption_justify = Text(caption), "left"
    shown = fitting(rows, width)
    for column in shown:
        if column in WRAPPED:
            table.add_column(column, overflow="fold", min_width=len(column))
        else:
            table.add_column(column, justify="right", no_wrap=True)
    for account, values in zip(statistics.accounts, rows, strict=True):
        cells = {column: Text(value) for column, value in zip(COLUMNS, values, strict=True)}
        cells["state"].stylize("yellow" if account.alarms else COLOURS.get(account.state, "default"))
        table.add_row(*(cells[column] for column in shown))
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
                live.update(picture(statistics(), console.width, caption()), refresh=True)
                await trio.sleep(TICK)
        finally:
            # What stays on the screen is how it ended.
            live.update(picture(statistics(), console.width, caption()), refresh=True)
