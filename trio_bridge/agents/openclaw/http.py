"""An OpenClaw Gateway that is asked over HTTP: its own endpoint of chat completions.

A question has no key there, and its run ends with the connection: what is asked again is answered again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

import attrs
import trio

from ...engine.environment import Environment
from ...errors import AccountRefused, ConfigError, NotSent, Postponed, RequestFailed
from ...messages import Message
from ...platforms.openclaw.hello import MAIN_AGENT
from ...platforms.openclaw.sessions import canonical
from ...transport.http import open_http_client
from ..openai.calls import Completions, Patience
from .agent import OpenClaw
from .files import notes_on
from .names import PREFIX
from .question import question_of, said_in
from .routes import Routing
from .session import Opening, Session, in_session

MODEL: Final = "openclaw"
WHOLE: Final = 540.0
"""Seconds for one answer as a whole, at least: less than a handler has."""
REFUSED: Final = 60.0
"""Seconds until a gateway that refused us is asked again with the same secret: ten failures in a minute, and it hears
nobody from this address for five minutes."""

OFF: Final = ("404", "405")
IS_OFF: Final = (
    "the gateway has no /v1/chat/completions: set gateway.http.endpoints.chatCompletions.enabled there to true"
)

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_over_http(agent: OpenClaw, environment: Environment) -> AsyncGenerator[OverHttp]:
    """The gateway answers while the block runs. Its connections are those of this block.

    Raises:
      ConfigError: the secrets or the certificates can't be read.
    """
    agent.check()
    patience = Patience(first=agent.run_timeout, silence=agent.run_timeout, whole=max(WHOLE, agent.run_timeout))
    async with open_http_client(
        network=environment.network,
        ca_file=agent.ca_file,
        allow_insecure=agent.allow_insecure,
        total=agent.run_timeout,
        silence=patience.whole,  # between two pieces there are limits of our own
    ) as client:
        url, read_token = agent.http_url, agent.read_secret
        yield OverHttp(agent, Completions(client=client, url=url, read_token=read_token, patience=patience))


@attrs.frozen
class _Refusal:
    """The gateway would have nothing of us, with this secret."""

    secret: str | None = attrs.field(repr=False)
    until: float
    why: str


class OverHttp:
    """The agent as it answers."""

    def __init__(self, agent: OpenClaw, completions: Completions) -> None:
        self._agent = agent
        self._completions = completions
        self._routing = Routing(agent)
        self._refusal: _Refusal | None = None

    async def __call__(self, message: Message) -> None:
        if not (said_in(message) or message.attachments):
            return
        self._heed_refusal()
        await in_session(message, self._answer, keep=self._agent.session_key is None)

    async def _answer(self, opening: Opening, message: Message, session: Session) -> None:
        try:
            async with aclosing(self._pieces(message, session)) as pieces:
                first = await anext(pieces)  # where there is none, that is an error
                self._refusal = None
                async with opening() as out:
                    await out.write(first)
                    async for piece in pieces:
                        await out.write(piece)
        except NotSent as error:
            raise Postponed(f"the gateway is away: {error}", retry_after=error.retry_after) from error
        except (AccountRefused, ConfigError) as error:
            raise self._refused(str(error)) from error
        except RequestFailed as error:
            if error.code not in OFF:
                raise
            raise self._refused(IS_OFF) from error

    def _pieces(self, message: Message, session: Session) -> AsyncGenerator[str]:
        agent_id = self._routing.agent_for(message)
        told = [{"role": "system", "content": message.system_prompt}] if message.system_prompt else []
        asked = question_of(message, self._agent, *notes_on(message))
        request: dict[str, Any] = {
            "model": f"{MODEL}/{agent_id}" if agent_id else MODEL,
            "messages": [*told, {"role": "user", "content": asked}],
            "stream": True,
            "user": f"{PREFIX}:{session.name}",
        }
        shared = self._agent.session_key
        headers = [] if shared is None else [("x-openclaw-session-key", canonical(shared, agent_id or MAIN_AGENT))]
        return self._completions.answer(request, headers=headers)

    def _heed_refusal(self) -> None:
        refusal = self._refusal
        if refusal is not None and refusal.secret == self._secret() and trio.current_time() < refusal.until:
            raise Postponed(refusal.why, retry_after=refusal.until - trio.current_time())

    def _secret(self) -> str | None:
        """The secret as it is now; ``None`` where it can't be read."""
        with suppress(ConfigError):
            return self._agent.read_secret()
        return None

    def _refused(self, why: str) -> Postponed:
        secret = self._secret()
        if self._refusal is None or (self._refusal.secret, self._refusal.why) != (secret, why):
            logger.error("refused", extra={"account": self._agent.account.name, "cause": why})
        self._refusal = _Refusal(secret, trio.current_time() + REFUSED, why)
        return Postponed(why, retry_after=REFUSED)
