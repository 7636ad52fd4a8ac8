"""The sections of a configuration file, each read to its end whatever is wrong in the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from ..agents.config import AGENTS, AgentConfig, OpenClawConfig
from ..agents.rules import plan_for
from ..engine.platform import PlatformConfig
from ..platforms.registry import Registry
from .account_table import AccountTable
from .bindings import DEFAULT_AGENT, AgentTable, Binding, BindingReader, misplaced, unanswered
from .structure import Misfit, Problem, structure
from .wording import kind_of, one_of, shown, unknown


@attrs.frozen
class StoreSection:
    """``[store]``. What is left out is durable: a bridge that forgets at each restart has to be asked for."""

    url: str = "sqlite:bridge.db"
    """``sqlite:PATH``, relative to the configuration file; or ``memory:``, which forgets at each restart."""
    files: Path | None = None
    """The folder for received files. By default one beside the store: ``bridge-files`` for ``bridge.db``; with
    ``memory:`` a temporary one. Nothing in it is ever deleted, but what was temporary goes with the bridge."""


@attrs.frozen
class Agents:
    """The agents that the file describes. ``named`` has those too that have problems: who refers to them is right."""

    made: dict[AgentTable, AgentConfig] = attrs.Factory(dict)
    named: set[AgentTable] = attrs.Factory(set)


@attrs.frozen
class Accounts:
    """The accounts that the file describes, and who answers in them."""

    made: list[PlatformConfig] = attrs.Factory(list)
    platforms: dict[str, str] = attrs.Factory(dict)
    """By account. It has those too that have problems: who refers to them is right."""
    agents: list[Binding] = attrs.Factory(list)
    """The agents that accounts name themselves."""
    unsure: set[str] = attrs.Factory(set)
    """Accounts that name an agent that is not there."""


class Sections:
    """Reads one section after another, and gathers what is wrong in ``problems``."""

    def __init__(self, tables: Mapping[str, Any], directory: Path, platforms: Registry) -> None:
        self._tables = tables
        self._directory = directory
        self._platforms = platforms
        known = ("store", "agent", "agents", "bindings", "defaults", "accounts")
        self.problems = [Problem((key,), unknown(key, known)) for key in tables if key not in known]

    def store(self) -> StoreSection:
        """``[store]``, with paths relative to the configuration file."""
        try:
            section = structure(self._table("store"), StoreSection, directory=self._directory)
        except Misfit as misfit:
            self._add(misfit, "store")
            return StoreSection()
        return attrs.evolve(section, url=self._placed_store(section.url))

    def _placed_store(self, url: str) -> str:
        scheme, _, path = url.partition(":")
        if url == "memory:":
            return url
        # With two slashes the same address means different files to different programs.
        if scheme == "sqlite" and path and path != ":memory:" and not path.startswith("//") and "\0" not in path:
            return f"sqlite:{self._directory / path}"
        self.problems.append(Problem(("store", "url"), f'expected "memory:" or "sqlite:PATH", not {shown(url)}'))
        return url

    def agents(self) -> Agents:
        """``[agent]`` and every ``[agents.NAME]``."""
        tables: dict[AgentTable, object] = {("agents", name): table for name, table in self._table("agents").items()}
        if "agent" in self._tables:
            tables[DEFAULT_AGENT] = self._tables["agent"]
        agents = Agents()
        for place, table in tables.items():
            agents.named.add(place)
            try:
                agents.made[place] = self._agent(table)
            except Misfit as misfit:
                self._add(misfit, *place)
        return agents

    def _agent(self, table: object) -> AgentConfig:
        kind = self._chosen(table, "kind", AGENTS)
        return structure(table, AGENTS[kind], directory=self._directory, elsewhere=("kind",))

    def accounts(self, agents: Agents) -> Accounts:
        """Every ``[accounts.NAME]``, with ``[defaults.PLATFORM]`` under it, and the agent that it names."""
        accounts = Accounts()
        defaults = self._defaults()
        tables = self._table("accounts")
        if not tables and not self.problems:
            self.problems.append(Problem(("accounts",), "expected at least one table [accounts.NAME]"))
        for name, table in tables.items():
            try:
                platform = self._chosen(table, "platform", self._platforms)
            except Misfit as misfit:
                self._add(misfit, "accounts", name)
                continue
            accounts.platforms[name] = platform
            account = AccountTable.of(name, self._platforms[platform](), table, defaults.get(platform, {}))
            try:
                accounts.made.append(account.read(self._directory))
            except Misfit as misfit:
                self._add(misfit)
            try:
                accounts.agents.extend(account.agent(agents.named))
            except Misfit as misfit:
                self._add(misfit)
                accounts.unsure.add(name)
        self.problems += _held_twice(accounts.made)
        return accounts

    def bindings(self, agents: Agents, accounts: Accounts) -> tuple[Binding, ...]:
        """Every ``[[bindings]]``, and after them what accounts say themselves. Somebody answers everything."""
        reader = BindingReader(agents.named, accounts.platforms, accounts.agents)
        bindings, problems = reader.read(self._tables.get("bindings", []), self._directory)
        self.problems += [problem.under("bindings") for problem in problems]
        self.problems += _routed_nowhere(agents.made, accounts.platforms)
        rules = (*bindings, *accounts.agents)
        if DEFAULT_AGENT not in agents.named and not problems:
            plans = {name: plan_for(name, platform, rules) for name, platform in accounts.platforms.items()}
            self.problems += [
                unanswered(name, plan)
                for name, plan in plans.items()
                if not plan.is_complete and name not in accounts.unsure
            ]
        return rules

    def _defaults(self) -> dict[str, dict[str, Any]]:
        defaults = {}
        for platform, table in self._table("defaults").items():
            if platform not in self._platforms:
                text = f"expected {one_of(self._platforms)} as the name of a platform"
                self.problems.append(Problem(("defaults", platform), text))
            elif not isinstance(table, dict):
                self.problems.append(Problem(("defaults", platform), f"expected a table, not {kind_of(table)}"))
            else:
                defaults[platform] = table
        return defaults

    def _table(self, section: str) -> dict[str, Any]:
        """The tables of a section; none where it is missing, or no table itself."""
        table = self._tables.get(section, {})
        if isinstance(table, dict):
            return table
        self.problems.append(Problem((section,), f"expected a table, not {kind_of(table)}"))
        return {}

    def _chosen(self, table: object, key: str, choices: Mapping[str, object]) -> str:
        """Which class a table is to become: the key that says so must be right before any other can be judged."""
        if not isinstance(table, dict):
            raise Misfit([Problem((), f"expected a table, not {kind_of(table)}")])
        if key not in table:
            raise Misfit([Problem((key,), f"missing: expected {one_of(choices)}")])
        chosen = table[key]
        if not isinstance(chosen, str) or chosen not in choices:
            raise Misfit([Problem((key,), f"expected {one_of(choices)}, not {shown(chosen)}")])
        return chosen

    def _add(self, misfit: Misfit, *place: str) -> None:
        self.problems += [problem.under(*place) for problem in misfit.problems]


def _routed_nowhere(agents: Mapping[AgentTable, AgentConfig], platforms: Mapping[str, str]) -> Iterator[Problem]:
    """Routes within an agent that ask for accounts and platforms that the file has nowhere."""
    for place, agent in agents.items():
        for index, route in enumerate(agent.routes if isinstance(agent, OpenClawConfig) else ()):
            for problem in misplaced(route, platforms):
                yield problem.under(*place, "routes", index)


def _held_twice(accounts: list[PlatformConfig]) -> Iterator[Problem]:
    """Two accounts of one client: each would get a part of the messages, at random."""
    held: dict[tuple[str, str], str] = {}
    for account in accounts:
        key = account.exclusive_key()
        if key is None:
            continue
        first = held.setdefault((account.platform, key), account.name)
        if first != account.name:
            text = f"the same {account.platform} client as accounts.{first}: only one account may hold it"
            yield Problem(("accounts", account.name), text)
