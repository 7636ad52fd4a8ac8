"""Who may come in: the shared secret, and what becomes of those who guess it.

1. With mode ``token`` or ``password`` the secret must fit. 3 looks into the field of its mode alone, 4 takes the other
   field where that one is empty. With ``none`` everybody fits.
2. An address that fails ten times in a minute is locked out for five, whatever it shows then. This machine is never
   locked out; 4 makes it wait instead, longer with every failure. Those with a device are counted by themselves.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from .settings import AuthMode, Settings

FAILURES = 10
WINDOW = 60.0
LOCK_OUT = 300.0
FIRST_DELAY = 0.25
LONGEST_DELAY = 5.0
LOOPBACK = "127.0.0.1"

Outcome = Literal["ok", "missing", "mismatch", "rate_limited"]


@attrs.frozen(kw_only=True)
class Finding:
    """What came of a secret."""

    outcome: Outcome
    method: AuthMode = "token"
    """The kind of secret that this gateway asks for."""
    refuse_after: float = 0.0
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


class Doorkeeper:
    """Knows the secret, and remembers who failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failures: dict[tuple[str, bool], list[float]] = {}
        self._locked: dict[str, float] = {}

    def check(self, auth: Mapping[str, Any], address: str, now: float) -> Finding:
        """What a client's ``auth`` is worth. Nothing is counted yet: a device token may still save it."""
        mode = self._settings.auth
        if mode == "none":
            return Finding(outcome="ok", method=mode)
        locked = self._locked.get(address, 0.0) - now
        if locked > 0:
            return Finding(outcome="rate_limited", method=mode, retry_after=locked)
        shown = auth.get(mode) or (self._other(auth, mode) if self._settings.protocol == 4 else None)
        if not shown:
            return Finding(outcome="missing", method=mode)
        fits = self._fits(str(shown), mode) or (
            self._settings.protocol == 4 and self._fits(str(self._other(auth, mode) or ""), mode)
        )
        return Finding(outcome="ok" if fits else "mismatch", method=mode)

    def passed(self, address: str, *, device: bool = False) -> None:
        """Somebody from there is in."""
        self._failures.pop((address, device), None)

    def failed(self, address: str, now: float, *, device: bool = False) -> float:
        """Somebody from there showed a wrong secret. Returns the seconds that the refusal is to wait."""
        recent = [at for at in self._failures.get((address, device), ()) if now - at < WINDOW]
        self._failures[address, device] = [*recent, now]
        if address == LOOPBACK:
            modern = self._settings.protocol == 4
            return min(LONGEST_DELAY, FIRST_DELAY * 2 ** len(recent)) if modern else 0.0
        if self._settings.limits_rate and len(recent) + 1 >= FAILURES:
            self._locked[address] = now + LOCK_OUT
        return 0.0

    def _fits(self, shown: str, mode: AuthMode) -> bool:
        secret = self._settings.token if mode == "token" else self._settings.password
        return bool(secret) and hmac.compare_digest(shown.encode(errors="replace"), str(secret).encode())

    def _other(self, auth: Mapping[str, Any], mode: AuthMode) -> Any:
        return auth.get("password" if mode == "token" else "token")
