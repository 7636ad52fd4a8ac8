"""Strangers: from the challenge to hello, or to the door."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import frames, hello
from .acts import Act
from .answers import Answers
from .connection import GatewayConnection
from .frames import Misfit, Request
from .handshake import Handshake, Welcome
from .methods import INVALID_REQUEST, House, Peer, Refusal
from .pairing import Pairing
from .rejections import POLICY_VIOLATION, PairingNeeded, Rejected
from .settings import Settings

NORMAL = 1000


class Front:
    """Hears clients until they are let in. ``facts`` are those that hello tells a connection."""

    def __init__(
        self,
        house: House,
        settings: Settings,
        handshake: Handshake,
        pairing: Pairing,
        answers: Answers,
        facts: Callable[[GatewayConnection], hello.Facts],
    ) -> None:
        self._house = house
        self._settings = settings
        self._handshake = handshake
        self._pairing = pairing
        self._answers = answers
        self._facts = facts

    def challenge(self, connection: GatewayConnection) -> None:
        """Have a client prove itself, within a time."""
        payload = hello.challenge(connection.nonce, self._house.now_ms(), self._settings)
        act = self._answers.script.take("challenge")
        self._answers.deliver(connection, act, frames.event("connect.challenge", payload))
        self._house.after(self._settings.connect_within, partial(self._give_up, connection))

    def hear(self, connection: GatewayConnection, heard: Request | Misfit | None) -> None:
        """Take what is said first; nothing else is heard until it is decided."""
        if connection.deciding:
            return
        connection.deciding = True
        match heard:
            case None:
                self._answers.close(connection, NORMAL)
            case Misfit():
                self._answers.close(connection, POLICY_VIOLATION, "invalid request frame")
            case Request(method="connect"):
                self._connect(connection, heard)
            case Request():
                refused = Refusal(INVALID_REQUEST, "invalid handshake: first request must be connect")
                self._turn_away(connection, heard.id, Rejected(refused))

    def _connect(self, connection: GatewayConnection, request: Request) -> None:
        act = self._answers.script.take("connect")
        if self._answers.spoilt(connection, request, act):
            return
        try:
            welcome = self._judge(connection, request)
        except Rejected as rejected:
            self._house.after(rejected.wait, partial(self._turn_away, connection, request.id, rejected))
        else:
            self._welcome(connection, request.id, welcome, act)

    def _judge(self, connection: GatewayConnection, request: Request) -> Welcome:
        house = self._house
        found = self._handshake.judge(request.params, connection.caller, connection.nonce, house.now, house.now_ms())
        if isinstance(found, PairingNeeded):
            asked = self._pairing.ask(found.claim, found.reason)
            raise found.rejected(asked, self._handshake.devices, house.protocol)
        return found

    def _turn_away(self, connection: GatewayConnection, request_id: str, rejected: Rejected) -> None:
        self._answers.refuse(connection, request_id, rejected.refusal)
        close = partial(self._answers.close, connection, rejected.code, rejected.reason)
        self._house.after(self._settings.close_lag, close)

    def _welcome(self, connection: GatewayConnection, request_id: str, welcome: Welcome, act: Act | None) -> None:
        scopes, token, claim = welcome.scopes, None, welcome.claim
        if claim is not None:
            if welcome.approved:
                self._pairing.admit(claim)
            token = self._handshake.devices.token_of(claim.device_id, welcome.role, scopes, self._house.now_ms())
            if self._house.protocol == 3:
                scopes = token.scopes  # It goes by what was granted, not by what is asked for.
        connection.method = welcome.method
        connection.peer = Peer(
            id=connection.id,
            role=welcome.role,
            scopes=scopes,
            caps=frozenset(welcome.params.get("caps", ())),
            client=welcome.params["client"],
            device_id=None if claim is None else claim.device_id,
        )
        payload = hello.hello(welcome, scopes, token, self._facts(connection), self._settings)
        self._answers.deliver(connection, act, frames.answer(request_id, payload))

    def _give_up(self, connection: GatewayConnection) -> None:
        if connection.live and not connection.deciding:
            self._answers.close(connection, NORMAL)
