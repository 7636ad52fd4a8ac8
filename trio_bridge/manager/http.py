"""The HTTP face: what is asked of the manager, and by which status it is answered.

1. What was not done is never answered with 200.
2. A bot of somebody else is answered like one that does not exist, to the byte.
3. Who asks is what the application says, and nothing in the request.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import StoreUnavailable
from .bots import BotManager
from .callers import Desk
from .errors import BotConflict, BotInvalid, BotUnknown, ControlDenied
from .mounting import Identify
from .status import BotStatus

LONGEST_WAIT: Final = 60.0
"""Seconds that a request may wait for a connection: proxies give up soon after."""

_STATUSES: Final[Mapping[type[Exception], int]] = {
    BotUnknown: 404,
    ControlDenied: 403,
    BotConflict: 409,
    BotInvalid: 422,
    StoreUnavailable: 503,
}

Endpoint = Callable[[Request], Awaitable[Response]]


def application(manager: BotManager, identify: Identify) -> Starlette:
    """The application for one manager."""
    face = _Face(manager, identify)
    routes = [
        Route("/status", face.statuses, methods=["GET"]),
        # An id may hold a slash: whatever stands before the last one is the id.
        Route("/{bot_id:path}/status", face.status, methods=["GET"]),
        Route("/{bot_id:path}/connect", face.connect, methods=["POST"]),
        Route("/{bot_id:path}/disconnect", face.disconnect, methods=["POST"]),
    ]
    refusing = dict.fromkeys(_STATUSES, _refuse)
    return Starlette(routes=routes, exception_handlers={**refusing, HTTPException: _complain, Exception: _break})


@attrs.frozen
class _Face:
    """The four endpoints."""

    _manager: BotManager
    _identify: Identify

    async def connect(self, request: Request) -> Response:
        """202 as soon as it is wished; with ``wait``: 200, 502 or 504, as it turned out."""
        desk, bot_id = await self._desk(request), request.path_params["bot_id"]
        wait = _wait_of(request)
        status = await desk.connect(bot_id)
        if wait is None:
            return _answer(202, status.as_json())
        with trio.move_on_after(wait):
            status = await desk.wait_settled(bot_id)
            if status.state == "connected":
                return _answer(200, status.as_json())
            error = status.last_error
            code, message = ("error", "it has an error") if error is None else (error.code, error.message)
            return _failure(502, code, message, status)
        status = desk.status(bot_id)
        return _failure(504, "still_connecting", f"not connected within {wait:g} s, and still trying", status)

    async def disconnect(self, request: Request) -> Response:
        """200 when nothing is left of the connection."""
        desk = await self._desk(request)
        return _answer(200, (await desk.disconnect(request.path_params["bot_id"])).as_json())

    async def status(self, request: Request) -> Response:
        """One bot."""
        desk = await self._desk(request)
        return _answer(200, desk.status(request.path_params["bot_id"]).as_json())

    async def statuses(self, request: Request) -> Response:
        """All bots of the caller."""
        desk = await self._desk(request)
        return _answer(200, {"connections": [status.as_json() for status in desk.statuses()]})

    async def _desk(self, request: Request) -> Desk:
        caller = await self._identify(request)
        if caller is None:
            raise HTTPException(401, "who are you?")
        return Desk(self._manager, caller)


def _wait_of(request: Request) -> float | None:
    asked = request.query_params.get("wait")
    if asked is None:
        return None
    try:
        wait = float(asked)
    except ValueError:
        wait = math.nan
    if not 0 <= wait < math.inf:
        raise HTTPException(400, "wait: expected a number of seconds")
    return min(wait, LONGEST_WAIT)


def _answer(status: int, body: Any) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


def _failure(status: int, code: str, message: str, bot: BotStatus | None = None) -> JSONResponse:
    body: dict[str, Any] = {"error": {"code": code, "message": message}}
    if bot is not None:
        body["status"] = bot.as_json()
    return _answer(status, body)


async def _refuse(request: Request, error: Exception) -> Response:
    """One of :data:`_STATUSES`."""
    code = getattr(error, "code", "store_unavailable")
    return _failure(_STATUSES[type(error)], code, str(error))


async def _complain(request: Request, error: Exception) -> Response:
    """No such place, another method, nobody whom the application knows, or a wait that is no number."""
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name.lower()
    response = _failure(error.status_code, code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _break(request: Request, error: Exception) -> Response:
    """A bug: whoever serves the application logs it."""
    return _failure(500, "internal_error", "something went wrong here")
