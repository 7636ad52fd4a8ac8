"""The machinery of the OpenClaw simulator: a gateway on a port, with everything that has to happen in time."""

from __future__ import annotations

from functools import partial

import attrs
import trio

from ..config import Transport
from ..engine.bell import Bell
from ..platforms.openclaw.gateway.connecting import Caller
from ..platforms.openclaw.gateway.gateway import Gateway
from ..platforms.openclaw.gateway.methods import HttpAnswer, HttpCall
from ..transport.network import Network
from ..transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    HttpStreamResponse,
    SendPiece,
    ServerWebsocket,
    negotiate,
    serve_stream,
)
from ._clockwork import Clockwork
from ._openclaw_connection import SimulatedConnection

LONGEST_FRAME = 2**26
"""Bytes that the transport takes: more than the gateway, which has the say about its limits."""


@attrs.define(kw_only=True)
class Manners:
    """How those who come are met."""

    transport: Transport = "websockets"
    remote: str | None = None
    """An address from which all seem to come, instead of from this machine."""
    refuse_upgrades_with: int | None = None
    hang_upgrades: bool = False


class OpenClawServer(Clockwork):
    """Serves a gateway. Whatever changes is told to those who wait."""

    def __init__(self, gateway: Gateway, network: Network, host: str, *, transport: Transport) -> None:
        super().__init__(gateway)
        self.gateway = gateway
        self.manners = Manners(transport=transport)
        self.opened: list[SimulatedConnection] = []
        self._network = network
        self._host = host
        self._peers: dict[str, SimulatedConnection] = {}
        self._listening = trio.CancelScope()
        self.up = False
        """Whether somebody listens on the port."""

    async def run(
        self,
        listener: trio.abc.Listener[trio.abc.HalfCloseableStream],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve whoever comes until cancelled. A bug in here ends it, and the test that stands on it."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.keep_time)
            await nursery.start(self._accept, listener)
            task_status.started()
            await trio.sleep_forever()

    async def listen(self, port: int) -> None:
        """Accept connections again, on this port."""
        await self._nursery.start(self._accept, await self._network.listen_tcp(self._host, port))

    def hang_up(self) -> None:
        """Accept nobody any more: the port is closed. Connections live on."""
        self._listening.cancel("the gateway is down")

    @property
    def connections(self) -> tuple[SimulatedConnection, ...]:
        """The live ones, the oldest first."""
        return tuple(peer for peer in self._peers.values() if peer.live)

    def flush(self) -> None:
        """Hand over what the gateway wants written, have its next deadline kept, and tell those who wait."""
        for state in self.gateway.stirred():
            peer = self._peers.get(state.id)
            if peer is not None:
                peer.write()
        self.rearm()

    async def _accept(
        self,
        listener: trio.abc.Listener[trio.abc.HalfCloseableStream],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.CancelScope() as self._listening:
            self.up = True
            task_status.started()
            try:
                await trio.serve_listeners(self._meet_client, [listener], handler_nursery=self._nursery)
            finally:
                self.up = False
                self.tell()

    async def _meet_client(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Serve one TCP connection: calls, and perhaps a WebSocket in the end."""
        upgraded: list[SimulatedConnection] = []
        try:
            await serve_stream(stream, partial(self._answer, upgraded))
        finally:
            for peer in upgraded:  # One at most; it may never have heard that it is connected.
                self.gateway.lost(peer.state)
                del self._peers[peer.id]
            self.flush()

    async def _answer(
        self, upgraded: list[SimulatedConnection], request: HttpRequest
    ) -> HttpResponse | HttpStreamResponse | AcceptWebsocket | None:
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._meet_upgrade(upgraded, request)
        return await self._answer_call(request)

    async def _meet_upgrade(
        self, upgraded: list[SimulatedConnection], request: HttpRequest
    ) -> HttpResponse | AcceptWebsocket:
        if self.manners.hang_upgrades:
            await trio.sleep_forever()
        if self.manners.refuse_upgrades_with is not None:
            return HttpResponse(self.manners.refuse_upgrades_with)
        accept = AcceptWebsocket(
            partial(self._converse, upgraded), max_size=LONGEST_FRAME, transport=self.manners.transport
        )
        agreed = negotiate(request, accept)
        if isinstance(agreed, HttpResponse):
            return agreed
        state = self.gateway.upgrade(self._caller(request), trio.current_time())
        peer = SimulatedConnection(self.gateway, state, flush=self.flush)
        upgraded.append(peer)
        self._peers[peer.id] = peer
        self.opened.append(peer)
        self.flush()
        return accept

    async def _converse(self, upgraded: list[SimulatedConnection], websocket: ServerWebsocket) -> None:
        (peer,) = upgraded
        await peer.run(websocket)

    def _caller(self, request: HttpRequest) -> Caller:
        forwarded = request.headers.get("x-forwarded-for") or self.manners.remote
        origin, host = request.headers.get("origin"), request.headers.get("host")
        if forwarded is None:
            return Caller(origin=origin, host=host)
        return Caller(address=forwarded, local=False, origin=origin, host=host)

    async def _answer_call(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse | None:
        call = HttpCall(
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=request.body,
            address=self._caller(request).address,
        )
        news = Bell()
        answer = HttpAnswer(news.ring)
        try:
            self.gateway.answer_http(call, answer, trio.current_time())
            self.flush()
            while answer.status is None and not answer.broken:
                await news.wait()
        except BaseException:
            self._left(answer)
            raise
        if answer.status is None:
            return None
        if answer.ended:
            return HttpResponse(answer.status, answer.headers, b"".join(answer.pieces))
        return HttpStreamResponse(partial(self._stream, answer, news), answer.status, answer.headers)

    async def _stream(self, answer: HttpAnswer, news: Bell, send: SendPiece) -> bool:
        """Send the pieces as they come; whether the body is whole in the end."""
        try:
            while not (answer.ended or answer.broken) or answer.pieces:
                pieces, answer.pieces = answer.pieces, []
                for piece in pieces:
                    await send(piece)
                if not (answer.ended or answer.broken):
                    await news.wait()
        except BaseException:
            self._left(answer)
            raise
        return not answer.broken

    def _left(self, answer: HttpAnswer) -> None:
        if answer.when_left is not None:
            self.gateway.now = trio.current_time()
            answer.when_left()
            self.flush()
