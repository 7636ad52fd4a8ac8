"""The exception tree. It answers the caller's question (try again, stop, ask?), not where an error was raised.

Errors of foreign libraries never get past :mod:`trio_bridge.transport` and :mod:`trio_bridge.stores`:
they are translated there, with the original as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

RefusalKind = Literal["auth", "incompatible", "misconfigured", "limited", "pairing"]


class BridgeError(Exception):
    """Anything that trio_bridge raises on purpose."""


class ConnectionLost(BridgeError):
    """The connection is gone, or never came to be. Trying again is right.

    ``retry_after`` is the server's hint in seconds, a floor for the next attempt, or ``None``.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PeerSilent(ConnectionLost):
    """The peer neither sends nor reads any more, though nobody closed the connection."""


class PeerClosed(ConnectionLost):
    """The peer closed the connection. ``code`` is 1006 where it did so without a close frame."""

    def __init__(self, code: int, reason: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"closed by the peer: {code} {reason}".rstrip(), retry_after=retry_after)
        self.code = code
        self.reason = reason


class PeerStarting(ConnectionLost):
    """The server is there and not ready yet. Asking again soon is right, and its start is nobody's failure.

    ``retry_after`` is how long it wants to be left alone, in seconds.
    """


class HandshakeFailed(ConnectionLost):
    """The connection did not come to be: name, TCP, TLS, login call, upgrade or the platform's own handshake.

    ``stage`` is one of ``"dns" "tcp" "tls" "proxy" "login" "upgrade" "handshake"``; ``status`` an HTTP status.
    """

    def __init__(
        self, message: str, *, stage: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.stage = stage
        self.status = status


class RemoteProtocolError(ConnectionLost):
    """The peer broke the protocol."""


class RateLimited(BridgeError):
    """The peer asks for patience. ``retry_after`` in seconds, ``None`` where it did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccountRefused(BridgeError):
    """The platform will not have this account as it is configured. Trying again at once is of no use.

    ``kind``: ``auth`` (credentials), ``incompatible`` (versions), ``misconfigured`` (TLS, proxy, URL),
    ``limited`` (another connection or process holds the account), ``pairing`` (a person must approve). ``code`` is the
    platform's own, ``details`` what it said for programs, as it said it. ``probe``: after how many seconds it is worth
    asking again, where the platform is known to refuse for other reasons too; ``None``: as the account is configured.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: RefusalKind,
        code: str = "",
        retry_after: float | None = None,
        details: Any = None,
        probe: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.retry_after = retry_after
        self.details = details
        self.probe = probe

    def anew(self) -> AccountRefused:
        """The same refusal, to be raised once more: one that was raised before has its traceback."""
        return AccountRefused(
            str(self),
            kind=self.kind,
            code=self.code,
            retry_after=self.retry_after,
            details=self.details,
            probe=self.probe,
        )


class AccountStopped(BridgeError):
    """The account was stopped, or is parked until an operator acts."""


class Postponed(BridgeError):
    """A handler raises it to have its message wait, for a reason that is not the message's: what answers is away.

    The message goes back to its conversation and costs no attempt; it is handled again after ``retry_after`` seconds,
    or soon. However often that happens, it never becomes a dead letter by it.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RequestFailed(BridgeError):
    """The peer answered, and the answer is no. The same request again gets the same answer.

    ``code`` is the platform's own error code, ``details`` and ``payload`` what came with it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        details: Any = None,
        method: str = "",
        retry_after: float | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details
        self.method = method
        self.retry_after = retry_after
        self.payload = payload


class NotSent(BridgeError):
    """Nothing left this machine: sending again is safe."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(BridgeError):
    """The request was written and no answer came: it may have been carried out."""


class StoreUnavailable(BridgeError):
    """The store could not keep what it was given: disk full, locked, read-only, gone."""


class LocalProtocolError(BridgeError):
    """We broke the protocol. A bug of ours."""


class ConfigError(BridgeError):
    """A configuration that can't work. The message names the place (``accounts.sales.workers``) and what was expected.

    ``problems`` is everything that is wrong, a line each: a configuration file is checked to its end.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
