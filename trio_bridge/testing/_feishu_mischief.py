"""What can go wrong at Feishu, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any

from ..gateways.calls import Answer, Script
from ..platforms.feishu.gateway.doorkeeper import PATH
from ..platforms.feishu.gateway.fragments import Fragments
from ..platforms.feishu.gateway.letters import encode
from ._feishu_connection import SimulatedConnection
from ._feishu_server import FeishuServer, UpgradeRefusal
from ._manners import changed
from ._peer import Ending, How


class Mischief:
    """The ways to break a simulator. Everything that names no app happens to all of them."""

    def __init__(self, server: FeishuServer) -> None:
        self._server = server

    # Connections.

    def drop_connections(
        self, how: How = "rst", *, code: int = 1000, reason: str = "", app_id: str | None = None
    ) -> None:
        """End every connection: ``"close"`` with code and reason, ``"fin"``, or ``"rst"``."""
        for connection in self._chosen(app_id):
            connection.drop(how, code, reason)

    @contextmanager
    def half_open(self, *, app_id: str | None = None) -> Iterator[None]:
        """Within the block the connections that are open now are half open: what is said on them is lost. New ones are
        sound."""
        with ExitStack() as stack:
            for connection in self._chosen(app_id):
                stack.enter_context(connection.deaf())
            yield

    @contextmanager
    def stalled(self, *, app_id: str | None = None) -> Iterator[None]:
        """Within the block the connections that are open now are frozen. Behind it all that was said comes."""
        with ExitStack() as stack:
            for connection in self._chosen(app_id):
                stack.enter_context(connection.stalled())
            yield

    @contextmanager
    def fragmenting(self, fragments: Fragments | None = None) -> Iterator[None]:
        """Within the block events are cut into frames like this: into three in order, if nothing else is said."""
        with changed(self._server.gateway.deliveries, fragments=fragments or Fragments()):
            yield

    def away(self) -> AbstractAsyncContextManager[None]:
        """Within the block it is as if its process had been killed: every connection is over, the port is closed."""
        return self._server.away()

    # Discovery.

    @contextmanager
    def refusing(self, code: int = 1000040345, message: str = "refused", *, data: bool = True) -> Iterator[None]:
        """Within the block whoever asks for an address gets this code instead; ``data``: an empty one beside it."""
        answer: dict[str, Any] = {"code": code, "msg": message} | ({"data": {"URL": ""}} if data else {})
        with self.answering(Answer(body=encode(answer))):
            yield

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        """Within the block whoever asks for an address gets this: a status, a page, silence."""
        with self._server.rest.scripts.standing(PATH, answer):
            yield

    @contextmanager
    def hanging_discovery(self) -> Iterator[None]:
        """Within the block whoever asks for an address gets no answer."""
        with self.answering(Answer(ending="hang")):
            yield

    @contextmanager
    def answering_late(self, seconds: float) -> Iterator[None]:
        """Within the block every call, also for an address, is carried out at once and answered this much later."""
        with changed(self._server.calls, delay=seconds):
            yield

    def script(self, path: str, *scripts: Script | Answer, times: int = 1) -> None:
        """Have the next calls of a path end like this; that for an address is ``/callback/ws/endpoint``."""
        self._server.rest.scripts.add(path, *scripts, times=times)

    # Upgrades.

    @contextmanager
    def refusing_upgrades(
        self, status: int = 400, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Iterator[None]:
        """Within the block every upgrade is refused; its ticket stays good. Headers such as ``Handshake-Status`` say
        why."""
        with changed(self._server.calls, refuse_upgrades=UpgradeRefusal(status, headers or {}, body)):
            yield

    def refuse_upgrades(self, *refusals: UpgradeRefusal) -> None:
        """Refuse the next upgrades like this, one after another."""
        self._server.refusals.extend(refusals)

    @contextmanager
    def hanging_upgrades(self) -> Iterator[None]:
        """Within the block an upgrade gets no answer."""
        with changed(self._server.calls, hang_upgrades=True):
            yield

    @contextmanager
    def late_upgrades(self, seconds: float) -> Iterator[None]:
        """Within the block an upgrade is answered this much later."""
        with changed(self._server.calls, upgrade_delay=seconds):
            yield

    @contextmanager
    def accept_then_close(self, how: How = "close", *, code: int = 1000, reason: str = "") -> Iterator[None]:
        """Within the block every new connection is ended as soon as it is open."""
        with changed(self._server.calls, close_with=Ending(how, code, reason)):
            yield

    def answer_close_after(self, seconds: float) -> None:
        """From now on a client that closes waits this long for our answer."""
        self._server.manners.close_delay = seconds

    def _chosen(self, app_id: str | None) -> list[SimulatedConnection]:
        return [each for each in self._server.connections if app_id in (None, each.app_id)]
