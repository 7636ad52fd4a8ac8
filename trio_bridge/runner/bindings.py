"""``[[bindings]]``: which agent answers whom, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from ..agents.rules import Plan, Rule, plan_for
from .structure import Misfit, Problem, structure
from .wording import kind_of, one_of, shown

AgentTable = tuple[str, ...]
"""Where an agent is described: ``("agent",)``, or ``("agents", NAME)``."""

DEFAULT_AGENT: AgentTable = ("agent",)

DEFAULT_NAME = "default"
"""What ``[agent]`` is called where an agent has to be named; unless there is a table ``[agents.default]``."""


@attrs.frozen(kw_only=True)
class BindingSection(Rule):
    """One ``[[bindings]]``. The nearest one decides, and of equally near ones the first."""

    agent: str
    """The NAME of a table ``[agents.NAME]``; ``default`` is ``[agent]``."""


@attrs.frozen(kw_only=True)
class Binding(Rule):
    """Messages, and where the agent is described that answers them."""

    agent: AgentTable


def table_of(name: object, named: set[AgentTable]) -> AgentTable:
    """Where the agent is described that somebody refers to.

    Raises:
      Misfit: nowhere.
    """
    if isinstance(name, str) and ("agents", name) in named:
        return ("agents", name)
    if name == DEFAULT_NAME and DEFAULT_AGENT in named:
        return DEFAULT_AGENT
    names = [place[1] for place in named if place != DEFAULT_AGENT]
    expected = one_of(sorted(names)) if names else "the NAME of a table [agents.NAME]"
    raise Misfit([Problem((), f"expected {expected}, not {shown(name)}")])


def misplaced(rule: Rule, platforms: Mapping[str, str]) -> Iterator[Problem]:
    """What a rule asks for that the file has nowhere, given the platforms of its accounts."""
    account, platform = rule.account, rule.platform
    if account is not None and account not in platforms:
        yield Problem(("account",), f"expected the NAME of a table [accounts.NAME], not {shown(account)}")
    if platform is not None and platform not in platforms.values():
        yield Problem(("platform",), f"no account is of a platform {shown(platform)}")
    elif platform is not None and platforms.get(account or "", platform) != platform:
        yield Problem(("platform",), f"accounts.{account} is not of it")


@attrs.frozen
class BindingReader:
    """Reads ``[[bindings]]``, given what else the file names."""

    named: set[AgentTable]
    """The agents that the file describes."""
    platforms: Mapping[str, str]
    """By account: every one that the file names, well or badly described."""
    own: Sequence[Binding]
    """The agents that accounts name themselves."""

    def read(self, tables: object, directory: Path) -> tuple[list[Binding], list[Problem]]:
        """What can be used, and what is wrong with the rest."""
        if not isinstance(tables, list):
            return [], [Problem((), f"expected tables [[bindings]], not {kind_of(tables)}")]
        bindings: list[Binding] = []
        problems: list[Problem] = []
        for index, table in enumerate(tables):
            try:
                bindings.append(self._one(structure(table, BindingSection, directory=directory)))
            except Misfit as misfit:
                problems += [problem.under(index) for problem in misfit.problems]
        if not problems:  # places would not be right, and a binding that was left out takes nothing from others
            problems = [problem.under(index) for index, problem in self._idle(bindings)]
        return bindings, problems

    def _one(self, section: BindingSection) -> Binding:
        problems = list(misplaced(section, self.platforms))
        if (section.account, section.platform, section.peer_kind, section.peer_id) == (None, None, None, None):
            text = "expected account, platform, peer_kind or peer_id: what nothing else answers is for [agent]"
            problems.append(Problem((), text))
        try:
            agent = table_of(section.agent, self.named)
        except Misfit as misfit:
            raise Misfit([*problems, *(problem.under("agent") for problem in misfit.problems)]) from None
        if problems:
            raise Misfit(problems)
        return Binding(
            agent=agent,
            account=section.account,
            platform=section.platform,
            peer_kind=section.peer_kind,
            peer_id=section.peer_id,
        )

    def _idle(self, bindings: Sequence[Binding]) -> Iterator[tuple[int, Problem]]:
        """Bindings that never decide anything, whoever says what."""
        rules = [*bindings, *self.own]
        plans = [plan_for(account, platform, rules) for account, platform in self.platforms.items()]
        deciding = {id(rule) for plan in plans for rule in plan.rules()}
        for index, binding in enumerate(bindings):
            if self.platforms and id(binding) not in deciding:
                yield index, Problem((), "never decides: others are nearer, or come first, for all that it is about")


def unanswered(account: str, plan: Plan[Binding]) -> Problem:
    """What to say of an account in which somebody would not be answered, for want of ``[agent]``."""
    if not plan.rest:
        return Problem(DEFAULT_AGENT, "missing: it answers in the accounts that name no agent")
    left = "direct conversations" if "group" in plan.rest else "groups"
    return Problem(("accounts", account), f"nobody answers in {left}: name an agent, or bind them too")
