"""One TOML file becomes accounts, agents and a store, or a list of everything that is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from ..agents.config import AgentConfig
from ..agents.protocol import Agent, OpenableAgent
from ..engine.platform import PlatformConfig
from ..errors import ConfigError
from ..platforms.registry import PLATFORMS, Registry
from .named import NamedAgent
from .sections import AgentTable, Sections
from .structure import Problem, placed
from .text import one_line


@attrs.frozen(kw_only=True)
class RunnerConfig:
    """What a configuration file says. Nothing of it is opened yet."""

    file: Path
    """As it was given: problems that are found later begin with it too."""
    store: str
    files: Path | None = None
    """Where received files land, if not beside the store."""
    accounts: tuple[PlatformConfig, ...]
    agents: Mapping[AgentTable, AgentConfig]
    answered_by: Mapping[str, AgentTable]
    """Which agent answers in an account, by the account's name."""

    def build_agents(self) -> Mapping[str, Agent | OpenableAgent]:
        """The agent of each account, by the account's name. Imports the user's modules.

        Raises:
          ConfigError: with a line for each agent that can't be made.
        """
        made: dict[AgentTable, Agent | OpenableAgent] = {}
        problems = []
        for table, agent in self.try_agents().items():
            if isinstance(agent, ConfigError):
                problems += [placed(text, type(self.agents[table])).under(*table) for text in agent.problems]
            else:
                made[table] = NamedAgent(table, agent) if isinstance(agent, OpenableAgent) else agent
        raise_if_any(problems, self.file)
        return {account: made[table] for account, table in self.answered_by.items()}

    def try_agents(self) -> dict[AgentTable, Agent | OpenableAgent | ConfigError]:
        """Each agent that answers in some account, or why it can't be made. Imports the user's modules."""
        agents: dict[AgentTable, Agent | OpenableAgent | ConfigError] = {}
        for table in dict.fromkeys(self.answered_by.values()):
            try:
                agents[table] = self.agents[table].build(self.file.absolute().parent)
            except ConfigError as error:
                agents[table] = error
        return agents


def load_config(file: Path, platforms: Registry = PLATFORMS) -> RunnerConfig:
    """What the file says.

    Raises:
      ConfigError: with a line for each problem: file, key path, what was expected there.
    """
    return read_config(read_toml(file), file, platforms)


def load_store(file: Path) -> str:
    """The store's URL alone. Whatever else is wrong in the file, or can't be read now, is not in the way.

    Raises:
      ConfigError: with a line for each problem of ``[store]``.
    """
    sections = Sections(read_toml(file), file.absolute().parent, PLATFORMS)
    url = sections.store().url
    raise_if_any([problem for problem in sections.problems if problem.path[0] == "store"], file)
    return url


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
      ConfigError: it can't be read, or is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(one_line(f"{file}: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise ConfigError(one_line(f"{file}: expected a text in UTF-8")) from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        raise ConfigError(one_line(f"{file}: {where.rstrip(')')}: {what}")) from None
    except (ValueError, RecursionError):
        raise ConfigError(one_line(f"{file}: a number or a nesting beyond all measure")) from None


def read_config(tables: Mapping[str, Any], file: Path, platforms: Registry = PLATFORMS) -> RunnerConfig:
    """What the tables of a file say; paths in them are relative to the directory of ``file``.

    Raises:
      ConfigError: with a line for each problem.
    """
    sections = Sections(tables, file.absolute().parent, platforms)
    store = sections.store()
    agents = sections.agents()
    accounts, answered_by = sections.accounts(agents)
    raise_if_any(sections.problems, file)
    return RunnerConfig(
        file=file,
        store=store.url,
        files=store.files,
        accounts=accounts,
        agents=agents.made,
        answered_by=answered_by,
    )


def raise_if_any(problems: list[Problem], file: Path) -> None:
    """Say everything that is wrong with a file at once, if there is anything."""
    if problems:
        # A mistake in the defaults is met once for every account that has them.
        raise ConfigError(*dict.fromkeys(one_line(f"{file}: {problem}") for problem in problems))
