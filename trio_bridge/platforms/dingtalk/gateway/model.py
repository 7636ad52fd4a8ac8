"""What the server side knows: its rules, its apps, the connections of its clients. Values; the gateway acts on them."""

from __future__ import annotations

import attrs

from .frames import EVENTS, Letter

Subscription = tuple[str, str]
"""Type and topic."""


class Refused(Exception):
    """The server says no to a call: an HTTP status with the platform's own code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@attrs.frozen(kw_only=True)
class Rules:
    """How the server behaves. Seconds, as far as nothing else is said; the defaults are the platform's."""

    redeliver_after: float | None = attrs.field(default=60.0)
    """From a delivery to the next, for what is not settled. ``None``: never again."""
    keep_offline: bool = False
    """Keep what is pushed while nobody is connected, and deliver it when its time for redelivery has come."""
    ticket_life: float = 90.0
    leave_grace: float = 10.0
    """From ``disconnect`` to the end of the connection."""
    overlap_grace: float = 15.0
    """How long an app may hold two connections before that is a fault."""
    token_life: float = 7200.0
    session_life: float = 5400.0
    """How long a session webhook may be used, from the push."""
    webhook_limit: int | None = 20
    """Messages per minute through one session webhook."""
    card_qps: int | None = None
    """Calls of one kind about cards that an app may make within a second: 20 on the standard edition."""
    card_content_limit: int | None = None
    """Characters that may be streamed into a card. Documented as about 3,000; longer texts were seen to pass."""
    card_answer_within: float = 2.0
    """How long after the press of a button its answer may change the card."""
    card_templates: frozenset[str] | None = None
    """The templates that exist. ``None``: every one."""
    unsafe_words: frozenset[str] = frozenset()
    """Words that no card may have."""
    quota: int | None = None
    """Calls with an access token that all apps together may make: 10,000 a month on the standard edition."""
    any_credentials: bool = False
    """Let everybody in: an app that is not known, or comes with another secret, is added."""

    @redeliver_after.validator
    def _takes_time(self, attribute: attrs.Attribute[float | None], seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            raise ValueError("redeliver_after: expected more than 0 seconds, or None")


@attrs.frozen
class App:
    """Credentials that the server knows."""

    client_id: str
    client_secret: str = attrs.field(repr=False)
    robot_code: str


@attrs.frozen(kw_only=True)
class Medium:
    """One file that a client uploaded."""

    id: str
    client_id: str
    type: str
    """As what: ``image``, ``voice``, ``video`` or ``file``."""
    name: str
    media_type: str
    content: bytes = attrs.field(repr=False)

    def __str__(self) -> str:
        return f"[{self.type} {self.name}]"


@attrs.define
class Ping:
    """A health check of the server's, and when it was answered."""

    connection: str
    data: str
    at: float
    answered_at: float | None = None


@attrs.define(eq=False)
class GatewayConnection:
    """One client's connection, as the server sees it."""

    id: str
    client_id: str
    subscriptions: frozenset[Subscription]
    opened_at: float
    leaving: bool = False
    """The server announced that it will go."""
    dropped: bool = False
    """The server wants it closed, now."""
    excused: bool = False
    """It can't hear that the client left: its long life is no fault of the client's."""
    live: bool = True
    pings: list[Ping] = attrs.Factory(list)
    nameless: list[Ping | None] = attrs.Factory(list)
    """Frames without a message id that may still be answered: the pings, and a ``None`` for each of the others."""
    _outgoing: list[str] = attrs.Factory(list)

    def write(self, frame: str) -> None:
        """Put a frame behind those that wait."""
        self._outgoing.append(frame)

    def take(self) -> list[str]:
        """The frames to write now, in order. They are the caller's from here on."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def hears(self, letter: Letter) -> bool:
        """Whether the client subscribed to this. All events have one subscription."""
        return (letter.kind, EVENTS if letter.kind == "EVENT" else letter.topic) in self.subscriptions
