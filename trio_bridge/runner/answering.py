"""Who answers where, for a person who wants to see whether the bindings say what was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ..agents.rules import KINDS, Plan
from ..engine.findings import Finding
from ..messages import ConversationKind
from .bindings import DEFAULT_AGENT, AgentTable, Binding
from .loading import RunnerConfig

SHOWN: Final = 5
"""Accounts that are named; one agent may answer in a thousand."""

_EVERY: Final[Mapping[ConversationKind, str]] = {"direct": "every direct conversation", "group": "every group"}
_PEERS: Final[Mapping[ConversationKind | None, tuple[str, str]]] = {
    "group": ("group", "groups"),
    "direct": ("person", "people"),
    None: ("peer", "peers"),
}
"""One and many of those that are named by their ids."""


def places_of(table: AgentTable, config: RunnerConfig) -> Finding:
    """Where an agent answers; a warning if nowhere."""
    places = [place for account, plan in config.plans().items() if (place := _place(account, plan, table))]
    if not places:
        return Finding("answers", "warning", "nowhere", "name it in an account or in [[bindings]], or take it out")
    left = len(places) - SHOWN
    more = [f"and in {left} more"] if left > 0 else []
    return Finding("answers", "ok", "; ".join([*places[:SHOWN], *more]))


def _place(account: str, plan: Plan[Binding], table: AgentTable) -> str:
    """What the agent has of an account; empty if nothing."""
    kinds = [kind for kind in KINDS if _agent_for(plan.rest.get(kind)) == table]
    parts = [*_peers(plan, table), *(_EVERY[kind] for kind in kinds)]
    if not parts:
        return ""
    everything = len(kinds) == len(KINDS)
    if everything:
        return f"in {account}" + (", but for those whom others have" if _shares(plan, table) else "")
    return f"in {account}: {', '.join(parts)}"


def _shares(plan: Plan[Binding], table: AgentTable) -> bool:
    return any(rule.agent != table for _, rule in plan.exact.values())


def _agent_for(rule: Binding | None) -> AgentTable:
    return DEFAULT_AGENT if rule is None else rule.agent


def _peers(plan: Plan[Binding], table: AgentTable) -> Iterator[str]:
    kinds = {peer: rule.peer_kind for (_, peer), (_, rule) in plan.exact.items() if rule.agent == table}
    counts = Counter(kinds.values())
    for kind, (one, many) in _PEERS.items():
        if count := counts[kind]:
            yield f"{count} {one if count == 1 else many}"
