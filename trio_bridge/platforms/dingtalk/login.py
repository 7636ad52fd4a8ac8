"""How a connection comes to be: the open call gives an address and a ticket, and the ticket opens one WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import attrs

from ...engine.platform import Connection
from ...errors import HandshakeFailed, NotSent, OutcomeUnknown, RateLimited
from ...transport.client import open_websocket
from ...transport.http import HttpClient
from ...transport.limits import stage_limit
from ...transport.network import Network
from ...wire.jsontext import word
from .codes import OPEN, Outcome, outcome_of
from .config import DingTalk
from .failures import open_failure
from .protocol import DingTalkProtocol
from .scopes import scope_of
from .standing import Standing

OPEN_LIMIT: Final = 10.0
"""Seconds for the open call; a gateway that hangs is as good as none."""

OPEN_HEADERS: Final = (
    ("Accept", "application/json"),
    # The next call is hours away: a connection kept for it would be a descriptor lost by every account.
    ("Connection", "close"),
)

USER_AGENT: Final = "trio-bridge-python/1.0"


@attrs.define(eq=False)
class Login:
    """Opens the connections of one account, and remembers how often in a row it was forbidden to."""

    _config: DingTalk
    _http: HttpClient
    _network: Network
    _standing: Standing = attrs.field(factory=Standing)
    _refusal: tuple[int, str] = (0, "")
    _repeated: int = 0
    step: str = attrs.field(default="", init=False)
    """What the last attempt did at its end, or the present one does now."""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """One connection, on which messages may arrive from now on.

        Raises:
          ConnectionLost, RateLimited: try again. While the address of this machine is banned, nothing is asked.
          AccountRefused: the credentials are wrong, or forbidden three times in the same words.
          ConfigError: the secret can't be read.
        """
        self.step = "discovering"
        try:
            self._standing.check()
        except NotSent as error:
            raise RateLimited(f"the open call: {error}", retry_after=error.retry_after) from error
        outcome = self._standing.note(await self.ask())
        if outcome.category != "ok":
            raise open_failure(outcome, repeated=self._repetitions(outcome))
        self._refusal, self._repeated = (0, ""), 0
        self.step = "handshaking"
        async with open_websocket(
            socket_url(outcome),
            network=self._network,
            ca_file=self._config.ca_file,
            allow_insecure=self._config.allow_insecure,
            transport=self._config.transport,
        ) as link:
            yield Connection(link, DingTalkProtocol(self._config.handled, scope_of(self._config)))

    async def ask(self) -> Outcome:
        """What came of an open call. A ticket that is not used does nothing, and is worth nothing soon.

        Raises:
          HandshakeFailed: there was no answer.
          AccountRefused: the call can't be made as configured.
          ConfigError: the secret can't be read.
        """
        body = self._body()
        try:
            with stage_limit("login", OPEN_LIMIT, "the open call"):
                reply = await self._http.request("POST", self._config.endpoint + OPEN, json=body, headers=OPEN_HEADERS)
        except (NotSent, OutcomeUnknown) as error:
            raise HandshakeFailed(f"the open call: {error}", stage="login") from error
        return outcome_of("POST", OPEN, reply).without(body["clientSecret"])

    def _body(self) -> dict[str, Any]:
        return {
            "clientId": self._config.client_id,
            "clientSecret": self._config.client_secret.read(),
            "subscriptions": self._config.subscriptions(),
            "ua": USER_AGENT,
        }

    def _repetitions(self, outcome: Outcome) -> int:
        refusal = (outcome.status, outcome.code)
        self._repeated = self._repeated + 1 if refusal == self._refusal else 1
        self._refusal = refusal
        return self._repeated


def socket_url(outcome: Outcome) -> str:
    """The WebSocket's URL, from an open call that succeeded. It holds the ticket: nothing may show it.

    Raises:
      HandshakeFailed: the address is none of a WebSocket.
    """
    return with_ticket(word(outcome.payload["endpoint"]), word(outcome.payload["ticket"]))


def with_ticket(endpoint: str, ticket: str) -> str:
    """The address with the ticket in its query, whatever else is there.

    Raises:
      HandshakeFailed: the address is none of a WebSocket.
    """
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("ws", "wss") or not ticket:
        raise HandshakeFailed("the open call gave no address of a WebSocket", stage="login")
    query = f"ticket={quote(ticket, safe='')}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))
