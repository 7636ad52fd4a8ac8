"""Whether a gateway would answer: a login, and its list of agents or models, which cost nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...engine.environment import Environment
from ...engine.states import AccountState
from ...engine.store import Store
from ...errors import AccountRefused, ConnectionLost, RequestFailed
from ...platforms.openclaw.access.identity import has_key
from ...platforms.openclaw.config import WRITE
from ...transport.http import open_http_client
from ..apart import Apart
from ..openai.calls import bearer
from ..openai.failures import failure_of
from .agent import OpenClaw
from .gateway import Gateway, open_gateway
from .http import IS_OFF, MODEL, OFF


async def probe(agent: OpenClaw, environment: Environment) -> str:
    """A few words on what was found.

    Raises:
      BridgeError: it would not answer, and why.
    """
    agent.check()
    return await (_over_http if agent.over == "http" else _over_websocket)(agent, environment)


async def _over_websocket(agent: OpenClaw, environment: Environment) -> str:
    stranger = environment.store is None and agent.device_key_file is None
    if environment.store is not None and not await _has_key(agent, environment, environment.store):
        return "its agents are looked for once there is a key" if agent.agent_ids else "is tried once there is a key"
    async with open_gateway(agent.account, environment) as gateway:
        await _log_in(gateway, stranger=stranger)
        hello = gateway.hello
        if WRITE in hello.lacking(agent.scopes):
            raise AccountRefused(f"the gateway lets us in without {WRITE}: it can't be asked", kind="pairing")
        found = f"answers; OpenClaw {hello.server_version}, protocol {hello.protocol}"
        if not agent.agent_ids:
            return found
        listed = await gateway.api.request("agents.list", {})
    return found + _agents(agent.agent_ids, _ids(listed, "agents"))


async def _has_key(agent: OpenClaw, environment: Environment, store: Store) -> bool:
    """Whether the gateway may know us already."""
    kept = await Apart(store).open_account(agent.account.name, platform=agent.account.platform)
    return await has_key(agent.device_key_file, store=kept, environment=environment)


async def _log_in(gateway: Gateway, *, stranger: bool) -> None:
    """Return when the gateway has let us in; raise at the first attempt that failed."""
    try:
        async with gateway.account.states() as states:
            async for state in states:
                if state is AccountState.WAITING:
                    raise gateway.api.info().last_error or ConnectionLost("the connection did not come to be")
                if state in (AccountState.READY, AccountState.QUARANTINED):
                    break
        await gateway.account.wait_ready()
    except AccountRefused as error:
        if not stranger or error.kind != "pairing":
            raise
        text = f"{error}. This check comes as a device of its own: with device_key_file it comes as the bridge's"
        raise AccountRefused(text, kind="pairing", code=error.code) from error


async def _over_http(agent: OpenClaw, environment: Environment) -> str:
    secret = agent.read_secret()
    async with open_http_client(
        network=environment.network, ca_file=agent.ca_file, allow_insecure=agent.allow_insecure
    ) as client:
        reply = await client.request("GET", f"{agent.http_url}/models", headers=bearer(secret))
    if str(reply.status) in OFF:
        raise RequestFailed(IS_OFF, code=str(reply.status))
    if not reply.ok:
        raise failure_of(reply, token=secret, model=MODEL)
    listed = [id_.removeprefix(f"{MODEL}/") for id_ in _ids(reply.json(), "data")]
    return "answers" + (_agents(agent.agent_ids, listed) if agent.agent_ids else "")


def _ids(listed: Any, where: str) -> list[str]:
    entries = listed.get(where) if isinstance(listed, dict) else None
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [id_ for id_ in ids if isinstance(id_, str)]


def _agents(named: Iterable[str], listed: list[str]) -> str:
    """What to say of agents that the configuration names.

    Raises:
      RequestFailed: the gateway has no such agent.
    """
    known = {id_.lower() for id_ in listed}
    missing = [id_ for id_ in named if known and id_ not in known]
    if missing:
        text = f"the gateway has no agent {missing[0]!r}; it has {', '.join(sorted(known)[:10])}"
        raise RequestFailed(text, code="unknown_agent")
    return f"; its agents: {', '.join(named)}" if known else ""
