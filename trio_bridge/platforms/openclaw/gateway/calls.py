"""Requests of clients that were let in: who may call what, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from . import frames
from .acts import Act
from .answers import Answers
from .connection import GatewayConnection
from .frames import Request
from .methods import ADMIN, INVALID_REQUEST, NODE, Entry, House, Later, Peer, Refusal


class Calls:
    """Calls methods for peers."""

    def __init__(self, house: House, answers: Answers, methods: Mapping[str, Entry]) -> None:
        self._house = house
        self._answers = answers
        self._methods = methods

    def call(self, connection: GatewayConnection, peer: Peer, request: Request) -> None:
        """Do what is asked, and answer at once or later."""
        act = self._answers.script.take(request.method)
        if self._answers.spoilt(connection, request, act):
            return
        params = {} if request.params is None else request.params
        try:
            entry = self._entry_for(peer, request.method)
            if not isinstance(params, dict):
                raise Refusal(INVALID_REQUEST, f"invalid {request.method} params: at root: must be object")
            result = entry.run(peer, params)
        except Refusal as refused:
            self._answers.deliver(connection, act, frames.refusal(request.id, refused))
            return
        if isinstance(result, Later):
            result.when_settled(partial(self._settle, connection, request.id, act))
        else:
            self._answers.deliver(connection, act, frames.answer(request.id, result))

    def _settle(self, connection: GatewayConnection, request_id: str, act: Act | None, later: Later) -> None:
        self._answers.deliver(connection, act, frames.answer(request_id, later.payload))

    def _entry_for(self, peer: Peer, method: str) -> Entry:
        """The method, if the peer may call it."""
        if method == "connect":
            raise Refusal(INVALID_REQUEST, "connect is only valid as the first request")
        entry = self._methods.get(method)
        scope = ADMIN if entry is None else entry.scope  # What is unknown is for administrators to know.
        if scope is not None and (scope == NODE) != (peer.role == "node"):
            raise Refusal(INVALID_REQUEST, f"unauthorized role: {peer.role}")
        if scope is not None and not peer.may(scope):
            raise self._missing(scope)
        if entry is None:
            raise Refusal(INVALID_REQUEST, f"unknown method: {method}")
        return entry

    def _missing(self, scope: str) -> Refusal:
        text = f"missing scope: {scope}"
        if self._house.protocol == 3:
            return Refusal(INVALID_REQUEST, text)
        details = {"code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope]}
        return Refusal("FORBIDDEN", text, details=details)
