"""The access token of an app: fetched once for everybody who needs it, and replaced in time."""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar, Final

import attrs
import trio

from ..errors import ConnectionLost, NotSent, RateLimited, RequestFailed

BETWEEN_TRIES: Final = 30.0
"""Seconds between two attempts to replace a token that is still good, and between two tokens that are refused: what is
refused again will not be cured by a third."""

UNSAID_LIFE: Final = 600.0

LONGEST_LIFE: Final = 7 * 86_400.0


@attrs.frozen
class Grant:
    """What was given out: a token, and for how many seconds it is good, if that is what the platform said."""

    token: str = attrs.field(repr=False)
    life: Any


@attrs.define(eq=False)
class Token(abc.ABC):
    """A token of one app. Its life is counted by the monotonic clock, from before it was asked for."""

    issuer: ClassVar[str]
    """What people call the platform."""
    early: ClassVar[float]
    """Seconds before its end from which on it is replaced, if another one is to be had."""
    margin: ClassVar[float]
    """Seconds before its end in which it is not used any more."""

    _value: str = attrs.field(default="", init=False, repr=False)
    _fresh_until: float = attrs.field(default=-math.inf, init=False)
    _good_until: float = attrs.field(default=-math.inf, init=False)
    _fetched_at: float = attrs.field(default=-math.inf, init=False)
    _was_refused: bool = attrs.field(default=False, init=False)
    _made_good_at: float = attrs.field(default=-math.inf, init=False)
    """When one last took the place of a refused one."""
    _fetching: trio.Lock = attrs.field(factory=trio.Lock, init=False, repr=False)

    async def get(self) -> str:
        """The token, fetched if there is none that is good for long enough.

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

    @abc.abstractmethod
    async def _fetch(self) -> Grant:
        """A new one. Raises what :meth:`get` does, and RequestFailed for any other refusal."""

    def _is_fresh(self) -> bool:
        return trio.current_time() < self._fresh_until

    async def _replace(self) -> None:
        """Fetch a new one; an old one serves on while it is good and there is no other to be had."""
        now = trio.current_time()
        if self._was_refused and (patience := self._made_good_at + BETWEEN_TRIES - now) > 0:
            raise NotSent(f"{self.issuer} refuses its own access token", retry_after=patience)
        try:
            grant = await self._granted()
        except (RateLimited, NotSent, ConnectionLost):
            if now >= self._good_until:
                raise
            self._fresh_until = min(now + BETWEEN_TRIES, self._good_until)
            return
        if self._was_refused:
            self._made_good_at = now
        said = grant.life
        life = float(said) if isinstance(said, int) and 0 < said < LONGEST_LIFE else UNSAID_LIFE
        self._value = grant.token
        self._fresh_until = now + max(life - self.early, life / 2)
        self._good_until = now + max(life - self.margin, life / 2)
        self._fetched_at = now
        self._was_refused = False

    async def _granted(self) -> Grant:
        try:
            grant = await self._fetch()
        except RequestFailed as refusal:
            # Whoever wanted a token asked for something else, and that was not refused: it never left.
            raise NotSent(f"no access token: {refusal}", retry_after=refusal.retry_after) from refusal
        if not grant.token.strip() or not (grant.token.isascii() and grant.token.isprintable()):
            raise NotSent(f"{self.issuer} gave an access token that is none")  # and no call could carry it
        return grant
