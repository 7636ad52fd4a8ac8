"""The call that says where to connect. Its answer holds a ticket that is good once: it is asked for at each attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import attrs

from ....errors import AccountRefused, HandshakeFailed, NotSent, OutcomeUnknown
from ....transport.http import HttpClient, HttpReply
from ....transport.limits import stage_limit
from ....wire.jsontext import parse, word
from ..config import Feishu
from .refusals import OK, Refusals

ENDPOINT: Final = "/callback/ws/endpoint"
"""At the root of the domain, unlike every other call."""

LONGEST_URL: Final = 8192
"""Characters of the address, which has some two hundred: its query is taken apart."""

HEADERS: Final = (
    ("locale", "zh"),
    ("User-Agent", "trio-bridge-python/1.0"),
    # The next call is hours away: a connection kept for it would be a descriptor lost by every account.
    ("Connection", "close"),
)

SHOWN: Final = frozenset({"device_id", "service_id"})
SHORTEST: Final = 6
"""Characters of what is looked for in texts: a shorter one would be found in everything."""


@attrs.frozen
class Place:
    """Where to connect, once."""

    url: str = attrs.field(repr=False)
    """Secret: the ticket is in it."""
    device_id: str
    """What Feishu calls this connection: the only part of it that may be shown."""
    service: int
    """What pings have to name."""
    said: Mapping[str, Any]
    """What the server wants of pings and returns, in its own words; empty where it said nothing."""

    def masked(self, text: str) -> str:
        """A text of the server's, which may repeat what is secret in the address."""
        for name, value in parse_qsl(urlsplit(self.url).query):
            if name not in SHOWN and len(value) >= SHORTEST:
                text = text.replace(value, "***")
        return text


@attrs.frozen(eq=False)
class Discovery:
    """Asks where to connect."""

    _config: Feishu
    _http: HttpClient
    _refusals: Refusals

    async def ask(self) -> Place:
        """Where to connect. Nothing is opened: a ticket that is not used costs nothing.

        Raises:
          HandshakeFailed, RateLimited: try again.
          AccountRefused: don't, or much later.
          ConfigError: the secret can't be read.
        """
        secret = self._config.app_secret.read()
        url = self._config.domain + ENDPOINT
        body = {"AppID": self._config.app_id, "AppSecret": secret}
        try:
            with stage_limit("login", self._config.connect_timeout, "the question where to connect"):
                reply = await self._http.request("POST", url, json=body, headers=HEADERS)
        except (NotSent, OutcomeUnknown) as error:
            raise HandshakeFailed(f"the question where to connect: {error}", stage="login") from error
        return self._place(reply, secret)

    def _place(self, reply: HttpReply, secret: str) -> Place:
        try:
            said = parse(reply.text)
        except ValueError:
            said = None
        code = said.get("code") if isinstance(said, dict) else None
        if not isinstance(said, dict) or isinstance(code, bool) or not isinstance(code, int):
            if reply.ok:
                raise HandshakeFailed(
                    "the question where to connect was answered with no JSON of Feishu's", stage="login"
                )
            raise self._refusals.of_status(reply.status, reply.retry_after)
        if code != OK:
            raise self._refusals.of_code(code, word(said.get("msg")).replace(secret, "***"))
        data = said.get("data")
        if not isinstance(data, dict):
            data = {}
        config = data.get("ClientConfig")
        return self._at(word(data.get("URL")), config if isinstance(config, dict) else {})

    def _at(self, url: str, said: Mapping[str, Any]) -> Place:
        try:
            if len(url) > LONGEST_URL or not (url.isascii() and url.isprintable()):
                raise ValueError("no address")
            parts = urlsplit(url)
            query = parse_qs(parts.query)
            service, named = int(query["service_id"][0]), bool(parts.hostname) and parts.port != 0
        except (ValueError, KeyError):
            raise HandshakeFailed(
                "the answer where to connect has no address, or no service_id", stage="login"
            ) from None
        usable = named and parts.scheme in ("ws", "wss") and not parts.fragment and "@" not in parts.netloc
        if not usable or not -(2**31) <= service < 2**31:
            raise HandshakeFailed("the answer where to connect is no address of a WebSocket", stage="login")
        if parts.scheme == "ws" and self._config.domain.startswith("https:") and not self._config.allow_insecure:
            raise AccountRefused("the server wants a connection without TLS", kind="misconfigured")
        return Place(url, query.get("device_id", [""])[0], service, said)
