"""What goes over the wire, in the log: for one account whose ``debug`` asks for it. Secrets are not in it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from ..errors import BridgeError
from ..wire.protocol import Frame
from ..wire.redaction import Redactor
from .websocket import Websocket

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class WireLog:
    """Writes down frames and calls of one account, at DEBUG."""

    _labels: Mapping[str, Any]
    _redactor: Redactor
    _known: Collection[str] = ()
    """Beginnings of addresses whose paths say nothing that is secret."""

    def frames(self, what: str, frames: Sequence[Frame]) -> None:
        """``what`` became of some frames."""
        if logger.isEnabledFor(logging.DEBUG):
            for frame in frames:
                logger.debug(what, extra={**self._labels, "size": len(frame), "frame": self._redactor.data(frame)})

    @contextmanager
    def calling(self, method: str, url: str, parts: Mapping[str, Any]) -> Iterator[None]:
        """A call is made in the block; what it raises is why there was no answer."""
        if not logger.isEnabledFor(logging.DEBUG):
            yield
            return
        logger.debug("call", extra={**self._of(method, url), **self._carried(parts)})
        try:
            yield
        except BridgeError as error:
            cause = self._redactor.text(str(error))
            logger.debug("no answer", extra={**self._of(method, url), "cause": cause})
            raise

    def answer(self, method: str, url: str, status: int, body: bytes | None) -> None:
        """A call was answered; ``body`` is ``None`` where it is still to come."""
        if logger.isEnabledFor(logging.DEBUG):
            told = {"body": self._redactor.data(body), "size": len(body)} if body is not None else {}
            logger.debug("answer", extra={**self._of(method, url), "status": status, **told})

    def _of(self, method: str, url: str) -> dict[str, Any]:
        known = any(url.startswith(base) for base in self._known)
        return {**self._labels, "method": method, "url": self._redactor.url(url, path=known)}

    def _carried(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """What a request carries. Of files and raw bodies only their size: nobody can say what is in them."""
        told: dict[str, Any] = {}
        for name, part in parts.items():
            if name in ("json", "params", "data"):
                told[name] = self._redactor.value(part)
            elif name == "files":
                told[name] = ", ".join(f"{field} ({len(content)} bytes)" for field, (_, content, _) in part.items())
            else:
                told[name] = f"({len(part)} bytes)"
        return told


class LoggedWebsocket(Websocket):
    """Another connection, whose frames are written down."""

    def __init__(self, websocket: Websocket, log: WireLog) -> None:
        self._websocket = websocket
        self._log = log

    @property
    def last_received(self) -> float:  # type: ignore[override]  # Read only, as everybody reads it.
        return self._websocket.last_received

    @property
    def wants_flush(self) -> bool:
        return self._websocket.wants_flush

    async def receive_batch(self) -> list[Frame]:
        frames = await self._websocket.receive_batch()
        self._log.frames("frame received", frames)
        return frames

    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        self._log.frames("frame to send", messages)
        await self._websocket.send_batch(messages)

    def ping(self) -> None:
        self._websocket.ping()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._websocket.aclose(code, reason)

    def abort(self) -> None:
        self._websocket.abort()
