"""What a gateway says in hello."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from .connecting import BUILD_ID
from .devices import DeviceToken
from .handshake import Welcome
from .methods import ADMIN
from .settings import MAIN_AGENT, MAX_ATTACHMENT, MAX_IMAGE, Settings

CAPABILITIES = ("model-catalog-snapshot", "chat-send-routing-contract", "session-unread-ack-contract")
"""A few of those that 4 names."""
CHALLENGED = ("model-catalog-snapshot",)
STATE_DIR = "/home/user/.openclaw"
CONFIG_PATH = f"{STATE_DIR}/openclaw.json"


@attrs.frozen(kw_only=True)
class Facts:
    """What hello says of the gateway as it is now."""

    connection_id: str
    boot_id: str
    methods: Sequence[str]
    events: Sequence[str]
    presence: Sequence[Any]
    health: Any
    state_version: dict[str, int]
    uptime_ms: int


def challenge(nonce: str, now_ms: int, settings: Settings) -> dict[str, Any]:
    """The payload of the first event."""
    more = {"capabilities": list(CHALLENGED)} if settings.protocol == 4 else {}
    return {"nonce": nonce, "ts": now_ms, **more}


def hello(welcome: Welcome, scopes: Sequence[str], token: DeviceToken | None, facts: Facts, settings: Settings) -> Any:
    """The payload of the answer to ``connect``."""
    modern = settings.protocol == 4
    method = {"method": welcome.method} if modern else {}
    issued = {} if token is None else {"deviceToken": token.text, "issuedAtMs": token.issued_ms}
    server = {"version": settings.version}
    if modern:
        server |= {"buildId": BUILD_ID, "bootId": facts.boot_id}
    features = {"methods": list(facts.methods), "events": list(facts.events)}
    if modern:
        features["capabilities"] = list(CAPABILITIES)
    return {
        "type": "hello-ok",
        "protocol": settings.protocol,
        "server": {**server, "connId": facts.connection_id},
        "features": features,
        "snapshot": _snapshot(welcome, scopes, facts, settings),
        "auth": {**method, "role": welcome.role, "scopes": list(scopes), **issued},
        "policy": _policy(settings),
    }


def _snapshot(welcome: Welcome, scopes: Sequence[str], facts: Facts, settings: Settings) -> dict[str, Any]:
    secret = {"configPath": CONFIG_PATH, "stateDir": STATE_DIR, "authMode": settings.auth} if ADMIN in scopes else {}
    return {
        "presence": list(facts.presence),
        "health": facts.health,
        "stateVersion": facts.state_version,
        "uptimeMs": facts.uptime_ms,
        "sessionDefaults": {
            "defaultAgentId": MAIN_AGENT,
            "mainKey": "main",
            "mainSessionKey": f"agent:{MAIN_AGENT}:main",
            "scope": "per-sender",
        },
        **secret,
    }


def _policy(settings: Settings) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "maxPayload": settings.max_payload,
        "maxBufferedBytes": settings.max_buffered,
        "tickIntervalMs": int(settings.tick_interval * 1000),
    }
    if settings.protocol == 4:
        policy["attachments"] = {"maxBytes": MAX_ATTACHMENT, "maxImageBytes": MAX_IMAGE}
    return policy
