"""Several agents behind one handler: each account has its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs

from ..engine.environment import Environment
from ..messages import Message
from .protocol import Agent, OpenableAgent, open_agent


@attrs.frozen
class ByAccount(OpenableAgent):
    """Each message is answered by the agent of its account. An agent that serves several accounts is opened once."""

    agents: Mapping[str, Agent | OpenableAgent]
    """By the account's name."""

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        async with AsyncExitStack() as stack:
            opened: dict[int, Agent] = {}
            for agent in self.agents.values():
                if id(agent) not in opened:
                    opened[id(agent)] = await stack.enter_async_context(open_agent(agent, environment))
            answering = {account: opened[id(agent)] for account, agent in self.agents.items()}

            def answer(message: Message) -> Any:
                return answering[message.account](message)

            yield answer
