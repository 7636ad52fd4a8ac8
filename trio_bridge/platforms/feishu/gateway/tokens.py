"""The server side of access tokens. No I/O and no clock.

Rules, as the platform keeps them:

1. While a token has half an hour to live, whoever asks gets the same one again; then a new one, and both are good.
2. The call is heard without a ``Content-Type``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ....gateways.calls import Answer, Call
from .desk import Desk, Route, body_of
from .letters import encode
from .model import Refused

TOKEN: Final = "POST /open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105 - a path

INVALID: Final = 10003
UNKNOWN_APP: Final = 10014
WRONG_SECRET: Final = 10015


@attrs.frozen
class Grant:
    """One token."""

    app_id: str
    token: str = attrs.field(repr=False)
    expires_at: float


class Tokens:
    """The tokens of all apps."""

    def __init__(self, desk: Desk) -> None:
        self.granted: list[Grant] = []
        """Every token there ever was, the oldest first."""
        self._desk = desk
        self._good: dict[str, Grant] = {}
        desk.holder = self.holder

    def routes(self) -> Mapping[str, Route]:
        """Who carries out which call."""
        return {TOKEN: self._grant}

    def holder(self, token: str, now: float) -> str | None:
        """The id of the app that the token is for; ``None``: it is not good."""
        grant = self._good.get(token)
        return grant.app_id if grant is not None and now < grant.expires_at else None

    def revoke(self, app_id: str | None = None) -> None:
        """Make every token invalid that was given out, of one app or of all."""
        self._good = {
            token: grant for token, grant in self._good.items() if app_id is not None and grant.app_id != app_id
        }

    def _grant(self, call: Call, now: float) -> Answer:
        body = body_of(call, code=INVALID)
        app_id, secret = body.get("app_id"), body.get("app_secret")
        if not isinstance(app_id, str) or not app_id.startswith("cli_") or not isinstance(secret, str):
            raise Refused(INVALID, "invalid param")
        app = self._desk.gateway.directory.apps.get(app_id)
        if self._desk.rules.any_credentials and (app is None or app.app_secret != secret):
            app = self._desk.gateway.directory.add_app(app_id, secret)
        if app is None:
            raise Refused(UNKNOWN_APP, "app_id is invalid", status=200)
        if app.app_secret != secret:
            raise Refused(WRONG_SECRET, "app secret invalid", status=200)
        grant = self._current(app_id, now) or self._new(app_id, now)
        left = int(grant.expires_at - now)
        return Answer(body=encode({"code": 0, "msg": "ok", "tenant_access_token": grant.token, "expire": left}))

    def _current(self, app_id: str, now: float) -> Grant | None:
        lasting = now + self._desk.rules.token_renewal
        good = (grant for grant in self._good.values() if grant.app_id == app_id and grant.expires_at >= lasting)
        return next(good, None)

    def _new(self, app_id: str, now: float) -> Grant:
        grant = Grant(app_id, self._desk.new_id("t-"), now + self._desk.rules.token_life)
        self._good[grant.token] = grant
        self.granted.append(grant)
        return grant
