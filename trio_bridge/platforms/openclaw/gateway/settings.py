"""How a gateway is set up: which release it is, whom it lets in, and its limits."""

from __future__ import annotations

from typing import Literal

import attrs

from .methods import Personality

AuthMode = Literal["token", "password", "none"]

TICK_INTERVAL = 30.0
CONNECT_WITHIN = 15.0
MAX_HANDSHAKE = 65_536
MAX_PAYLOAD = 26_214_400
MAX_BUFFERED = 52_428_800
MAX_ATTACHMENT = 19_464_192
MAX_IMAGE = 6_291_456

VERSIONS = {3: "2026.5.3-1", 4: "2026.9.6"}
"""The releases whose manners these are."""
MAIN_AGENT = "main"


@attrs.define(kw_only=True)
class Settings:
    """What may be changed at any time; it holds for what comes after."""

    protocol: Personality = 4
    auth: AuthMode = "token"
    token: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)
    rate_limit: bool | None = None
    """Whether an address that fails too often is locked out. ``None``: as the release does, which is: 4 yes, 3 no."""
    tick_interval: float = TICK_INTERVAL
    connect_within: float = CONNECT_WITHIN
    """Seconds that a client may take from the challenge to ``connect``."""
    max_handshake: int = MAX_HANDSHAKE
    """Bytes of a frame before hello."""
    max_payload: int = MAX_PAYLOAD
    """Bytes of a frame after it."""
    max_buffered: int = MAX_BUFFERED
    """Bytes that may wait for a client that reads slowly."""
    close_lag: float = 0.0
    """Seconds between a refusal and the close that follows it."""
    pairing: bool = False
    """Whether a device that is new must be approved even on this machine."""
    tells_health: bool = True
    """Whether 3 tells of its health soon after each hello."""

    @property
    def version(self) -> str:
        """The release."""
        return VERSIONS[self.protocol]

    @property
    def limits_rate(self) -> bool:
        return self.protocol == 4 if self.rate_limit is None else self.rate_limit
