"""Where clients ask where to connect, and who is let in then. No I/O and no clock.

Rules, as the platform keeps them:

1. Whoever has the credentials of an app gets an address with a ticket in it: for one connection, within a minute.
2. An app has so many connections at most. One too many is refused where it asks, and again where it connects.
3. The answer to a call is always 200 with a code inside. A refused upgrade tells more in headers of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import attrs

from .directory import Directory
from .model import Rules

PATH: Final = "/callback/ws/endpoint"
SOCKET_PATH: Final = "/ws/v2"

NO_CREDENTIALS: Final = 1000040344
BAD_SECRET: Final = 1000040345
NO_APP: Final = 1000040346
TOO_MANY: Final = 1000040350
BAD_TICKET: Final = 1000040346

BAD_REQUEST: Final = 400
AUTH_FAILED: Final = "514"


class HandshakeRefused(Exception):
    """An upgrade that is answered with something else than 101."""

    def __init__(self, handshake_status: str, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = BAD_REQUEST
        self.headers = [("Handshake-Status", handshake_status), ("Handshake-Msg", message)]
        if code is not None:
            self.headers.append(("Handshake-Autherrcode", str(code)))


@attrs.define
class _Ticket:
    app_id: str
    device_id: str
    expires_at: float


@attrs.frozen(kw_only=True)
class Discovery:
    """A call for an address, and how it was answered."""

    at: float
    app_id: str
    code: int
    device_id: str = ""
    """The connection that it is for; empty where it was refused."""


class Doorkeeper:
    """Gives out addresses and lets in who has one. ``connected`` counts the connections of an app."""

    def __init__(
        self, directory: Directory, rules: Callable[[], Rules], connected: Callable[[str], int], rng: random.Random
    ) -> None:
        self.socket_url = ""
        """Where connections are made, without the path."""
        self.discoveries: list[Discovery] = []
        self._directory = directory
        self._rules = rules
        self._connected = connected
        self._rng = rng
        self._tickets: dict[str, _Ticket] = {}

    def discover(self, call: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """The answer to a call for an address."""
        app_id, secret = call.get("AppID"), call.get("AppSecret")
        code, message = self._judge(app_id, secret)
        device_id = "" if code else str(self._rng.randrange(10**18, 10**19))
        self.discoveries.append(Discovery(at=now, app_id=str(app_id or ""), code=code, device_id=device_id))
        if code:
            return {"code": code, "msg": message, "data": {"URL": ""}}
        rules = self._rules()
        data: dict[str, Any] = {"URL": self._address(str(app_id), device_id, now)}
        if rules.client_config is not None:
            data["ClientConfig"] = dict(rules.client_config)
        return {"code": 0, "msg": "", "data": data}

    def admit(self, query: Mapping[str, str], now: float) -> tuple[str, str]:
        """The app and the device that connect with this query.

        Raises:
          HandshakeRefused: the ticket is unknown, used, too old or another device's, or it is one connection too many.
        """
        ticket = self._tickets.pop(query.get("ticket", ""), None)
        if ticket is None or now >= ticket.expires_at or ticket.device_id != query.get("device_id"):
            raise HandshakeRefused(AUTH_FAILED, "invalid ticket", BAD_TICKET)
        if self._connected(ticket.app_id) >= self._rules().max_connections:
            raise HandshakeRefused(AUTH_FAILED, "too many connections", TOO_MANY)
        return ticket.app_id, ticket.device_id

    def _judge(self, app_id: object, secret: object) -> tuple[int, str]:
        if not (isinstance(app_id, str) and isinstance(secret, str) and app_id and secret):
            return NO_CREDENTIALS, "app_id or app_secret is missing"
        app = self._directory.apps.get(app_id)
        if app is None or app.app_secret != secret:
            if not self._rules().any_credentials:
                return (NO_APP, "app_id is invalid") if app is None else (BAD_SECRET, "app_id or app_secret is invalid")
            self._directory.add_app(app_id, secret, app.name if app else "")
        if self._connected(app_id) >= self._rules().max_connections:
            return TOO_MANY, "the number of connections exceeded the limit"
        return 0, ""

    def _address(self, app_id: str, device_id: str, now: float) -> str:
        ticket = f"{self._rng.getrandbits(128):032x}"
        self._tickets[ticket] = _Ticket(app_id, device_id, now + self._rules().ticket_life)
        query = {
            "fpid": "493",
            "aid": "552564",
            "device_id": device_id,
            "access_key": f"{self._rng.getrandbits(128):032x}",
            "service_id": str(self._rules().service_id),
            "ticket": ticket,
        }
        return f"{self.socket_url}{SOCKET_PATH}?{urlencode(query)}"
