"""The tenant access token of one app, fetched once for everybody who needs it."""

from __future__ import annotations

import math
from typing import Final

import attrs
import trio

from ....errors import BridgeError, ConnectionLost, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from ....transport.http import HttpClient
from ....wire.jsontext import word
from ..config import Feishu
from .codes import TOKEN, Outcome, outcome_of
from .failures import describe, failure

EARLY: Final = 1790.0
"""Seconds before its end from which on a token is replaced: more than half an hour before, Feishu gives the same one
again."""

MARGIN: Final = 60.0
"""Seconds before its end in which a token is not used any more, though there be no other."""

BETWEEN_TRIES: Final = 30.0
"""Seconds between two attempts to replace a token that is still good, and between two tokens that Feishu refuses."""

UNSAID_LIFE: Final = 600.0

LONGEST_LIFE: Final = 7 * 86_400.0


@attrs.define(eq=False)
class TenantToken:
    """The token of one app at one domain. Its life is counted by the monotonic clock, from before it was asked for."""

    _config: Feishu
    _http: HttpClient
    _value: str = attrs.field(default="", repr=False)
    _fresh_until: float = -math.inf
    _good_until: float = -math.inf
    _fetched_at: float = -math.inf
    _was_refused: bool = False
    _refreshed_at: float = -math.inf
    _fetching: trio.Lock = attrs.field(factory=trio.Lock, repr=False)

    async def get(self) -> str:
        """The token, fetched if there is none, or none that is good for another half hour.

        Raises:
          AccountRefused: the credentials are wrong.
          RateLimited, NotSent, ConnectionLost: there is no token now.
          ConfigError: the secret can't be read.
        """
        if not self._is_fresh():
            async with self._fetching:
                if not self._is_fresh():
                    await self._replace()
        return self._value

    @property
    def age(self) -> float | None:
        """Seconds since the token was fetched; ``None`` if there is none that is good."""
        now = trio.current_time()
        return now - self._fetched_at if now < self._good_until else None

    def refuse(self, token: str) -> None:
        """Forget a token that the API called bad, unless another has taken its place."""
        if token == self._value:
            self._fresh_until = self._good_until = -math.inf
            self._was_refused = True

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

    def _is_fresh(self) -> bool:
        return trio.current_time() < self._fresh_until

    async def _replace(self) -> None:
        """Fetch a new one; an old one serves on while it is good and there is no other to be had."""
        now = trio.current_time()
        if self._was_refused:
            patience = self._refreshed_at + BETWEEN_TRIES - now
            if patience > 0:
                raise NotSent("Feishu refuses its own access token", retry_after=patience)
            self._refreshed_at = now
        try:
            outcome = await self.ask()
            if outcome.category != "ok":
                raise _no_token(outcome)
        except (RateLimited, NotSent, ConnectionLost):
            if now >= self._good_until:
                raise
            self._fresh_until = min(now + BETWEEN_TRIES, self._good_until)
            return
        self._value = word(outcome.payload["tenant_access_token"])
        expire = outcome.payload.get("expire")
        life = float(expire) if isinstance(expire, int) and 0 < expire < LONGEST_LIFE else UNSAID_LIFE
        self._good_until = now + max(life - MARGIN, life / 2)
        self._fresh_until = now + (life - EARLY if life > EARLY else life / 2)
        self._fetched_at = now
        self._was_refused = False


def _no_token(outcome: Outcome) -> BridgeError:
    """Why there is no token. Whoever wanted one asked for something else, and that was not refused: it never left."""
    refusal = failure(outcome)
    if isinstance(refusal, RequestFailed):
        return NotSent(f"no access token: {describe(outcome)}", retry_after=outcome.retry_after)
    return refusal
