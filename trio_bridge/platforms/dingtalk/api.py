"""The newer REST API, called with the access token of the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ...transport.http import HttpClient
from .codes import Outcome, outcome_of
from .config import DingTalk
from .tokens import AccessToken


@attrs.define(eq=False)
class Api:
    """DingTalk's robot API for one app."""

    _config: DingTalk
    _http: HttpClient
    _token: AccessToken

    async def call(self, method: str, path: str, body: Mapping[str, Any]) -> Outcome:
        """What came of a call. It is made once, and once more if its token turns out to be bad.

        Raises:
          AccountRefused, RateLimited, NotSent, ConnectionLost: it was not made, or not taken.
          OutcomeUnknown: it was made, and no answer came.
        """
        token = await self._token.get()
        outcome = await self._request(method, path, body, token)
        if outcome.category == "refresh_token":
            self._token.refuse(token)
            outcome = await self._request(method, path, body, await self._token.get())
        return outcome

    async def _request(self, method: str, path: str, body: Mapping[str, Any], token: str) -> Outcome:
        headers = [("x-acs-dingtalk-access-token", token)]
        reply = await self._http.request(method, self._config.endpoint + path, json=body, headers=headers)
        return outcome_of(method, path, reply)
