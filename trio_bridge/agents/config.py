"""The tables ``[agent]`` and ``[agents.NAME]``: one class for each kind, and how the handler is made of it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path

import attrs

from ..config import positive
from ..errors import ConfigError
from .command import Command
from .echo import Echo
from .openai.agent import OpenAI
from .openclaw.agent import OpenClaw
from .protocol import Agent, OpenableAgent
from .python import load_handler


@attrs.frozen
class AgentConfig(abc.ABC):
    """What a table says of an agent. It opens nothing."""

    @abc.abstractmethod
    def build(self, directory: Path) -> Agent | OpenableAgent:
        """The agent. ``directory`` is where the configuration file lies.

        Raises:
          ConfigError: what the table names is not there, or is of no use.
        """


@attrs.frozen
class EchoConfig(AgentConfig):
    """``kind = "echo"``."""

    def build(self, directory: Path) -> Agent:
        return Echo()


@attrs.frozen
class CommandConfig(AgentConfig):
    """``kind = "command"``: a program that is run for each message, in the directory of the file."""

    argv: tuple[str, ...]
    """The program and its arguments: ``["./answer", "--short"]``"""
    timeout: float = attrs.field(default=300.0, validator=positive)
    """Seconds for one message."""
    pass_environment: tuple[str, ...] = ()
    """Variables that the program gets beside the usual ones."""

    def build(self, directory: Path) -> OpenableAgent:
        command = Command(
            argv=self.argv, timeout=self.timeout, pass_environment=self.pass_environment, directory=directory
        )
        command.check()
        return command


@attrs.frozen(kw_only=True)
class OpenAIConfig(OpenAI, AgentConfig):
    """``kind = "openai"``: a language model. The keys are the fields of the agent, which this is."""

    def build(self, directory: Path) -> OpenableAgent:
        self.check()
        return self


@attrs.frozen(kw_only=True)
class OpenClawConfig(OpenClaw, AgentConfig):
    """``kind = "openclaw"``: the agents of a gateway. The keys are the fields of the agent, which this is."""

    def build(self, directory: Path) -> OpenableAgent:
        self.check()
        return self


@attrs.frozen
class PythonConfig(AgentConfig):
    """``kind = "python"``: an async function or an agent in a module that lies beside the file, or is installed."""

    handler: str
    """``package.module:function``, or an :class:`~trio_bridge.agents.OpenableAgent` in place of the function."""

    def build(self, directory: Path) -> Agent | OpenableAgent:
        try:
            return load_handler(self.handler, directory)
        except ConfigError as error:
            raise ConfigError(f"handler: {error}") from error


AGENTS: Mapping[str, type[AgentConfig]] = {
    "echo": EchoConfig,
    "command": CommandConfig,
    "openai": OpenAIConfig,
    "openclaw": OpenClawConfig,
    "python": PythonConfig,
}
"""The kinds there are, by the name that a configuration file gives them."""
