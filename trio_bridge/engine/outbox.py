"""The account's durable queue of replies. It lives above generations.

1. A reply is a row with a stable key before anything is sent; the first text that was committed under a key wins.
2. Replies of one conversation are sent in order, one at a time; conversations side by side.
3. This is the only place that tries again: platforms send once. What never left this machine costs no try.
4. A reply that may have been sent is not sent again, unless the platform drops a second one of the same key; and then
   only for as long as it remembers the key.
5. What the platform refuses for good, or nobody took within 24 hours or 20 tries, is a dead letter.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from weakref import WeakValueDictionary

import attrs
import trio

from ..backoff import Backoff
from ..config import AccountConfig
from ..errors import (
    AccountRefused,
    ConfigError,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestFailed,
    StoreUnavailable,
)
from ..messages import Attachment, Receipt, ReceiptState, Reply
from ..wire.characters import whole_characters
from .bell import Bell
from .environment import Environment
from .keys import message_of
from .lanes import Lanes
from .platform import Outgoing, Platform
from .policy import honour_hint
from .ratelimit import TokenBucket
from .statistics import Counters
from .store import AccountStore, NewOutgoing, OutgoingChange, OutgoingRow

RETRIES = Backoff(first=1.0, factor=2.0, cap=300.0, floor=0.25)
LONGEST_LIFE = 86_400.0
MOST_TRIES = 20
RETRY_STORE = 1.0
ERROR_MARK = "⚠ (interrupted)"
"""What ends a streamed reply whose handler failed."""
DOUBTFUL = "may have been sent; "
"""How the error of a reply begins of which nobody knows whether an earlier try sent it. Of a reply that is being sent
``not_before`` says since when: a doubt without such an error is about that try."""

logger = logging.getLogger(__name__)


class OutboxReceipt(Receipt):
    """A reply in the outbox, watched for as long as somebody holds the receipt."""

    def __init__(self, key: str, state: ReceiptState) -> None:
        self.key = key
        self._state: ReceiptState = state
        self._error = ""
        self._settled = trio.Event()

    @property
    def state(self) -> ReceiptState:
        """Where the reply is now."""
        return self._state

    async def wait_sent(self) -> None:
        """Return when the platform took the reply."""
        await self._settled.wait()
        if self._state == "dead":
            raise RequestFailed(f"reply {self.key} was given up: {self._error}", code="dead_letter")
        if self._state == "unknown":
            raise OutcomeUnknown(f"reply {self.key} may have been sent: {self._error}")

    def move(self, state: ReceiptState, error: str = "") -> None:
        """Follow the row. For the outbox only."""
        self._state, self._error = state, error
        if state in ("sent", "dead", "unknown"):
            self._settled.set()
        elif self._settled.is_set():
            self._settled = trio.Event()


class Outbox:
    """Keeps replies and sends them."""

    def __init__(
        self,
        config: AccountConfig,
        store: AccountStore,
        platform: Platform,
        environment: Environment,
        counters: Counters,
    ) -> None:
        self._config = config
        self._store = store
        self._platform = platform
        self._environment = environment
        self._counters = counters
        self._bucket = TokenBucket(config.rate_limit, config.rate_burst)
        self._lanes: Lanes[str] = Lanes()
        self._known: set[str] = set()
        self._misses: dict[str, int] = {}
        """Tries of each reply since it was last taken up: what its delay grows with, whether they count or not."""
        self._doubts: dict[str, float] = {}
        """Since when nobody knows whether a reply was sent, by the wall clock."""
        self._in_flight = 0
        self._receipts: WeakValueDictionary[str, OutboxReceipt] = WeakValueDictionary()
        self._bell = Bell()
        self._idle = trio.Event()
        self.last_sent_at: float | None = None
        self.given_up = 0
        """Replies that wait for an operator: dead, or of unknown outcome."""
        self.storage_error: StoreUnavailable | None = None

    async def open(self) -> None:
        """Take up what an earlier life of the account left: called once, before :meth:`run`."""
        letters = await self._store.dead_letters()
        self.given_up = sum(letter.box == "outbox" for letter in letters)
        buried = {letter.key for letter in letters if letter.box == "inbox"}
        await self._close_streams(buried)
        self._platform.given_up(buried)
        now = self._environment.wall()
        offset = trio.current_time() - now
        for row in await self._store.outgoing(["pending", "unknown"]):
            if row.error.startswith(DOUBTFUL):
                self._doubts[row.key] = row.created_at  # It was no earlier than this.
            elif row.state == "unknown":
                self._doubts[row.key] = max(row.created_at, row.not_before)  # It is about the last try.
            if row.state == "unknown":
                if not await self._may_resend(row.key):
                    self.given_up += 1
                    continue
                await self._store.change([OutgoingChange(row.key, state="pending", error=_doubtful(row.error))])
            self._add(row.lane, row.key)
            if row.state == "pending" and row.not_before > now:
                # Clamped: the wall clock may have been wrong when this was written, or be wrong now.
                self._lanes.hold_back(row.lane, min(row.not_before, now + LONGEST_LIFE) + offset)

    async def _close_streams(self, buried: AbstractSet[str]) -> None:
        """End the streams of messages that were buried with a process: nobody will go on with them."""
        rows = await self._store.outgoing(["open"]) if buried else []
        lost = [row.key for row in rows if message_of(row.key) in buried]
        if lost:
            await self._store.change([OutgoingChange(key, state="pending", text=ERROR_MARK) for key in lost])

    @property
    def depth(self) -> int:
        """Replies that are kept and not settled."""
        return len(self._known)

    def compose(self, key: str, lane: str, target: str, reply: Reply, *, open_: bool = False) -> NewOutgoing:
        """A reply in the form that the store keeps."""
        attachments = [{"path": _place(item.path), "kind": item.kind, "name": item.name} for item in reply.attachments]
        return NewOutgoing(
            key=key,
            lane=lane,
            target=target,
            text=whole_characters(reply.text),
            title=whole_characters(reply.title),
            state="open" if open_ else "pending",
            attachments=json.dumps(attachments),
        )

    async def put(self, new: NewOutgoing) -> Receipt:
        """Keep a reply and have it sent soon. Durable when this returns."""
        [row] = await self._store.enqueue([new], now=self._environment.wall())
        if row.state == "pending":
            self._add(row.lane, row.key)
        return self.receipt(row.key, row.state)

    def committed(self, lane: str, keys: Iterable[str]) -> None:
        """Replies were committed by others, together with the completion of a message: send them soon."""
        for key in keys:
            self._add(lane, key)
            self._follow(key, "pending")

    def receipt(self, key: str, state: ReceiptState) -> OutboxReceipt:
        """The receipt of a reply."""
        receipt = self._receipts.get(key)
        if receipt is None:
            receipt = self._receipts[key] = OutboxReceipt(key, state)
        receipt.move(state)
        return receipt

    async def wait_idle(self) -> None:
        """Return when nothing is under way and nothing could be sent now."""
        while self._in_flight or self._lanes.lanes_ready:
            self._idle = trio.Event()
            await self._idle.wait()

    async def run(self) -> None:
        """Send for as long as the account runs."""
        async with trio.open_nursery() as sending:
            while True:
                self._lanes.advance(trio.current_time())
                while self._in_flight < self._config.senders and (head := self._lanes.take()) is not None:
                    self._in_flight += 1
                    sending.start_soon(self._send, *head, name=f"{self._config.name}/send {head[1]}")
                if not self._in_flight:
                    self._idle.set()
                await self._bell.wait_until(self._lanes.next_return())

    def _add(self, lane: str, key: str) -> None:
        if key not in self._known:
            self._known.add(key)
            self._lanes.add(lane, key)
            self._bell.ring()

    async def _send(self, lane: str, key: str) -> None:
        try:
            again_at = await self._try(key)
        except StoreUnavailable as error:
            self.storage_error = error
            again_at = trio.current_time() + RETRY_STORE
        else:
            self.storage_error = None
        if again_at is None:
            self._known.discard(key)
            self._misses.pop(key, None)
            self._doubts.pop(key, None)
            self._lanes.release(lane)
        else:
            self._lanes.put_back(lane, key, until=again_at)
        self._in_flight -= 1
        self._bell.ring()

    async def _try(self, key: str) -> float | None:
        """Send one reply. Returns when to try again, or ``None`` when it is settled one way or the other."""
        row = await self._store.outgoing_row(key)
        if row is None:
            return None
        if row.state not in ("pending", "sending"):
            self._follow(key, row.state, row.error)  # A reply of an earlier attempt: whoever waits for it is told.
            return None
        if row.attempts >= MOST_TRIES:  # The last try ended the process, or the account.
            await self._settle(row, self._spent(row), error=row.error or f"not sent in {MOST_TRIES} tries")
            return None
        if self._environment.wall() - row.created_at > LONGEST_LIFE:
            await self._settle(row, self._spent(row), error=row.error or "not sent within 24 hours")
            return None
        if self._doubted_for(key) > self._platform.holds(key) and self._config.on_unknown != "resend":
            await self._settle(row, "unknown", error=row.error)
            return None
        await self._bucket.take()
        row = attrs.evolve(row, attempts=row.attempts + 1)
        now = self._environment.wall()
        await self._store.change([OutgoingChange(key, state="sending", attempts=row.attempts, not_before=now)])
        self._follow(key, "sending")
        try:
            sent_id = await self._send_parts(row)
        except RequestFailed as error:
            await self._settle(row, "dead", error=str(error))
            return None
        except OutcomeUnknown as error:
            self._doubts.setdefault(key, self._environment.wall())
            if not await self._may_resend(key):
                await self._settle(row, "unknown", error=str(error))
                return None
            return await self._retry(row, str(error), None, costs=True)
        except RateLimited as error:
            return await self._retry(row, str(error), error.retry_after, costs=True)
        except (NotSent, AccountRefused, ConnectionLost) as error:
            return await self._retry(row, str(error), error.retry_after, costs=False)
        except ConfigError as error:
            return await self._retry(row, str(error), None, costs=False)
        await self._settle(row, "sent", sent_id=sent_id or "")
        return None

    async def _send_parts(self, row: OutgoingRow) -> str | None:
        left = await self._platform.finish(self._outgoing(row, row.key, _reply_of(row)))
        if left is None or not (left.text.strip() or left.attachments):
            return None  # All of it was shown; or a handler had nothing to say.
        parts = self._platform.parts(left)
        sent_id = None
        for index in range(row.parts_sent, len(parts)):
            key = row.key if index == 0 else f"{row.key}#{index}"
            sent_id = await self._platform.send(self._outgoing(row, key, parts[index]))
            self._doubts.pop(row.key, None)  # It was about this part.
            if index + 1 < len(parts):
                await self._record(OutgoingChange(row.key, parts_sent=index + 1))
        return sent_id

    def _outgoing(self, row: OutgoingRow, key: str, reply: Reply) -> Outgoing:
        failed = row.text.endswith(ERROR_MARK)
        return Outgoing(key=key, target=row.target, reply=reply, failed=failed)

    async def _may_resend(self, key: str) -> bool:
        """Whether it may be sent again though nobody knows whether it was sent before."""
        if self._config.on_unknown == "resend":
            return True
        return self._doubted_for(key) <= self._platform.holds(key) and await self._platform.is_repeatable(key)

    def _doubted_for(self, key: str) -> float:
        """For how long nobody has known whether it was sent; 0 where that is no question."""
        now = self._environment.wall()
        return now - self._doubts.get(key, now)

    def _spent(self, row: OutgoingRow) -> ReceiptState:
        """What becomes of a reply that nobody took: it was not sent, as far as anybody knows."""
        return "unknown" if row.key in self._doubts and self._platform.holds(row.key) < math.inf else "dead"

    async def _retry(self, row: OutgoingRow, error: str, hint: float | None, *, costs: bool) -> float | None:
        if costs and row.attempts >= MOST_TRIES:
            await self._settle(row, self._spent(row), error=error)
            return None
        misses = self._misses[row.key] = self._misses.get(row.key, row.attempts - 1) + 1
        if row.key in self._doubts:
            error = _doubtful(error)
        rand = self._environment.rand
        delay = honour_hint(RETRIES.delay(misses - 1, rand), hint, rand)
        attempts = row.attempts if costs else row.attempts - 1
        self._counters.retried += 1
        fields = {**self._config.labels, "key": row.key, "error": error, "again_in": round(delay, 1)}
        logger.info("reply not taken", extra=fields)
        await self._record(
            OutgoingChange(
                row.key,
                state="pending",
                attempts=attempts,
                not_before=self._environment.wall() + delay,
                error=error,
            )
        )
        self._follow(row.key, "pending")
        return trio.current_time() + delay

    async def _settle(self, row: OutgoingRow, state: ReceiptState, *, error: str = "", sent_id: str = "") -> None:
        if state == "unknown" and row.error.startswith(DOUBTFUL):
            error = _doubtful(error)  # It began before this try.
        await self._record(OutgoingChange(row.key, state=state, error=error, sent_id=sent_id))
        if state == "sent":
            self._counters.sent += 1
            self.last_sent_at = self._environment.wall()
        else:
            self._counters.send_failed += 1
            fields = {**self._config.labels, "key": row.key, "state": state, "error": error}
            logger.error("reply given up", extra=fields)
            self.given_up += 1
        self._follow(row.key, state, error)
        await self._platform.settled(row.key)

    async def _record(self, change: OutgoingChange) -> None:
        """Note what happened, however long the store takes: sending again because of a full disk would be worse."""
        while True:
            try:
                await self._store.change([change])
            except StoreUnavailable as error:
                self.storage_error = error
                await trio.sleep(RETRY_STORE)
            else:
                self.storage_error = None
                return

    def _follow(self, key: str, state: ReceiptState, error: str = "") -> None:
        if (receipt := self._receipts.get(key)) is not None:
            receipt.move(state, error)


def _doubtful(error: str) -> str:
    return error if error.startswith(DOUBTFUL) else f"{DOUBTFUL}{error or 'the process ended'}"


def _place(path: Path | None) -> str | None:
    """Where a file is, also for a process that is started somewhere else."""
    return None if path is None else str(path.absolute())


def _reply_of(row: OutgoingRow) -> Reply:
    return Reply(row.text, tuple(Attachment(**item) for item in json.loads(row.attachments)), row.title)
