"""Which of a gateway's agents answers whom."""

from __future__ import annotations

from ...messages import Message
from ..rules import Plan, plan_for
from .agent import OpenClaw, OpenClawRoute


class Routing:
    """The routes of one agent."""

    def __init__(self, agent: OpenClaw) -> None:
        self._routes = agent.routes
        self._otherwise = agent.agent_id
        self._plans: dict[str, Plan[OpenClawRoute]] = {}

    def agent_for(self, message: Message) -> str | None:
        """The id of the agent that the nearest route names, or else the configuration; ``None``: the gateway knows."""
        plan = self._plans.get(message.account)
        if plan is None:
            plan = self._plans[message.account] = plan_for(message.account, message.platform, self._routes)
        route = plan.rule_for(message)
        return self._otherwise if route is None else route.agent_id
