"""Who asked to be heard, and whom an operator let in.

It lies in the small state of an account, where an operator's program writes too while the bridge runs:

1. The bridge writes requests, operators write who was let in. Neither can undo what the other did.
2. The bridge looks again whenever it meets somebody whom it does not know, and otherwise once a second.
3. A code is said to whoever asks and approved by the operator. Nobody can enter one, so there is nothing to guess.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Container, Mapping
from typing import Any, Final

import attrs
import trio

from .store import AccountStore

REQUESTS: Final = "pairing"
PAIRED: Final = "paired"
"""The scopes."""

CODE_LIFE: Final = 3600.0
"""Seconds for which a code is good."""
MOST_REQUESTS: Final = 50
"""Of one account. Whoever comes then has to come again: strangers in masses can't fill the store."""
ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without what people take for something else: I and 1, O and 0."""
CODE_LENGTH: Final = 8
FRESH: Final = 1.0
"""Seconds for which the bridge believes that whoever was let in still is."""

Changes = Mapping[str, Mapping[str, Any]]
"""Small state to save: scope → key → value; ``None`` deletes the key."""


@attrs.frozen
class PairingRequest:
    """Somebody asked to be heard."""

    sender: str
    """Who it is, as the platform says."""
    name: str
    """Whatever the person chose."""
    code: str = attrs.field(repr=False)
    """What an operator approves."""
    asked_at: float
    told_at: float
    """When the code was said to them last."""
    told_by: str
    """The message that was answered with it: handled again, it gets the same answer."""

    @property
    def expires_at(self) -> float:
        return self.asked_at + CODE_LIFE


@attrs.frozen
class Paired:
    """Somebody was let in."""

    sender: str
    name: str
    approved_at: float


@attrs.frozen
class PairingBook:
    """What was written down, at one moment."""

    _requests: Mapping[str, Mapping[str, Any]]
    _paired: Mapping[str, Mapping[str, Any]]

    def requests(self, now: float) -> list[PairingRequest]:
        """Who waits to be let in, the first who asked first. Codes that are too old are none."""
        waiting = [PairingRequest(sender=sender, **row) for sender, row in self._requests.items()]
        waiting = [one for one in waiting if now < one.expires_at and one.sender not in self._paired]
        return sorted(waiting, key=lambda one: one.asked_at)

    def paired(self) -> list[Paired]:
        """Who was let in, the first first."""
        inside = [Paired(sender=sender, **row) for sender, row in self._paired.items()]
        return sorted(inside, key=lambda one: one.approved_at)

    def ask(self, sender: str, name: str, message_id: str, now: float, *, tell_every: float) -> PairingRequest | None:
        """The request of somebody who is not let in; ``None`` if they were told a moment ago, or too many wait."""
        waiting = {one.sender: one for one in self.requests(now)}
        if (known := waiting.get(sender)) is not None:
            if known.told_by == message_id:
                return known
            return None if now - known.told_at < tell_every else attrs.evolve(known, told_at=now, told_by=message_id)
        if len(waiting) >= MOST_REQUESTS:
            return None
        code = _new_code({one.code for one in waiting.values()})
        return PairingRequest(sender, name, code, asked_at=now, told_at=now, told_by=message_id)

    def written(self, request: PairingRequest, now: float) -> Changes:
        """The request is kept, and what is too old is not."""
        waiting = {one.sender for one in self.requests(now)}
        row = attrs.asdict(request, filter=lambda field, _: field.name != "sender")
        return {REQUESTS: {**dict.fromkeys(self._requests.keys() - waiting), request.sender: row}}

    def approve(self, code: str, now: float) -> tuple[Paired, Changes] | None:
        """Whoever was told the code is let in; ``None`` if nobody was, or it is too old."""
        wanted = code.strip().upper()
        for one in self.requests(now):
            if one.code == wanted:
                row = {"name": one.name, "approved_at": now}
                return Paired(one.sender, one.name, now), {PAIRED: {one.sender: row}, REQUESTS: {one.sender: None}}
        return None

    def revoke(self, sender: str) -> tuple[Paired, Changes] | None:
        """Somebody is let in no more; ``None`` if they never were. The id may be in any case."""
        for one in self.paired():
            if one.sender.lower() == sender.strip().lower():
                return one, {PAIRED: {one.sender: None}}
        return None


def _new_code(taken: set[str]) -> str:
    while (code := "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))) in taken:
        pass
    return code


class Pairing:
    """The book of one account that runs."""

    def __init__(self, store: AccountStore, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._inside: Container[str] = ()
        self._read_at = -math.inf

    async def requests(self) -> list[PairingRequest]:
        """Who waits to be let in, the first who asked first."""
        return (await self.book()).requests(self._wall())

    async def paired(self) -> list[Paired]:
        """Who was let in, the first first."""
        return (await self.book()).paired()

    async def approve(self, code: str) -> Paired | None:
        """Let in whoever was told the code: they are heard from their next message on. ``None`` if nobody was."""
        found = (await self.book()).approve(code, self._wall())
        return None if found is None else await self._done(*found)

    async def revoke(self, sender: str) -> Paired | None:
        """Let somebody in no more. ``None`` if they were not."""
        found = (await self.book()).revoke(sender)
        return None if found is None else await self._done(*found)

    async def is_paired(self, sender: str) -> bool:
        """Whether somebody was let in. A checkpoint, if need be with a look into the store."""
        now = trio.current_time()
        if sender in self._inside and now - self._read_at < FRESH:
            await trio.lowlevel.checkpoint()
            return True
        self._inside, self._read_at = await self._store.load(PAIRED), now
        return sender in self._inside

    async def ask(self, sender: str, name: str, message_id: str, *, tell_every: float) -> PairingRequest | None:
        """Keep the request of somebody who is not let in. ``None`` if there is nothing to tell them now."""
        book, now = await self.book(), self._wall()
        request = book.ask(sender, name, message_id, now, tell_every=tell_every)
        if request is not None:
            await self._keep(book.written(request, now))
        return request

    async def book(self) -> PairingBook:
        """What is written down now."""
        return PairingBook(await self._store.load(REQUESTS), await self._store.load(PAIRED))

    async def _done(self, person: Paired, changes: Changes) -> Paired:
        await self._keep(changes)
        self._read_at = -math.inf
        return person

    async def _keep(self, changes: Changes) -> None:
        for scope, rows in changes.items():
            await self._store.save(scope, rows)
