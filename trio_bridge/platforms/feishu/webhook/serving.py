"""Where the calls of an account are heard: on a port of its own, or where somebody mounted it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ....engine.platform import Door
from ....transport.asgi import Application, Receive, Scope, Send, serve_asgi
from ..config import Feishu
from .app import Webhook
from .crypto import need_cryptography
from .http import Answer, respond

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_webhook(config: Feishu, webhook: Webhook, door: Door) -> AsyncGenerator[None]:
    """Within the block calls are handed in at ``door``, and heard at ``listen`` if that names an address.

    Raises:
      AccountRefused: the address can't be had, or a library is missing.
    """
    if config.encrypt_key is not None:
        need_cryptography()
    with webhook.opened(door):
        if not config.listen:
            yield
            return
        host, port = config.address
        async with serve_asgi(at_path(config.path, webhook), host, port) as port:
            webhook.port = port
            logger.info("listening", extra={**config.labels, "address": f"{host}:{port}", "path": config.path})
            yield


def at_path(path: str, application: Application) -> Application:
    """The application at one path, and 404 at every other."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].rstrip("/") or "/") != path:
            await respond(scope, receive, send, _nothing_here)
        else:
            await application(scope, receive, send)

    return route


async def _nothing_here(scope: Scope, receive: Receive) -> Answer:
    return Answer.plain(404)
