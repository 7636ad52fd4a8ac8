"""An account on an OpenClaw Gateway, as a value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import attrs

from ...config import Secret, blank_secrets, positive, positive_or_none, to_secret
from ...engine.platform import Platform, PlatformConfig, Services
from ...errors import ConfigError
from ...lists import texts
from .access import device_tokens, identity
from .sessions import LONGEST_KEY

READ, WRITE, ADMIN = "operator.read", "operator.write", "operator.admin"


@attrs.frozen(kw_only=True)
class OpenClaw(PlatformConfig):
    """A connection to an OpenClaw Gateway, as one of its operators.

    What can be done with it is in ``account.api``; a handler is only needed for events that are to be handled durably.
    """

    platform: ClassVar[str] = "openclaw"
    known_by: ClassVar[Sequence[str]] = (identity.SCOPE, device_tokens.SCOPE)

    url: str = "ws://127.0.0.1:18789"
    """Where the gateway listens. Its path means nothing to it."""
    token: Secret | None = attrs.field(default=None, converter=to_secret)
    """The gateway's ``gateway.auth.token``. A device that was paired before gets in without."""
    password: Secret | None = attrs.field(default=None, converter=to_secret)
    """The gateway's ``gateway.auth.password``, where it has one in place of a token."""
    credentials: Callable[[], Awaitable[str]] | None = attrs.field(default=None, repr=False)
    """An async function that returns the token: asked before each attempt, and once more when the gateway refuses what
    it returned. In a configuration file ``module:function``."""
    device_key_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """Where the private key lies that the gateway knows this bridge by; made on first use. Default: in the store."""
    scopes: tuple[str, ...] = attrs.field(default=(READ, WRITE), converter=texts)
    """What the connection may do. Approvals need ``operator.approvals``; to delete or reset sessions needs
    ``operator.admin``; to approve devices ``operator.pairing``."""
    caps: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """What the gateway is to send beside the usual: ``tool-events``, ``approvals``, ``exec-approvals``,
    ``plugin-approvals``."""
    session_key: str | None = None
    """The session that is meant where none is named. Default: the gateway's main session."""
    deliver: tuple[str, ...] = attrs.field(default=(), converter=texts)
    """Events that are stored and then handled, as messages: names such as ``exec.approval.requested``. Of ``chat`` the
    ends of runs that this account did not begin."""

    request_timeout: float = attrs.field(default=30.0, validator=positive)
    """How long a request waits for its answer."""
    run_timeout: float = attrs.field(default=300.0, validator=positive)
    """How long a run of an agent may be silent, while connected, before it counts as lost."""
    single_run_per_session: bool = True
    """Have the runs of a session wait for each other. Otherwise the gateway steers the second text into the first run,
    and there is one answer to both."""
    event_queue_size: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
    """Events that wait for one who hears of them. What is more is counted and lost."""
    max_attachment_bytes: int = attrs.field(default=5_000_000, validator=attrs.validators.ge(1))
    """How large a file may be that goes with a message. The gateway has limits of its own."""
    cached_sessions: int = attrs.field(default=100, validator=attrs.validators.ge(1))
    """Sessions whose messages are remembered."""
    cached_bytes: int = attrs.field(default=8 * 2**20, validator=attrs.validators.ge(1))
    """How much is remembered of all their messages together."""

    ping_interval: float = attrs.field(default=30.0, validator=positive)
    """From one ping to the next."""
    pong_timeout: float = attrs.field(default=30.0, validator=positive)
    """How long a ping waits for a sign of life; at most ``ping_interval``."""
    backoff_max: float = attrs.field(default=30.0, validator=positive)
    """The longest that any delay may be."""
    stall_probe: float | None = attrs.field(default=30.0, validator=positive_or_none)
    """How often an account tries that is called stalled. A gateway may have nothing to deliver for days, so that short
    connections show nothing but that it restarts. In Python, ``None`` parks it until an operator acts."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        problems = list(self._problems())
        if problems:
            raise ConfigError(*problems)

    def open_platform(self, services: Services) -> AbstractAsyncContextManager[Platform]:
        from .platform import open_openclaw  # a configuration alone loads no network code

        return open_openclaw(self, services)

    def base_urls(self) -> tuple[str, ...]:
        return (self.url,)

    def _problems(self) -> Iterable[str]:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable, parts = False, urlsplit("")
        if not usable:
            yield "url: expected ws://HOST:PORT or wss://HOST:PORT"
        elif parts.query or parts.fragment or "@" in parts.netloc:
            yield "url: expected neither query nor credentials: secrets go into token or password"
        yield from blank_secrets(token=self.token, password=self.password)
        if self.token is not None and self.credentials is not None:
            yield "credentials: expected either these or token, not both"
        if self.session_key is not None and not 1 <= len(self.session_key.strip()) <= LONGEST_KEY:
            yield f"session_key: expected 1 to {LONGEST_KEY} characters"
