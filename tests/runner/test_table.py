"""What a bridge does, at a glance."""

from __future__ import annotations

import io
from typing import Any

import pytest
import trio
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from trio.testing import MockClock

from trio_bridge.engine.states import AccountState, Alarm
from trio_bridge.engine.statistics import AccountStatistics, BridgeStatistics, Counters, LastError
from trio_bridge.runner.table import COLUMNS, lines, picture, row, show


def account(name: str = "sales", **known: Any) -> AccountStatistics:
    usual: dict[str, Any] = {
        "platform": "dingtalk",
        "owner": "",
        "state": AccountState.READY,
        "alarms": frozenset(),
        "since": 0.0,
        "generation": 3,
        "attempt": 0,
        "next_retry_at": None,
        "last_error": None,
        "last_inbound_at": None,
        "last_outbound_at": None,
        "last_pong_at": None,
        "inbox_depth": 2,
        "outbox_depth": 1,
        "dead_letters": 0,
        "running_handlers": 1,
        "draining_generations": 0,
        "counters": Counters(received=9, handled=6, sent=5, duplicates=1),
    }
    return AccountStatistics(name=name, **{**usual, **known})


def bridge(*accounts: AccountStatistics) -> BridgeStatistics:
    return BridgeStatistics(version="1.2.3", started_at=0.0, accounts=accounts)


def console(*, terminal: bool, width: int = 150) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, color_system="standard" if terminal else None
    )


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_long_error_keeps_its_kind_and_how_it_ended() -> None:
    error = LastError(
        "HandshakeFailed",
        "",
        "the open call: POST https://api.dingtalk.com: connecting to 203.0.113.7:443: Connection refused",
    )
    told = row(account(last_error=error))[-1]
    assert told == "HandshakeFailed: th…g to 203.0.113.7:443: Connection refused"
    assert len(told) == 60


def test_a_row_has_every_figure_in_its_column() -> None:
    assert dict(zip(COLUMNS, row(account()), strict=True)) == {
        "account": "sales",
        "state": "ready",
        "gen": "3",
        "received": "9",
        "handled": "6",
        "sent": "5",
        "dup": "1",
        "inbox": "2",
        "outbox": "1",
        "last error": "",
    }


def test_alarms_stand_beside_the_state() -> None:
    alarms = frozenset({Alarm.STALLED, Alarm.FLAPPING})
    assert row(account(state=AccountState.WAITING, alarms=alarms))[1] == "waiting !flapping !stalled"


def test_an_error_is_one_short_line() -> None:
    error = LastError("PeerClosed", "4001", "kicked\n" + "x" * 100)
    told = row(account(last_error=error))[-1]
    assert told.startswith("PeerClosed: kicked\\…xxx")
    assert len(told) == 60


def test_a_line_says_which_figure_is_which() -> None:
    assert lines(bridge(account())) == [
        "account=sales  state=ready  gen=3  received=9  handled=6  sent=5  dup=1  inbox=2  outbox=1"
    ]


def test_nobody_can_colour_the_screen_by_a_name_or_an_error() -> None:
    terminal = console(terminal=True)
    terminal.print(picture(bridge(account("[red]sales", last_error=LastError("E", "", "[bold]\x1b[5m"))), 150))
    assert "[red]sales" in shown(terminal)
    assert "E: [bold]\\x1b[5m" in shown(terminal)
    assert "\x1b[5m" not in shown(terminal)


@pytest.mark.parametrize(
    ("state", "alarms", "colour"),
    [
        (AccountState.READY, [], "\x1b[32m"),
        (AccountState.QUARANTINED, [], "\x1b[31m"),
        (AccountState.READY, [Alarm.FLAPPING], "\x1b[33m"),
    ],
)
def test_a_state_has_its_colour(state: AccountState, alarms: list[Alarm], colour: str) -> None:
    terminal = console(terminal=True)
    terminal.print(picture(bridge(account(state=state, alarms=frozenset(alarms))), 150))
    assert f"{colour}{state}" in shown(terminal)


BUSY = bridge(
    account("warehouse", counters=Counters(received=12345, handled=12345, sent=12345)),
    account("sales", state=AccountState.QUARANTINED, last_error=LastError("AccountRefused", "", "wrong secret " * 9)),
    account("support", state=AccountState.WAITING, alarms=frozenset({Alarm.FLAPPING, Alarm.STALLED})),
)
LONG = bridge(account("a-shop-at-the-end-of-the-world-and-more"))


@pytest.mark.parametrize(
    ("statistics", "width", "columns"),
    [
        (BUSY, 30, ["account", "state"]),
        (BUSY, 60, ["account", "state", "received", "handled", "sent"]),
        (BUSY, 80, ["account", "state", "received", "handled", "sent", "last error"]),
        (BUSY, 120, [*COLUMNS]),
        (LONG, 30, ["account", "state"]),
        (LONG, 60, ["account", "state", "received", "handled", "sent"]),
        (LONG, 120, [*COLUMNS]),
        (bridge(), 80, ["account", "state", "received", "handled", "sent", "inbox", "outbox", "last error"]),
    ],
)
def test_a_narrow_terminal_shows_what_matters_most_and_nothing_is_cut(
    statistics: BridgeStatistics, width: int, columns: list[str]
) -> None:
    screen = console(terminal=True, width=width)
    screen.print(picture(statistics, width))
    seen = Text.from_ansi(shown(screen)).plain
    assert [heading.strip() for heading in seen.splitlines()[2].strip("┃").split("┃")] == columns
    assert max(map(cell_len, seen.splitlines())) <= width
    # The only ellipsis is that of an error which is too long on any terminal.
    assert seen.count("…") == (statistics is BUSY and "last error" in columns)


async def test_on_a_terminal_the_picture_follows_what_happens(autojump_clock: MockClock) -> None:
    terminal = console(terminal=True)
    received = iter(range(100, 200))

    def statistics() -> BridgeStatistics:
        return bridge(account(counters=Counters(received=next(received))))

    with trio.move_on_after(1.2):
        await show(statistics, terminal)
    # At 0, 0.5 and 1 s, and once more at the end.
    assert [figure for figure in range(100, 200) if f" {figure} " in shown(terminal)] == [100, 101, 102, 103]


async def test_elsewhere_there_is_a_line_for_each_account_now_and_then(autojump_clock: MockClock) -> None:
    pipe = console(terminal=False)
    with trio.move_on_after(11):
        await show(lambda: bridge(account(), account("support")), pipe)
    assert [line.split()[0] for line in shown(pipe).splitlines()] == ["account=sales", "account=support"] * 2
