"""What an account can be, what can be wrong with it, and the news that its supervisor hears."""

from __future__ import annotations

import enum
from typing import Literal

import attrs

from ..errors import AccountRefused, BridgeError, ConfigError, HandshakeFailed


class AccountState(enum.StrEnum):
    """Where an account is. One of these at any moment."""

    STOPPED = "stopped"
    """Nobody wants it to run."""
    CONNECTING = "connecting"
    """An attempt is under way."""
    READY = "ready"
    """Connected: the platform's own handshake is done."""
    DRAINING = "draining"
    """Told to stop: it finishes what it holds."""
    WAITING = "waiting"
    """Between two attempts."""
    QUARANTINED = "quarantined"
    """Refused: it waits for other credentials, an operator, or the hourly probe."""
    STANDBY = "standby"
    """Somebody else holds the account."""
    PARKED = "parked"
    """Given up until an operator acts."""


class Alarm(enum.StrEnum):
    """What an operator should look at. Any number of these at once; each goes away with its reason."""

    FLAPPING = "flapping"
    """More than 10 connections ended within 5 minutes."""
    STALLED = "stalled"
    """The platform accepts connections and ends them soon, without a message."""
    STORAGE = "storage"
    """The store can't keep anything at the moment, so nothing is acknowledged."""
    INTERRUPTED = "interrupted"
    """A handler was cut off three times by lost connections."""
    WORKER_STUCK = "worker_stuck"
    """A handler ignores its cancellation; its slot is lost until it returns."""
    DEAD_LETTERS = "dead_letters"
    """Messages or replies were given up."""
    PAIRING_REQUIRED = "pairing_required"
    """A person must approve this device."""


class Replaced(BridgeError):
    """A newer connection took over, or the server announced its leaving."""


class Stopped(BridgeError):
    """Somebody ended the account."""


@attrs.frozen
class Outcome:
    """How a generation ended. Times by :func:`trio.current_time`."""

    cause: BaseException
    ended_at: float
    ready_at: float | None = None
    deliveries: int = 0
    heard: bool = False
    """Bytes came from the server after it was ready."""

    @property
    def was_run(self) -> bool:
        """The WebSocket was open: refused, name, TLS and login failures are not runs."""
        return self.ready_at is not None or (
            isinstance(self.cause, HandshakeFailed) and self.cause.stage == "handshake"
        )

    @property
    def ready_for(self) -> float:
        return 0.0 if self.ready_at is None else self.ended_at - self.ready_at

    @property
    def refusal(self) -> AccountRefused | None:
        """The cause as a refusal, if it is one. A secret that can't be read is one."""
        if isinstance(self.cause, AccountRefused):
            return self.cause
        if isinstance(self.cause, ConfigError):
            return AccountRefused(str(self.cause), kind="misconfigured")
        return None


@attrs.frozen
class Ready:
    """The platform's handshake is done. Said once by each generation."""

    generation: int


@attrs.frozen
class Fed:
    """A generation got its first delivery."""

    generation: int


@attrs.frozen
class Proven:
    """A generation has been ready for a minute, and the server has been heard since."""

    generation: int


@attrs.frozen
class Leaving:
    """The server announced that it will go away."""

    generation: int
    reason: str


@attrs.frozen
class Ended:
    """The connection of a generation is gone; its workers may still be draining."""

    generation: int
    outcome: Outcome


@attrs.frozen
class Trouble:
    """Something that went wrong with an account. Times by :func:`trio.current_time`."""

    error: BridgeError
    at: float
    step: str = ""
    """Where the attempt was, in the platform's word for it; ``stream`` if the connection had been ready."""

    @property
    def severity(self) -> Severity:
        """What is to be expected: that trying again helps, that it helps some time, or that it does not."""
        error = self.error
        if isinstance(error, ConfigError):
            return "stop"
        if not isinstance(error, AccountRefused):
            return "retry"
        return "slow" if error.kind == "limited" or error.probe is not None else "stop"


STREAM = "stream"
Severity = Literal["retry", "slow", "stop"]
News = Ready | Fed | Proven | Leaving | Ended
Phase = Literal["connecting", "ready", "waiting", "quarantined", "standby", "parked"]
