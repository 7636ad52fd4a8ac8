"""Everything that a status page needs to know of a gateway."""

from __future__ import annotations

from typing import Literal

import attrs

from ....errors import AccountRefused, BridgeError
from ..access.pairing import Pairing
from .cache import CacheInfo


@attrs.frozen(kw_only=True)
class GatewayInfo:
    """A gateway, and the connection to it, at one moment. There is no secret in here."""

    url: str
    """Without credentials."""
    connected: bool = False
    server_version: str = ""
    """As is everything that the gateway says: empty without a connection."""
    protocol: int = 0
    connection_id: str = ""
    """The gateway's name for the connection, which its log has too."""
    auth_method: str = ""
    """What let us in, where the gateway tells: ``token``, ``password``, ``device-token``."""
    scopes: tuple[str, ...] = ()
    """What we may do."""
    missing_scopes: tuple[str, ...] = ()
    """What was asked for and not granted."""
    session_key: str = ""
    """The session that is meant where none is named."""
    device_id: str = ""
    """What the gateway knows us by."""
    pairing: Pairing | None = None
    """The request that somebody must approve before we are let in."""
    attempts: int = 0
    """Attempts to connect since it last worked."""
    last_error: BridgeError | None = None
    """Why the connection was lost, or did not come to be, the last time."""
    connected_at: float | None = None
    """When the gateway last let us in: seconds since the epoch."""
    last_message_at: float | None = None
    """When it last said something: seconds since the epoch."""
    tick_interval: float | None = None
    """Seconds from one sign of life to the next. After two of them without any the connection is given up."""
    pending_calls: int = 0
    """Requests without an answer."""
    runs: int = 0
    """Chats without an end."""
    event_streams: int = 0
    """How many hear of events."""
    cache: CacheInfo = attrs.field(factory=CacheInfo)

    @property
    def state(self) -> Literal["ready", "connecting", "pairing", "refused"]:
        """``pairing``: somebody must approve this device. ``refused``: waiting alone will not mend it."""
        if self.connected:
            return "ready"
        if self.pairing is not None:
            return "pairing"
        return "refused" if isinstance(self.last_error, AccountRefused) else "connecting"
