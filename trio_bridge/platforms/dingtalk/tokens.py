"""The access tokens of one app, one for each API, fetched once for everybody who needs them."""

from __future__ import annotations

import math
from typing import ClassVar, Final

import attrs
import trio

from ...errors import BridgeError, NotSent, OutcomeUnknown, RequestFailed
from ...transport.http import HttpClient
from ...wire.jsontext import word
from .codes import OLD_TOKEN, TOKEN, Outcome, outcome_of
from .config import DingTalk
from .failures import describe, failure
from .standing import Standing

EARLY: Final = 300.0
"""Seconds before its end in which a token is no longer used."""

BETWEEN_REFRESHES: Final = 30.0
"""Seconds between two tokens that replace refused ones: what is refused again will not be cured by a third."""

UNSAID_LIFE: Final = 600.0


@attrs.define(eq=False)
class AccessToken:
    """A token of the newer API. Its life is counted by the monotonic clock, from before it was asked for."""

    _names: ClassVar[tuple[str, str]] = ("accessToken", "expireIn")
    """Where the answer has the token, and for how many seconds it is good."""

    _config: DingTalk
    _http: HttpClient
    _standing: Standing = attrs.field(factory=Standing)
    _value: str = attrs.field(default="", repr=False)
    _good_until: float = -math.inf
    _fetched_at: float = -math.inf
    _was_refused: bool = False
    _refreshed_at: float = -math.inf
    _fetching: trio.Lock = attrs.field(factory=trio.Lock, repr=False)

    async def get(self) -> str:
        """The token, fetched if there is none that is good.

        Raises:
          AccountRefused: the credentials are wrong.
          RateLimited, NotSent, ConnectionLost: there is no token now.
          ConfigError: the secret can't be read.
        """
        if not self._is_good():
            async with self._fetching:
                if not self._is_good():
                    await self._fetch()
        return self._value

    @property
    def age(self) -> float | None:
        """Seconds since the token was fetched; ``None`` if there is none that is good."""
        return trio.current_time() - self._fetched_at if self._is_good() else None

    def refuse(self, token: str) -> None:
        """Forget a token that the API called bad, unless another has taken its place."""
        if token == self._value:
            self._good_until = -math.inf
            self._was_refused = True

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

    def _is_good(self) -> bool:
        return trio.current_time() < self._good_until

    async def _fetch(self) -> None:
        self._standing.check()  # whoever had the lock before may have learnt of a ban
        now = trio.current_time()
        if self._was_refused:
            patience = self._refreshed_at + BETWEEN_REFRESHES - now
            if patience > 0:
                raise NotSent("DingTalk refuses its own access token", retry_after=patience)
            self._refreshed_at = now
        outcome = self._standing.note(await self.ask())
        if outcome.category != "ok":
            raise _no_token(outcome)
        self._value = word(outcome.payload[self._names[0]])
        life = outcome.payload.get(self._names[1])
        seconds = float(life) if isinstance(life, int) and 0 < life < 10**9 else UNSAID_LIFE
        self._good_until = now + max(seconds - EARLY, seconds / 2)
        self._fetched_at = now
        self._was_refused = False


def _no_token(outcome: Outcome) -> BridgeError:
    """Why there is no token. Whoever wanted one asked for something else, and that was not refused: it never left."""
    refusal = failure(outcome)
    if isinstance(refusal, RequestFailed):
        return NotSent(f"no access token: {describe(outcome)}", retry_after=outcome.retry_after)
    return refusal


class OldAccessToken(AccessToken):
    """The same for the older API."""

    _names = ("access_token", "expires_in")

    async def _ask(self, key: str, secret: str) -> Outcome:
        params = {"appkey": key, "appsecret": secret}
        url = self._config.oapi_endpoint + OLD_TOKEN
        return outcome_of("GET", OLD_TOKEN, await self._http.request("GET", url, params=params))
