"""What a check of a store is, and the words that the checks are written in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Protocol

from ..engine.store import Accepted, AccountStore, Claim, Completion, NewOutgoing, Result, Store, Verdict, Work
from ..wire.protocol import Delivery

OpenStore = Callable[[], AbstractAsyncContextManager[Store]]

STORED, DUPLICATE, FULL, DROPPED = Verdict.STORED, Verdict.DUPLICATE, Verdict.FULL, Verdict.DROPPED
ROOM = 10**9


class Check(Protocol):
    """One rule of the contract, by name."""

    __name__: str

    async def __call__(self, open_store: OpenStore, /) -> None: ...


def with_account(check: Callable[[AccountStore], Awaitable[None]]) -> Check:
    """A check that has one account to itself, named as the check is."""

    @wraps(check)
    async def wrapped(open_store: OpenStore, /) -> None:
        async with open_store() as store:
            await check(await store.open_account(check.__name__, platform="check"))

    return wrapped


def delivery(key: str, *, lane: str = "lane", alias: str | None = None, data: str = "{}") -> Delivery:
    """A delivery of which only the key matters, unless more is said."""
    return Delivery(key, lane, "topic", data, alias=alias)


def reply(key: str, text: str = "text", *, state: str = "pending", lane: str = "lane") -> NewOutgoing:
    """A reply of which only key and text matter, unless more is said."""
    return NewOutgoing(key, lane, "target", text, state="open" if state == "open" else "pending")


async def accept(
    account: AccountStore, *deliveries: Delivery, now: float = 1.0, room: int = ROOM, room_bytes: int = ROOM
) -> Sequence[Accepted]:
    """Hand deliveries to the inbox."""
    return (await account.work(Work(now, accept=deliveries, room=room, room_bytes=room_bytes))).accepted


async def accept_one(account: AccountStore, key: str, *, now: float = 1.0) -> int:
    """Have one delivery stored, and its number."""
    [accepted] = await accept(account, delivery(key), now=now)
    assert accepted.verdict is STORED
    return accepted.seq


async def claim(account: AccountStore, seq: int) -> Claim:
    """Have one delivery in hand."""
    [claimed] = (await account.work(Work(2.0, claim=[seq]))).claimed
    assert claimed is not None
    return claimed


async def finish(account: AccountStore, held: Claim, result: Result, *, now: float = 3.0, **more: object) -> bool:
    """End a claim."""
    completion = Completion(held.seq, held.fence, result, **more)  # type: ignore[arg-type]  # The fields of Completion.
    [finished] = (await account.work(Work(now, finish=[completion]))).finished
    return finished


async def handled(account: AccountStore, key: str, *, now: float = 1.0) -> None:
    """Have one delivery stored and done."""
    assert await finish(account, await claim(account, await accept_one(account, key, now=now)), "done")


async def buried(account: AccountStore, key: str, *, now: float = 3.0) -> int:
    """Have one delivery dead, and its number."""
    seq = await accept_one(account, key)
    assert await finish(account, await claim(account, seq), "dead", now=now, error="no use")
    return seq


async def waiting(account: AccountStore) -> list[int]:
    """What waits at the start of the account, with limits that nothing reaches."""
    return [row.seq for row in (await account.recover(now=4.0, max_deaths=100, max_attempts=100)).waiting]
