"""What ``trio-bridge`` can be told to do."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import get_args

import click
import trio
from rich.console import Console

from .._version import __version__
from ..errors import ConfigError
from .check import check
from .dead_letters import dead_letters
from .demo import run_demo
from .exits import ExitCode, say
from .loading import load_config
from .logs import LogFormat, log_the_wire, set_up_logging
from .outbox import outbox
from .pairing import pairing
from .serve import serve
from .simulate import simulate
from .stored import config_argument

log_format = click.option(
    "--log-format", type=click.Choice(get_args(LogFormat)), default="human", help="Log lines for people or programs."
)
log_level = click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    default="INFO",
    help="Log what matters at least that much.",
)


@click.group()
@click.version_option(__version__, message="trio-bridge %(version)s")
def program() -> None:
    """Keep chat platform connections alive, and hand every message to what answers it."""


program.add_command(check)
program.add_command(dead_letters)
program.add_command(outbox)
program.add_command(pairing)
program.add_command(simulate)


@program.command(short_help="Watch four accounts on a DingTalk and a Feishu of your own machine.")
@click.option("--seconds", type=click.FloatRange(min=0), help="End by itself after so long. Otherwise Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the report, as one JSON object.")
def demo(seconds: float | None, as_json: bool) -> None:
    """Watch four accounts on two platforms through bursts, duplicates, lost connections and the death of each platform.

    Needs no credentials and no network.

    Ends with 0 only if the other side saw every message acknowledged, and answered exactly once.
    """
    set_up_logging(level="WARNING" if as_json else "INFO")
    sys.exit(trio.run(partial(run_demo, seconds, Console(), as_json=as_json)))


@program.command(short_help="Run the accounts of a configuration file.")
@config_argument
@log_format
@log_level
def run(config: Path, log_format: LogFormat, log_level: str) -> None:
    """Run the accounts of the file CONFIG until SIGTERM or Ctrl-C, then finish what is in hand."""
    set_up_logging(log_format, log_level)
    try:
        loaded = load_config(config)
        agent = loaded.build_agent()
    except ConfigError as error:
        say(error.problems)
        sys.exit(ExitCode.UNUSABLE)
    if any(account.debug for account in loaded.accounts):
        log_the_wire()
    sys.exit(trio.run(serve, loaded, agent, Console()))
