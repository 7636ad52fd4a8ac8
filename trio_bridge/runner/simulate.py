"""``trio-bridge simulate``: a platform on this machine, to try a bot against without credentials."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import trio

from ..errors import ConfigError
from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from .exits import ExitCode, say
from .logs import set_up_logging
from .signals import heed_signals
from .simulating.news import News
from .simulating.performance import Performance
from .simulating.platforms import SIMULATORS, Simulated, Stage
from .simulating.script import Script, load_script
from .simulating.stdio import STDOUT, LinesShown, hold_places, lines_typed
from .text import one_line


@click.command(short_help="Be a platform on this machine, for a bot to talk to.")
@click.argument("platform", metavar="PLATFORM", type=click.Choice(list(SIMULATORS)))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Listen there. Otherwise the system chooses.")
@click.option("--script", type=click.Path(path_type=Path, readable=False), help="Play the steps of this file.")
@click.option("--until-done", is_flag=True, help="End when all is said and answered: with 0 only if nothing is wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON, an object in each line.")
def simulate(platform: str, port: int, script: Path | None, until_done: bool, as_json: bool) -> None:
    """Be PLATFORM (dingtalk, feishu or openclaw) on 127.0.0.1, and tell what happens, until SIGTERM or Ctrl-C.

    The first line is the URL. Without steps in a script, each line of stdin is said to the bot, or to the agent.
    """
    simulated = SIMULATORS[platform]()
    try:
        loaded = load_script(script, simulated.script, simulated.verbs) if script else simulated.script()
    except ConfigError as error:
        say(error.problems)
        sys.exit(ExitCode.UNUSABLE)
    set_up_logging(level="WARNING")
    hold_places()
    on_terminal = os.isatty(STDOUT)
    shown = Shown(as_json=as_json, timed=on_terminal, chat=on_terminal and not loaded.steps)
    sys.exit(trio.run(perform, simulated, loaded, port, until_done, shown, SystemNetwork()))


class Shown:
    """What is shown of a run, on stdout."""

    def __init__(self, *, as_json: bool, timed: bool, chat: bool) -> None:
        self.lines = LinesShown()
        self._as_json = as_json
        self._timed = timed
        self._chat = chat

    def greet(self, stage: Stage) -> None:
        """The URL, alone in the first line; for people also what to do with it."""
        if self._as_json:
            self.tell(News("listening", stage.url, {"url": stage.url}))
            return
        hint = ["", f"What you type here is said to {stage.listener}; Ctrl-C ends it."] if self._chat else []
        for line in [stage.url, *stage.invitation().splitlines(), *hint]:
            self.lines.put(one_line(line))

    def tell(self, news: News) -> None:
        """One line."""
        self.lines.put(news.as_json() if self._as_json else news.for_people(timed=self._timed))


async def perform(
    simulated: Simulated, script: Script, port: int, until_done: bool, shown: Shown, network: Network
) -> ExitCode:
    """Run it until a signal, or until all is done if that is the end; say how the program is to end."""
    finish = trio.Event()
    code = ExitCode.UNFINISHED
    with trio.CancelScope() as everything:
        async with trio.open_nursery() as nursery:
            await nursery.start(heed_signals, finish, everything)
            nursery.start_soon(shown.lines.run)
            performance = Performance(
                simulated=simulated,
                script=script,
                typed=lines_typed(),
                greet=shown.greet,
                tell=shown.tell,
                until_done=until_done,
            )
            try:
                right = await performance.run(port, network, finish)
                code = ExitCode.CLEAN if right or not until_done else ExitCode.FAILED
            except OSError as error:
                say([f"port {port}: {error.strerror}"])
                code = ExitCode.UNUSABLE
            nursery.cancel_scope.cancel("the simulation is over")
    return code
