"""The manager over HTTP, as an ASGI application to be mounted in another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..transport.asgi import Application
from .bots import BotManager
from .callers import Caller

if TYPE_CHECKING:
    from starlette.requests import Request

Identify = Callable[["Request"], Awaitable[Caller | None]]
"""Who sends a request, as the application's own sessions or tokens say; ``None``: nobody whom it knows."""


def manager_app(manager: BotManager, identify: Identify) -> Application:
    """An ASGI application that connects, disconnects and shows bots, for whoever ``identify`` says is asking.

    Below the place where it is mounted: ``POST /{id}/connect`` (``?wait=SECONDS``), ``POST /{id}/disconnect``,
    ``GET /{id}/status`` and ``GET /status``. Whatever serves it has to do so on Trio, in the program that runs the
    bridge.

    Raises:
      ConfigError: Starlette is not installed.
    """
    try:
        from .http import application
    except ImportError as error:
        raise ConfigError("the manager's HTTP needs Starlette: pip install 'trio-bridge[web]'") from error
    return application(manager, identify)
