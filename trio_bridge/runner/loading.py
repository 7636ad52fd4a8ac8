"""One TOML file becomes accounts, agents and a store, or a list of everything that is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from ..agents.config import AgentConfig
from ..agents.protocol import Agent, OpenableAgent
from ..agents.routing import Route, Router
from ..agents.rules import Plan, plan_for
from ..engine.platform import PlatformConfig
from ..errors import ConfigError
from ..platforms.registry import PLATFORMS, Registry
from .bindings import DEFAULT_AGENT, AgentTable, Binding
from .named import NamedAgent
from .sections import Sections
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
    bindings: tuple[Binding, ...] = ()
    """Who answers what: those of the file, then the agents that accounts name themselves. ``[agent]`` has the rest."""

    def plans(self) -> dict[str, Plan[Binding]]:
        """What the bindings come to, by the account's name."""
        return {account.name: plan_for(account.name, account.platform, self.bindings) for account in self.accounts}

    def answering(self) -> dict[AgentTable, list[str]]:
        """The agents that answer somewhere, each with its accounts."""
        answering: dict[AgentTable, list[str]] = {}
        for account, plan in self.plans().items():
            tables = [rule.agent for rule in plan.rules()]
            for table in dict.fromkeys(tables if plan.is_complete else [*tables, DEFAULT_AGENT]):
                answering.setdefault(table, []).append(account)
        return answering

    def build_agent(self) -> Router:
        """What answers every message: the agents of the file, and who of them is asked. Imports the user's modules.

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
        routes = [
            Route(
                agent=made[binding.agent],
                account=binding.account,
                platform=binding.platform,
                peer_kind=binding.peer_kind,
                peer_id=binding.peer_id,
            )
            for binding in self.bindings
            if binding.agent in made
        ]
        return Router(routes=routes, default=made.get(DEFAULT_AGENT))

    def try_agents(self) -> dict[AgentTable, Agent | OpenableAgent | ConfigError]:
        """Each agent that answers somewhere, or why it can't be made. Imports the user's modules."""
        agents: dict[AgentTable, Agent | OpenableAgent | ConfigError] = {}
        for table in self.answering():
            try:
                agents[table] = self.agents[table].build(self.file.absolute().parent)
            except ConfigError as error:
                agents[table] = error
        return agents


def load_config(file: Path, platforms: Registry = PLATFORMS) -> RunnerConfig:
    """What the file says. Imports the modules whose functions its accounts name.

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
    accounts = sections.accounts(agents)
    bindings = sections.bindings(agents, accounts)
    if store.url == "memory:":
        sections.problems += _out_of_reach(accounts.made)
    raise_if_any(sections.problems, file)
    return RunnerConfig(
        file=file,
        store=store.url,
        files=store.files,
        accounts=tuple(accounts.made),
        agents=agents.made,
        bindings=bindings,
    )


def _out_of_reach(accounts: Iterable[PlatformConfig]) -> Iterator[Problem]:
    """What nobody could attend to, since the store is seen by nobody but the bridge itself."""
    for account in accounts:
        for key in account.shared_store_keys():
            text = f"{getattr(account, key)} needs an operator, who can't get at memory: use sqlite:PATH as store.url"
            yield Problem(("accounts", account.name, key), text)


def raise_if_any(problems: list[Problem], file: Path) -> None:
    """Say everything that is wrong with a file at once, if there is anything."""
    if problems:
        # A mistake in the defaults is met once for every account that has them.
        raise ConfigError(*dict.fromkeys(one_line(f"{file}: {problem}") for problem in problems))
