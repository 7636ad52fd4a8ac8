"""Everything that a configuration needs, tried side by side: the store, the agents, the accounts, and their hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import attrs
import trio

from ..agents.apart import Apart, kept_as
from ..agents.protocol import Agent, OpenableAgent
from ..config import Secret
from ..engine.environment import Environment
from ..engine.executors import Executor, in_thread
from ..engine.findings import Finding, Verdict, finding_of, worst
from ..engine.hosts import Hosts
from ..engine.platform import PlatformConfig, Services
from ..engine.store import Store
from ..errors import BridgeError, ConfigError, StoreUnavailable
from ..nurseries import leaves
from ..stores.checking import check_store
from ..stores.memory import MemoryStore
from ..stores.reading import StoreReader, read_sqlite
from .answering import places_of
from .bindings import AgentTable
from .loading import RunnerConfig
from .logs import told
from .text import one_line
from .wording import key_path

LIMIT = 120.0
"""Seconds for everything together."""
AT_ONCE = 100
"""Accounts and agents that are tried at the same time: three connections each, of the 1,024 that a process may have."""
STORE_LIMIT = 20.0
AGENT_LIMIT = 30.0
ACCOUNT_LIMIT = 60.0
"""Seconds for one of each. Every step of a connection has a limit of its own, so that it is known where it ended."""

NOT_WITH_IT = "a bridge would not start with it"

State = Mapping[str, Mapping[str, Any]]
"""Small state, by scope."""

Kind = Literal["store", "agent", "host", "account"]


@attrs.frozen(kw_only=True)
class Subject:
    """Something that was tried, and what was found."""

    kind: Kind
    name: str
    platform: str = ""
    """Of an account."""
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        return worst(self.findings)


@attrs.frozen(eq=False)
class _Job:
    kind: Kind
    name: str
    limit: float
    ask: Callable[[], Awaitable[list[Finding]]]
    config: Any
    """Whose secrets nobody may repeat."""

    def concluded(self, findings: list[Finding]) -> Subject:
        platform = self.config.platform if isinstance(self.config, PlatformConfig) else ""
        shown = tuple(_fit_to_show(finding, self.config) for finding in findings)
        return Subject(kind=self.kind, name=self.name, platform=platform, findings=shown)


class Preflight:
    """The trial of one configuration. ``done`` of ``total`` are over."""

    def __init__(
        self,
        config: RunnerConfig,
        agents: Mapping[AgentTable, Agent | OpenableAgent | ConfigError],
        environment: Environment | None = None,
        *,
        executor: Executor | None = None,
    ) -> None:
        self._environment = environment or Environment()
        self._hosts = Hosts(self._environment)
        self._store = config.store
        self._executor = executor or in_thread()
        self._jobs = [
            _Job("store", config.store, STORE_LIMIT, partial(check_store, config.store, executor=executor), None)
        ]
        for table, described in config.agents.items():
            ask = partial(self._try_agent, agents.get(table), places_of(table, config))
            self._jobs.append(_Job("agent", key_path(table), AGENT_LIMIT, ask, described))
        for account in config.accounts:
            self._jobs.append(
                _Job("account", account.name, ACCOUNT_LIMIT, partial(self._try_account, account), account)
            )
        self._concluded: dict[_Job, Subject] = {}

    @property
    def total(self) -> int:
        return len(self._jobs)

    @property
    def done(self) -> int:
        return len(self._concluded)

    async def run(self, limit: float = LIMIT) -> list[Subject]:
        """Everything that was tried: the store, agents, hosts, accounts. Over within ``limit``, whatever hangs."""
        slots = trio.CapacityLimiter(AT_ONCE)
        with trio.move_on_after(limit):
            async with trio.open_nursery() as nursery:
                for job in self._jobs:
                    nursery.start_soon(self._carry_out, job, slots, name=f"check/{job.name}")
        subjects = [self._concluded.get(job) or job.concluded([_unanswered(limit)]) for job in self._jobs]
        hosts = [
            Subject(kind="host", name=name, findings=tuple(_fit_to_show(finding, None) for finding in findings))
            for name, findings in self._hosts.findings.items()
        ]
        before = [subject for subject in subjects if subject.kind != "account"]
        return [*before, *hosts, *subjects[len(before) :]]

    async def _carry_out(self, job: _Job, slots: trio.CapacityLimiter) -> None:
        findings: list[Finding] = []
        async with slots:
            with trio.move_on_after(job.limit) as scope:
                try:
                    findings = await job.ask()
                except* BridgeError as errors:
                    findings = [
                        finding_of(job.kind, error) for error in leaves(errors) if isinstance(error, BridgeError)
                    ]
        self._concluded[job] = job.concluded([_unanswered(job.limit)] if scope.cancelled_caught else findings)

    async def _try_agent(self, agent: Agent | OpenableAgent | ConfigError | None, places: Finding) -> list[Finding]:
        match agent:
            case None:
                return [places]
            case ConfigError(problems=problems):
                return [*(Finding("agent", "failed", text, NOT_WITH_IT) for text in problems), places]
            case OpenableAgent():
                return [*await self._probe(agent), places]
            case _:
                return [Finding("agent", "ok", "loaded"), places]

    async def _probe(self, agent: OpenableAgent) -> list[Finding]:
        findings: list[Finding] = []
        store = MemoryStore()
        try:
            for config in agent.accounts():
                kept = await self._kept_by(config, kept_as(config.name))
                findings += await self._try_on(config, Apart(store), kept)
            if worst(findings) != "failed":
                environment = attrs.evolve(self._environment, store=store)
                findings.append(Finding("agent", "ok", await agent.probe(environment)))
        except* Exception as errors:  # A wall: the agent may be the user's, and raise anything.
            for error in leaves(errors):
                if isinstance(error, BridgeError):
                    findings.append(finding_of("agent", error))
                else:
                    findings.append(Finding("agent", "failed", told(error), NOT_WITH_IT))
        return findings

    async def _try_account(self, config: PlatformConfig) -> list[Finding]:
        if not config.enabled:
            return [Finding("account", "skipped", "disabled: not tried")]
        return await self._try_on(config, MemoryStore(), await self._kept_by(config, config.name))

    async def _try_on(self, config: PlatformConfig, store: Store, kept: State) -> list[Finding]:
        """Try an account. Its own store may be in use: whatever the trial keeps is in ``store``, and goes with it."""
        account = await store.open_account(config.name, platform=config.platform)
        for scope, values in kept.items():
            await account.save(scope, values)
        async with config.open_platform(Services.of(config, self._environment, account)) as platform:
            return await platform.check(self._hosts)

    async def _kept_by(self, config: PlatformConfig, name: str) -> State:
        """Who the account is to its platform, as its own store has it. Nothing where it has never run."""
        scheme, _, place = self._store.partition(":")
        if scheme != "sqlite" or not config.known_by:
            return {}

        def read(reader: StoreReader) -> dict[str, dict[str, Any]]:
            known = config.known_by if name in reader.accounts() else ()
            return {scope: reader.state(name, scope) for scope in known}

        with suppress(StoreUnavailable):  # what is wrong with the store is said of the store
            return await self._executor(partial(read_sqlite, place, read))
        return {}


def _unanswered(limit: float) -> Finding:
    return Finding("limit", "failed", f"no result within {limit:g} s", "try it again, alone or with a longer --timeout")


def _fit_to_show(finding: Finding, config: Any) -> Finding:
    """The finding with what a server said made harmless, and without a secret that it may have repeated."""
    return attrs.evolve(finding, text=one_line(_without_secrets(finding.text, config)), advice=one_line(finding.advice))


def _without_secrets(text: str, config: Any) -> str:
    values = attrs.asdict(config, recurse=False).values() if config is not None else ()
    for value in values:
        if isinstance(value, Secret):
            text = value.mask(text)
    return text
