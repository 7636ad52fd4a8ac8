"""Rows of a store for people: a table on a terminal, elsewhere a line for each. Whatever is in them is only text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .text import one_line

CELL = 300
"""Characters of a value: an error with its place, or a key."""
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def show_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show rows, each with a value for each column. On a terminal a value that is too long for its column goes on in
    the next line, so that it can be copied whole."""
    if not console.is_terminal:
        for row in rows:
            said = [f"{column}={_cell(value)}" for column, value in zip(columns, row, strict=True) if value]
            console.out("  ".join(said), highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)


def _cell(value: str) -> str:
    return one_line(value, CELL)


def span(seconds: float) -> str:
    """A length of time as a person says it: ``3 min``. What is over already is ``0 s``."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def moment(at: float) -> str:
    """Seconds since the epoch, for programs."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def local_moment(at: float) -> str:
    """Seconds since the epoch, for people."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
