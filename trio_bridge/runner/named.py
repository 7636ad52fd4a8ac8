"""An agent that knows which table of a configuration file it is, for whoever reads that it can't be opened."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs

from ..agents.protocol import Agent, OpenableAgent
from ..engine.environment import Environment
from ..errors import ConfigError
from ..nurseries import leaves
from .bindings import AgentTable
from .logs import told
from .wording import key_path


@attrs.frozen(eq=False)
class NamedAgent(OpenableAgent):
    """The same agent. If it can't be opened, that is a :class:`~trio_bridge.ConfigError` with its table."""

    table: AgentTable
    agent: OpenableAgent

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        problems: list[str] = []
        async with AsyncExitStack() as stack:
            try:
                opened = await stack.enter_async_context(self.agent.open(environment))
            except* Exception as errors:  # A wall: the agent may be the user's, and raise anything.
                for error in leaves(errors):
                    said = error.problems if isinstance(error, ConfigError) else ()
                    problems += said or [told(error)]
            if problems:
                raise ConfigError(*(f"{key_path(self.table)}: {problem}" for problem in problems))
            yield opened
