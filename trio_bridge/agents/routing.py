"""Several agents behind one handler: who said something, and where, decides which of them answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs

from ..engine.environment import Environment
from ..messages import Message
from .protocol import Agent, OpenableAgent, open_agent
from .rules import Plan, Rule, plan_for


@attrs.frozen(kw_only=True)
class Route(Rule):
    """Messages that ``agent`` answers. What is left out is not asked about."""

    agent: Agent | OpenableAgent


def _to_tuple(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(routes)


@attrs.frozen(kw_only=True)
class Router(OpenableAgent):
    """Each message is answered by the agent of the nearest route, or else by ``default``.

    A route for one peer is nearer than one for every peer (``*``), then come those for a kind of conversation, for an
    account, for a platform; of equally near ones the first. Without ``default`` what no route is about is not answered.
    An agent that is named several times is opened once.
    """

    routes: tuple[Route, ...] = attrs.field(default=(), converter=_to_tuple)
    default: Agent | OpenableAgent | None = None

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        async with AsyncExitStack() as stack:
            opened: dict[int, Agent] = {}
            for agent in self.agents():
                opened[id(agent)] = await stack.enter_async_context(open_agent(agent, environment))
            default = _nobody if self.default is None else opened[id(self.default)]
            plans: dict[str, Plan[Route]] = {}

            def answer(message: Message) -> Any:
                plan = plans.get(message.account)
                if plan is None:
                    plan = plans[message.account] = plan_for(message.account, message.platform, self.routes)
                route = plan.rule_for(message)
                return (default if route is None else opened[id(route.agent)])(message)

            yield answer

    async def probe(self, environment: Environment) -> str:
        """Try every agent."""
        said = [
            await agent.probe(environment) if isinstance(agent, OpenableAgent) else "ready" for agent in self.agents()
        ]
        return "; ".join(dict.fromkeys(said))

    def agents(self) -> list[Agent | OpenableAgent]:
        """Everyone who may answer, each once."""
        named = [route.agent for route in self.routes]
        every = named if self.default is None else [*named, self.default]
        return list({id(agent): agent for agent in every}.values())


async def _nobody(message: Message) -> None:
    """What nobody was chosen for is not answered."""
