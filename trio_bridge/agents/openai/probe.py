"""Whether an endpoint would answer: its list of models costs nothing."""

from __future__ import annotations

from ...engine.environment import Environment
from ...errors import RemoteProtocolError, RequestFailed
from ...transport.http import HttpReply, open_http_client
from .agent import OpenAI
from .calls import bearer
from .failures import failure_of

NO_LIST = (404, 405, 501)


async def probe(agent: OpenAI, environment: Environment) -> str:
    """A few words on what was found.

    Raises:
      BridgeError: it would not answer, and why.
    """
    agent.check()
    token = agent.read_token()
    async with open_http_client(
        network=environment.network, ca_file=agent.ca_file, allow_insecure=agent.allow_insecure
    ) as client:
        reply = await client.request("GET", f"{agent.url}/models", headers=bearer(token))
    if reply.status in NO_LIST:
        return "can be reached; it lists no models, so token and model remain to be seen"
    if not reply.ok:
        raise failure_of(reply, token=token, model=agent.model)
    return _found(reply, agent.model)


def _found(reply: HttpReply, model: str) -> str:
    try:
        listed = reply.json()
    except RemoteProtocolError as error:
        raise RequestFailed("the endpoint answers with what is not JSON: is url its base?") from error
    entries = listed.get("data") if isinstance(listed, dict) else None
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not names:
        return "answers"
    return f"answers; model {model!r} is {'' if model in names else 'not '}among the {len(names)} it lists"
