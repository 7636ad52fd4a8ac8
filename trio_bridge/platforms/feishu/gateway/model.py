"""What the server side goes by: its rules, and the apps it knows. Values; the gateway and its REST side act on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

CLIENT_CONFIG: Final[Mapping[str, Any]] = MappingProxyType(
    {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 1, "PingInterval": 2}
)
"""What clients are to go by. The platform's own intervals are 120, 30 and 120: nobody would wait for those."""

DAY: Final = 86400.0


class Refused(Exception):
    """The server says no to a call: the platform's own number, with an HTTP status around it."""

    def __init__(self, code: int, message: str, *, status: int = 400, wait: int | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.wait = wait
        """The seconds that the server asks for, where it says so."""


@attrs.frozen(kw_only=True)
class Rules:
    """How the server behaves. Seconds, as far as nothing else is said; the defaults are the platform's."""

    service_id: int = 33554678
    """What clients repeat in their pings."""
    client_config: Mapping[str, Any] | None = CLIENT_CONFIG
    """The ``ClientConfig`` of addresses and of pongs. ``None``: addresses have none, and pongs are empty."""
    pong: Mapping[str, Any] | bytes | Literal["config", "none", "off"] = "config"
    """The payload of a pong, if it is not the client config; ``"none"``: no payload; ``"off"``: no pong."""
    ticket_life: float = 60.0
    max_connections: int = 50
    """Connections of one app at the same time."""
    ack_within: float = 3.0
    """From a delivery to its acknowledgement."""
    ladder: tuple[float, ...] = (15.0, 300.0, 3600.0, 21600.0)
    """From a delivery that failed to the next one. Behind the last step, an event is given up."""
    keep: bool = True
    """Whether what is pushed while nobody is connected waits for somebody."""
    early: bool = True
    """Whether what waits is sent in one write with the answer to the upgrade, before the client has said a word."""
    rounded_log_ids: bool = False
    """Tolerate acknowledgements whose LogID has gone through a floating-point number."""
    callbacks_off: bool = False
    """The app has no subscription for callbacks: whoever presses a button sees that, and the app hears nothing."""
    any_credentials: bool = False
    """Let everybody in: an app that is not known, or comes with another secret, is added."""
    token_life: float = 7200.0
    token_renewal: float = 1800.0
    """While a token has this long to live, whoever asks gets the same one again; then a new one, and both are good."""
    uuid_life: float = 3600.0
    """How long a ``uuid`` is remembered: a message that comes with the same one again is not sent again."""
    chat_rate: int | None = None
    """Messages that a chat takes within a second, from all its bots together: 5 is documented."""
    call_rate: int | None = None
    """Calls of one kind that an app may make within a second: 50 is documented."""
    card_rate: int | None = 10
    """Operations on one card within a second."""
    quota: int | None = None
    """Calls with an access token that all apps together may make: 10,000 a month without a paid plan."""
    unsafe_words: frozenset[str] = frozenset()
    """Words that no message may have."""
    most_edits: int = 20
    """How often one message may be edited."""
    message_life: float = 14 * DAY
    """How long a card that was sent may be changed."""
    card_life: float = 14 * DAY
    """How long a card of CardKit may be changed."""
    card_uuid_once: bool = False
    """Refuse every ``uuid`` of a card that comes again, also with the same call: the platform may mean that."""
    streaming_life: float = 600.0
    """After this long, a card is no longer in streaming mode."""
    update_uses: int = 2
    """How often the token of a press may change its card afterwards."""
    update_life: float = 1800.0
    """How long it may, from the press."""


@attrs.frozen
class App:
    """Credentials that the server knows, and its bot."""

    app_id: str
    app_secret: str = attrs.field(repr=False)
    bot_open_id: str
    """The bot, as its own app knows it."""
    name: str
