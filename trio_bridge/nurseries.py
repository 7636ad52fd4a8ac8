"""Blocks of code with tasks beside them, and what comes out when either fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_background(reason: str) -> AsyncGenerator[trio.Nursery]:
    """A nursery for tasks that serve the block: when it is left, for whatever reason, they are cancelled.

    What the block raises comes out as it is, not in a group. A task that fails cancels the block, and comes out in a
    group as from any nursery.
    """
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as error:
                failure = error
                raise
            finally:
                nursery.cancel_scope.cancel(reason)
    except BaseExceptionGroup as group:
        # A cancellation must not get out of its scope, so what is raised again by itself is no mere cancellation.
        if failure is None or not _causes(failure) or not _causes(group) <= _causes(failure):
            raise
    else:
        return
    raise failure


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The exceptions in a group, however deep, in order."""
    return [
        leaf
        for error in group.exceptions
        for leaf in (leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


def _causes(error: BaseException) -> set[int]:
    """The exceptions that are told here, by identity; cancellations are left out."""
    told = leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return {id(leaf) for leaf in told if not isinstance(leaf, trio.Cancelled)}
