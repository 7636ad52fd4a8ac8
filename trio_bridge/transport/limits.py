"""How long each step of opening a connection may take, in seconds. Who makes the attempt bounds it as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from ..errors import HandshakeFailed

DNS_LIMIT = 5.0
TCP_LIMIT = 10.0
TLS_LIMIT = 10.0
PROXY_LIMIT = 10.0
UPGRADE_LIMIT = 10.0


@contextmanager
def stage_limit(stage: str, seconds: float, what: str) -> Iterator[None]:
    """The block ends within ``seconds``, or raises HandshakeFailed that names the stage."""
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise HandshakeFailed(f"{what}: no answer within {seconds:g} s", stage=stage)
