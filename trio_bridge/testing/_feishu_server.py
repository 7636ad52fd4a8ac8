"""The machinery of the Feishu simulator: a gateway on a port, with everything that has to happen in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

import attrs
import trio

from ..config import Transport
from ..gateways.calls import Answer, Call
from ..platforms.feishu.gateway.callbacks import Callback
from ..platforms.feishu.gateway.desk import Sent
from ..platforms.feishu.gateway.doorkeeper import PATH, SOCKET_PATH, HandshakeRefused
from ..platforms.feishu.gateway.gateway import Gateway
from ..platforms.feishu.gateway.letters import as_object, encode
from ..platforms.feishu.gateway.rest import RestGateway
from ..transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    negotiate,
)
from ._bodies import response_to
from ._feishu_connection import SimulatedConnection
from ._peer import Ending, Manners
from ._reception import Met, Reception
from .feishu_story import story_of

DISCOVER = f"POST {PATH}"


@attrs.frozen
class UpgradeRefusal:
    """How an upgrade is refused. The headers ``Handshake-Status`` and ``Handshake-Autherrcode`` say why."""

    status: int = 400
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


@attrs.define
class CallManners:
    """How calls and upgrades are met."""

    delay: float = 0.0
    refuse_upgrades: UpgradeRefusal | None = None
    hang_upgrades: bool = False
    upgrade_delay: float = 0.0
    close_with: Ending | None = None
    compression: bool = False
    transport: Transport = "websockets"


class FeishuServer(Reception[SimulatedConnection]):
    """Serves a gateway and its REST side. Whatever changes is told to those who wait."""

    def __init__(self, gateway: Gateway, *, compression: bool, transport: Transport) -> None:
        super().__init__(gateway)
        self.gateway = gateway
        self.rest = RestGateway(gateway, {DISCOVER: self._discover})
        gateway.deliveries.when_answered = self._note_answer
        self.manners = Manners()
        self.calls = CallManners(compression=compression, transport=transport)
        self.refusals: deque[UpgradeRefusal] = deque()
        """How the next upgrades are refused, one after another."""

    @property
    def sent(self) -> Sequence[Sent]:
        """What clients had sent, in order."""
        return self.rest.sent

    def stories(self) -> list[str]:
        """What became of every event, in words."""
        return [story_of(record) for record in self.gateway.ledger.records()]

    def faults(self) -> list[str]:
        """What rules clients broke, in words."""
        return [f"rule broken: {fault.kind} {fault.detail}".rstrip() for fault in self.gateway.ledger.faults]

    def flush(self) -> None:
        """Hand over what the gateway wants written, and have its next deadline kept."""
        for state in self.gateway.stirred():
            peer = self._peers.get(state.id)
            if peer is not None:
                peer.enqueue(state.take())
        self.rearm()

    async def _answer(self, upgraded: list[SimulatedConnection], request: HttpRequest) -> Met:
        if request.path == SOCKET_PATH:
            return await self._meet_upgrade(upgraded, request)
        call = Call(
            method=request.method, path=request.path, query=request.query, headers=request.headers, body=request.body
        )
        answer = self.rest.answer(call, trio.current_time())
        self.flush()
        if self.calls.delay:
            await trio.sleep(self.calls.delay)
        return await response_to(answer)

    def _discover(self, call: Call, now: float) -> Answer:
        return Answer(body=encode(self.gateway.discover(as_object(call.body), now)))

    def _note_answer(self, callback: Callback) -> None:
        self.rest.answered(callback, trio.current_time())

    async def _meet_upgrade(
        self, upgraded: list[SimulatedConnection], request: HttpRequest
    ) -> HttpResponse | AcceptWebsocket:
        if self.calls.hang_upgrades:
            await trio.sleep_forever()
        await trio.sleep(self.calls.upgrade_delay)
        refusal = self.refusals.popleft() if self.refusals else self.calls.refuse_upgrades
        if refusal is not None:
            self.gateway.refused(refusal.status, trio.current_time())
            return HttpResponse(refusal.status, list(refusal.headers.items()), refusal.body)
        accept = AcceptWebsocket(
            partial(self._converse, upgraded), compression=self.calls.compression, transport=self.calls.transport
        )
        agreed = negotiate(request, accept)
        if isinstance(agreed, HttpResponse):
            return agreed  # no upgrade, so the ticket stays good
        try:
            # Before the client learns that it is connected: what is pushed from then on must find it.
            state = self.gateway.upgrade(request.query, trio.current_time())
        except HandshakeRefused as refused:
            return HttpResponse(refused.status, refused.headers, str(refused).encode())
        peer = SimulatedConnection(self.gateway, state, self.manners, flush=self.flush, tell=self.tell)
        self._let_in(upgraded, peer)
        if self.calls.close_with is not None:
            peer.end(self.calls.close_with)
        early = state.take()
        self.flush()
        return attrs.evolve(accept, early=early)
