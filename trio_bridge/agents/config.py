"""The tables ``[agent]`` and ``[agents.NAME]``: one class for each kind, and how the handler is made of it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path

import attrs

from ..errors import ConfigError
from .echo import Echo
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
class PythonConfig(AgentConfig):
    """``kind = "python"``: an async function in a module that lies beside the file, or is installed."""

    handler: str
    """``package.module:function``"""

    def build(self, directory: Path) -> Agent:
        try:
            return load_handler(self.handler, directory)
        except ConfigError as error:
            raise ConfigError(f"handler: {error}") from error


AGENTS: Mapping[str, type[AgentConfig]] = {"echo": EchoConfig, "python": PythonConfig}
"""The kinds there are, by the name that a configuration file gives them."""
