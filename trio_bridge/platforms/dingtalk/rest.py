"""Both REST APIs of DingTalk, called with the access tokens of the account.

The newer one has its token in a header, the older one in the query. What an answer means is in :mod:`.codes`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from ...bots.calls import given, harmless_to_repeat
from ...transport.http import HttpClient
from .codes import Outcome, outcome_of
from .config import DingTalk
from .failures import failure
from .standing import Standing
from .tokens import AccessToken

Files = Mapping[str, tuple[str, bytes, str]]
"""Uploads: file name, content and media type by field name."""


@attrs.define(eq=False)
class Rest:
    """DingTalk's APIs for one app."""

    _config: DingTalk
    _http: HttpClient
    token: AccessToken
    old_token: AccessToken
    standing: Standing = attrs.field(factory=Standing)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        route: str = "",
    ) -> Outcome:
        """What came of a call of the newer API. It is made once, and once more if its token turns out to be bad.

        ``route`` is the path as :mod:`.codes` knows it, where names are part of ``path``.

        Raises:
          AccountRefused, RateLimited, NotSent, ConnectionLost: it was not made, or not taken. While the address of this
            machine is banned, none is.
          OutcomeUnknown: it was made, and no answer came.
        """

        async def made(token: str) -> Outcome:
            headers = [("x-acs-dingtalk-access-token", token)]
            url = self._config.endpoint + path
            reply = await self._http.request(method, url, headers=headers, **given(json=body, params=params))
            return outcome_of(method, route or path, reply)

        return await self._with_token(self.token, made)

    async def call_old(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
        files: Files | None = None,
    ) -> Outcome:
        """The same for the older API."""

        async def made(token: str) -> Outcome:
            query = {"access_token": token, **(params or {})}
            url = self._config.oapi_endpoint + path
            reply = await self._http.request(method, url, **given(params=query, data=data, files=files))
            return outcome_of(method, path, reply)

        return await self._with_token(self.old_token, made)

    async def _with_token(self, token: AccessToken, make: Callable[[str], Awaitable[Outcome]]) -> Outcome:
        self.standing.check()
        first = await token.get()
        outcome = self.standing.note((await make(first)).without(first))
        if outcome.category == "refresh_token":
            token.refuse(first)
            second = await token.get()
            outcome = self.standing.note((await make(second)).without(second))
        return outcome


async def answer_of(call: Awaitable[Outcome], *, repeatable: bool = False) -> Mapping[str, Any]:
    """What a call was answered with, if it succeeded. A ``repeatable`` one does no harm when it is made again.

    Raises:
      ConnectionLost: there was no answer to a repeatable call, or none that anybody could read.
      OutcomeUnknown: the same for any other.
      RequestFailed, RateLimited, NotSent, AccountRefused: it was not made, or answered with a no.
    """
    with harmless_to_repeat(repeatable):
        outcome = await call
    if outcome.category != "ok":
        raise failure(outcome)
    return outcome.payload
