"""Counters, and frozen pictures of an account and of a bridge."""

from __future__ import annotations

from typing import Any

import attrs

from .states import AccountState, Alarm, Severity


@attrs.define
class Counters:
    """What happened to deliveries and replies since the account was opened.

    ``received = stored + duplicates + shed + dropped + answered + refused``, where ``refused`` could not be stored,
    once nothing is under way any more.
    """

    received: int = 0
    """Deliveries that were read from a connection, copies included."""
    duplicates: int = 0
    """Copies: acknowledged, and not handled again."""
    stored: int = 0
    """New deliveries that are in the store."""
    acked: int = 0
    """Acknowledgements that were written to a connection."""
    shed: int = 0
    """Left unacknowledged for want of room."""
    dropped: int = 0
    """Acknowledged and dropped for want of room, as ``overflow = "drop"`` or ``session_queue_max`` asks for."""
    refused: int = 0
    """Left unacknowledged because they could not be stored."""
    answered: int = 0
    """Deliveries whose answer was their acknowledgement."""
    bad_frames: int = 0
    """Frames that were not understood."""
    gated: int = 0
    """Deliveries that are not for the handler, as the account's settings say, or that hold no message."""
    handled: int = 0
    """Messages that were handled to the end."""
    failed: int = 0
    """Runs of a handler that raised or took too long."""
    interrupted: int = 0
    """Runs of a handler that were cut off, at no attempt's cost."""
    retried: int = 0
    """Attempts to send that will be repeated."""
    sent: int = 0
    """Replies that the platform took."""
    send_failed: int = 0
    """Replies that were given up, or whose outcome nobody knows."""
    generations: int = 0
    """Connections that became ready."""


@attrs.frozen
class LastError:
    """The last thing that went wrong."""

    kind: str
    """The class of the error: ``PeerClosed``."""
    code: str
    """The platform's code, or empty."""
    message: str
    """What it said, without secrets."""
    at: float = 0.0
    """When, in wall seconds since the epoch."""
    step: str = ""
    """How far the attempt had come, in the platform's word for it; ``stream`` if the connection had been ready."""
    severity: Severity = "retry"
    """``retry``: trying again helps. ``slow``: some time it will. ``stop``: somebody has to do something."""


@attrs.frozen(kw_only=True)
class ConnectionStatistics:
    """The connection of an account at one moment, or its attempts at one. Times are wall seconds since the epoch."""

    step: str
    """Where the attempt under way is, in the platform's word for it; empty if none is, or there is none."""
    id: str
    """What the peer calls the connection, where that may be shown; else empty."""
    connected_at: float | None
    failing_for: float
    """Seconds since the first attempt failed of those since it was connected, or since somebody wanted one."""
    last_ping_at: float | None
    last_pong_at: float | None
    pong_age: float | None
    """Seconds since the last sign of life that had been asked for."""


@attrs.frozen
class AccountStatistics:
    """One account at one moment. Times are wall seconds since the epoch, or ``None``."""

    name: str
    platform: str
    owner: str
    state: AccountState
    alarms: frozenset[Alarm]
    since: float
    """When it came into this state."""
    generation: int
    """The number of the newest connection, 0 before the first."""
    attempt: int
    """Attempts to connect since the account was ready, the present one included."""
    next_retry_at: float | None
    last_error: LastError | None
    """Of the whole life of the account: it stays when all is well again."""
    last_inbound_at: float | None
    last_outbound_at: float | None
    last_pong_at: float | None
    inbox_depth: int
    """Messages that are stored and not handled to the end."""
    outbox_depth: int
    """Replies that are kept and not sent."""
    dead_letters: int
    """Messages and replies that were given up and wait for an operator."""
    running_handlers: int
    draining_generations: int
    """Lost connections whose handlers still finish what they hold."""
    counters: Counters

    def as_json(self) -> dict[str, Any]:
        """The same as plain data, ready for JSON."""
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
        """The same as plain data, ready for JSON."""
        return {
            "version": self.version,
            "started_at": self.started_at,
            "accounts": [account.as_json() for account in self.accounts],
        }
