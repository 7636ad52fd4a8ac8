"""What a gateway says of itself: health, status, presence, configuration, identity."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .hello import CONFIG_PATH
from .methods import NODE, READ, Catalogue, Entry, House, Peer
from .params import Shape
from .room import QuietRoom
from .settings import MAIN_AGENT, Settings
from .texts import base64url

KEY_SIZE = 32


class Facts(QuietRoom):
    """Answers what is asked about the gateway itself."""

    def __init__(self, house: House, settings: Settings, uptime_ms: Callable[[], int], rng: random.Random) -> None:
        super().__init__(house)
        self._settings = settings
        self._uptime_ms = uptime_ms
        key = rng.randbytes(KEY_SIZE)
        self.device_id = hashlib.sha256(key).hexdigest()
        self.public_key = base64url(key)

    def methods(self) -> Catalogue:
        return {
            "health": Entry(_plain("health", self.health, probe=bool), None),
            "status": Entry(_plain("status", self.status), READ),
            "system-presence": Entry(_plain("system-presence", self.presence), READ),
            "last-heartbeat": Entry(_plain("last-heartbeat", lambda: None), READ),
            "config.get": Entry(_plain("config.get", self.config), READ),
            "gateway.identity.get": Entry(_plain("gateway.identity.get", self.identity), READ),
            "node.event": Entry(lambda peer, params: {"ok": True}, NODE),
        }

    def events(self) -> Sequence[str]:
        return ("connect.challenge", "presence", "tick", "shutdown", "health", "heartbeat")

    def health(self) -> Mapping[str, Any]:
        return {
            "ok": True,
            "ts": self._house.now_ms(),
            "durationMs": 1,
            "channels": {},
            "defaultAgentId": MAIN_AGENT,
            "agents": [{"agentId": MAIN_AGENT, "isDefault": True}],
        }

    def status(self) -> Mapping[str, Any]:
        return {
            "runtimeVersion": self._settings.version,
            "uptimeMs": self._uptime_ms(),
            "defaultAgentId": MAIN_AGENT,
            "channelSummary": [],
        }

    def presence(self) -> Sequence[Mapping[str, Any]]:
        now = self._house.now_ms()
        own = {"host": "gateway-host", "version": self._settings.version, "mode": "gateway", "reason": "self"}
        others = [
            {
                "host": peer.client["id"],
                "version": peer.client["version"],
                "platform": peer.client["platform"],
                "mode": peer.client["mode"],
                "roles": [peer.role],
                "scopes": list(peer.scopes),
                "reason": "connect",
            }
            for peer in self._house.peers()
        ]
        return [{**entry, "ts": now} for entry in (own, *others)]

    def config(self) -> Mapping[str, Any]:
        secrets = {kind: "__OPENCLAW_REDACTED__" for kind in ("token", "password") if kind == self._settings.auth}
        return {
            "path": CONFIG_PATH,
            "exists": True,
            "valid": True,
            "config": {"gateway": {"mode": "local", "auth": {"mode": self._settings.auth, **secrets}}},
            "issues": [],
        }

    def identity(self) -> Mapping[str, Any]:
        return {"deviceId": self.device_id, "publicKey": self.public_key}


def _plain(name: str, tell: Callable[[], Any], **optional: type) -> Callable[[Peer, Mapping[str, Any]], Any]:
    """A method that tells something, whoever asks."""
    shape = Shape(name, optional=optional)

    def method(peer: Peer, params: Mapping[str, Any]) -> Any:
        shape.check(params)
        return tell()

    return method
