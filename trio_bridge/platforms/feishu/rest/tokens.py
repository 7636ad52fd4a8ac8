"""The tenant access token of one app."""

from __future__ import annotations

from typing import ClassVar

import attrs

from ....bots.tokens import Grant, Token
from ....errors import NotSent, OutcomeUnknown
from ....transport.http import HttpClient
from ....wire.jsontext import word
from ..config import Feishu
from .codes import TOKEN, Outcome, outcome_of
from .failures import failure


@attrs.define(eq=False)
class TenantToken(Token):
    """The token of one app at one domain."""

    issuer: ClassVar[str] = "Feishu"
    early: ClassVar[float] = 1790.0
    """More than half an hour before the end, Feishu gives the same one again."""
    margin: ClassVar[float] = 60.0

    _config: Feishu
    _http: HttpClient

    async def ask(self) -> Outcome:
        """What came of a call for a token. Tokens that were given out before stay good.

        Raises:
          NotSent: there was no answer.
          AccountRefused: the call can't be made as configured.
          ConfigError: the secret can't be read.
        """
        secret = self._config.app_secret.read()
        body = {"app_id": self._config.app_id, "app_secret": secret}
        try:
            reply = await self._http.request("POST", f"{self._config.domain}/open-apis{TOKEN}", json=body)
        except OutcomeUnknown as error:
            raise NotSent("the call for an access token got no answer") from error
        return outcome_of("POST", TOKEN, reply).without(secret)

    async def _fetch(self) -> Grant:
        outcome = await self.ask()
        if outcome.category != "ok":
            raise failure(outcome)
        return Grant(word(outcome.payload["tenant_access_token"]), outcome.payload.get("expire"))
