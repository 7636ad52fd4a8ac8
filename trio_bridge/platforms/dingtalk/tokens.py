"""The access tokens of one app, one for each API."""

from __future__ import annotations

from typing import ClassVar

import attrs

from ...bots.tokens import Grant, Token
from ...errors import NotSent, OutcomeUnknown
from ...transport.http import HttpClient
from ...wire.jsontext import word
from .codes import OLD_TOKEN, TOKEN, Outcome, outcome_of
from .config import DingTalk
from .failures import failure
from .standing import Standing


@attrs.define(eq=False)
class AccessToken(Token):
    """A token of the newer API."""

    issuer: ClassVar[str] = "DingTalk"
    early: ClassVar[float] = 300.0
    margin: ClassVar[float] = early
    """None is used in its last minutes, so there is none to fall back on."""

    _names: ClassVar[tuple[str, str]] = ("accessToken", "expireIn")
    """Where the answer has the token, and for how many seconds it is good."""

    _config: DingTalk
    _http: HttpClient
    _standing: Standing = attrs.field(factory=Standing)

    async def ask(self) -> Outcome:
        """What came of a call for a token. Tokens that were given out before stay good.

        Raises:
          NotSent: there was no answer.
          AccountRefused: the call can't be made as configured.
          ConfigError: the secret can't be read.
        """
        try:
            secret = self._config.client_secret.read()
            return (await self._ask(self._config.client_id, secret)).without(secret)
        except OutcomeUnknown as error:
            raise NotSent("the call for an access token got no answer") from error

    async def _ask(self, key: str, secret: str) -> Outcome:
        body = {"appKey": key, "appSecret": secret}
        return outcome_of("POST", TOKEN, await self._http.request("POST", self._config.endpoint + TOKEN, json=body))

    async def _fetch(self) -> Grant:
        self._standing.check()  # whoever had the lock before may have learnt of a ban
        outcome = self._standing.note(await self.ask())
        if outcome.category != "ok":
            raise failure(outcome)
        token, life = self._names
        return Grant(word(outcome.payload[token]), outcome.payload.get(life))


class OldAccessToken(AccessToken):
    """The same for the older API."""

    _names = ("access_token", "expires_in")

    async def _ask(self, key: str, secret: str) -> Outcome:
        params = {"appkey": key, "appsecret": secret}
        url = self._config.oapi_endpoint + OLD_TOKEN
        return outcome_of("GET", OLD_TOKEN, await self._http.request("GET", url, params=params))
