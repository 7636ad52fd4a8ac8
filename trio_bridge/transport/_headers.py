"""HTTP headers, as both HTTP and WebSocket need them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from ..errors import AccountRefused
from ..wire.hints import date_of, retry_after

USER_AGENT = ("User-Agent", "trio-bridge")


def sendable(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers, ours added where it is missing.

    Raises:
      AccountRefused: a value can't be sent, such as a token with a line break in it. The text does not repeat it.
    """
    result = list(headers)
    for name, value in result:
        if not (value.isascii() and value.isprintable()):
            raise AccountRefused(f"header {name}: expected printable ASCII", kind="misconfigured")
    if not any(name.lower() == "user-agent" for name, _ in result):
        result.append(USER_AGENT)
    return result


def hint_of(headers: Mapping[str, str]) -> float | None:
    """The server's ``Retry-After`` in seconds. A date counts from the server's own clock, where it told the time."""
    now = date_of(headers.get("date", ""))
    return retry_after(headers.get("retry-after"), now=time.time() if now is None else now)
