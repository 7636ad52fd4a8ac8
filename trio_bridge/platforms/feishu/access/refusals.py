"""What the answers to an attempt mean: try again, try again much later, stand by, or don't.

A refusal that is known to pass by itself is asked about again after ``slow_retry``: an app that was not published yet,
a machine with too many connections. One that only a person can mend is asked about once an hour, and at once when the
secret changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from ....errors import AccountRefused, BridgeError, HandshakeFailed, RateLimited, RefusalKind
from ....transport.websocket import UpgradeRefused
from ..config import Feishu

OK: Final = 0
SYSTEM_BUSY: Final = 1
INTERNAL_ERROR: Final = 1000040343
NO_CREDENTIALS: Final = 1000040344
BAD_CREDENTIALS: Final = 1000040345
NO_SUCH_APP: Final = 1000040346
TOO_MANY_CONNECTIONS: Final = 1000040350
FORBIDDEN: Final = 403
AUTH_FAILED: Final = 514

TRANSIENT: Final = frozenset({SYSTEM_BUSY, INTERNAL_ERROR})
PASSING_STATUSES: Final = frozenset({408, 425, 429})
PATIENCE: Final = 5
"""So many refusals of a kind that a new ticket should have cured, and it did not."""

HINTS: Final[Mapping[int, str]] = {
    BAD_CREDENTIALS: "check the secret, that the app is published, and that it receives events by long connection",
    NO_SUCH_APP: "check the app id, and whether the app belongs to Feishu or to Lark",
    NO_CREDENTIALS: "app id or app secret are empty",
    FORBIDDEN: "the app may not connect: check that it receives events by long connection",
    AUTH_FAILED: "the app may not connect: check that it receives events by long connection",
}
LARK: Final = "apps of Lark may have no long connection: a webhook needs none"


@attrs.define(eq=False)
class Refusals:
    """Makes errors of refusals, and remembers those that came in a row."""

    _config: Feishu
    _unproven: int = 0
    """Upgrades in a row that a ticket did not open."""

    def of_code(self, code: int, message: str) -> BridgeError:
        """What a code of the call means that asks where to connect."""
        said = f"the server refused: {code} {' '.join(message.split())[:200]}".rstrip()
        if code in TRANSIENT:
            return HandshakeFailed(said, stage="login")
        if code == TOO_MANY_CONNECTIONS:
            return self._limited(said)
        hint = HINTS.get(code, "see the developer console")
        if code in (FORBIDDEN, AUTH_FAILED) and "lark" in self._config.domain:
            hint = f"{hint}; {LARK}"
        text = f"{said} ({hint})"
        if code in (NO_SUCH_APP, NO_CREDENTIALS, FORBIDDEN, AUTH_FAILED):
            return AccountRefused(text, kind="auth", code=str(code))
        kind: RefusalKind = "auth" if code == BAD_CREDENTIALS else "misconfigured"
        return AccountRefused(text, kind=kind, code=str(code), probe=self._config.slow_retry)

    def of_status(self, status: int, retry_after: float | None) -> BridgeError:
        """What a status of that call means, where no code came with it."""
        said = f"the server answered the question where to connect with {status}"
        if status == 429:
            return RateLimited(said, retry_after=retry_after)
        if 400 <= status < 500 and status not in PASSING_STATUSES:
            hint = "check the domain, and the settings of the app in the developer console"
            return AccountRefused(
                f"{said} ({hint})", kind="misconfigured", code=str(status), probe=self._config.slow_retry
            )
        return HandshakeFailed(said, stage="login", status=status, retry_after=retry_after)

    def of_upgrade(self, refused: UpgradeRefused, masked: Callable[[str], str]) -> BridgeError:
        """What it means that the address and its ticket did not open a connection. ``masked`` takes the ticket out of
        what the server says about it."""
        status, auth = refused.headers.get("handshake-status", ""), refused.headers.get("handshake-autherrcode", "")
        message = masked(" ".join(refused.headers.get("handshake-msg", "").split()))[:200]
        said = " ".join(word for word in (f"the connection was refused: {status}", auth, message) if word)
        if status == str(FORBIDDEN):
            return AccountRefused(f"{said} ({HINTS[FORBIDDEN]})", kind="auth", code=status)
        if auth == str(TOO_MANY_CONNECTIONS):
            return self._limited(said)
        if status != str(AUTH_FAILED) and refused.status not in (401, 403):
            self._unproven = 0
            return HandshakeFailed(
                str(refused), stage="upgrade", status=refused.status, retry_after=refused.retry_after
            )
        self._unproven += 1
        if self._unproven < PATIENCE:
            return HandshakeFailed(said if status else str(refused), stage="upgrade", status=refused.status)
        text = f"{said if status else refused} ({PATIENCE} times in a row, each with a new ticket)"
        return AccountRefused(
            text, kind="misconfigured", code=status or str(refused.status), probe=self._config.slow_retry
        )

    def forget(self) -> None:
        """A connection came to be."""
        self._unproven = 0

    def _limited(self, said: str) -> AccountRefused:
        text = f"{said} (another process is connected with this app, or several are)"
        wait = self._config.slow_retry
        return AccountRefused(text, kind="limited", code=str(TOO_MANY_CONNECTIONS), retry_after=wait)
