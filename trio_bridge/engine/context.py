"""What a handler can do with its message: reply, stream, commit all at once."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from ..errors import NotSent
from ..messages import Attachment, Message, PathLike, Receipt, Reply
from ..wire.characters import whole_characters
from ..wire.protocol import Delivery
from .held import Held
from .inbox import Inbox
from .keys import first_reply, message_of, reply_key
from .memory import Memory
from .outbox import ERROR_MARK, Outbox
from .platform import Platform
from .store import NOTHING, AccountStore, Completion, NewOutgoing, OutgoingChange, OutgoingRow


def says_something(text: str) -> bool:
    """Whether anybody would see it."""
    return bool(text) and not text.isspace()


class Stream:
    """A reply that grows. The newest text is in memory; the final text is durable when the block ends."""

    def __init__(self, receipt: Receipt, committed: str | None) -> None:
        self._pieces: list[str] = []
        self.receipt = receipt
        self.committed = committed
        """What an earlier run of the handler committed under this key."""
        self.grown: Callable[[], None] | None = None
        """Called when the text has grown."""

    @property
    def text(self) -> str:
        """What was written so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    async def write(self, delta: str) -> None:
        """Append ``delta``. A checkpoint."""
        self._pieces.append(delta)
        await self._changed()

    async def replace(self, text: str) -> None:
        """Let ``text`` stand in place of all that was written. A checkpoint."""
        self._pieces = [text]
        await self._changed()

    async def _changed(self) -> None:
        if self.grown is not None:
            self.grown()
        await trio.lowlevel.checkpoint()


@attrs.frozen
class Holding:
    """The delivery in hand, and the inbox that it goes back to."""

    held: Held
    inbox: Inbox


@attrs.define
class _Transaction:
    state: dict[str, Any] = attrs.Factory(dict)
    outgoing: list[NewOutgoing] = attrs.Factory(list)


