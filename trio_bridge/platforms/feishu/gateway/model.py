"""What the server side goes by: its rules, and the apps it knows. Values; the gateway and its REST side act on them."""

from __future__ import annotations

from typing import Final

import attrs

DAY: Final = 86400.0


class Refused(Exception):
    """The server says no to a call: the platform's own number, with an HTTP status around it."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@attrs.frozen(kw_only=True)
class Rules:
    """How the server behaves. Seconds, as far as nothing else is said; the defaults are the platform's."""

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
    most_edits: int = 20
    """How often one message may be edited."""
    message_life: float = 14 * DAY
    """How long a card that was sent may be changed."""
    card_life: float = 14 * DAY
    """How long a card of CardKit may be changed."""
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
