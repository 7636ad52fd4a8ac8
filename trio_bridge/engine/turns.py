"""Waiting for the next attempt, unless something makes it worth trying earlier."""

from __future__ import annotations

import logging

import trio

from ..config import AccountConfig, Secret
from ..errors import ConfigError
from .bell import Bell

SECRET_POLL = 2.0

Secrets = tuple[object, ...]
"""The secrets of an account at one moment, to be compared."""

logger = logging.getLogger(__name__)


async def wait_turn(
    bell: Bell, until: float, *, watched: AccountConfig | None = None, before: Secrets | None = None
) -> None:
    """Return at ``until``; earlier when the bell rings, or a secret of ``watched`` is another than ``before``.

    ``before`` is what :func:`secrets_now` said of the ones that were tried; by default, what it says now.
    """
    if watched is not None and before is None:
        before = secrets_now(watched)
    polls = watched is not None and any(secret.text is None for secret in watched.secrets())
    while (now := trio.current_time()) < until:
        with trio.move_on_at(min(until, now + SECRET_POLL) if polls else until):
            await bell.wait()
            return
        if watched is not None and secrets_now(watched) != before:
            logger.info("the credentials changed", extra=watched.labels)
            return


def secrets_now(config: AccountConfig) -> Secrets:
    """The secrets of an account as they are, to see whether they changed. Unreadable ones compare by their error."""

    def read(secret: Secret) -> object:
        try:
            return secret.read()
        except ConfigError as error:
            return ("unreadable", str(error))

    return tuple(read(secret) for secret in config.secrets())
