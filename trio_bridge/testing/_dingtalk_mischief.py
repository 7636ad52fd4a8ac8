"""What can go wrong at DingTalk, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any

import attrs

from ..gateways.calls import Answer, Script
from ..platforms.dingtalk.gateway.rest import OPEN
from ._dingtalk_connection import SimulatedConnection
from ._dingtalk_server import DingTalkServer
from ._manners import changed
from ._peer import Ending, How


class Mischief:
    """The ways to break a simulator. Everything that names no app happens to all of them."""

    def __init__(self, server: DingTalkServer) -> None:
        self._server = server

    def disconnect(self, reason: str = "persistent connection is timeout", *, client_id: str | None = None) -> None:
        """Announce on every connection that the server will leave it."""
        for connection in self._chosen(client_id):
            connection.disconnect(reason)

    def drop_connections(
        self, how: How = "rst", *, code: int = 1000, reason: str = "", client_id: str | None = None
    ) -> None:
        """End every connection: ``"close"`` with code and reason, ``"fin"``, or ``"rst"``."""
        for connection in self._chosen(client_id):
            connection.drop(how, code, reason)

    @contextmanager
    def deaf(self, *, client_id: str | None = None) -> Iterator[None]:
        """Within the block the connections that are open now are half open. New ones are sound."""
        with ExitStack() as stack:
            for connection in self._chosen(client_id):
                stack.enter_context(connection.deaf())
            yield

    def away(self) -> AbstractAsyncContextManager[None]:
        """Within the block it is as if its process had been killed: every connection is over, the port is closed."""
        return self._server.away()

    @contextmanager
    def refusing(self, status: int = 401, body: str = "", *, content_type: str | None = None) -> Iterator[None]:
        """Within the block the open call is answered like this."""
        answer = Answer(status=status, body=body or '{"code":"authFailed","message":"鉴权失败"}')
        if content_type is not None:
            answer = attrs.evolve(answer, content_type=content_type)
        with self._server.rest.scripts.standing(OPEN, answer):
            yield

    @contextmanager
    def hanging_open_calls(self) -> Iterator[None]:
        """Within the block the open call gets no answer."""
        with self._server.rest.scripts.standing(OPEN, Answer(ending="hang")):
            yield

    @contextmanager
    def refusing_upgrades(self, status: int = 401) -> Iterator[None]:
        """Within the block every upgrade is refused; its ticket stays good."""
        with changed(self._server.calls, refuse_upgrades_with=status):
            yield

    @contextmanager
    def hanging_upgrades(self) -> Iterator[None]:
        """Within the block an upgrade gets no answer."""
        with changed(self._server.calls, hang_upgrades=True):
            yield

    @contextmanager
    def accept_then_close(self, how: How = "close", *, code: int = 1000, reason: str = "") -> Iterator[None]:
        """Within the block every new connection is ended as soon as it is open."""
        with changed(self._server.calls, close_with=Ending(how, code, reason)):
            yield

    @contextmanager
    def answering_late(self, seconds: float) -> Iterator[None]:
        """Within the block every call of the API is carried out at once and answered this much later."""
        with changed(self._server.calls, delay=seconds):
            yield

    @contextmanager
    def clock_ahead(self, seconds: float) -> Iterator[None]:
        """Within the block the clock that dates every answer of the API is this much ahead, or behind if negative."""
        with changed(self._server.calls, clock_ahead=seconds):
            yield

    @contextmanager
    def sending_binary(self) -> Iterator[None]:
        """Within the block frames are sent as binary messages."""
        with changed(self._server.manners, binary=True):
            yield

    @contextmanager
    def fragmenting(self, size: int = 100) -> Iterator[None]:
        """Within the block every frame is sent in fragments of ``size`` bytes, cut inside characters too."""
        with changed(self._server.manners, fragment_size=size):
            yield

    def answer_close_after(self, seconds: float) -> None:
        """From now on a client that closes waits this long for our answer."""
        self._server.manners.close_delay = seconds

    def script(self, path: str, *scripts: Script | Answer | Mapping[str, Any], times: int = 1) -> None:
        """Have the next calls of a path end like this; a mapping gives ``status``, ``body`` and ``content_type``."""
        self._server.rest.scripts.add(path, *(_scripted(each) for each in scripts), times=times)

    def _chosen(self, client_id: str | None) -> list[SimulatedConnection]:
        return [each for each in self._server.connections if client_id in (None, each.client_id)]


def _scripted(wanted: Script | Answer | Mapping[str, Any]) -> Script | Answer:
    if isinstance(wanted, Mapping):
        return Answer(**{name: wanted[name] for name in ("status", "body", "content_type") if name in wanted})
    return wanted
