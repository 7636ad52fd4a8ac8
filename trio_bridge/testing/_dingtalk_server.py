"""The machinery of the DingTalk simulator: a gateway on a port, with everything that has to happen in time."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from functools import partial

import attrs
import trio

from ..config import Transport
from ..gateways.calls import Call
from ..platforms.dingtalk.gateway.desk import Sent
from ..platforms.dingtalk.gateway.gateway import Gateway
from ..platforms.dingtalk.gateway.model import Refused
from ..platforms.dingtalk.gateway.rest import RestGateway
from ..transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    negotiate,
)
from ._bodies import response_to
from ._dingtalk_connection import SimulatedConnection
from ._peer import Ending, Manners
from ._reception import Met, Reception
from .dingtalk_story import story_of

SOCKET_PATH = "/connect"


@attrs.define
class CallManners:
    """How calls and upgrades are met."""

    delay: float = 0.0
    refuse_upgrades_with: int | None = None
    hang_upgrades: bool = False
    close_with: Ending | None = None
    compression: bool = False
    transport: Transport = "websockets"
    clock_ahead: float = 0.0


class DingTalkServer(Reception[SimulatedConnection]):
    """Serves a gateway and its REST side. Whatever changes is told to those who wait."""

    def __init__(self, gateway: Gateway, rest: RestGateway, *, compression: bool, transport: Transport) -> None:
        super().__init__(gateway)
        self.gateway = gateway
        self.rest = rest
        self.manners = Manners()
        self.calls = CallManners(compression=compression, transport=transport)

    @property
    def sent(self) -> Sequence[Sent]:
        """What clients had sent, in order."""
        return self.rest.sent

    def stories(self) -> list[str]:
        """What became of every message, in words."""
        return [story_of(record) for record in self.gateway.ledger.records()]

    def faults(self) -> list[str]:
        """What rules clients broke, in words."""
        return [f"rule broken: {fault.kind} {fault.detail}".rstrip() for fault in self.gateway.ledger.faults]

    def flush(self) -> None:
        """Hand over what the gateway wants written, and have its next deadline kept."""
        for state in self.gateway.stirred():
            peer = self._peers.get(state.id)
            if peer is None:
                continue
            peer.enqueue(state.take())
            if state.dropped:
                peer.drop("fin")
        self.rearm()

    async def _answer(self, upgraded: list[SimulatedConnection], request: HttpRequest) -> Met:
        if request.path == SOCKET_PATH:
            return await self._meet_upgrade(upgraded, request)
        call = Call(
            method=request.method, path=request.path, query=request.query, headers=request.headers, body=request.body
        )
        with self.rest.desk.under_way(call):
            answer = self.rest.answer(call, trio.current_time())
            self.tell()
            if self.calls.delay:
                await trio.sleep(self.calls.delay)
        at = self.gateway.epoch + trio.current_time() + self.calls.clock_ahead
        return await response_to(answer, [("Date", formatdate(at, usegmt=True))])

    async def _meet_upgrade(
        self, upgraded: list[SimulatedConnection], request: HttpRequest
    ) -> HttpResponse | AcceptWebsocket:
        if self.calls.hang_upgrades:
            await trio.sleep_forever()
        if self.calls.refuse_upgrades_with is not None:
            return HttpResponse(self.calls.refuse_upgrades_with)
        accept = AcceptWebsocket(
            partial(self._converse, upgraded), compression=self.calls.compression, transport=self.calls.transport
        )
        agreed = negotiate(request, accept)
        if isinstance(agreed, HttpResponse):
            return agreed  # no upgrade, so the ticket stays good
        try:
            # Before the client learns that it is connected: what is pushed from then on must find it.
            state = self.gateway.upgrade(request.query.get("ticket"), trio.current_time())
        except Refused as refusal:
            return HttpResponse.json({"code": refusal.code, "message": refusal.message}, status=refusal.status)
        peer = SimulatedConnection(self.gateway, state, self.manners, flush=self.flush, tell=self.tell)
        self._let_in(upgraded, peer)
        if self.calls.close_with is not None:
            peer.end(self.calls.close_with)
        self.flush()
        return accept