class HandlerContext:
    """One run of a handler over one delivery."""

    def __init__(
        self,
        delivery: Delivery,
        platform: Platform,
        outbox: Outbox,
        store: AccountStore,
        memory: Memory,
        holding: Holding | None = None,
    ) -> None:
        self._delivery = delivery
        self._platform = platform
        self._outbox = outbox
        self._store = store
        self._memory = memory
        self._holding = holding
        self._replies = 0
        self._kept: set[str] = set()
        """The keys of what was said in this run and is kept already."""
        self._transaction: _Transaction | None = None
        self._unfinished: dict[str, Stream | OutgoingRow] = {}
        """Streams of this attempt and of earlier ones. Another attempt may fill them; they are closed with the message.
        """
        self.begun = False
        """The handler was given the message."""
        self.completed = False
        """The message was completed by a transaction."""
        self.answered = False
        """Something was said to the message, in this run of its handler or seen there from an earlier one."""
        self._message: Message | None = None

    @property
    def has_open_reply(self) -> bool:
        """Whether a reply to the message has begun and not ended."""
        return bool(self._unfinished)

    @property
    def again(self) -> bool:
        """Whether a handler was given the delivery before, in this life of the process or an earlier one."""
        if self._holding is None:
            return False
        claim = self._holding.held.claim
        return claim.attempts + claim.interrupted > 1

    def attach(self, message: Message) -> None:
        """Name the message that replies go to."""
        self._message = message

    async def take_up_streams(self) -> None:
        """Remember the streams that earlier attempts left open."""
        for row in await self._store.outgoing(["open"]):
            if message_of(row.key) == self._delivery.key:
                self._unfinished[row.key] = row

    async def reply(self, reply: Reply) -> Receipt:
        """Keep a reply, or add it to the open transaction."""
        self.answered |= says_something(reply.text) or bool(reply.attachments)
        new = self._new_outgoing(self._next_key(), reply)
        if self._transaction is not None:
            self._transaction.outgoing.append(new)
            return self._outbox.receipt(new.key, "open")
        receipt = await self._outbox.put(new)
        self._kept.add(new.key)
        self._unfinished.pop(new.key, None)
        return receipt

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[Stream]:
        """A reply that grows until the block ends."""
        if self._transaction is not None:
            raise RuntimeError("a stream can't be part of a transaction: it is seen before the transaction ends")
        out = await self._next_stream()
        key = out.receipt.key
        if out.committed is not None:
            self.answered |= says_something(out.committed)
            yield out  # It may have been sent: what happens now must not end it with a mark.
            return
        self._unfinished[key] = out
        async with self._platform.show(key, self._target(), lambda: whole_characters(out.text)) as out.grown:
            yield out
            await self._outbox.put(self._new_outgoing(key, Reply(out.text)))
        self.answered |= says_something(out.text)
        self._unfinished.pop(key, None)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[_Transaction]:
        """Replies, state and the completion of the message, committed in one moment when the block ends."""
        if self.completed or self._transaction is not None:
            raise RuntimeError("a message has one transaction")
        if self._holding is None:
            raise RuntimeError("a message whose answer is its acknowledgement is not stored: it has no transaction")
        async with self._memory.changing(self):
            if self._holding.held.revoked:
                raise NotSent("the message was taken away from its handler: it has no transaction")
            self._transaction = transaction = _Transaction()
            try:
                before = await self._memory.load(self._delivery.lane)
                transaction.state = copy.deepcopy(before)
                yield transaction
            finally:
                self._transaction = None
            changes = {key: value for key, value in transaction.state.items() if before.get(key) != value}
            changes |= dict.fromkeys(before.keys() - transaction.state.keys())
            json.dumps(changes, allow_nan=False)  # What no store can keep fails here, as the handler's error.
            state = {self._memory.scope(self._delivery.lane): changes} if changes else NOTHING
            completion = self.done(tuple(transaction.outgoing), state)
            await self._holding.inbox.mark(self._holding.held, completion, self._committed)

    async def download(self, attachment: Attachment, to: PathLike | None) -> Path:
        """Have the platform fetch what an attachment refers to."""
        return await self._platform.download(attachment, to)

    async def load_state(self) -> dict[str, Any]:
        """The small state of the conversation, as the last transaction left it."""
        return await self._memory.load(self._delivery.lane)

    def revoked(self) -> None:
        """The delivery was taken away from a worker that does not return: others need not wait for it."""
        self._memory.pass_on(self)

    def complete(self, completion: Completion) -> None:
        """Have the completion of the message committed, unless a transaction did that."""
        if not self.completed:
            # Where nothing follows, nothing of the message is kept until the store has taken it.
            follows = completion.outgoing or completion.changes
            holding = self._held
            holding.inbox.mark_nowait(holding.held, completion, self._committed if follows else None)

    async def end(self, answer: str | Reply | None) -> Completion:
        """The completion of a message whose handler returned ``answer``; if nothing was said at all, that is said."""
        notice = self._platform.notices.empty
        if self._message is None:
            return self.done()
        reply = Reply(answer) if isinstance(answer, str) else answer
        if reply is not None and (reply.attachments or says_something(reply.text) or (reply.text and not notice)):
            return self.done((self._new_outgoing(self._next_key(), reply),))
        if not notice or self.answered or not self.begun:
            return self.done()
        if self.completed:
            await self.notify("empty", notice)
            return self.done()
        return self.done((self._notice("empty", notice),))

    async def notify(self, what: str, text: str) -> None:
        """Say something that is not the handler's, once for each message. Its own replies keep their numbers."""
        await self._outbox.put(self._notice(what, text))

    def _notice(self, what: str, text: str) -> NewOutgoing:
        return self._new_outgoing(reply_key(self._delivery.key, what), Reply(text))

    def done(
        self, outgoing: tuple[NewOutgoing, ...] = (), state: Mapping[str, Mapping[str, Any]] = NOTHING
    ) -> Completion:
        """The completion of a message that was handled."""
        claim = self._held.held.claim
        outgoing = (*outgoing, *self._promised("", outgoing))
        changes = self._closings(filled={new.key for new in outgoing}) if self._unfinished else ()
        return Completion(claim.seq, claim.fence, "done", outgoing=outgoing, changes=changes, state=state)

    def buried(self, error: str) -> Completion:
        """The completion of a message that was given up."""
        claim, notice = self._held.held.claim, self._platform.notices.failed
        told = (self._notice("failed", notice),) if notice and self.begun and self._message is not None else ()
        outgoing = (*told, *self._promised(ERROR_MARK, told))
        changes = self._closings()
        return Completion(claim.seq, claim.fence, "dead", error=error, outgoing=outgoing, changes=changes)

    def _promised(self, text: str, said: Collection[NewOutgoing]) -> tuple[NewOutgoing, ...]:
        """A first reply that people wait for, if there is none: nobody said one, or what was said was not kept."""
        key = first_reply(self._delivery.key)
        if self._message is None or key in self._kept or key in self._unfinished or not self._platform.awaits(key):
            return ()
        return () if any(new.key == key for new in said) else (self._new_outgoing(key, Reply(text)),)

    def _committed(self, completion: Completion) -> None:
        self.completed = True
        keys = [new.key for new in completion.outgoing] + [change.key for change in completion.changes]
        self._outbox.committed(self._delivery.lane, keys)

    def _closings(self, filled: Collection[str] = ()) -> tuple[OutgoingChange, ...]:
        return tuple(
            OutgoingChange(key, state="pending", text=f"{out.text}\n\n{ERROR_MARK}" if out.text else ERROR_MARK)
            for key, out in self._unfinished.items()
            if key not in filled
        )

    @property
    def _held(self) -> Holding:
        assert self._holding is not None
        return self._holding

    async def _next_stream(self) -> Stream:
        """The stream that is next. One that was given up stays as it ended: the replay of its message has another."""
        while True:
            receipt = await self._outbox.put(self._new_outgoing(self._next_key(), Reply(), open_=True))
            self._kept.add(receipt.key)
            row = None if receipt.state == "open" else await self._store.outgoing_row(receipt.key)
            if row is None or not row.text.endswith(ERROR_MARK):
                return Stream(receipt, None if row is None else row.text)

    def _next_key(self) -> str:
        self._replies += 1
        return reply_key(self._delivery.key, self._replies)

    def _new_outgoing(self, key: str, reply: Reply, *, open_: bool = False) -> NewOutgoing:
        return self._outbox.compose(key, self._delivery.lane, self._target(), reply, open_=open_)

    def _target(self) -> str:
        assert self._message is not None
        return self._platform.target(self._message)
