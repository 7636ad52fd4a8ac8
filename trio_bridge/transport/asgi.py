"""An ASGI application on a port: Hypercorn serves it, on Trio.

Hypercorn belongs to the extra ``web``. Nobody else imports it, and nothing here does before a port is opened.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import trio

from ..errors import AccountRefused

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""As version 3 of the ASGI specification has it."""

GRACE: Final = 0.2
"""How long requests in hand may take when the server ends: an account that is stopped has a second for everything, and
its platform has last words, too."""
CLOSING: Final = 0.05
"""How long its connections may take to close after that."""
KEPT: Final = 75.0
"""How long a connection may be idle: longer than reverse proxies keep theirs, so that it is they who close. A request
that crosses with a close of ours is lost to them."""
UNREAD: Final = 3.0
"""How long a caller may leave unread what waits for it, if it is more than fits on the way: it is cut off then, for
Hypercorn waits for it whatever else happens, the end of the server included. Only Linux knows of such a time."""
BUSY_PROBE: Final = 30.0
"""How soon it is worth asking again for an address that is taken: whoever has it may be about to leave."""

server_log = logging.getLogger(f"{__name__}.hypercorn")
server_log.setLevel(logging.WARNING)  # that it runs is told by whoever runs it


class _Serve(Protocol):
    async def __call__(
        self,
        app: Any,
        config: Any,
        *,
        shutdown_trigger: Callable[[], Awaitable[None]],
        task_status: trio.TaskStatus[list[str]],
    ) -> None: ...


@asynccontextmanager
async def serve_asgi(application: Application, host: str, port: int) -> AsyncGenerator[int]:
    """Within the block the application answers at ``host:port``. Yields the port: 0 lets the system choose.

    When the block ends, be it by a cancellation, nobody more is let in, and who waits for an answer gets it if it takes
    no longer than :data:`GRACE`.

    Raises:
      AccountRefused: the address is taken or not ours, or Hypercorn is not installed.
    """
    serve, config = _hypercorn()
    listeners = await _listen(host, port)
    bound = listeners[0].socket.getsockname()[1]
    config.bind = [f"fd://{listener.socket.detach()}" for listener in listeners]  # the server closes them
    leaving = trio.Event()
    life = trio.CancelScope(shield=True)  # a cancellation ends it in good order, too

    async def run(task_status: trio.TaskStatus[list[str]]) -> None:
        with life:
            await serve(application, config, shutdown_trigger=leaving.wait, task_status=task_status)

    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(run)
            yield bound
        finally:
            leaving.set()
            life.deadline = trio.current_time() + GRACE + CLOSING


def _hypercorn() -> tuple[_Serve, Any]:
    try:
        from hypercorn.config import Config
        from hypercorn.trio import serve
    except ImportError as error:
        raise AccountRefused(
            "listen: the web server that hears calls is missing: pip install 'trio-bridge[web]'", kind="misconfigured"
        ) from error
    config: Any = Config()  # its times need not be whole seconds
    config.errorlog = server_log
    config.accesslog = None
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = KEPT
    config.read_timeout = KEPT  # of connections that speak HTTP/2, the other one knows only those that asked something
    config.include_server_header = False
    return serve, config


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = f"another program, or another account, listens at {host}:{port}" if taken else _reason(error)
        raise AccountRefused(
            f"listen: can't listen at {host}:{port}: {why}",
            kind="misconfigured",
            probe=BUSY_PROBE if taken else None,
        ) from error
    if sys.platform == "linux":
        for listener in listeners:  # its connections inherit it
            listener.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD * 1000))
    return listeners


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
