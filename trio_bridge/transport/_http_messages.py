"""HTTP requests and answers, as values."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import attrs


@attrs.frozen
class HttpRequest:
    """One request. Header names are lower case; repeated headers are joined with a comma."""

    method: str
    target: str = attrs.field(repr=False)
    """Path and query as they were sent; a query may hold a ticket."""
    path: str
    query: Mapping[str, str] = attrs.field(repr=False)
    """The last value of each name."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    def json(self) -> Any:
        """The body, decoded.

        Raises:
          ValueError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


@attrs.frozen
class HttpResponse:
    """One answer. ``Content-Length`` is added, and ``Date`` where it is missing."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Self:
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, [("Content-Type", "application/json; charset=utf-8"), *headers], body)


SendPiece = Callable[[bytes], Awaitable[None]]


@attrs.frozen
class HttpStreamResponse:
    """One answer whose body is made while it is sent. ``Date`` is added where it is missing.

    ``write`` gets a function that sends a piece. It is cancelled when the client leaves; where it returns false, the
    body is broken off in the middle.
    """

    write: Callable[[SendPiece], Awaitable[bool]]
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
