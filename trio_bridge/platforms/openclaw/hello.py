"""What a gateway says of itself and of us when it lets us in. Of its health it says more, which is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from .reading import FAR_AWAY_MS, MILLISECONDS, Fields

MAX_PAYLOAD: Final = 26_214_400
"""Bytes of one request, where a gateway does not say: what all of them say."""
TICK_INTERVAL: Final = 30.0
TICK_INTERVALS: Final = (1.0, 3600.0)
"""Seconds between two ticks that are believed."""
MAIN_AGENT: Final = "main"
LONGEST_TOKEN: Final = 4096
"""Characters. A login has room for 64 KiB: with a longer token there would be no other."""


@attrs.frozen(kw_only=True)
class Hello:
    """The facts of one connection. What an older gateway leaves out is what newer ones say, or nothing."""

    protocol: int
    """0 where it did not say."""
    server_version: str = ""
    connection_id: str = ""
    """The gateway's name for the connection."""
    methods: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    """What can be called. Some more can be, so that a name that is missing proves nothing."""
    events: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    """What may arrive, but for the events of plugins."""
    capabilities: frozenset[str] = frozenset()
    role: str = ""
    scopes: frozenset[str] | None = None
    """What we may do. ``None``: it did not say."""
    auth_method: str = ""
    """What let us in: ``token``, ``password``, ``device-token``. Protocol 3 does not say."""
    device_token: str = attrs.field(default="", repr=False)
    """For this device's next login."""
    issued_at: float = 0.0
    """When the gateway made that token, in seconds since the epoch."""
    max_payload: int = MAX_PAYLOAD
    """Bytes that a request may have at most."""
    tick_interval: float = TICK_INTERVAL
    """Seconds from one ``tick`` to the next."""
    max_attachment: int | None = None
    """Bytes that an attachment may have at most, decoded. ``None``: it did not say."""
    max_image: int | None = None
    """The same for a picture."""
    default_agent: str = MAIN_AGENT
    session_key: str = f"agent:{MAIN_AGENT}:main"
    """The main session: what people mean who name none."""

    @classmethod
    def of(cls, payload: Any) -> Hello:
        """The facts of the answer to ``connect``. What is missing or of a wrong kind is as if it had not been said."""
        said = Fields(payload if isinstance(payload, Mapping) else {})
        server, features, auth, policy = (said.inner(name) for name in ("server", "features", "auth", "policy"))
        sessions, attachments = said.inner("snapshot").inner("sessionDefaults"), policy.inner("attachments")
        tick = (policy.number("tickIntervalMs") or 0.0) / MILLISECONDS
        shortest, longest = TICK_INTERVALS
        agent = sessions.text("defaultAgentId") or MAIN_AGENT
        return cls(
            protocol=_count(said, "protocol") or 0,
            server_version=server.text("version"),
            connection_id=server.text("connId"),
            methods=frozenset(features.texts("methods")),
            events=frozenset(features.texts("events")),
            capabilities=frozenset(features.texts("capabilities")),
            role=auth.text("role"),
            scopes=frozenset(auth.texts("scopes")) if isinstance(auth.raw.get("scopes"), list) else None,
            auth_method=auth.text("method"),
            device_token=_token(auth),
            issued_at=_moment(auth, "issuedAtMs"),
            max_payload=_count(policy, "maxPayload") or MAX_PAYLOAD,
            tick_interval=tick if shortest <= tick <= longest else TICK_INTERVAL,
            max_attachment=_count(attachments, "maxBytes"),
            max_image=_count(attachments, "maxImageBytes"),
            default_agent=agent,
            session_key=sessions.text("mainSessionKey") or f"agent:{agent}:main",
        )

    def lacking(self, scopes: Iterable[str]) -> list[str]:
        """Which of the scopes we were not given, in order. None of them, where the gateway did not say."""
        return [] if self.scopes is None else sorted(set(scopes) - self.scopes)


def _token(auth: Fields) -> str:
    """What lets a device in, if it can be shown again; else there is none."""
    token = auth.text("deviceToken")
    return token if len(token) <= LONGEST_TOKEN else ""


def _count(fields: Fields, name: str) -> int | None:
    """How many of something there are: at least one, or it did not say."""
    count = fields.whole(name)
    return count if count is not None and count > 0 else None


def _moment(fields: Fields, name: str) -> float:
    """A point in time that a clock can show, in seconds since the epoch; 0 for what is none."""
    at = fields.number(name) or 0.0
    return at / MILLISECONDS if 0 <= at < FAR_AWAY_MS else 0.0
