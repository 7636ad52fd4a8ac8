"""What a gateway says of itself and of us when it lets us in. Of its health it says more, which is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

MAX_PAYLOAD: Final = 26_214_400
"""Bytes of one request, where a gateway does not say: what all of them say."""
TICK_INTERVAL: Final = 30.0
TICK_INTERVALS: Final = (1.0, 3600.0)
"""Seconds between two ticks that are believed."""
MAIN_AGENT: Final = "main"


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
        said = payload if isinstance(payload, Mapping) else {}
        server, features, auth, policy = (_part(said, name) for name in ("server", "features", "auth", "policy"))
        sessions, attachments = _part(_part(said, "snapshot"), "sessionDefaults"), _part(policy, "attachments")
        tick = _number(policy.get("tickIntervalMs"), TICK_INTERVAL * 1000) / 1000
        shortest, longest = TICK_INTERVALS
        agent = _word(sessions.get("defaultAgentId")) or MAIN_AGENT
        return cls(
            protocol=_whole(said.get("protocol")) or 0,
            server_version=_word(server.get("version")),
            connection_id=_word(server.get("connId")),
            methods=frozenset(_words(features.get("methods"))),
            events=frozenset(_words(features.get("events"))),
            capabilities=frozenset(_words(features.get("capabilities"))),
            role=_word(auth.get("role")),
            scopes=frozenset(_words(auth["scopes"])) if isinstance(auth.get("scopes"), list) else None,
            auth_method=_word(auth.get("method")),
            device_token=_word(auth.get("deviceToken")),
            issued_at=_number(auth.get("issuedAtMs"), 0.0) / 1000,
            max_payload=_whole(policy.get("maxPayload")) or MAX_PAYLOAD,
            tick_interval=tick if shortest <= tick <= longest else TICK_INTERVAL,
            max_attachment=_whole(attachments.get("maxBytes")),
            max_image=_whole(attachments.get("maxImageBytes")),
            default_agent=agent,
            session_key=_word(sessions.get("mainSessionKey")) or f"agent:{agent}:main",
        )

    def lacking(self, scopes: Iterable[str]) -> list[str]:
        """Which of the scopes we were not given, in order. None of them, where the gateway did not say."""
        return [] if self.scopes is None else sorted(set(scopes) - self.scopes)


def _part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = holder.get(name)
    return part if isinstance(part, Mapping) else {}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    """A count of something: positive, or none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _number(value: Any, default: float) -> float:
    """A number that a clock can show; JSON knows larger ones, and none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15:
        return float(value)
    return default
