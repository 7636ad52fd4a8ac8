"""``trio-bridge check``: would it run? Nothing is opened on which a message could arrive."""

from __future__ import annotations

import signal
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import click
import trio
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from ..errors import ConfigError
from .exits import ExitCode, say
from .loading import load_config
from .logs import set_up_logging
from .preflight import LIMIT, Preflight
from .report import Report
from .stored import config_argument

FRAME = 0.1
"""Seconds between two pictures of the spinner."""


@click.command(short_help="Try what a configuration file names, without running it.")
@config_argument
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the findings, as one JSON object.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=LIMIT,
    show_default=True,
    metavar="SECONDS",
    help="End after so long, whatever has no result yet.",
)
def check(config: Path, timeout: float, as_json: bool) -> None:
    """Try the accounts, the store and the agents of the file CONFIG, all at once, and say what would go wrong.

    Harmless, also while a bridge runs the same file: no message is received, and nothing is left open. Ends with 0 if
    everything would run, with 1 if something would not.
    """
    set_up_logging(level="WARNING")
    with redirect_stdout(sys.stderr):  # what modules of the user's print is no part of the report
        try:
            loaded = load_config(config)
        except ConfigError as error:
            say(error.problems)
            sys.exit(ExitCode.UNUSABLE)
        preflight = Preflight(loaded, loaded.try_agents())
    sys.exit(trio.run(partial(try_everything, preflight, loaded.file, timeout, as_json=as_json)))


async def try_everything(preflight: Preflight, file: Path, limit: float, *, as_json: bool) -> ExitCode:
    """Try, while a spinner turns on a terminal; show what was found; say how the program is to end."""
    console = Console()
    report: Report | None = None
    begun = trio.current_time()
    with redirect_stdout(sys.stderr), trio.CancelScope() as everything:  # nor what they print now
        async with trio.open_nursery() as nursery:
            await nursery.start(_end_at_a_signal, everything)
            nursery.start_soon(_turn, preflight, Console(stderr=True), name="check/spinner")
            subjects = await preflight.run(limit)
            report = Report(config=str(file), subjects=subjects, seconds=trio.current_time() - begun)
            nursery.cancel_scope.cancel("everything was tried")
    if report is None:
        say([f"ended after {preflight.done} of {preflight.total}: there is no report"])
        return ExitCode.UNFINISHED
    if as_json:
        console.out(report.as_json(), highlight=False)
    else:
        console.print(report.table())
        console.print(report.summary(), highlight=False, markup=False)
    return ExitCode.CLEAN if report.ok else ExitCode.FAILED


async def _end_at_a_signal(
    everything: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            everything.cancel(f"a signal: {signal.Signals(number).name}")


async def _turn(preflight: Preflight, console: Console) -> None:
    """Show that something happens. Rich does so on a terminal only; on stderr, so that the report can go elsewhere."""
    spinner = Spinner("dots")
    with Live(spinner, console=console, auto_refresh=False, transient=True) as live:
        while True:
            spinner.update(text=f"{preflight.done} of {preflight.total} tried")
            live.refresh()
            await trio.sleep(FRAME)
