"""Counters, and frozen pictures of an account and of a bridge."""

from __future__ import annotations

from typing import Any

import attrs

from .states import AccountState, Alarm


@attrs.define
class Counters:
    """What happened to deliveries and replies since the account was opened.

    ``received = stored + duplicates + shed + dropped + answered + refused``, where ``refused`` could not be stored,
    once nothing is under way any more.
    """

    received: int = 0
    duplicates: int = 0
    stored: int = 0
    acked: int = 0
    shed: int = 0
    dropped: int = 0
    refused: int = 0
    answered: int = 0
    bad_frames: int = 0
    gated: int = 0
    handled: int = 0
    failed: int = 0
    interrupted: int = 0
    retried: int = 0
    sent: int = 0
    send_failed: int = 0
    generations: int = 0


@attrs.frozen
class LastError:
    """The last thing that went wrong: the class of the error, the platform's code, a message without secrets."""

    kind: str
    code: str
    message: str


@attrs.frozen
class AccountStatistics:
    """One account at one moment. Times are wall seconds since the epoch, or ``None``."""

    name: str
    platform: str
    owner: str
    state: AccountState
    alarms: frozenset[Alarm]
    since: float
    generation: int
    attempt: int
    next_retry_at: float | None
    last_error: LastError | None
    last_inbound_at: float | None
    last_outbound_at: float | None
    last_pong_at: float | None
    inbox_depth: int
    outbox_depth: int
    dead_letters: int
    running_handlers: int
    draining_generations: int
    counters: Counters

    def as_json(self) -> dict[str, Any]:
        """The form that ``status --json`` shows."""
        shown = attrs.asdict(self)
        shown["alarms"] = sorted(self.alarms)
        shown["state"] = str(self.state)
        if self.last_error is not None:
            error = self.last_error
            shown["last_error"] = {"class": error.kind, "code": error.code, "message": error.message}
        return shown


@attrs.frozen
class BridgeStatistics:
    """All accounts of a bridge at one moment."""

    version: str
    started_at: float
    accounts: tuple[AccountStatistics, ...]

    def as_json(self) -> dict[str, Any]:
        """The form that ``status --json`` shows."""
        return {
            "version": self.version,
            "started_at": self.started_at,
            "accounts": [account.as_json() for account in self.accounts],
        }
