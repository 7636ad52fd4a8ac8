"""The agent that runs a program for each message: the text on its stdin, the reply from its stdout."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from ..config import positive
from ..engine.environment import Environment
from ..engine.programs import passed
from ..errors import BridgeError, ConfigError
from ..messages import Message
from ._program import OUTPUT, Ended, PrintedTooMuch, run_program
from .protocol import Agent, OpenableAgent

TOLD = 4096
"""Bytes of a variable that tells of the message: no platform's ids are near it, and the system bears it many times."""

logger = logging.getLogger(__name__)


class CommandFailed(BridgeError):
    """A program did not answer: it could not be started, took too long, or ended otherwise than it should."""


def _can_be_run(instance: Any, attribute: attrs.Attribute[Any], argv: Sequence[str]) -> None:
    if isinstance(argv, str) or not argv or not argv[0]:
        raise ConfigError('argv: expected the program and its arguments, like ["./answer", "--short"]')
    if any("\0" in argument for argument in argv):
        raise ConfigError("argv: no program can be given a NUL character")


def _absolute(directory: str | os.PathLike[str]) -> Path:
    return Path(directory).absolute()


@attrs.frozen(kw_only=True)
class Command(OpenableAgent):
    """A handler that runs a program for each message, without a shell, and in an environment of its own.

    What the program prints is the reply; where it prints nothing there is none. An exit code other than 0, too much or
    unreadable output and a run beyond ``timeout`` are failures of the message (:class:`CommandFailed`). No process of
    its group outlives a run. It can be called, or be given to :func:`trio_bridge.open_bridge`, which checks it first.
    """

    argv: Sequence[str] = attrs.field(validator=_can_be_run)
    """The program and its arguments. A bare name is looked for on ``PATH``, a name with a slash in ``directory``."""
    timeout: float = attrs.field(default=300.0, validator=positive)
    """Seconds for one message. The account's ``handler_timeout`` holds too."""
    pass_environment: Sequence[str] = ()
    """Variables of the bridge's environment that it gets beside the usual ones: ``HOME``, ``PATH`` and such."""
    directory: Path = attrs.field(factory=Path.cwd, converter=_absolute)
    """Where it runs."""

    def check(self) -> Path:
        """The program as a file that is there and can be executed.

        Raises:
          ConfigError: it is not.
        """
        name = self.argv[0]
        if "/" not in name:
            found = shutil.which(name)
            if found is None:
                raise ConfigError(f"argv: no program {name} on the PATH; one beside this file is ./{name}")
            return Path(found)
        program = self.directory / name
        if not program.is_file():
            raise ConfigError(f"argv: there is no file {program}")
        if not os.access(program, os.X_OK):
            raise ConfigError(f"argv: {program} can't be executed: chmod +x")
        return program

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        self.check()
        yield self

    async def probe(self, environment: Environment) -> str:
        await trio.lowlevel.checkpoint()
        return f"{self.check()} can be executed"

    async def __call__(self, message: Message) -> str | None:
        fields = {"account": message.account, "platform": message.platform, "key": message.id}

        def hear(line: str) -> None:
            logger.info("the program says", extra={**fields, "line": line})

        with trio.move_on_after(self.timeout):
            return self._reply(await self._run(message, hear))
        raise self._failed(f"ran longer than {self.timeout:g} s, and was ended")

    async def _run(self, message: Message, hear: Callable[[str], None]) -> Ended:
        try:
            return await run_program(
                self.argv,
                message.text.encode("utf-8", "replace"),
                directory=self.directory,
                environment=passed(os.environ, self.pass_environment) | told(message),
                hear=hear,
            )
        except OSError as error:
            raise self._failed(f"can't be started: {error.strerror}") from error
        except PrintedTooMuch:
            raise self._failed(f"printed more than {OUTPUT} bytes, and was ended") from None

    def _reply(self, ended: Ended) -> str | None:
        if ended.code > 0:
            raise self._failed(f"ended with exit code {ended.code}")
        if ended.code < 0:
            raise self._failed(f"was ended by signal {-ended.code} ({signal.strsignal(-ended.code)})")
        try:
            return ended.output.decode("utf-8").rstrip("\r\n") or None
        except UnicodeDecodeError as error:
            raise self._failed(f"printed what is not UTF-8, from byte {error.start} on") from None

    def _failed(self, how: str) -> CommandFailed:
        return CommandFailed(f"{self.argv[0]} {how}")


def told(message: Message) -> dict[str, str]:
    """What a program gets to know of a message beside its text."""
    variables = {
        "PLATFORM": message.platform,
        "ACCOUNT": message.account,
        "CONVERSATION_ID": message.conversation.id,
        "CONVERSATION_KIND": message.conversation.kind,
        "SENDER_ID": message.sender.id,
        "SENDER_NAME": message.sender.name,
        "MESSAGE_ID": message.id,
        "SYSTEM_PROMPT": message.system_prompt,
    }
    return {f"TRIO_BRIDGE_{name}": _as_variable(value) for name, value in variables.items()}


def _as_variable(value: str) -> str:
    """A text as the system can pass it on: without NUL, in UTF-8 whatever the locale, and no longer than ``TOLD``."""
    shown = value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")[:TOLD]
    # What was cut in two at the end is left out; then bytes that come out of the system's own encoding unchanged.
    return os.fsdecode(shown.decode("utf-8", "ignore").encode("utf-8"))
