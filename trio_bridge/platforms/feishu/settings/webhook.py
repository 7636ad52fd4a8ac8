"""How Feishu calls us, and by what its calls are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import attrs

from ....config import Secret, blank_secrets, positive, to_secret

MAX_BODY: Final = 2**20
"""No event of Feishu's comes near it."""


def _path(value: str) -> str:
    return value.rstrip("/") or "/"


@attrs.frozen(kw_only=True, slots=False)
class WebhookSettings:
    """Keys about calls from Feishu: for accounts whose ``mode`` is ``webhook`` or ``both``."""

    listen: str = "127.0.0.1:8712"
    """Where calls are heard, as HOST:PORT. It speaks HTTP: HTTPS is for the reverse proxy in front of it. Each account
    has a port of its own. Nothing: none is opened, and :func:`trio_bridge.feishu.webhook` stands in another
    application."""
    path: str = attrs.field(default="/feishu", converter=_path)
    """Where in there. What is called elsewhere is answered with 404."""
    encrypt_key: Secret | None = attrs.field(default=None, converter=to_secret)
    """The encrypt key of the app's event subscription. It signs each call."""
    verification_token: Secret | None = attrs.field(default=None, converter=to_secret)
    """The verification token that stands beside it."""
    allow_unencrypted: bool = False
    """Do without ``encrypt_key``: then whoever has seen one call can make others."""
    webhook_window: float = attrs.field(default=300.0, validator=positive)
    """Seconds by which the time of a call may differ from ours."""
    webhook_max_body: int = attrs.field(default=MAX_BODY, validator=positive)
    """Bytes of one call."""
    ack_deadline: float = attrs.field(default=2.0, validator=positive)
    """How long a call may wait until its event is stored; then it is answered with 500, and Feishu calls again. Feishu
    waits for 3 s in all."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``.

        Raises:
          ValueError: it has none.
        """
        parts = urlsplit(f"//{self.listen}")
        if not parts.hostname or parts.port is None or parts.netloc != self.listen or "@" in self.listen:
            raise ValueError(f"expected HOST:PORT, not {self.listen!r}")
        return parts.hostname, parts.port

    def _webhook_problems(self, *, called: bool) -> Iterator[str]:
        """What is wrong, a line each. ``called``: whether the account is called at all."""
        yield from blank_secrets(encrypt_key=self.encrypt_key, verification_token=self.verification_token)
        if self.listen and not self._has_address():
            yield "listen: expected HOST:PORT, such as 127.0.0.1:8712, or nothing"
        if not _is_path(self.path):
            yield "path: expected a path, such as /feishu"
        if called and self.verification_token is None:
            yield "verification_token: expected the one of the app's event subscription, by which its calls are known"
        if called and self.encrypt_key is None and not self.allow_unencrypted:
            yield (
                "encrypt_key: expected the one of the app's event subscription, which signs its calls; "
                "allow_unencrypted = true does without"
            )

    def _has_address(self) -> bool:
        try:
            return bool(self.address)
        except ValueError:
            return False


def _is_path(path: str) -> bool:
    return path.startswith("/") and path.isprintable() and not set(path) & set(" ?#")
