"""How a bot is, in the words of whoever looks after it: four states, a phase within them, and the last error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

import attrs

from ..engine.account import Account
from ..engine.states import STREAM, AccountState, Alarm, Severity
from ..engine.statistics import AccountStatistics, ConnectionStatistics, LastError
from ..wire.redaction import Redactor

Desired = Literal["connected", "disconnected"]
State = Literal["disconnected", "connecting", "connected", "error"]
Where = Literal["endpoint", "handshake", "stream"]

LONG: Final = 300.0
"""Seconds of failing in a row after which it is no passing trouble any more."""

_AT_ENDPOINT: Final = frozenset({"", "discovering"})
"""Steps of an attempt before there is anything to shake hands with."""


@attrs.frozen
class BotError:
    """The last thing that went wrong with a bot."""

    severity: Severity
    """``retry``: it is tried again, soon. ``slow``: again, much later. ``stop``: somebody has to do something."""
    where: Where
    """While it was asked where to connect, while connecting, or on a connection that had been there."""
    code: str
    """The platform's own, or the kind of the error."""
    message: str
    """Without addresses and secrets."""
    at: float
    """Wall seconds since the epoch."""

    def as_json(self) -> dict[str, Any]:
        """The same as plain data, ready for JSON."""
        return {
            "class": self.severity,
            "where": self.where,
            "code": self.code,
            "message": self.message,
            "at": rfc3339(self.at),
        }


@attrs.frozen(kw_only=True)
class BotStatus:
    """One bot at one moment. Times are wall seconds since the epoch."""

    bot_id: str
    channel: str
    """The platform."""
    mode: str
    """How its messages come: ``websocket``, ``webhook``, ``both``."""
    enabled: bool
    desired: Desired
    """What was said last; it holds after a restart of the process."""
    state: State
    phase: str
    """Where it is within its state. ``disconnected``: ``idle`` ``stopping``. ``connecting``: ``starting``
    ``discovering`` ``handshaking`` ``awaiting_pong``, or ``backoff`` between two attempts. ``connected``: ``open``.
    ``error``: ``slow_wait``, or ``parked`` until somebody acts; the bot itself asks only now and then."""
    since: float
    """When the account came into the state that the bridge itself counts by."""
    connected_at: float | None = None
    conn_id: str | None = None
    """What the platform calls the connection."""
    attempt: int = 0
    """Attempts since it was connected, the present one included."""
    next_retry_at: float | None = None
    last_error: BotError | None = None
    """It stays when all is well again: look at its ``at``."""
    last_ping_at: float | None = None
    last_pong_at: float | None = None
    pong_age_seconds: float | None = None
    last_event_at: float | None = None
    counters: dict[str, int] = attrs.field(factory=dict)
    pending: int = 0
    """Messages that are stored and wait."""
    running: int = 0
    """Messages that are handled at the moment."""

    @classmethod
    def of(cls, account: Account) -> BotStatus:
        """The bot that an account is."""
        seen, link, config = account.statistics(), account.connection(), account.config
        error = _error_of(seen.last_error)
        state = _state_of(seen, link, error)
        counted = seen.counters
        return cls(
            bot_id=seen.name,
            channel=seen.platform,
            mode=config.mode,
            enabled=config.enabled,
            desired="connected" if account.wanted else "disconnected",
            state=state,
            phase=_phase_of(seen, link, state, error),
            since=seen.since,
            connected_at=link.connected_at,
            conn_id=link.id or None,
            attempt=seen.attempt,
            next_retry_at=seen.next_retry_at,
            last_error=error,
            last_ping_at=link.last_ping_at,
            last_pong_at=link.last_pong_at,
            pong_age_seconds=link.pong_age,
            last_event_at=seen.last_inbound_at,
            counters={
                "events": counted.received,
                "duplicates": counted.duplicates,
                "acks_500": counted.refused,
                "bad_frames": counted.bad_frames,
                "reconnects": max(counted.generations - 1, 0),
            },
            pending=max(seen.inbox_depth - seen.running_handlers, 0),
            running=seen.running_handlers,
        )

    def as_json(self) -> dict[str, Any]:
        """The same as plain data, ready for JSON; times as RFC 3339 has them, in UTC."""
        shown = attrs.asdict(self, recurse=False)
        for name in ("since", "connected_at", "next_retry_at", "last_ping_at", "last_pong_at", "last_event_at"):
            shown[name] = rfc3339(shown[name])
        if self.pong_age_seconds is not None:
            shown["pong_age_seconds"] = round(self.pong_age_seconds, 3)
        shown["last_error"] = None if self.last_error is None else self.last_error.as_json()
        shown["queue"] = {"pending": shown.pop("pending"), "running": shown.pop("running")}
        return shown


@attrs.frozen(kw_only=True)
class BrokenBot:
    """A bot whose stored configuration can't be read: its owner sees what is wrong with it."""

    name: str
    owner: str = ""
    platform: str
    problem: str = attrs.field(converter=str)
    """The :class:`~trio_bridge.ConfigError`, or its text."""
    enabled: bool = True

    @property
    def shown(self) -> str:
        """The problem as it may be shown."""
        return Redactor().text(self.problem)

    def status(self, *, wished: bool, since: float) -> BotStatus:
        """It never comes to a connection."""
        error = BotError("stop", "endpoint", "ConfigError", self.shown, since)
        return BotStatus(
            bot_id=self.name,
            channel=self.platform,
            mode="",
            enabled=self.enabled,
            desired="connected" if wished else "disconnected",
            state="error",
            phase="parked",
            since=since,
            last_error=error,
        )


def rfc3339(at: float | None) -> str | None:
    """A moment as RFC 3339 has it: ``2026-11-20T08:42:25.000Z``."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error_of(error: LastError | None) -> BotError | None:
    if error is None:
        return None
    where: Where = "stream" if error.step == STREAM else "endpoint" if error.step in _AT_ENDPOINT else "handshake"
    return BotError(error.severity, where, error.code or error.kind, Redactor().text(error.message), error.at)


def _state_of(seen: AccountStatistics, link: ConnectionStatistics, error: BotError | None) -> State:
    match seen.state:
        case AccountState.STOPPED:
            return "disconnected"
        case AccountState.DRAINING:
            return "disconnected" if link.connected_at is None else "connected"
        case AccountState.READY:
            return "connected"
        case AccountState.QUARANTINED | AccountState.STANDBY | AccountState.PARKED:
            return "error"
        case AccountState.WAITING if Alarm.STALLED in seen.alarms or (error and error.severity != "retry"):
            return "error"
    return "error" if link.failing_for > LONG else "connecting"


def _phase_of(seen: AccountStatistics, link: ConnectionStatistics, state: State, error: BotError | None) -> str:
    match state:
        case "connected":
            return "open" if seen.state is AccountState.READY else "stopping"
        case "disconnected":
            return "idle" if seen.state is AccountState.STOPPED else "stopping"
        case "error":
            given_up = seen.state is AccountState.PARKED or (error is not None and error.severity == "stop")
            return "parked" if given_up else "slow_wait"
    return "backoff" if seen.state is AccountState.WAITING else link.step or "starting"
